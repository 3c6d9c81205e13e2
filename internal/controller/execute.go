package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// executor makes a plan's writes.
type executor struct {
	client   client.Client
	fresh    client.Reader // reads from the API server, never from a cache
	recorder Recorder
	clock    clock.PassiveClock
	metrics  *metrics
	each     func(n int, do func(int)) // does 0 to n-1, independent of each other; n is not 0
}

// inParallel does them in parallel, the last on the caller's stack: a new one would have
// to grow first.
func inParallel(n int, do func(int)) {
	var wg sync.WaitGroup
	for i := range n - 1 {
		wg.Go(func() { do(i) })
	}
	do(n - 1)
	wg.Wait()
}

// do carries out the actions of one plan for the set, for about longestPass. It returns
// those that were not done, since they failed, or those before them in their turn, or
// because it ran out of time, which is said.
func (e *executor) do(ctx context.Context, set *appsv1.StatefulSet, actions []plan.Action, m *memory) (undone []plan.Action, ranOut bool, err error) {
	pass := &pass{executor: e, set: set, memory: m, ends: e.clock.Now().Add(longestPass), failed: map[writeSort]int{}}
	pass.mayAdopt = sync.OnceValue(func() error { return pass.adoptable(ctx) })
	var first, inTurn, rest []plan.Action
	for _, a := range actions {
		switch _, isRevision := a.Object.(*appsv1.ControllerRevision); {
		case isRevision && a.Verb != plan.Delete:
			first = append(first, a)
		case a.InTurn:
			inTurn = append(inTurn, a)
		default:
			rest = append(rest, a)
		}
	}
	if err := pass.inTurn(ctx, first); err != nil {
		return actions, false, err
	}
	err = joined([]error{pass.inTurn(ctx, inTurn), pass.batches(ctx, rest)})
	return pass.undone, pass.ranOut, err
}

// joined is the errors as one. Conflicts only matter where nothing worse
// happened, and are returned alone then, so that apierrors recognises them.
func joined(errs []error) error {
	var conflict error
	var worse []error
	for _, err := range errs {
		switch {
		case err == nil:
		case apierrors.IsConflict(err):
			conflict = err
		default:
			worse = append(worse, err)
		}
	}
	if len(worse) == 0 {
		return conflict
	}
	return errors.Join(worse...)
}

// perform does one action after what it needs, and records how it went.
func (p *pass) perform(ctx context.Context, a plan.Action) error {
	for _, need := range a.Needs {
		if err := p.perform(ctx, need); err != nil {
			return err
		}
	}
	err := p.write(ctx, a)
	p.metrics.wrote(kindOf(a.Object), string(a.Verb), err)
	event, ok := a.Event(p.set, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		p.failed[writeSortOf(a)]++
		if apierrors.IsConflict(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return err // nothing that a user could act on
		}
		return refusal{fmt.Errorf("%s %s %s: %w", a.Verb, a.Kind(), a.Object.GetName(), err), refused{kindOf(a.Object), a.Object.GetName(), event.Reason}, event}
	case ok:
		p.memory.news = append(p.memory.news, event)
	}
	return nil
}

func (p *pass) write(ctx context.Context, a plan.Action) error {
	switch a.Verb {
	case plan.Create:
		return p.create(ctx, a.Object, a.Needs)
	case plan.Delete:
		return p.delete(ctx, a.Object, a.GraceSeconds)
	case plan.Update:
		return p.update(ctx, a.Object, a.Change)
	case plan.Adopt:
		return p.adopt(ctx, a.Object)
	case plan.Release:
		return p.release(ctx, a.Object)
	}
	return fmt.Errorf("the plan says %q, which nobody can do", a.Verb)
}

func (p *pass) create(ctx context.Context, object client.Object, needs []plan.Action) error {
	if pod, ok := object.(*corev1.Pod); ok {
		if err := p.claimsUsable(ctx, pod, needs); err != nil {
			return err
		}
	}
	err := p.client.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		if r, ok := object.(*appsv1.ControllerRevision); ok {
			return p.collide(ctx, r)
		}
		// The cache is about to show it; the next plan will know whose it is.
		return stale(object, "it exists already")
	}
	if err != nil {
		return err
	}
	p.memory.expectations.wrote(kindOf(object), object.GetResourceVersion())
	return nil
}

