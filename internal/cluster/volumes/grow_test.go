package volumes

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// bound is a claim that has 1Gi, and what edits make of it.
func bound(edits ...func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	claim := scheduled("data-web-0")
	claim.Spec.VolumeName = "pvc-uid-1"
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: storage("1Gi")}
	for _, edit := range edits {
		edit(claim)
	}
	return claim
}

func storage(size string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
}

func asks(size string) func(*corev1.PersistentVolumeClaim) {
	return func(c *corev1.PersistentVolumeClaim) { c.Spec.Resources.Requests = storage(size) }
}

// begun is a claim as a process leaves it that is killed before the volume is enlarged,
// or before it is noted that it was.
func begun(size string) func(*corev1.PersistentVolumeClaim) {
	return func(c *corev1.PersistentVolumeClaim) { *c = *began(c, resource.MustParse(size)) }
}

func refusedFor(why string) func(*corev1.PersistentVolumeClaim) {
	return func(c *corev1.PersistentVolumeClaim) { *c = *refused(c, why) }
}

func grownTo(size string) func(*corev1.PersistentVolumeClaim) {
	return func(c *corev1.PersistentVolumeClaim) { *c = *grew(c, resource.MustParse(size)) }
}

func TestWhatIsDue(t *testing.T) {
	for what, tc := range map[string]struct {
		claim *corev1.PersistentVolumeClaim
		want  string // nothing where it is empty
	}{
		"nothing more is asked for":      {bound(), ""},
		"more is asked for":              {bound(asks("2Gi")), "2Gi"},
		"not bound yet":                  {bound(asks("2Gi"), func(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimPending }), ""},
		"begun and not ended":            {bound(asks("2Gi"), begun("2Gi")), "2Gi"},
		"begun, and more is asked for":   {bound(asks("3Gi"), begun("2Gi")), "2Gi"},
		"begun, and less is asked for":   {bound(asks("1500Mi"), begun("2Gi")), "2Gi"},
		"the first of two has ended":     {bound(asks("3Gi"), begun("2Gi"), grownTo("2Gi")), "3Gi"},
		"refused, and asked for again":   {bound(asks("2Gi"), begun("2Gi"), refusedFor("no")), "2Gi"},
		"refused, and less is asked for": {bound(asks("1500Mi"), begun("2Gi"), refusedFor("no")), "1500Mi"},
		"has grown further than it asks": {bound(asks("1500Mi"), begun("2Gi"), grownTo("2Gi")), ""},
		"has grown to what it asks for":  {bound(asks("2Gi"), begun("2Gi"), grownTo("2Gi")), ""},
		"a status of a growth that is long by": {bound(asks("3Gi"), begun("2Gi"), grownTo("2Gi"), func(c *corev1.PersistentVolumeClaim) {
			setGrowthStatus(c, corev1.PersistentVolumeClaimControllerResizeInProgress)
		}), "3Gi"},
	} {
		got, is := due(tc.claim)
		if is != (tc.want != "") || is && got.Cmp(resource.MustParse(tc.want)) != 0 {
			t.Errorf("%s: %v to %s, want %q", what, is, got.String(), tc.want)
		}
	}
}

func TestWhatIsNoLongerTrueLeavesTheClaim(t *testing.T) {
	other := corev1.PersistentVolumeClaimCondition{Type: corev1.PersistentVolumeClaimVolumeModifyingVolume, Status: corev1.ConditionTrue}
	claim := bound(asks("2Gi"), func(c *corev1.PersistentVolumeClaim) { c.Status.Conditions = append(c.Status.Conditions, other) })
	for _, step := range []struct {
		edit       func(*corev1.PersistentVolumeClaim)
		status     corev1.ClaimResourceStatus
		conditions []corev1.PersistentVolumeClaimConditionType
		nodeNoPart bool
	}{
		{begun("2Gi"), "ControllerResizeInProgress", []corev1.PersistentVolumeClaimConditionType{other.Type, "Resizing"}, false},
		{refusedFor("no"), "ControllerResizeInfeasible", []corev1.PersistentVolumeClaimConditionType{other.Type, "Resizing", "ControllerResizeError"}, false},
		{refusedFor("never"), "ControllerResizeInfeasible", []corev1.PersistentVolumeClaimConditionType{other.Type, "Resizing", "ControllerResizeError"}, false},
		{begun("2Gi"), "ControllerResizeInfeasible", []corev1.PersistentVolumeClaimConditionType{other.Type, "Resizing", "ControllerResizeError"}, false},
		{begun("1500Mi"), "ControllerResizeInProgress", []corev1.PersistentVolumeClaimConditionType{other.Type, "Resizing"}, false},
		{grownTo("1500Mi"), "", []corev1.PersistentVolumeClaimConditionType{other.Type}, true},
		{begun("2Gi"), "ControllerResizeInProgress", []corev1.PersistentVolumeClaimConditionType{other.Type, "Resizing"}, false},
	} {
		step.edit(claim)
		var types []corev1.PersistentVolumeClaimConditionType
		for _, c := range claim.Status.Conditions {
			types = append(types, c.Type)
		}
		if !slices.Equal(types, step.conditions) || growthStatus(claim) != step.status {
			t.Errorf("conditions %v and status %q, want %v and %q", types, growthStatus(claim), step.conditions, step.status)
		}
		if got := metav1.HasAnnotation(claim.ObjectMeta, nodeHasNoPart); got != step.nodeNoPart {
			t.Errorf("after %v the kubelet is told that it has no part: %v, want %v", types, got, step.nodeNoPart)
		}
	}
}

func TestAClaimThatSaysSoAlreadyIsNotWritten(t *testing.T) {
	claim := bound(asks("2Gi"), begun("2Gi"))
	if began(claim, resource.MustParse("2Gi")) != claim {
		t.Error("a growth that was begun is begun again")
	}
	refusedFor("no")(claim)
	if refused(claim, "no") != claim {
		t.Error("what was refused is refused again for the same reason")
	}
	if got := refused(claim, "never").Status.Conditions; got[len(got)-1].Message != "never" {
		t.Errorf("refused for another reason, the claim says %+v", got)
	}
	delete(claim.Status.AllocatedResourceStatuses, corev1.ResourceStorage)
	if growthStatus(began(claim, resource.MustParse("2Gi"))) == "" {
		t.Error("a size that is no longer being worked on does not count as begun")
	}
	if claim := bound(); enlarged(volumeFor(claim, "2Gi"), resource.MustParse("1Gi")).Spec.Capacity.Storage().String() != "2Gi" {
		t.Error("a volume has shrunk")
	}
}

// volumeFor is the volume that was made for the claim, with the size that it has.
func volumeFor(claim *corev1.PersistentVolumeClaim, size string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: claim.Spec.VolumeName, Annotations: map[string]string{provisionedBy: ProvisionerName}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:         storage(size),
			StorageClassName: ClassName,
			ClaimRef:         &corev1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound},
	}
}
