package integration

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAClaimOnANodeThatIsGoneIsMadeAnewWhereThePolicySaysSo(t *testing.T) {
	w := newScene(t)
	set := web(w.growing(true), replicas(2))
	w.onLostNode("data-web-1")
	policy := w.ruled(`claims: {onLost: Wait}`)
	w.create(set)
	w.Eventually(w.condition("Stalled", corev1.ConditionTrue, "ClaimLost", "data-web-1", "node gone-node"))
	old := w.Claim("data-web-1")
	if old.Status.Phase != corev1.ClaimBound {
		t.Errorf("the claim is %s", old.Status.Phase)
	}

	w.rule(policy, `{"spec":{"claims":{"onLost":"Recreate"}}}`)
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.isStalled("web", false))
	if claim := w.Claim("data-web-1"); claim.UID == old.UID || claim.Spec.VolumeName == old.Spec.VolumeName {
		t.Errorf("claim data-web-1 is not another: volume %s", claim.Spec.VolumeName)
	}
}

// onLostNode makes a volume for a claim that is to be made, on a node that does not exist.
func (w *scene) onLostNode(claim string) {
	w.Helper()
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%s", w.Namespace, claim)},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")},
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName:       w.Namespace,
			ClaimRef:               &corev1.ObjectReference{Namespace: w.Namespace, Name: claim},
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/gone"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"gone-node"}}},
			}}}},
		},
	}
	_, err := w.Client.CoreV1().PersistentVolumes().Create(w.Ctx, volume, metav1.CreateOptions{})
	w.Must(err)
	w.Cleanup(func() {
		_ = admin.CoreV1().PersistentVolumes().Delete(w.Context(), volume.Name, metav1.DeleteOptions{})
	})
}
