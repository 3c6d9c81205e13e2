package apiserver

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Collect does one thing that the garbage collector, the protection of claims in
// use, or the deletion of a namespace has to do, and says what. It returns "" when
// there is nothing to do.
func (s *Server) Collect() (did string, err error) {
	for _, namespace := range slices.Sorted(maps.Keys(s.Terminating)) {
		if did, err := s.emptyNamespace(namespace); did != "" || err != nil {
			return did, err
		}
	}
	there := map[types.UID]client.Object{}
	for _, k := range kinds {
		for _, o := range s.objects[k] {
			there[o.GetUID()] = o
		}
	}
	for _, k := range kinds {
		for _, o := range s.List(k, "") {
			if did, err := s.collect(k, o, there); did != "" || err != nil {
				return did, err
			}
		}
	}
	return "", nil
}

// emptyNamespace deletes an object of a namespace that is being deleted, pods before
// all others.
func (s *Server) emptyNamespace(namespace string) (string, error) {
	order := slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool { return k == pods })
	if left := s.List(pods, namespace); len(left) > 0 {
		order = []Kind{pods}
	}
	for _, k := range order {
		for _, o := range s.List(k, namespace) {
			if o.GetDeletionTimestamp() == nil {
				return fmt.Sprintf("deletes %s %s with its namespace", k, o.GetName()), s.drop(k, o, metav1.DeletePropagationBackground)
			}
		}
	}
	return "", nil
}

func (s *Server) collect(k Kind, o client.Object, there map[types.UID]client.Object) (string, error) {
	what := fmt.Sprintf("%s %s", k, o.GetName())
	if o.GetDeletionTimestamp() != nil {
		return s.finish(k, o, what)
	}
	if k == claims && !slices.Contains(o.GetFinalizers(), pvcProtection) {
		updated := copyOf(o)
		updated.SetFinalizers(append(updated.GetFinalizers(), pvcProtection))
		return "protects " + what, s.store(k, o, updated)
	}
	owners := o.GetOwnerReferences()
	if len(owners) == 0 {
		return "", nil
	}
	var solid, waiting []metav1.OwnerReference
	for _, ref := range owners {
		switch owner := there[ref.UID]; {
		case owner == nil:
		case owner.GetDeletionTimestamp() != nil && slices.Contains(owner.GetFinalizers(), metav1.FinalizerDeleteDependents):
			waiting = append(waiting, ref)
		default:
			solid = append(solid, ref)
		}
	}
	switch {
	case len(solid) == len(owners):
		return "", nil
	case len(solid) > 0:
		return "takes owners that are gone or going from " + what, s.setOwners(k, o, solid)
	case len(waiting) > 0:
		policy := metav1.DeletePropagationForeground
		if !s.hasDependents(o) {
			policy = metav1.DeletePropagationBackground
		}
		return "deletes " + what + ", whose owner waits for that", s.drop(k, o, policy)
	}
	return "deletes " + what + ", whose owners are gone", s.drop(k, o, metav1.DeletePropagationBackground)
}

// finish does what an object's finalizers wait for.
func (s *Server) finish(k Kind, o client.Object, what string) (string, error) {
	for _, f := range o.GetFinalizers() {
		switch {
		case f == metav1.FinalizerDeleteDependents && !s.blocked(o):
			return "lets " + what + " go: nothing that it owns is left", s.release(k, o, f)
		case f == metav1.FinalizerOrphanDependents:
			if did, err := s.orphan(o); did != "" || err != nil {
				return did, err
			}
			return "lets " + what + " go: what it owned is orphaned", s.release(k, o, f)
		case f == pvcProtection && !s.used(o):
			return "lets " + what + " go: no pod uses it", s.release(k, o, f)
		}
	}
	return "", nil
}

// orphan takes the owner from one of its dependents.
func (s *Server) orphan(owner client.Object) (string, error) {
	for _, k := range kinds {
		for _, o := range s.List(k, owner.GetNamespace()) {
			rest := slices.DeleteFunc(slices.Clone(o.GetOwnerReferences()), func(r metav1.OwnerReference) bool { return r.UID == owner.GetUID() })
			if len(rest) < len(o.GetOwnerReferences()) {
				return fmt.Sprintf("orphans %s %s", k, o.GetName()), s.setOwners(k, o, rest)
			}
		}
	}
	return "", nil
}

// blocked reports whether an object that is deleted in the foreground still has
// dependents that it waits for, or that have yet to be deleted.
func (s *Server) blocked(owner client.Object) bool {
	return s.anyDependent(owner, func(o client.Object, r metav1.OwnerReference) bool {
		return ptr.Deref(r.BlockOwnerDeletion, false) || o.GetDeletionTimestamp() == nil
	})
}

func (s *Server) hasDependents(owner client.Object) bool {
	return s.anyDependent(owner, func(client.Object, metav1.OwnerReference) bool { return true })
}

func (s *Server) anyDependent(owner client.Object, is func(client.Object, metav1.OwnerReference) bool) bool {
	for _, k := range kinds {
		for key, o := range s.objects[k] {
			refers := func(r metav1.OwnerReference) bool { return r.UID == owner.GetUID() && is(o, r) }
			if key.Namespace == owner.GetNamespace() && slices.ContainsFunc(o.GetOwnerReferences(), refers) {
				return true
			}
		}
	}
	return false
}

// used reports whether a pod that has a node mounts a claim, whatever has become
// of the pod.
func (s *Server) used(claim client.Object) bool {
	for key, o := range s.objects[pods] {
		pod := o.(*corev1.Pod)
		if key.Namespace != claim.GetNamespace() || pod.Spec.NodeName == "" {
			continue
		}
		for _, v := range pod.Spec.Volumes {
			if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim.GetName() {
				return true
			}
		}
	}
	return false
}

func (s *Server) setOwners(k Kind, o client.Object, refs []metav1.OwnerReference) error {
	updated := copyOf(o)
	updated.SetOwnerReferences(refs)
	return s.store(k, o, updated)
}

func (s *Server) release(k Kind, o client.Object, finalizer string) error {
	updated := copyOf(o)
	updated.SetFinalizers(slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool { return f == finalizer }))
	return s.store(k, o, updated)
}

func (s *Server) drop(k Kind, o client.Object, policy metav1.DeletionPropagation) error {
	uid := o.GetUID()
	return s.Delete(k, client.ObjectKeyFromObject(o), &client.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &policy,
	})
}
