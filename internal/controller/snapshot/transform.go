package snapshot

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/guard"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// CacheOptions keep only what plans read. Objects are handed out as they are in
// the cache, uncopied; nothing in this program modifies them. For the same reason
// no cached object but a set's status is ever sent back to the server: all other
// writes to existing objects are patches.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform:             func(object any) (any, error) { strip(object); return object, nil },
		DefaultUnsafeDisableDeepCopy: ptr.To(true),
		ReaderFailOnMissingInformer:  true,
	}
}

// strip drops from an object what plans do not read: who set which field, but for what
// package guard reads of that, and more of what the kinds have.
func strip(object any) {
	if o, ok := object.(client.Object); ok {
		if _, isService := object.(*corev1.Service); !isService {
			o.SetManagedFields(guard.Traces(o))
		}
	}
	switch o := object.(type) {
	case *corev1.Pod:
		stripPod(o)
	case *appsv1.ControllerRevision:
		stripRevision(o)
	case *corev1.PersistentVolumeClaim:
		o.Annotations, o.Labels = ourAnnotations(o.Annotations), nil
		o.Spec, o.Status = stripClaim(o)
	case *corev1.Service:
		stripService(o)
	}
}

// stripService keeps whom it selects, and what tells whose it is: that is of use for
// headless ones only.
func stripService(s *corev1.Service) {
	s.Spec = corev1.ServiceSpec{
		ClusterIP: s.Spec.ClusterIP, Selector: s.Spec.Selector, Ports: s.Spec.Ports, PublishNotReadyAddresses: s.Spec.PublishNotReadyAddresses,
	}
	s.Status = corev1.ServiceStatus{}
	if s.Spec.ClusterIP != corev1.ClusterIPNone {
		s.Annotations, s.Labels, s.ManagedFields, s.Spec.Ports = nil, nil, nil, nil
		return
	}
	s.ManagedFields = plan.Condense(s.ManagedFields)
}

// stripPod keeps who the pod is, which claims it mounts, and how it does. Of a
// pod that cannot be a member of any set only what a Service may select it by is kept.
func stripPod(pod *corev1.Pod) {
	pod.Annotations = ourAnnotations(pod.Annotations)
	if _, _, named := identity.Parse(pod.Name); !named && kinds.OwningSet(pod) == "" {
		pod.Spec, pod.Status = corev1.PodSpec{}, corev1.PodStatus{Phase: pod.Status.Phase}
		return
	}
	var claims []corev1.Volume
	for _, v := range pod.Spec.Volumes {
		if claim := v.PersistentVolumeClaim; claim != nil {
			claims = append(claims, corev1.Volume{Name: v.Name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}})
		}
	}
	spec, status := pod.Spec, pod.Status
	pod.Spec = corev1.PodSpec{Volumes: claims, Subdomain: spec.Subdomain}
	if period := spec.TerminationGracePeriodSeconds; period != nil && *period == 0 {
		pod.Spec.TerminationGracePeriodSeconds = period
	}
	pod.Status = corev1.PodStatus{
		Phase: status.Phase, Reason: status.Reason, Message: status.Message, Conditions: stripConditions(status.Conditions),
		ContainerStatuses: stripContainers(status.ContainerStatuses), InitContainerStatuses: stripContainers(status.InitContainerStatuses),
	}
	if status.Phase == corev1.PodPending { // how far it is on its way
		pod.Spec.NodeName, pod.Status.StartTime = spec.NodeName, status.StartTime
	}
}

// stripClaim keeps whether a claim is bound, what one waits for that is not, and how far one
// is that changes. Of most claims that is nothing but that they are bound.
func stripClaim(claim *corev1.PersistentVolumeClaim) (spec corev1.PersistentVolumeClaimSpec, status corev1.PersistentVolumeClaimStatus) {
	status.Phase = claim.Status.Phase
	if status.Phase != corev1.ClaimBound {
		spec.StorageClassName, spec.VolumeName = claim.Spec.StorageClassName, claim.Spec.VolumeName
		return spec, status
	}
	if plan.IsChanging(claim) {
		spec.Resources.Requests, spec.VolumeAttributesClassName = claim.Spec.Resources.Requests, claim.Spec.VolumeAttributesClassName
		status.Capacity, status.Conditions = claim.Status.Capacity, claim.Status.Conditions
		status.AllocatedResourceStatuses = claim.Status.AllocatedResourceStatuses
		status.CurrentVolumeAttributesClassName, status.ModifyVolumeStatus = claim.Status.CurrentVolumeAttributesClassName, claim.Status.ModifyVolumeStatus
	}
	return spec, status
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

// stripContainers keeps what containers do, and whether they ever started before: once
// says as much as how often, and does not change.
func stripContainers(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for _, s := range statuses {
		c := corev1.ContainerStatus{Name: s.Name, Ready: s.Ready, State: s.State}
		if s.RestartCount > 0 || s.LastTerminationState.Terminated != nil {
			c.RestartCount = 1
		}
		kept = append(kept, c)
	}
	return kept
}

// stripRevision drops the annotations but those of ours: among them the whole set as it was
// applied may be. It drops of a revision that a DaemonSet owns for instance, the template too.
func stripRevision(r *appsv1.ControllerRevision) {
	r.Annotations = ourAnnotations(r.Annotations)
	if metav1.GetControllerOfNoCopy(r) != nil && kinds.OwningSet(r) == "" {
		r.Labels, r.Data = nil, runtime.RawExtension{}
	}
}

// ourAnnotations keeps what this controller, or a person who speaks to it, has noted.
func ourAnnotations(all map[string]string) map[string]string {
	var ours map[string]string
	for key, value := range all {
		if strings.HasPrefix(key, "ordinal.dev/") {
			if ours == nil {
				ours = map[string]string{}
			}
			ours[key] = value
		}
	}
	return ours
}
