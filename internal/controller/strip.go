package controller

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/identity"
)

// cacheOptions keep only what plans read. Objects are handed out as they are in
// the cache, uncopied; nothing in this program modifies them. For the same reason
// no cached object but a set's status is ever sent back to the server: all other
// writes to existing objects are patches.
func cacheOptions() cache.Options {
	transforms := map[client.Object]cache.ByObject{}
	for _, object := range Kinds() {
		transforms[object] = cache.ByObject{Transform: transformOf(object)}
	}
	return cache.Options{
		DefaultUnsafeDisableDeepCopy: ptr.To(true),
		ReaderFailOnMissingInformer:  true,
		ByObject:                     transforms,
	}
}

// transformOf is what the caches make of an object of this kind.
func transformOf(object client.Object) toolscache.TransformFunc {
	switch object.(type) {
	case *corev1.Pod:
		return stripPod
	case *corev1.PersistentVolumeClaim:
		return stripClaim
	case *corev1.Service:
		return stripService
	case *appsv1.ControllerRevision:
		return stripRevision
	}
	return strip
}

// strip drops the record of who set which field.
func strip(object any) (any, error) {
	if o, ok := object.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	return object, nil
}

// stripPod keeps who the pod is, which claims it mounts, and how it does. Of a
// pod that cannot be a member of any set only the name is kept.
func stripPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	pod.ManagedFields, pod.Annotations = nil, nil
	if _, _, named := identity.Parse(pod.Name); !named && owningSet(pod) == "" {
		pod.Labels, pod.Spec, pod.Status = nil, corev1.PodSpec{}, corev1.PodStatus{}
		return pod, nil
	}
	var claims []corev1.Volume
	for _, v := range pod.Spec.Volumes {
		if claim := v.PersistentVolumeClaim; claim != nil {
			claims = append(claims, corev1.Volume{Name: v.Name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}})
		}
	}
	pod.Spec = corev1.PodSpec{Volumes: claims}
	status := pod.Status
	pod.Status = corev1.PodStatus{
		Phase: status.Phase, Reason: status.Reason, Message: status.Message, Conditions: stripConditions(status.Conditions),
		ContainerStatuses: stripContainers(status.ContainerStatuses), InitContainerStatuses: stripContainers(status.InitContainerStatuses),
	}
	return pod, nil
}

// stripConditions keeps whether the pod is ready, and why it has no node.
func stripConditions(conditions []corev1.PodCondition) []corev1.PodCondition {
	var kept []corev1.PodCondition
	for _, c := range conditions {
		if c.Type == corev1.PodReady || c.Type == corev1.PodScheduled && c.Status != corev1.ConditionTrue {
			kept = append(kept, c)
		}
	}
	return kept
}

func stripContainers(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for _, s := range statuses {
		kept = append(kept, corev1.ContainerStatus{Name: s.Name, Ready: s.Ready, State: s.State})
	}
	return kept
}

// stripRevision drops the annotations, among which the whole set as it was applied
// may be, and of a revision that a DaemonSet owns for instance, the template too.
func stripRevision(object any) (any, error) {
	if r, ok := object.(*appsv1.ControllerRevision); ok {
		r.ManagedFields, r.Annotations = nil, nil
		if metav1.GetControllerOfNoCopy(r) != nil && owningSet(r) == "" {
			r.Labels, r.Data = nil, runtime.RawExtension{}
		}
	}
	return object, nil
}

func stripClaim(object any) (any, error) {
	if claim, ok := object.(*corev1.PersistentVolumeClaim); ok {
		claim.ManagedFields, claim.Annotations, claim.Labels = nil, nil, nil
		claim.Spec, claim.Status = corev1.PersistentVolumeClaimSpec{}, corev1.PersistentVolumeClaimStatus{}
	}
	return object, nil
}

func stripService(object any) (any, error) {
	if service, ok := object.(*corev1.Service); ok {
		service.ManagedFields, service.Annotations, service.Labels = nil, nil, nil
		service.Spec = corev1.ServiceSpec{ClusterIP: service.Spec.ClusterIP, Selector: service.Spec.Selector}
		service.Status = corev1.ServiceStatus{}
	}
	return object, nil
}
