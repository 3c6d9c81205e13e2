package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// perform does one action after what it needs, and reports how it went.
func (e *execution) perform(ctx context.Context, a plan.Action) error {
	for _, need := range a.Needs {
		if err := e.perform(ctx, need); err != nil {
			return err
		}
	}
	err := e.write(ctx, a)
	e.reporter.Wrote(kinds.Of(a.Object), string(a.Verb), err)
	event, ok := a.Event(e.set, err)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case isHeld(err):
		return err
	case err != nil:
		e.failed[writeSortOf(a)]++
		e.noteRefused(a, err)
		if Uncertain(err) {
			e.result.Uncertain = append(e.result.Uncertain, a.Object.GetName())
		}
		e.result.NamespaceEnds = e.result.NamespaceEnds || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
		return refusalOf(a, event, err)
	case ok:
		e.reporter.Done(event)
	}
	e.result.evicted = e.result.evicted || a.Verb == plan.Evict
	return nil
}

// write makes the one request of an action.
func (e *execution) write(ctx context.Context, a plan.Action) error {
	switch a.Verb {
	case plan.Create:
		return e.create(ctx, a.Object, a.Needs)
	case plan.Delete:
		return e.delete(ctx, a.Object, a.GraceSeconds)
	case plan.Evict:
		return e.evict(ctx, a.Object, a.GraceSeconds)
	case plan.Resize:
		return e.resize(ctx, a.Object, a.Change.Pod)
	case plan.Update:
		if err := e.unchanged(ctx, a.Follows...); err != nil {
			return err
		}
		if set, ok := a.Object.(*appsv1.StatefulSet); ok {
			return e.finalize(ctx, set, *a.Change.Finalizers)
		}
		return e.update(ctx, a.Object, a.Change)
	case plan.Adopt:
		return e.adopt(ctx, a.Object)
	case plan.Release:
		return e.release(ctx, a.Object)
	}
	return fmt.Errorf("the plan says %q, which nobody can do", a.Verb)
}

// create has the next plan wait until the cache shows the object.
func (e *execution) create(ctx context.Context, object client.Object, needs []plan.Action) error {
	if pod, ok := object.(*corev1.Pod); ok {
		if err := e.claimsUsable(ctx, pod, needs); err != nil {
			return err
		}
	}
	if err := e.barred(e.set, object); err != nil {
		return err
	}
	err := e.Client.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		if r, ok := object.(*appsv1.ControllerRevision); ok {
			return e.collide(ctx, r)
		}
		// The cache is about to show it; the next plan will know whose it is.
		return stale(object, "it exists already")
	}
	if err != nil {
		return err
	}
	e.memory.Expectations.Wrote(kinds.Of(object), object.GetResourceVersion())
	return nil
}

// delete deletes the very object that the plan saw: a pod, too, and always gracefully.
func (e *execution) delete(ctx context.Context, object client.Object, grace *int64) error {
	if err := e.barred(e.set, object); err != nil {
		return err
	}
	uid, version := object.GetUID(), object.GetResourceVersion()
	err := e.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version}, &client.DeleteOptions{GracePeriodSeconds: grace})
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	e.memory.Expectations.Deleted(kinds.Of(object), object)
	if err != nil { // the plan counted on what is not so
		return stale(object, "it is gone")
	}
	return nil
}

// update makes the change, provided the object is still as it was seen.
func (e *execution) update(ctx context.Context, object client.Object, change plan.Change) error {
	metadata := map[string]any{"uid": object.GetUID(), "resourceVersion": object.GetResourceVersion()}
	patch := map[string]any{"metadata": metadata}
	if change.Number != 0 {
		if err := e.unchanged(ctx, e.set); err != nil {
			return err
		}
		patch["revision"] = change.Number
	}
	addTo(metadata, "labels", change.Labels)
	addTo(metadata, "annotations", change.Annotations)
	if change.Owners != nil {
		metadata["ownerReferences"] = *change.Owners
	}
	if service, ok := object.(*corev1.Service); ok && change.Service != nil {
		patch["spec"] = servicePatch(&service.Spec, change.Service)
	}
	if change.Unmanaged {
		metadata["managedFields"] = onlyTheMark()
	}
	if change.Disowned {
		others, err := e.othersFields(ctx, object)
		if err != nil {
			return err
		}
		metadata["managedFields"] = others
	}
	if change.Claim != nil {
		patch["spec"] = claimPatch(change.Claim)
	}
	if change.Pod != nil {
		addTo(metadata, "labels", change.Pod.Labels)
		addTo(metadata, "annotations", change.Pod.Annotations)
		patch["spec"] = map[string]any{"containers": containersPatch(change.Pod)}
		return e.patch(ctx, object, types.StrategicMergePatchType, patch)
	}
	return e.patch(ctx, object, types.MergePatchType, patch)
}

// addTo adds labels or annotations to a patch's metadata, unless there are none: null would
// remove all that the object has.
func addTo[V any](metadata map[string]any, name string, pairs map[string]V) {
	if len(pairs) > 0 {
		metadata[name] = pairs
	}
}

