package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"ordinal.dev/ordinal/internal/controller/interlock"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// awaitFence ends the sync of a set that may not be acted on. Whatever changes that wakes
// it. A set that was acted on before is told why it is not any more.
func (s *setSync) awaitFence(context.Context) (ended bool, err error) {
	s.fence = s.interlock.MayAct(s.key)
	if s.fence.Why == "" {
		return false, nil
	}
	if m := s.memory; s.fence.Fault && m.set != nil && m.proof > 0 && m.stop != s.fence.Why {
		m.stop = s.fence.Why
		s.reporter.Stopped(m.set, s.fence.Why)
	}
	s.metrics.Forget(s.key)
	return true, nil
}

// checkFenced ends the sync of a set that has claims which the fence does not know.
func (s *setSync) checkFenced(context.Context) (ended bool, err error) {
	why := s.interlock.Set(s.snapshot.Set)
	if why != "" && s.memory.stop != why {
		s.reporter.Stopped(s.snapshot.Set, why)
	}
	s.memory.stop = why
	return why != "", nil
}

// leaving are the sets of a snapshot that are being given back.
func (r *reconciler) leaving(s *plan.Snapshot) (names []string) {
	add := func(set metav1.Object) {
		if r.interlock.MayAct(types.NamespacedName{Namespace: set.GetNamespace(), Name: set.GetName()}).Leaving {
			names = append(names, set.GetName())
		}
	}
	add(s.Set)
	for _, sharer := range s.Sharing {
		add(sharer.Set)
	}
	return names
}

// noteLeft tells the interlock once nothing is left to take back of a set that leaves.
func (s *setSync) noteLeft(context.Context) (ended bool, err error) {
	done := len(s.plan.Actions) == 0 && equality.Semantic.DeepEqual(s.snapshot.Set.Status, s.plan.Status)
	if s.fence.Leaving && done {
		s.interlock.Left(s.key.Namespace, s.key.Name)
	}
	return false, nil
}

// mayWrite asks the interlock just before each write.
func mayWrite(i *interlock.Interlock) func(types.NamespacedName) bool {
	if i == nil {
		return nil
	}
	return func(set types.NamespacedName) bool { return i.MayAct(set).Why == "" }
}

// guarded are the sets in which another controller has no part: those that are acted on.
// What it did before the fence was proven is no evidence that it acts beside this one.
type guarded struct {
	cache     cache
	interlock *interlock.Interlock
}

// Object implements guard.Sets.
func (g guarded) Object(k kinds.Kind, key types.NamespacedName) metav1.Object {
	return g.cache.Object(k, key)
}

// Acted implements guard.Sets.
func (g guarded) Acted(set types.NamespacedName) bool { return g.interlock.MayAct(set).Why == "" }
