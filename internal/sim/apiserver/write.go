package apiserver

import (
	"fmt"
	"net/http"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
)

// Create makes an object, and fills it in with what was made of it.
func (s *Server) Create(o client.Object) error {
	k, key := KindOf(o), client.ObjectKeyFromObject(o)
	if s.Terminating[key.Namespace] {
		return terminating(k, key)
	}
	made := copyOf(o)
	s.made++
	made.SetUID(types.UID(fmt.Sprintf("uid-%d", s.made)))
	made.SetCreationTimestamp(s.seconds())
	made.SetDeletionTimestamp(nil)
	made.SetDeletionGracePeriodSeconds(nil)
	prepare(made)
	s.manage(nil, made, "")
	if service, ok := made.(*corev1.Service); ok {
		s.allocate(service)
	}
	if err := validate(made); err != nil {
		return err
	}
	if err := s.schedulable(made); err != nil {
		return err
	}
	if limit, ok := s.Quota[key.Namespace]; ok && k == pods && s.Counted(key.Namespace) >= limit {
		return apierrors.NewForbidden(k.resource(), key.Name, fmt.Errorf("exceeded quota: pods, limited: %d", limit))
	}
	if o.GetResourceVersion() != "" {
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: "resourceVersion should not be set on objects to be created",
		}}
	}
	if _, exists := s.objects[k][key]; exists {
		return apierrors.NewAlreadyExists(k.resource(), key.Name)
	}
	s.put(watch.Added, k, made, nil)
	s.asMade[made.GetUID()] = k == claims
	assign(o, made)
	return nil
}

// Counted is how many pods a namespace's quota counts: all that have not ended.
func (s *Server) Counted(namespace string) (n int) {
	for key, o := range s.objects[pods] {
		if phase := o.(*corev1.Pod).Status.Phase; key.Namespace == namespace && phase != corev1.PodFailed && phase != corev1.PodSucceeded {
			n++
		}
	}
	return n
}

// Update replaces an object, all but its status. Without a resourceVersion it
// replaces whatever is there.
func (s *Server) Update(o client.Object) error { return s.replace(o, s.storeAllButStatus) }

// UpdateStatus replaces an object's status, and its metadata.
func (s *Server) UpdateStatus(o client.Object) error {
	if KindOf(o) == revisions {
		return apierrors.NewNotFound(revisions.resource(), o.GetName()) // they have none
	}
	return s.replace(o, s.storeStatus)
}

// replace puts an object in the place of the one of its name, by store. A service
// that is not there is made.
func (s *Server) replace(o client.Object, store func(k Kind, old, updated client.Object) error) error {
	k, key := KindOf(o), client.ObjectKeyFromObject(o)
	old, err := s.Get(k, key)
	if err != nil && k == services {
		if o.GetUID() != "" {
			return conflict(k, key, "Precondition failed: there is none of that UID")
		}
		o.SetResourceVersion("")
		return s.Create(o)
	}
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
	updated.SetUID(old.GetUID())
	if err := store(k, old, updated); err != nil {
		return err
	}
	s.answer(o, k, old, updated)
	return nil
}

// answer fills an object in with what a write has made of it. If that removed it,
// the answer shows it as it was written, with the version it had.
func (s *Server) answer(o client.Object, k Kind, old, updated client.Object) {
	if stored, ok := s.objects[k][client.ObjectKeyFromObject(old)]; ok {
		assign(o, stored)
		return
	}
	assign(o, updated)
	o.SetResourceVersion(old.GetResourceVersion())
}

func (s *Server) storeAllButStatus(k Kind, old, updated client.Object) error {
	keepStatus(old, updated)
	return s.store(k, old, updated)
}

func (s *Server) storeStatus(k Kind, old, updated client.Object) error {
	keepAllButStatus(old, updated)
	updated.SetGeneration(old.GetGeneration())
	s.manage(old, updated, "status")
	return s.storeWith(k, old, updated, oldSpec)
}

// store puts a new state in the place of the old one, unless nothing differs. An
// object that was waiting for its last finalizer goes with it.
func (s *Server) store(k Kind, old, updated client.Object) error {
	prepareUpdate(old, updated)
	s.manage(old, updated, "")
	return s.storeWith(k, old, updated, newSpec)
}

// whose says of an object's spec whether it is the very one that is stored. It is not
// looked at then: that would take a quarter of all the simulator's time.
type whose int

const (
	oldSpec whose = iota
	newSpec
	resizedSpec // the stored one but for resources of containers
)

func (s *Server) storeWith(k Kind, old, updated client.Object, spec whose) error {
	updated.SetResourceVersion(old.GetResourceVersion())
	if updated.GetDeletionTimestamp() == nil {
		updated.SetDeletionTimestamp(old.GetDeletionTimestamp())
	}
	if updated.GetDeletionGracePeriodSeconds() == nil {
		updated.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	}
	updated.SetCreationTimestamp(old.GetCreationTimestamp())
	if err := validateUpdate(old, updated, spec); err != nil {
		return err
	}
	if err := s.admit(old, updated); err != nil {
		return err
	}
	switch {
	case removable(old) && len(updated.GetFinalizers()) == 0:
		s.put(watch.Deleted, k, updated, old)
	case s.asMade[old.GetUID()] || !same(old, updated, spec):
		s.put(watch.Modified, k, updated, old)
	}
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
	pod.Status.Conditions = append(slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodScheduled }), scheduled)
	s.put(watch.Modified, pods, pod, old)
	return nil
}

// UpdateScale sets a set's replicas by its scale subresource, which carries the
// set's UID and resourceVersion, or neither.
func (s *Server) UpdateScale(scale *autoscalingv1.Scale) error {
	key := types.NamespacedName{Namespace: scale.Namespace, Name: scale.Name}
	old, err := s.Get(sets, key)
	if err != nil {
		return err
	}
	if scale.UID != "" && scale.UID != old.GetUID() {
		return conflict(sets, key, "Precondition failed: it has another UID")
	}
	if errs := notNegative(nil, scale.Spec.Replicas, inSpec.Child("replicas")); len(errs) > 0 {
		return apierrors.NewInvalid(schema.GroupKind{Group: autoscalingv1.GroupName, Kind: "Scale"}, scale.Name, errs)
	}
	set := old.(*appsv1.StatefulSet).DeepCopy()
	set.UID, set.ResourceVersion, set.Spec.Replicas = scale.UID, scale.ResourceVersion, &scale.Spec.Replicas
	return s.Update(set)
}

func same(old, updated client.Object, spec whose) bool {
	if spec == oldSpec {
		old, updated = withoutSpec(old), withoutSpec(updated)
	}
	return equality.Semantic.DeepEqual(old, updated)
}

// withoutSpec is the object itself but for its spec.
func withoutSpec(o client.Object) client.Object {
	switch o := o.(type) {
	case *appsv1.StatefulSet:
		return &appsv1.StatefulSet{ObjectMeta: o.ObjectMeta, Status: o.Status}
	case *corev1.Pod:
		return &corev1.Pod{ObjectMeta: o.ObjectMeta, Status: o.Status}
	}
	return o
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
	case *v1alpha1.StatefulSetPolicy:
		from.(*v1alpha1.StatefulSetPolicy).DeepCopyInto(to)
	}
}
