package apply

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

func TestOnlyThePodThatThePlanSawIsDeleted(t *testing.T) {
	w := newWorld(t, web(3), orphan(0))
	seen := w.Pod("web-0")
	changed := seen.DeepCopy()
	changed.Labels["new"] = "label"
	if err := w.API.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := w.do(plan.Action{Verb: plan.Delete, Object: seen}); !apierrors.IsConflict(err) {
		t.Errorf("a changed pod: err = %v, want a conflict", err)
	}
	other := w.Pod("web-0")
	other.UID = "uid-earlier"
	if err := w.do(plan.Action{Verb: plan.Delete, Object: other}); !apierrors.IsConflict(err) {
		t.Errorf("another pod of that name: err = %v, want a conflict", err)
	}
	if err := w.do(plan.Action{Verb: plan.Delete, Object: w.Pod("web-0")}); err != nil || len(w.Pods()) > 0 {
		t.Errorf("the pod itself: err = %v, pods left %v", err, w.PodNames())
	}
	if len(w.done) != 1 || len(w.refused) > 0 {
		t.Errorf("reported %v as done and %v as refused, want the one deletion: conflicts are nobody's business", w.done, w.refused)
	}
}

func TestAnOrphanIsAdoptedAfterALiveReadOfTheSet(t *testing.T) {
	w := newWorld(t, web(3), orphan(0))
	if err := w.do(plan.Action{Verb: plan.Adopt, Object: w.Pod("web-0")}); err != nil {
		t.Fatal(err)
	}
	if pod := w.Pod("web-0"); !metav1.IsControlledBy(pod, w.Set()) {
		t.Errorf("owned by %v", pod.OwnerReferences)
	}
}

func TestASetThatWasReplacedAdoptsNothing(t *testing.T) {
	w := newWorld(t, web(3), orphan(0))
	gone := w.Set()
	gone.UID = "uid-earlier"
	_, err := w.writer.Do(t.Context(), gone, []plan.Action{{Verb: plan.Adopt, Object: w.Pod("web-0")}}, &w.memory, &w.heard)
	if !apierrors.IsConflict(err) || len(w.Pod("web-0").OwnerReferences) > 0 {
		t.Errorf("err = %v, owners %v; want a conflict and no owner", err, w.Pod("web-0").OwnerReferences)
	}
}

func TestAReleasedPodKeepsItsOtherOwners(t *testing.T) {
	pod := orphan(0)
	pod.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(web(3), identity.SetKind),
		{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "uid-other"},
	}
	w := newWorld(t, web(3), pod)
	if err := w.do(plan.Action{Verb: plan.Release, Object: w.Pod("web-0")}); err != nil {
		t.Fatal(err)
	}
	if owners := w.Pod("web-0").OwnerReferences; len(owners) != 1 || owners[0].UID != "uid-other" {
		t.Errorf("owners %v, want the other one alone", owners)
	}
	w.Refuse["patch pods"] = apierrors.NewInvalid(identity.PodKind.GroupKind(), "web-0", nil)
	if err := w.do(plan.Action{Verb: plan.Release, Object: w.Pod("web-0")}); err != nil {
		t.Errorf("a pod that the set does not own any more: %v", err)
	}
}

func TestAChangeIsMadeToTheObjectAsItWasSeenOnly(t *testing.T) {
	w := newWorld(t, web(3), orphan(0))
	seen := w.Pod("web-0")
	relabel := plan.Action{Verb: plan.Update, Object: seen, Change: plan.Change{Labels: map[string]string{"x": "y"}}}
	if err := w.do(relabel); err != nil || w.Pod("web-0").Labels["x"] != "y" {
		t.Errorf("err = %v, labels %v", err, w.Pod("web-0").Labels)
	}
	if err := w.do(relabel); !apierrors.IsConflict(err) {
		t.Errorf("again, though it has changed: err = %v, want a conflict", err)
	}
}

// A pod that gets another label in place keeps what else is noted on it.
func TestAPodThatIsChangedInPlaceKeepsItsAnnotations(t *testing.T) {
	pod := orphan(0)
	pod.Annotations = map[string]string{"theirs": "x"}
	w := newWorld(t, web(3), pod)
	gold := "gold"
	err := w.do(plan.Action{Verb: plan.Update, Object: w.Pod("web-0"), Change: plan.Change{Pod: &plan.PodChange{Labels: map[string]*string{"tier": &gold}}}})
	if is := w.Pod("web-0"); err != nil || is.Labels["tier"] != gold || is.Annotations["theirs"] != "x" {
		t.Errorf("err = %v, labels %v, annotations %v", err, is.Labels, is.Annotations)
	}
}

func TestAnObjectThatIsGoneIsPlannedAgain(t *testing.T) {
	w := newWorld(t, web(3))
	for _, verb := range []plan.Verb{plan.Update, plan.Adopt, plan.Release, plan.Delete} { // somebody else has deleted it
		if err := w.do(plan.Action{Verb: verb, Object: orphan(0)}); !apierrors.IsConflict(err) {
			t.Errorf("%s: err = %v, want a conflict", verb, err)
		}
	}
}

func TestWhatAnActionNeedsIsDoneFirst(t *testing.T) {
	w := newWorld(t, web(3), claimOf(1))
	claim := func(name string) plan.Action {
		return plan.Action{Verb: plan.Create, Object: &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}}
	}
	w.Refuse["create persistentvolumeclaims"] = apierrors.NewForbidden(corev1.Resource("persistentvolumeclaims"), "data-web-0", errQuota)
	err := w.do(
		plan.Action{Verb: plan.Create, Object: orphan(0), Needs: []plan.Action{claim("data-web-0")}},
		plan.Action{Verb: plan.Create, Object: orphan(1)},
	)
	if !apierrors.IsForbidden(err) {
		t.Errorf("err = %v, want the refusal", err)
	}
	if got := w.PodNames(); !slices.Equal(got, []string{"web-1"}) {
		t.Errorf("pods %v: want web-0 not created without its claim, and web-1 created all the same", got)
	}
}
