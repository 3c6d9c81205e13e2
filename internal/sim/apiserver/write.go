package apiserver

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Create makes an object, and fills it in with what was made of it.
func (s *Server) Create(o client.Object) error {
	k, key := KindOf(o), client.ObjectKeyFromObject(o)
	if s.Terminating[key.Namespace] {
		return terminating(k, key)
	}
	if _, exists := s.objects[k][key]; exists {
		return apierrors.NewAlreadyExists(k.resource(), key.Name)
	}
	if o.GetResourceVersion() != "" {
		return apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	made := copyOf(o)
	prepare(made)
	if err := validate(made); err != nil {
		return err
	}
	if limit, ok := s.Quota[key.Namespace]; ok && k == pods && len(s.List(pods, key.Namespace)) >= limit {
		return apierrors.NewForbidden(k.resource(), key.Name, fmt.Errorf("exceeded quota: pods, limited: %d", limit))
	}
	s.made++
	made.SetUID(types.UID(fmt.Sprintf("uid-%d", s.made)))
	made.SetCreationTimestamp(s.seconds())
	made.SetDeletionTimestamp(nil)
	made.SetDeletionGracePeriodSeconds(nil)
	s.put(watch.Added, k, made, nil)
	assign(o, made)
	return nil
}

// Update replaces an object, all but its status. Without a resourceVersion it
// replaces whatever is there.
func (s *Server) Update(o client.Object) error {
	return s.replace(o, func(old, updated client.Object) {
		switch updated := updated.(type) {
		case *appsv1.StatefulSet:
			updated.Status = *old.(*appsv1.StatefulSet).Status.DeepCopy()
		case *corev1.Pod:
			updated.Status = *old.(*corev1.Pod).Status.DeepCopy()
		case *corev1.PersistentVolumeClaim:
			updated.Status = *old.(*corev1.PersistentVolumeClaim).Status.DeepCopy()
		}
	})
}

// UpdateStatus replaces an object's status, and nothing else.
func (s *Server) UpdateStatus(o client.Object) error {
	return s.replace(o, func(old, updated client.Object) {
		switch updated := updated.(type) {
		case *appsv1.StatefulSet:
			status := updated.Status
			old.DeepCopyObject().(*appsv1.StatefulSet).DeepCopyInto(updated)
			updated.Status = status
		case *corev1.Pod:
			status := updated.Status
			old.(*corev1.Pod).DeepCopyInto(updated)
			updated.Status = status
		}
	})
}

// replace puts an object in the place of the one of its name, after keep has
// brought over what such a write does not change.
func (s *Server) replace(o client.Object, keep func(old, updated client.Object)) error {
	k, key := KindOf(o), client.ObjectKeyFromObject(o)
	old, err := s.Get(k, key)
	if err != nil {
		return err
	}
	if uid := o.GetUID(); uid != "" && uid != old.GetUID() {
		return conflict(k, key, fmt.Sprintf("Precondition failed: UID in precondition: %s, UID in object meta: %s", uid, old.GetUID()))
	}
	if version := o.GetResourceVersion(); version != "" && version != old.GetResourceVersion() {
		return conflict(k, key, "the object has been modified; please apply your changes to the latest version and try again")
	}
	updated := copyOf(o)
	keep(old, updated)
	if err := s.store(k, old, updated); err != nil {
		return err
	}
	assign(o, s.latest(k, key, updated))
	return nil
}

// latest is the object as it is stored, or if storing it removed it, as given.
func (s *Server) latest(k Kind, key types.NamespacedName, given client.Object) client.Object {
	if o, ok := s.objects[k][key]; ok {
		return o
	}
	return given
}

// store puts a new state in the place of the old one, unless nothing differs. An
// object that was waiting for its last finalizer goes with it.
func (s *Server) store(k Kind, old, updated client.Object) error {
	updated.SetUID(old.GetUID())
	updated.SetCreationTimestamp(old.GetCreationTimestamp())
	updated.SetDeletionTimestamp(old.GetDeletionTimestamp())
	updated.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	updated.SetResourceVersion(old.GetResourceVersion())
	updated.SetGeneration(old.GetGeneration())
	prepareUpdate(old, updated)
	if err := validate(updated); err != nil {
		return err
	}
	if err := validateUpdate(old, updated); err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(old, updated) {
		return nil
	}
	if updated.GetDeletionTimestamp() != nil && len(updated.GetFinalizers()) == 0 && len(old.GetFinalizers()) > 0 && removable(updated) {
		s.put(watch.Deleted, k, updated, old)
		return nil
	}
	s.put(watch.Modified, k, updated, old)
	return nil
}

// Bind puts a pod on a node.
func (s *Server) Bind(key types.NamespacedName, node string) error {
	old, err := s.Get(pods, key)
	if err != nil {
		return err
	}
	pod := old.(*corev1.Pod).DeepCopy()
	if pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil {
		return conflict(pods, key, "it is bound already, or being deleted")
	}
	pod.Spec.NodeName = node
	scheduled := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: s.seconds()}
	pod.Status.Conditions = []corev1.PodCondition{scheduled}
	s.put(watch.Modified, pods, pod, old)
	return nil
}

// Scale sets a set's replicas.
func (s *Server) Scale(key types.NamespacedName, replicas int32) error {
	old, err := s.Get(sets, key)
	if err != nil {
		return err
	}
	set := old.(*appsv1.StatefulSet).DeepCopy()
	set.Spec.Replicas = &replicas
	return s.store(sets, old, set)
}

func conflict(k Kind, key types.NamespacedName, why string) error {
	return apierrors.NewConflict(k.resource(), key.Name, fmt.Errorf("%s", why))
}

func terminating(k Kind, key types.NamespacedName) error {
	err := apierrors.NewForbidden(k.resource(), key.Name, fmt.Errorf("unable to create new content in namespace %s because it is being terminated", key.Namespace))
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type: corev1.NamespaceTerminatingCause, Message: fmt.Sprintf("namespace %s is being terminated", key.Namespace), Field: "metadata.namespace",
	})
	return err
}

func copyOf(o client.Object) client.Object { return o.DeepCopyObject().(client.Object) }

// assign copies the stored object over the caller's.
func assign(to, from client.Object) {
	switch to := to.(type) {
	case *appsv1.StatefulSet:
		from.(*appsv1.StatefulSet).DeepCopyInto(to)
	case *appsv1.ControllerRevision:
		from.(*appsv1.ControllerRevision).DeepCopyInto(to)
	case *corev1.Pod:
		from.(*corev1.Pod).DeepCopyInto(to)
	case *corev1.PersistentVolumeClaim:
		from.(*corev1.PersistentVolumeClaim).DeepCopyInto(to)
	case *corev1.Service:
		from.(*corev1.Service).DeepCopyInto(to)
	}
}