// servicePatch is what a merge patch says of a Service that is to be as the second.
func servicePatch(is, wanted *corev1.ServiceSpec) map[string]any {
	selector := map[string]any{}
	for key := range is.Selector {
		selector[key] = nil
	}
	for key, value := range wanted.Selector {
		selector[key] = value
	}
	return map[string]any{"selector": selector, "ports": wanted.Ports, "publishNotReadyAddresses": wanted.PublishNotReadyAddresses}
}

// onlyTheMark are managed fields by which nothing of a Service was written here but its
// mark. Without any at all, who applies server-side next would be told of a conflict with
// the manager "before-first-apply".
func onlyTheMark() []metav1.ManagedFieldsEntry {
	return []metav1.ManagedFieldsEntry{{
		Manager: plan.FieldManager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: corev1.SchemeGroupVersion.String(),
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fmt.Sprintf(`{"f:metadata":{"f:annotations":{"f:%s":{}}}}`, plan.ServiceMark)),
	}}
}

// othersFields is who has written which field of a Service but for this controller, which the
// caches do not keep. Services are listed, and not got: that takes no further permission.
func (e *execution) othersFields(ctx context.Context, object client.Object) ([]metav1.ManagedFieldsEntry, error) {
	var list corev1.ServiceList
	if err := e.Live.List(ctx, &list, client.InNamespace(object.GetNamespace())); err != nil {
		return nil, err
	}
	for i := range list.Items {
		if now := &list.Items[i]; now.Name == object.GetName() && now.ResourceVersion == object.GetResourceVersion() {
			return slices.DeleteFunc(now.ManagedFields, func(m metav1.ManagedFieldsEntry) bool { return m.Manager == plan.FieldManager }), nil
		}
	}
	return nil, stale(object, "it has changed")
}

// adopt makes the set the object's controller, unless the set has been deleted
// or replaced in the meantime: a live read rules that out (kubernetes#42639).
func (e *execution) adopt(ctx context.Context, object client.Object) error {
	if err := e.mayAdopt(); err != nil {
		return err
	}
	return e.patch(ctx, object, types.StrategicMergePatchType, ownersPatch(object, metav1.NewControllerRef(e.set, identity.SetKind)))
}

// release gives the object up. One that the set does not own any more needs no
// release.
func (e *execution) release(ctx context.Context, object client.Object) error {
	err := e.patch(ctx, object, types.StrategicMergePatchType, ownersPatch(object, map[string]any{"$patch": "delete", "uid": e.set.UID}))
	if apierrors.IsInvalid(err) {
		return nil
	}
	return err
}

// ownersPatch adds or changes one owner reference of exactly this object.
func ownersPatch(object client.Object, owner any) map[string]any {
	return map[string]any{"metadata": map[string]any{"uid": object.GetUID(), "ownerReferences": []any{owner}}}
}

// patch sends a patch and takes the answer's resourceVersion for expected.
func (e *execution) patch(ctx context.Context, object client.Object, kind types.PatchType, patch map[string]any) error {
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	if err := e.barred(e.set, object); err != nil {
		return err
	}
	answer := object.DeepCopyObject().(client.Object)
	err = e.Client.Patch(ctx, answer, client.RawPatch(kind, data))
	if apierrors.IsNotFound(err) {
		return stale(object, "it is gone")
	}
	if err != nil {
		return err
	}
	e.memory.Expectations.Wrote(kinds.Of(answer), answer.GetResourceVersion())
	return nil
}

// WritePolicyStatus replaces a policy's status, provided the policy is still as it was seen.
func (w *Writer) WritePolicyStatus(ctx context.Context, made plan.PolicyStatus, m *Memory, reporter Reporter) error {
	updated := made.Policy.DeepCopy()
	updated.Status = made.Status
	if err := w.barredFor(types.NamespacedName{Namespace: updated.Namespace, Name: updated.Spec.TargetRef.Name}, updated); err != nil {
		return err
	}
	err := w.Client.Status().Update(ctx, updated)
	reporter.Wrote(kinds.Policy, "status", err)
	switch {
	case apierrors.IsNotFound(err): // nothing is to be said of it any more
		return nil
	case err != nil:
		return fmt.Errorf("write the status of policy %s: %w", updated.Name, err)
	}
	m.Expectations.Wrote(kinds.Policy, updated.ResourceVersion)
	return nil
}

// WriteStatus replaces the set's status, provided the set is still as it was seen.
func (w *Writer) WriteStatus(ctx context.Context, set *appsv1.StatefulSet, status appsv1.StatefulSetStatus, m *Memory, reporter Reporter) error {
	if err := w.barred(set, set); err != nil {
		return err
	}
	updated := set.DeepCopy()
	updated.Status = status
	err := w.Client.Status().Update(ctx, updated)
	reporter.Wrote(kinds.Set, "status", err)
	switch {
	case apierrors.IsNotFound(err):
		m.Expectations.Gone(kinds.Set, set) // nothing is done for it any more
		return nil
	case err != nil:
		return err
	}
	m.Expectations.Wrote(kinds.Set, updated.ResourceVersion)
	return nil
}
