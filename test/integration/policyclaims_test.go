package integration

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/claimtemplates"
)

// These tests are about claims of sets whose policies have them change.

const grown = `claims: {templates: [{name: data, size: 2Mi}]}`

func TestClaimsGrowInOrdinalOrderAndOnce(t *testing.T) {
	w := newScene(t)
	w.create(web(w.growing(true)))
	w.Eventually(w.Ready("web", 3))
	r := w.resizes(func(r *resizer) { r.slow["data-web-0"] = true })
	w.Forget()

	w.ruled(grown)
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionFalse, "Changing", "data-web-0 is growing to 2Mi", "and then 2 more"))
	w.Eventually(w.sizes(map[string]string{"data-web-0": "2Mi", "data-web-1": "1Mi", "data-web-2": "1Mi"}))
	w.Must(w.rolloutStatus(true, "")())
	r.ends("data-web-0")
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionTrue, "AllChanged"))
	w.Eventually(w.sizes(map[string]string{"data-web-0": "2Mi", "data-web-1": "2Mi", "data-web-2": "2Mi"}))

	t.Log("what somebody grows afterwards is left alone, and new claims are made so")
	w.resizeClaim("data-web-1", "5Mi")
	w.scale(4)
	w.Happens("web-3 created", "web-3 ready")
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionTrue, "AllChanged"))
	w.Eventually(w.sizes(map[string]string{"data-web-1": "5Mi", "data-web-2": "2Mi", "data-web-3": "2Mi"}))
	w.NothingElseHappened()
}

func TestAClaimThatCannotGrowHoldsUpNoOther(t *testing.T) {
	w := newScene(t)
	w.create(web(w.growing(true)))
	w.Eventually(w.Ready("web", 3))
	w.resizes(func(r *resizer) { r.refuses["data-web-0"] = "rpc error: code = OutOfRange desc = at most 1Mi" })
	w.ruled(grown)
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionFalse, "ClaimCannotChange", "data-web-0 cannot grow to 2Mi", "at most 1Mi"))
	w.Eventually(w.sizes(map[string]string{"data-web-0": "2Mi", "data-web-1": "2Mi", "data-web-2": "2Mi"}))
	w.Must(w.isStalled("web", false)())
	w.Must(w.rolloutStatus(true, "")())
}

func TestAClassThatDoesNotLetClaimsGrowIsSaid(t *testing.T) {
	w := newScene(t)
	w.create(web(w.growing(false), replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.ruled(`claims: {templates: [{name: data, size: 2Mi, labels: {tier: hot}}]}`)
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionFalse, "ClaimCannotChange", "data-web-0", "data-web-1", "must support resize"))
	w.Eventually(w.sizes(map[string]string{"data-web-0": "1Mi", "data-web-1": "1Mi"}))
	w.Eventually(w.labelled("data-web-1", "tier", "hot"))
	w.Must(w.isStalled("web", false)())
}

func TestAnAddedClaimTakesTheVolumesPlaceAndLeavesItAgain(t *testing.T) {
	w := newScene(t)
	w.create(web(replicas(2), func(s *appsv1.StatefulSet) {
		spec := &s.Spec.Template.Spec
		spec.Volumes = []corev1.Volume{{Name: "cache", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "cache", MountPath: "/cache"})
	}))
	w.Eventually(w.Ready("web", 2))
	w.Forget()

	policy := w.ruled(`claims: {templates: [{name: cache, size: 3Mi}]}`)
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.sizes(map[string]string{"cache-web-0": "3Mi", "cache-web-1": "3Mi"}))
	w.Eventually(w.mounts("cache", "cache-web-"))
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionTrue, "AllChanged"))
	w.NothingElseHappened()

	t.Log("without the policy pods have the template's volume again, and the claims stay")
	w.Must(w.policies().Delete(w.Ctx, policy, metav1.DeleteOptions{}))
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready",
		"web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 2))
	w.Eventually(w.mounts("cache", ""))
	w.Eventually(w.claimCount(4))
	w.NothingElseHappened()
}

func TestClaimsGrowAsTheAnnotationSays(t *testing.T) {
	w := newScene(t)
	w.create(web(w.growing(true), replicas(2)))
	w.Eventually(w.Ready("web", 2))
	w.resizes(nil)
	w.change(func(s *appsv1.StatefulSet) {
		s.Annotations = map[string]string{claimtemplates.Annotation: `[{"name":"data","size":"4Mi","labels":{"tier":"hot"}}]`}
	})
	w.Eventually(w.sizes(map[string]string{"data-web-0": "4Mi", "data-web-1": "4Mi"}))
	w.Eventually(w.labelled("data-web-1", "tier", "hot"))
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionTrue, "AllChanged"))
}

// mounts objects unless each pod's volume of this name is its claim, which begins so, or with
// "" no claim.
func (w *scene) mounts(volume, claim string) func() error {
	return func() error {
		for _, pod := range w.Pods() {
			for _, v := range pod.Spec.Volumes {
				if source := v.PersistentVolumeClaim; v.Name == volume && (claim == "") != (source == nil) {
					return fmt.Errorf("volume %s of %s is claim %v", volume, pod.Name, source)
				}
			}
		}
		return nil
	}
}
