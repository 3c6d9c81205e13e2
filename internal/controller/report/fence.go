package report

import (
	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plan"
)

// reasonFenceDown is the reason of the event about a set that is not acted on any more,
// since the fence does not hold.
const reasonFenceDown = "FenceDown"

// Fence tells of the fence and of the namespaces behind it, in the log and in the metrics.
type Fence struct {
	Metrics *Metrics // nil counts nothing
	Logger  logr.Logger
}

// Acts tells that the sets of a namespace are acted on from now on.
func (f Fence) Acts(namespace string) {
	f.Logger.Info("acting in a namespace, since the fence there is proven", "namespace", namespace)
}

// Stops tells that they are not any more, and why.
func (f Fence) Stops(namespace, why string) {
	f.Logger.Info("stopped acting in a namespace", "namespace", namespace, "why", why)
}

// FenceIs tells why the fence is not up, or with nothing, that it is.
func (f Fence) FenceIs(why string) {
	up := 1.0
	if why != "" {
		up = 0
		f.Logger.Info("the fence is not up", "why", why)
	} else {
		f.Logger.Info("the fence is up")
	}
	if f.Metrics != nil {
		f.Metrics.fence.Set(up)
	}
}

// Probed counts a test write.
func (f Fence) Probed(result string) {
	if f.Metrics != nil {
		f.Metrics.probes.WithLabelValues(result).Inc()
	}
}

// Record shows in the metrics how each namespace stands.
func (f Fence) Record(r *fence.Record) {
	if f.Metrics == nil {
		return
	}
	f.Metrics.states.Reset()
	for _, n := range r.Namespaces {
		f.Metrics.states.WithLabelValues(n.Name, n.State).Set(1)
	}
}

// Stopped records on a set that it is not acted on any more, and why.
func (r *Reporter) Stopped(set *appsv1.StatefulSet, why string) {
	record(r.recorder, set, plan.Event{Warning: true, Reason: reasonFenceDown, Message: "nothing is done about it: " + why})
}
