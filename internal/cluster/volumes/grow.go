package volumes

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// How a claim grows: what is due is read off the claim and its volume alone, and what was
// begun is written into the claim, so that a process that is killed at any step is
// followed by one that goes on there. The traces are those of external-resizer with a
// driver that asks nothing of the node, so that whoever watches a claim sees here what
// such a driver shows elsewhere:
//
//	began    condition Resizing, allocatedResources, and their status
//	         ControllerResizeInProgress
//	refused  condition ControllerResizeError with the reason, and the status
//	         ControllerResizeInfeasible: the claim may ask for less again (KEP-1790)
//	grew     capacity; conditions and status are gone

// nodeHasNoPart tells the kubelet not to look for a file system to enlarge. Without it
// a claim of access mode ReadWriteMany is expanded once more on its node.
const nodeHasNoPart = "volume.kubernetes.io/node-expansion-not-required"

// due is the size that claim is to grow to. A growth that was begun comes first, even if
// the claim asks for another size by now: the volume may have that size already.
func due(claim *corev1.PersistentVolumeClaim) (size resource.Quantity, is bool) {
	asked, has := claim.Spec.Resources.Requests[corev1.ResourceStorage], claim.Status.Capacity[corev1.ResourceStorage]
	if claim.Status.Phase != corev1.ClaimBound || asked.Cmp(has) <= 0 {
		return resource.Quantity{}, false
	}
	begun, is := claim.Status.AllocatedResources[corev1.ResourceStorage]
	if is && begun.Cmp(has) > 0 && growthStatus(claim) == corev1.PersistentVolumeClaimControllerResizeInProgress {
		return begun, true
	}
	return asked, true
}

// made says whether volume was made here, for this very claim.
func made(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) bool {
	return volume.Annotations[provisionedBy] == ProvisionerName && of(volume, claim)
}

// handMade says whether a person made volume for the class. Its claim is the kubelet's to
// enlarge, which follows the size of the volume.
func handMade(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) bool {
	return volume.Annotations[provisionedBy] == "" && volume.Spec.StorageClassName == ClassName && of(volume, claim)
}

// of says whether volume is bound to this very claim, not to another that had its name.
func of(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) bool {
	return volume.Spec.ClaimRef != nil && volume.Spec.ClaimRef.UID == claim.UID
}

// provisionedBy is what the provisioner library notes in the volumes it makes.
const provisionedBy = "pv.kubernetes.io/provisioned-by"

func growthStatus(claim *corev1.PersistentVolumeClaim) corev1.ClaimResourceStatus {
	return claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage]
}

// began is the claim when its volume is about to become of that size, which is claim
// itself if it says so already. One that was refused that size goes on saying so until
// it has been granted.
func began(claim *corev1.PersistentVolumeClaim, size resource.Quantity) *corev1.PersistentVolumeClaim {
	if said := claim.Status.AllocatedResources[corev1.ResourceStorage]; said.Cmp(size) == 0 && growthStatus(claim) != "" {
		return claim
	}
	claim = claim.DeepCopy()
	delete(claim.Annotations, nodeHasNoPart)
	status := &claim.Status
	status.Conditions = append(withoutGrowth(status.Conditions), condition(corev1.PersistentVolumeClaimResizing, ""))
	if status.AllocatedResources == nil {
		status.AllocatedResources = corev1.ResourceList{}
	}
	status.AllocatedResources[corev1.ResourceStorage] = size
	setGrowthStatus(claim, corev1.PersistentVolumeClaimControllerResizeInProgress)
	return claim
}

// refused is the claim when its volume cannot become of the size that was begun, which is
// claim itself if it says so already.
func refused(claim *corev1.PersistentVolumeClaim, why string) *corev1.PersistentVolumeClaim {
	is := func(c corev1.PersistentVolumeClaimCondition) bool {
		return c.Type == corev1.PersistentVolumeClaimControllerResizeError
	}
	if i := slices.IndexFunc(claim.Status.Conditions, is); i >= 0 && claim.Status.Conditions[i].Message == why {
		return claim
	}
	claim = claim.DeepCopy()
	claim.Status.Conditions = append(slices.DeleteFunc(claim.Status.Conditions, is),
		condition(corev1.PersistentVolumeClaimControllerResizeError, why))
	setGrowthStatus(claim, corev1.PersistentVolumeClaimControllerResizeInfeasible)
	return claim
}

// grew is the claim when its volume has that size.
func grew(claim *corev1.PersistentVolumeClaim, size resource.Quantity) *corev1.PersistentVolumeClaim {
	claim = claim.DeepCopy()
	claim.Status.Capacity[corev1.ResourceStorage] = size
	claim.Status.Conditions = withoutGrowth(claim.Status.Conditions)
	delete(claim.Status.AllocatedResourceStatuses, corev1.ResourceStorage)
	metav1.SetMetaDataAnnotation(&claim.ObjectMeta, nodeHasNoPart, "true")
	return claim
}

// enlarged is the volume when it has that size, which is volume itself if it has it or
// more: volumes never shrink.
func enlarged(volume *corev1.PersistentVolume, size resource.Quantity) *corev1.PersistentVolume {
	if has := volume.Spec.Capacity[corev1.ResourceStorage]; has.Cmp(size) >= 0 {
		return volume
	}
	volume = volume.DeepCopy()
	volume.Spec.Capacity[corev1.ResourceStorage] = size
	return volume
}

func setGrowthStatus(claim *corev1.PersistentVolumeClaim, to corev1.ClaimResourceStatus) {
	if claim.Status.AllocatedResourceStatuses == nil {
		claim.Status.AllocatedResourceStatuses = map[corev1.ResourceName]corev1.ClaimResourceStatus{}
	}
	claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage] = to
}

func condition(of corev1.PersistentVolumeClaimConditionType, message string) corev1.PersistentVolumeClaimCondition {
	return corev1.PersistentVolumeClaimCondition{Type: of, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(), Message: message}
}

// withoutGrowth is the conditions that are about something else.
func withoutGrowth(conditions []corev1.PersistentVolumeClaimCondition) []corev1.PersistentVolumeClaimCondition {
	return slices.DeleteFunc(conditions, func(c corev1.PersistentVolumeClaimCondition) bool {
		switch c.Type {
		case corev1.PersistentVolumeClaimResizing, corev1.PersistentVolumeClaimFileSystemResizePending,
			corev1.PersistentVolumeClaimControllerResizeError, corev1.PersistentVolumeClaimNodeResizeError:
			return true
		}
		return false
	})
}

func bytes(volume *corev1.PersistentVolume) int64 {
	has := volume.Spec.Capacity[corev1.ResourceStorage]
	return has.Value()
}
