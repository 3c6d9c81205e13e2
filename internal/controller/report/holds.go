package report

import (
	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/internal/plan"
)

// reasonSecondController is the reason of the event about a set on which another controller
// acts.
const reasonSecondController = "SecondController"

// Holds tell of namespaces in which nothing is written for a while: in the log, in events
// and in the metrics. They are what package guard calls a Listener.
type Holds struct {
	Recorder Recorder
	Metrics  *Metrics // nil counts nothing
	Logger   logr.Logger
}

// HoldBegan tells that nothing is written in a namespace from now on, and why.
func (h Holds) HoldBegan(namespace, why string) {
	h.Logger.Info("stopped acting in a namespace", "namespace", namespace, "why", why)
	if h.Metrics != nil {
		h.Metrics.held.WithLabelValues(namespace).Set(1)
	}
}

// HeldFor records on a set that another controller acts on it.
func (h Holds) HeldFor(set *appsv1.StatefulSet, why string) {
	record(h.Recorder, set, plan.Event{Warning: true, Reason: reasonSecondController, Message: why})
}

// HoldEnded tells that the sets of a namespace are acted on again.
func (h Holds) HoldEnded(namespace string) {
	h.Logger.Info("acting in a namespace again, since the other controller has been silent", "namespace", namespace)
	if h.Metrics != nil {
		h.Metrics.held.DeleteLabelValues(namespace)
	}
}
