package integration

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	retain = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	remove = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
)

func TestClaimsGoAsTheRetentionPolicySays(t *testing.T) {
	type policy = appsv1.PersistentVolumeClaimRetentionPolicyType
	for _, test := range []struct {
		scaled, deleted policy
		afterScaling    int // of 3 claims, when scaled to 1
		afterDeletion   int
	}{
		{retain, retain, 3, 3},
		{retain, remove, 3, 0},
		{remove, retain, 1, 1},
		{remove, remove, 1, 0},
	} {
		t.Run(fmt.Sprintf("scaled %s deleted %s", test.scaled, test.deleted), func(t *testing.T) {
			w := newScene(t)
			w.create(web(func(s *appsv1.StatefulSet) {
				s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
					WhenScaled: test.scaled, WhenDeleted: test.deleted,
				}
			}))
			w.Eventually(w.Ready("web", 3))
			w.scale(1)
			w.Eventually(w.Ready("web", 1))
			w.Eventually(w.claimCount(test.afterScaling))
			w.deleteSet(metav1.DeletePropagationForeground)
			w.Eventually(w.AllGone)
			w.Eventually(w.claimCount(test.afterDeletion))
		})
	}
}

// A pod bound to a claim that is on its way out would lose its data.
func TestAPodWaitsUntilAClaimThatIsBeingDeletedIsGone(t *testing.T) {
	w := newScene(t)
	w.create(web())
	w.Eventually(w.Ready("web", 3))
	old := w.Claim("data-web-1").UID
	// The pod in use protects the claim: it stays, terminating, until the pod is gone.
	w.Must(w.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Delete(w.Ctx, "data-web-1", metav1.DeleteOptions{}))
	w.deletePod("web-1")
	w.Eventually(func() error {
		if claim := w.Claim("data-web-1"); claim == nil || claim.UID == old {
			return fmt.Errorf("web-1 has no new claim")
		}
		return w.Ready("web", 3)()
	})
}

// A pod that is to take its claim along must not wait for the claim, which waits
// for the pod.
func TestDeletionInTheForegroundEndsWhilePodsWaitToBeScaledDown(t *testing.T) {
	w := newScene(t)
	w.create(web(stubborn, func(s *appsv1.StatefulSet) {
		s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenScaled: remove, WhenDeleted: retain}
	}))
	w.Eventually(w.Ready("web", 3))
	w.scale(1)
	w.Eventually(w.stopping("web-2")) // and web-1 waits for its turn
	w.Eventually(func() error {
		if owners := w.Claim("data-web-1").OwnerReferences; len(owners) != 1 || owners[0].Kind != "Pod" {
			return fmt.Errorf("the owners of data-web-1 are %v", owners)
		}
		return nil
	})
	w.deleteSet(metav1.DeletePropagationForeground)
	for _, pod := range []string{"web-2", "web-1", "web-0"} {
		w.Eventually(w.stopping(pod))
		w.letGo(pod)
	}
	w.Eventually(w.AllGone)
	w.Eventually(w.claimCount(1))
}

func (w *scene) claimCount(n int) func() error {
	return func() error {
		if claims := w.Claims(); len(claims) != n {
			return fmt.Errorf("there are %d claims, not %d", len(claims), n)
		}
		return nil
	}
}
