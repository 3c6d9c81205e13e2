package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/plan"
)

// These tests are about members that come and go, and are asked before.

func TestAPodThatGoesForGoodHasItsTimeToLeave(t *testing.T) {
	w := newScene(t)
	app := w.answers()
	w.create(web(app.reachable))
	policy := w.ruled(app.rules(`scaling: {leave: {httpPost: {port: PORT, path: "/leave?pod=$(POD)"}}}`))
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	app.notYet("POST /leave?pod=web-2")
	w.scale(1)
	w.soon(app.asked("POST /leave?pod=web-2", 2)) // the one before was not the last
	w.soon(w.policyIs(policy, "Leaving", "web-2 leaves for good"))
	w.Eventually(w.condition("Progressing", corev1.ConditionTrue, "InProgress", "web-2 has not left yet: in a moment"))
	w.NothingElseHappened()
	app.now("POST /leave?pod=web-2")
	w.Happens("web-2 stopping", "web-2 gone", "web-1 stopping", "web-1 gone")
	w.soon(app.asked("POST /leave?pod=web-1", 1))
	w.Eventually(w.notedNowhere(plan.LeavingAnnotation))

	t.Log("to restart is not to leave")
	before := len(app.heard())
	w.change(image("web:2"))
	w.Happens("web-0 stopping", "web-0 gone", "web-0 created", "web-0 ready")
	w.Eventually(w.Ready("web", 1))
	if after := app.heard(); len(after) != before {
		t.Errorf("a restart was told as %v", after[before:])
	}
}

func TestAPodThatIsWantedAgainBeforeItHasLeftStays(t *testing.T) {
	w := newScene(t)
	app := w.answers()
	w.create(web(app.reachable))
	w.ruled(app.rules(`scaling: {leave: {httpPost: {port: PORT, path: "/leave?pod=$(POD)"}, cancel: {httpDelete: {port: PORT, path: "/leave?pod=$(POD)"}}}}`))
	w.Eventually(w.Ready("web", 3))
	w.Forget()

	app.notYet("POST /leave?pod=web-2")
	w.scale(2)
	w.soon(app.asked("POST /leave?pod=web-2", 1))
	w.scale(3)
	w.soon(app.asked("DELETE /leave?pod=web-2", 1))
	w.Eventually(w.notedNowhere(plan.LeavingAnnotation))
	w.Eventually(w.Ready("web", 3))
	w.NothingElseHappened()
}

// Deleted in no order, a set waits for nobody.
func TestASetThatIsDeletedInTheMiddleOfALeaveIsGoneAtOnce(t *testing.T) {
	w := newScene(t)
	app := w.answers()
	w.create(web(app.reachable))
	w.ruled(app.rules(`scaling: {leave: {httpPost: {port: PORT, path: "/leave?pod=$(POD)"}}}`))
	w.Eventually(w.Ready("web", 3))
	app.notYet("POST /leave?pod=web-2")
	w.scale(2)
	w.soon(app.asked("POST /leave?pod=web-2", 1))
	w.deleteSet(metav1.DeletePropagationBackground)
	w.Eventually(w.noSet)
	w.Eventually(w.AllGone)
}

func TestASetThatIsDeletedInOrderHasEachPodLeave(t *testing.T) {
	w := newScene(t)
	app := w.answers()
	w.create(web(app.reachable))
	w.ruled(app.rules(`{scaling: {leave: {httpPost: {port: PORT, path: "/leave?pod=$(POD)"}}}, deletion: {order: Reverse}}`))
	w.Eventually(w.Ready("web", 3))
	w.Eventually(w.finalized(true))
	w.Forget()
	app.notYet("POST /leave?pod=web-2")
	w.scale(2)
	w.soon(app.asked("POST /leave?pod=web-2", 1))
	w.deleteSet(metav1.DeletePropagationBackground)
	w.soon(app.asked("POST /leave?pod=web-2", 2))
	w.NothingElseHappened()
	app.now("POST /leave?pod=web-2")
	w.Happens("web-2 stopping", "web-2 gone", "web-1 stopping", "web-1 gone", "web-0 stopping", "web-0 gone")
	w.Eventually(w.noSet)
	w.soon(app.asked("POST /leave?pod=web-0", 1))
}