// collide deals with a revision's name that is taken. If the set's own revision
// has it, the cache was behind. If an earlier set of this name left it, it is
// being collected. Otherwise the count that goes into the hash is raised, in the
// status, and the next plan makes another name.
func (p *pass) collide(ctx context.Context, wanted *appsv1.ControllerRevision) error {
	existing := &appsv1.ControllerRevision{}
	if err := p.fresh.Get(ctx, client.ObjectKeyFromObject(wanted), existing); err != nil {
		return err
	}
	if revision.SameTemplate(existing.Data.Raw, wanted.Data.Raw) && len(ownRevisions(p.set, []*appsv1.ControllerRevision{existing})) > 0 {
		return stale(wanted, "it exists already")
	}
	owner := metav1.GetControllerOfNoCopy(existing)
	if existing.DeletionTimestamp != nil || owner != nil && owner.UID != p.set.UID && owningSet(existing) == p.set.Name {
		return stale(wanted, "an earlier one of this name is still being removed")
	}
	status := p.set.Status.DeepCopy()
	status.CollisionCount = ptr.To(ptr.Deref(status.CollisionCount, 0) + 1)
	if err := p.writeStatus(ctx, p.set, *status, p.memory); err != nil {
		return err
	}
	return stale(wanted, "another revision has its name")
}

// stale is the conflict of a plan made from a cache that was behind.
func stale(object client.Object, why string) error {
	return apierrors.NewConflict(kindOf(object).resource(), object.GetName(), errors.New(why))
}

func (p *pass) delete(ctx context.Context, object client.Object, grace *int64) error {
	uid, version := object.GetUID(), object.GetResourceVersion()
	err := p.client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version}, &client.DeleteOptions{GracePeriodSeconds: grace})
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	p.memory.expectations.deleted(kindOf(object), object)
	return nil
}

// update makes the change, provided the object is still as it was seen.
func (p *pass) update(ctx context.Context, object client.Object, change plan.Change) error {
	metadata := map[string]any{"uid": object.GetUID(), "resourceVersion": object.GetResourceVersion()}
	patch := map[string]any{"metadata": metadata}
	if change.Number != 0 {
		if err := p.stillAsked(ctx); err != nil {
			return err
		}
		patch["revision"] = change.Number
	}
	if change.Labels != nil {
		metadata["labels"] = change.Labels
	}
	if change.Owners != nil {
		metadata["ownerReferences"] = *change.Owners
	}
	return p.patch(ctx, object, types.MergePatchType, patch)
}

// adopt makes the set the object's controller, unless the set has been deleted
// or replaced in the meantime: a fresh look rules that out (kubernetes#42639).
func (p *pass) adopt(ctx context.Context, object client.Object) error {
	if err := p.mayAdopt(); err != nil {
		return err
	}
	return p.patch(ctx, object, types.StrategicMergePatchType, ownersPatch(object, metav1.NewControllerRef(p.set, identity.SetKind)))
}

// release gives the object up. One that the set does not own any more needs no
// release.
func (p *pass) release(ctx context.Context, object client.Object) error {
	err := p.patch(ctx, object, types.StrategicMergePatchType, ownersPatch(object, map[string]any{"$patch": "delete", "uid": p.set.UID}))
	if apierrors.IsInvalid(err) {
		return nil
	}
	return err
}

// ownersPatch adds or changes one owner reference of exactly this object.
func ownersPatch(object client.Object, owner any) map[string]any {
	return map[string]any{"metadata": map[string]any{"uid": object.GetUID(), "ownerReferences": []any{owner}}}
}

func (p *pass) patch(ctx context.Context, object client.Object, kind types.PatchType, patch map[string]any) error {
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	answer := object.DeepCopyObject().(client.Object)
	err = p.client.Patch(ctx, answer, client.RawPatch(kind, data))
	if apierrors.IsNotFound(err) {
		return stale(object, "it is gone")
	}
	if err != nil {
		return err
	}
	p.memory.expectations.wrote(kindOf(answer), answer.GetResourceVersion())
	return nil
}

// writeStatus replaces the set's status.
func (e *executor) writeStatus(ctx context.Context, set *appsv1.StatefulSet, status appsv1.StatefulSetStatus, m *memory) error {
	updated := set.DeepCopy()
	updated.Status = status
	err := e.client.Status().Update(ctx, updated)
	e.metrics.wrote(kindSet, "status", err)
	switch {
	case apierrors.IsNotFound(err):
		m.expectations.gone(kindSet, set) // nothing is done for it any more
		return nil
	case err != nil:
		return err
	}
	m.expectations.wrote(kindSet, updated.ResourceVersion)
	return nil
}
