package apply

import (
	"context"
	"errors"
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

// What no cache can rule out is read from the API server just before the write that
// depends on it.

// adoptable returns an error unless the set is still what it was planned for: no
// cache can rule out that it has been deleted.
func (e *execution) adoptable(ctx context.Context) error {
	now := &appsv1.StatefulSet{}
	if err := e.Live.Get(ctx, client.ObjectKeyFromObject(e.set), now); err != nil {
		return err
	}
	if now.UID != e.set.UID || now.DeletionTimestamp != nil {
		return stale(now, "it has been deleted, so it adopts nothing")
	}
	return nil
}

// unchanged returns an error unless the specifications of these sets are still those that
// were planned for, and has the set wait for the newer ones. The order of revisions, and
// what a Service is, follow from specifications alone: two controllers, one of which is
// behind, would write them in turn for as long as both lead.
func (e *execution) unchanged(ctx context.Context, sets ...*appsv1.StatefulSet) error {
	for _, seen := range sets {
		now := &appsv1.StatefulSet{}
		err := e.Live.Get(ctx, client.ObjectKeyFromObject(seen), now)
		if apierrors.IsNotFound(err) {
			return stale(seen, "it is gone")
		}
		if err != nil {
			return err
		}
		if now.UID != seen.UID || now.Generation != seen.Generation {
			e.memory.Expectations.Wrote(kinds.Set, now.ResourceVersion)
			return stale(now, "its specification has changed")
		}
	}
	return nil
}

// claimsUsable returns an error unless each claim of a pod to be created exists
// and is to stay: a pod bound to a claim in deletion would hold it back, and lose
// its data when the pod goes (kubernetes#74374). Those written just now, as they were
// seen, are left out.
func (e *execution) claimsUsable(ctx context.Context, pod *corev1.Pod, written []plan.Action) error {
	_, ordinal, _ := identity.Parse(pod.Name) // plans create members only
	templates := plan.AddedClaims(pod)
	for _, template := range identity.ClaimTemplates(e.set) {
		templates = append(templates, template.Name)
	}
	for _, template := range templates {
		name := identity.ClaimName(template, e.set.Name, ordinal)
		if slices.ContainsFunc(written, func(a plan.Action) bool { return a.Object.GetName() == name }) {
			continue
		}
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: name}}
		err := e.Live.Get(ctx, client.ObjectKeyFromObject(claim), claim)
		switch {
		case apierrors.IsNotFound(err):
			return stale(claim, "it is gone")
		case err != nil:
			return err
		case claim.DeletionTimestamp != nil:
			return stale(claim, "it is being deleted")
		}
	}
	return nil
}

// barred is the conflict of a plan whose set may not be written about any more, nil if it
// may. It is asked just before each request: what is read before one takes its time.
func (w *Writer) barred(set *appsv1.StatefulSet, object client.Object) error {
	return w.barredFor(client.ObjectKeyFromObject(set), object)
}

func (w *Writer) barredFor(set types.NamespacedName, object client.Object) error {
	if w.MayWrite == nil || w.MayWrite(set) {
		return nil
	}
	return stale(object, "nothing may be written in its namespace any more")
}

// stale is the conflict of a plan that was made from a stale read.
func stale(object client.Object, why string) error {
	return apierrors.NewConflict(kinds.Of(object).Resource(), object.GetName(), errors.New(why))
}
