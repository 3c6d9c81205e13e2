package sim

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	storage = corev1.ResourceStorage
	// mostTries is how often a driver that fails does.
	mostDriverTries = 3
)

// A claim grows in steps, each of which its status tells: the driver begins, the volume has
// grown, and what is on it has. KEP-1790 says how what was asked for is taken back in between.

// grow takes the next step.
func (d *driver) grow(claim *corev1.PersistentVolumeClaim) {
	wanted, atIt := claim.Spec.Resources.Requests[storage], claim.Status.AllocatedResources[storage]
	switch status := claim.Status.AllocatedResourceStatuses[storage]; {
	case status == corev1.PersistentVolumeClaimNodeResizePending, status == corev1.PersistentVolumeClaimNodeResizeInProgress:
		d.growFileSystem(claim)
	case status == corev1.PersistentVolumeClaimControllerResizeInfeasible && d.moods[claim.Name] != infeasible, status == "" || !wanted.Equal(atIt):
		d.beginToGrow(claim)
	case status == corev1.PersistentVolumeClaimControllerResizeInProgress:
		d.growVolume(claim)
	}
}

func (d *driver) beginToGrow(claim *corev1.PersistentVolumeClaim) {
	s := &claim.Status
	s.AllocatedResources = corev1.ResourceList{storage: claim.Spec.Resources.Requests[storage]}
	setStage(claim, corev1.PersistentVolumeClaimControllerResizeInProgress)
	unsay(claim, corev1.PersistentVolumeClaimControllerResizeError, corev1.PersistentVolumeClaimNodeResizeError)
	d.say(claim, corev1.PersistentVolumeClaimResizing, "")
	delete(d.tried, claim.UID)
}

// growVolume does what the driver does, which the driver may refuse.
func (d *driver) growVolume(claim *corev1.PersistentVolumeClaim) {
	wanted := claim.Spec.Resources.Requests[storage]
	switch m := d.moods[claim.Name]; {
	case m == silent:
	case m == infeasible && wanted.Cmp(mostFeasible) > 0:
		setStage(claim, corev1.PersistentVolumeClaimControllerResizeInfeasible)
		d.say(claim, corev1.PersistentVolumeClaimControllerResizeError, "rpc error: code = OutOfRange desc = there is room for "+mostFeasible.String())
	case m == failing && d.tried[claim.UID] < mostDriverTries:
		d.tried[claim.UID]++
		d.say(claim, corev1.PersistentVolumeClaimControllerResizeError, "rpc error: code = DeadlineExceeded desc = context deadline exceeded")
		d.soon(claim.Name, claim.UID)
	case m == offline && d.w.isMounted(claim.Name):
		d.say(claim, corev1.PersistentVolumeClaimControllerResizeError, "rpc error: code = FailedPrecondition desc = the volume is attached")
	case m == byNode, m == byMount, m == broken, m == hopeless:
		setStage(claim, corev1.PersistentVolumeClaimNodeResizePending)
		unsay(claim, corev1.PersistentVolumeClaimResizing, corev1.PersistentVolumeClaimControllerResizeError)
		d.say(claim, corev1.PersistentVolumeClaimFileSystemResizePending, "Waiting for user to (re-)start a pod to finish file system resize of volume on node.")
	default:
		hasGrown(claim)
	}
}

// growFileSystem does what the node of a claim's pod does.
func (d *driver) growFileSystem(claim *corev1.PersistentVolumeClaim) {
	pod := d.w.runningOn(claim.Name)
	switch m := d.moods[claim.Name]; {
	case pod == nil, m == broken:
	case m == byMount && pod.Status.StartTime.Before(saidWhen(claim)):
	case m == hopeless:
		setStage(claim, corev1.PersistentVolumeClaimNodeResizeInfeasible)
		d.say(claim, corev1.PersistentVolumeClaimNodeResizeError, "rpc error: code = OutOfRange desc = the file system cannot be larger")
	case m == byNode && claim.Status.AllocatedResourceStatuses[storage] == corev1.PersistentVolumeClaimNodeResizePending:
		setStage(claim, corev1.PersistentVolumeClaimNodeResizeInProgress)
	default:
		hasGrown(claim)
	}
}

// saidWhen is when a claim's volume had grown.
func saidWhen(claim *corev1.PersistentVolumeClaim) *metav1.Time {
	since := saidSince(claim, corev1.PersistentVolumeClaimFileSystemResizePending)
	return &since
}

func setStage(claim *corev1.PersistentVolumeClaim, stage corev1.ClaimResourceStatus) {
	claim.Status.AllocatedResourceStatuses = map[corev1.ResourceName]corev1.ClaimResourceStatus{storage: stage}
}

// hasGrown ends what was begun.
func hasGrown(claim *corev1.PersistentVolumeClaim) {
	claim.Status.Capacity = corev1.ResourceList{storage: claim.Status.AllocatedResources[storage]}
	claim.Status.AllocatedResourceStatuses = nil
	unsay(claim, corev1.PersistentVolumeClaimResizing, corev1.PersistentVolumeClaimFileSystemResizePending,
		corev1.PersistentVolumeClaimControllerResizeError, corev1.PersistentVolumeClaimNodeResizeError)
}

func sameStatus(a, b *corev1.PersistentVolumeClaim) bool {
	return equality.Semantic.DeepEqual(a.Status, b.Status)
}

// isMounted reports whether a pod that has a node has a claim.
func (w *World) isMounted(claim string) bool {
	for _, object := range w.api.List(pods, namespace) {
		if pod := object.(*corev1.Pod); pod.Spec.NodeName != "" && mounts(pod, claim) {
			return true
		}
	}
	return false
}

// runningOn is a pod that runs and has a claim, on a node that works; nil for none.
func (w *World) runningOn(claim string) *corev1.Pod {
	for _, n := range w.nodes {
		if !n.works() {
			continue
		}
		for _, name := range sortedKeys(n.containers) {
			if pod := n.pod(name); pod != nil && pod.UID == n.containers[name].uid && !n.containers[name].stopping && mounts(pod, claim) {
				return pod
			}
		}
	}
	return nil
}

// mounts reports whether a pod has a claim.
func mounts(pod *corev1.Pod, claim string) bool {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim {
			return true
		}
	}
	return false
}
