package preflight

import (
	"context"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/fence"
)

// prove waits until what the account writes is refused by the policy, again and again.
func (t *Trial) prove(ctx context.Context) error {
	var refusedSince, barredSince time.Time
	err := t.poll(ctx, t.Patience, func() (bool, error) {
		now := time.Now()
		err := t.Account.Create(ctx, fence.Probe(t.namespace(), setName), client.DryRunAll)
		switch {
		case err != nil && ctx.Err() != nil:
			return false, nil
		case t.refused(err):
			barredSince = time.Time{}
			if refusedSince.IsZero() {
				refusedSince = now
			}
			t.seen.InForce = now.Sub(refusedSince) >= refusedFor
			return t.seen.InForce, nil
		case isOf(err, "impersonat"):
			t.seen.NoImpersonation = err.Error()
			return true, errEnds
		case isOf(err, "cannot create resource"): // by its role; which may be on its way
			if barredSince.IsZero() {
				barredSince = now
			}
			if now.Sub(barredSince) >= refusedFor {
				t.seen.Barred = err.Error()
				return true, nil
			}
		case err != nil:
			t.seen.Said = err.Error()
		default:
			t.seen.Said = "a write was accepted"
		}
		refusedSince = time.Time{}
		t.Screen.Wait("the policy is not in force yet: " + t.seen.Said)
		return false, nil
	})
	switch {
	case err != nil:
		return err
	case t.seen.InForce:
		t.Screen.Say("✓ what " + fence.Account + " writes there is refused")
		return nil
	case t.seen.Barred != "":
		t.Screen.Say("✓ " + fence.Account + " may not write at all")
		return nil
	}
	return errEnds
}

// refused reports whether an error is the policy's refusal.
func (t *Trial) refused(err error) bool {
	for _, o := range t.made {
		if p, ok := o.(*admissionv1.ValidatingAdmissionPolicy); ok {
			return isOf(err, "'"+p.Name+"'")
		}
	}
	return false
}

func isOf(err error, words string) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), words)
}

// namespace is the trial's.
func (t *Trial) namespace() string {
	for _, o := range t.made {
		if n, ok := o.(*corev1.Namespace); ok {
			return n.Name
		}
	}
	return ""
}

// traces are what a controller has made for the set: at most one revision and one pod.
func (t *Trial) traces(ctx context.Context) ([]Trace, error) {
	var traces []Trace
	var revisions appsv1.ControllerRevisionList
	if err := t.Client.List(ctx, &revisions, client.InNamespace(t.namespace())); err != nil {
		return nil, err
	}
	for i := range revisions.Items {
		traces = append(traces, traceOf("revision", &revisions.Items[i]))
	}
	var pods corev1.PodList
	if err := t.Client.List(ctx, &pods, client.InNamespace(t.namespace())); err != nil {
		return nil, err
	}
	for i := range pods.Items {
		traces = append(traces, traceOf("pod", &pods.Items[i]))
	}
	return traces, nil
}

// traceOf says who made an object: the first of its field managers.
func traceOf(kind string, o metav1.Object) Trace {
	t := Trace{Kind: kind, Name: o.GetName()}
	if fields := o.GetManagedFields(); len(fields) > 0 {
		t.By = fields[0].Manager
	}
	return t
}

// complaint is what was said last in the namespace of what went wrong.
func (t *Trial) complaint(ctx context.Context) string {
	var events corev1.EventList
	if err := t.Client.List(ctx, &events, client.InNamespace(t.namespace())); err != nil {
		return ""
	}
	words := ""
	for _, e := range events.Items {
		if e.Type == corev1.EventTypeWarning && e.InvolvedObject.Kind == "StatefulSet" {
			words = e.Message
		}
	}
	return words
}