func TestNewMembersJoinBeforeTheirPodsCome(t *testing.T) {
	w := newScene(t)
	app := w.answers()
	app.notYet("POST /join?pod=web-1")
	w.create(web(parallel, app.reachable, replicas(1)))
	policy := w.ruled(app.rules(`scaling: {join: {httpPost: {port: PORT, path: "/join?pod=$(POD)"}}}`))
	w.Eventually(w.Ready("web", 1))
	w.Forget()

	w.scale(3)
	w.soon(app.asked("POST /join?pod=web-1", 2))
	w.soon(w.policyIs(policy, "Joining", "web-1"))
	w.Eventually(w.condition("Progressing", corev1.ConditionTrue, "InProgress", "web-1 has not joined yet: in a moment"))
	w.NothingElseHappened()
	app.now("POST /join?pod=web-1")
	w.Happens("web-1 created", "web-1 ready", "web-2 created", "web-2 ready")
	w.Eventually(w.Ready("web", 3))

	t.Log("what comes back does not join")
	before := len(app.heard())
	w.deletePod("web-1")
	w.Happens("web-1 stopping", "web-1 gone", "web-1 created", "web-1 ready")
	if after := app.heard(); len(after) != before || app.count("POST /join?pod=web-0") > 0 {
		t.Errorf("joined have %v", after)
	}

	t.Log("but one that is rebuilt does")
	w.Must(w.Client.CoreV1().PersistentVolumeClaims(w.Namespace).Delete(w.Ctx, "data-web-2", metav1.DeleteOptions{}))
	w.deletePod("web-2")
	w.Happens("web-2 stopping", "web-2 gone", "web-2 created", "web-2 ready")
	w.soon(app.asked("POST /join?pod=web-2", 2))
	w.NothingElseHappened()
}

func TestWhoJoinedInVainIsToldOf(t *testing.T) {
	w := newScene(t)
	app := w.answers()
	app.notYet("POST /join?pod=web-1")
	w.create(web(app.reachable, replicas(1)))
	w.ruled(app.rules(`scaling: {join: {httpPost: {port: PORT, path: "/join?pod=$(POD)"}}}`))
	w.Eventually(w.Ready("web", 1))
	w.scale(2)
	w.soon(app.asked("POST /join?pod=web-1", 1))
	w.scale(1)
	w.Eventually(func() error {
		if len(w.eventsWithReason("JoinedInVain")) == 0 {
			return fmt.Errorf("nobody says that web-1 has joined in vain")
		}
		return nil
	})
	w.Eventually(w.Ready("web", 1))
}

func TestALeaderThatIsScaledDownHandsOverFirst(t *testing.T) {
	w := newScene(t)
	app := w.answers()
	w.create(web(app.reachable))
	w.ruled(app.rules(`{role: {label: role}, rollout: {last: [primary], handOver: {httpPost: {port: PORT, path: "/hand-over?pod=$(POD)&to=$(TO)"}}}, scaling: {leave: {httpPost: {port: PORT, path: "/leave?pod=$(POD)"}}}}`))
	w.Eventually(w.Ready("web", 3))
	w.label("web-2", "role", "primary")
	w.Forget()

	w.scale(2)
	w.soon(app.asked("POST /hand-over?pod=web-2&to=web-0", 1))
	w.Eventually(w.condition("Progressing", corev1.ConditionTrue, "InProgress", "web-2 has handed over to web-0, and is still primary"))
	w.NothingElseHappened()
	w.label("web-2", "role", "replica")
	w.Happens("web-2 stopping", "web-2 gone")
	if want := []string{"POST /hand-over?pod=web-2&to=web-0", "POST /leave?pod=web-2"}; !slices.Equal(app.heard(), want) {
		t.Errorf("asked was %v, want %v", app.heard(), want)
	}
}

// notedNowhere objects while a revision has an annotation.
func (w *scene) notedNowhere(annotation string) func() error {
	return func() error {
		for _, r := range w.Revisions() {
			if text := r.Annotations[annotation]; text != "" {
				return fmt.Errorf("revision %s has %s=%s", r.Name, strings.TrimPrefix(annotation, "ordinal.dev/"), text)
			}
		}
		return nil
	}
}
