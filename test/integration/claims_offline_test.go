package integration

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A node has two minutes to make use of a larger volume under a pod, which this test waits.
func TestAFileSystemThatGrowsOnlyWhenItIsMountedHasItsPodMadeAnewOnce(t *testing.T) {
	w := newScene(t)
	w.create(web(w.growing(true), replicas(1)))
	w.Eventually(w.Ready("web", 1))
	w.resizes(func(r *resizer) { r.growsOnMount = true })
	w.Forget()

	w.ruled(grown)
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionFalse, "Changing", "data-web-0"))
	w.soonWithin(3*time.Minute, w.condition("ClaimsUpToDate", corev1.ConditionTrue, "AllChanged"))
	w.Happens("web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 1))
	w.NothingElseHappened()
}

// A driver that grows a volume only while no node has it has said so for long.
func TestAVolumeThatGrowsOnlyUnmountedHasItsPodGoAndComeBack(t *testing.T) {
	w := newScene(t)
	w.create(web(w.growing(true), replicas(1)))
	w.Eventually(w.Ready("web", 1))
	w.resizes(func(r *resizer) { r.growsUnmounted = true })
	w.Forget()

	w.ruled(grown)
	w.Happens("web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.condition("ClaimsUpToDate", corev1.ConditionTrue, "AllChanged"))
	w.Eventually(w.Ready("web", 1))
	w.NothingElseHappened()
}
