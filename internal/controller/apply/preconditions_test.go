package apply

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

func TestAPodIsNotCreatedOnAClaimThatIsBeingDeletedOrGone(t *testing.T) {
	dying := claimOf(0)
	dying.Finalizers = []string{"kubernetes.io/pvc-protection"}
	w := newWorld(t, web(3), dying)
	if err := w.API.Delete(t.Context(), dying); err != nil {
		t.Fatal(err)
	}
	for ordinal, why := range []string{"is being deleted", "is gone"} {
		if err := w.do(plan.Action{Verb: plan.Create, Object: orphan(ordinal)}); !apierrors.IsConflict(err) {
			t.Errorf("the claim %s, and creating its pod ended with %v, want a conflict", why, err)
		}
	}
	if got := w.PodNames(); len(got) > 0 {
		t.Errorf("pods %v were created", got)
	}
}

// Of two controllers that lead at once, the one that does not know of the newest
// specification must not put an older revision on top: they would do so in turn.
func TestARevisionIsNotRenumberedForAnOlderSpecification(t *testing.T) {
	set := web(1)
	first, err := revision.New(set, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, set, first)
	planned := w.Set()
	renumber := plan.Action{Verb: plan.Update, Object: first, Change: plan.Change{Number: 3}}
	if err := w.API.Get(t.Context(), client.ObjectKeyFromObject(first), first); err != nil {
		t.Fatal(err)
	}
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Template.Spec.Containers[0].Image = "app:B" })
	if _, err := w.writer.Do(t.Context(), planned, []plan.Action{renumber}, &w.memory, &w.heard); !apierrors.IsConflict(err) || len(w.Writes) > 0 {
		t.Errorf("a revision was renumbered for an older specification: %v (%v)", w.Writes, err)
	}
	if behind := w.memory.Expectations.Pending(seenUpTo{at: "1"}); behind != kinds.Set {
		t.Errorf("waiting for the cache of %q, want that of sets", behind)
	}
	if err := w.do(renumber); err != nil || len(w.Writes) != 1 {
		t.Errorf("for the newest specification, renumbering wrote %v (%v)", w.Writes, err)
	}
}

func TestOfAPolicyNothingIsWrittenWhereNothingMayBe(t *testing.T) {
	policy := &v1alpha1.StatefulSetPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "calm"}}
	policy.Spec.TargetRef.Name = "web"
	w := newWorld(t, web(1), policy)
	w.writer.MayWrite = func(set types.NamespacedName) bool { return set.Name != "web" }
	made := plan.PolicyStatus{Policy: policy, Status: v1alpha1.StatefulSetPolicyStatus{State: "Idle"}}
	if err := w.writer.WritePolicyStatus(t.Context(), made, &w.memory, &w.heard); !apierrors.IsConflict(err) || len(w.Writes) > 0 {
		t.Errorf("the status of a policy was written: %v (%v)", w.Writes, err)
	}
}

// What a Service is follows from all of its sets: two that lead would write it in turn, too.
func TestAServiceIsNotWrittenForAnOlderSpecificationOfAnotherSet(t *testing.T) {
	other := web(1)
	other.Name, other.UID = "other", "uid-other"
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "peers"}, Spec: corev1.ServiceSpec{ClusterIP: "None"}}
	w := newWorld(t, web(1), other, service)
	if err := w.API.Get(t.Context(), client.ObjectKeyFromObject(service), service); err != nil {
		t.Fatal(err)
	}
	follow := plan.Action{
		Verb: plan.Update, Object: service, Follows: []*appsv1.StatefulSet{w.Set(), other.DeepCopy()},
		Change: plan.Change{Service: &corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}},
	}
	other.Generation++
	if err := w.API.Update(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := w.do(follow); !apierrors.IsConflict(err) || len(w.Writes) > 0 {
		t.Errorf("a Service was written for an older specification: %v (%v)", w.Writes, err)
	}
	follow.Follows[1] = other
	if err := w.do(follow); err != nil || len(w.Writes) != 1 {
		t.Errorf("for the newest specification, the Service's writes were %v (%v)", w.Writes, err)
	}
	if err := w.API.Delete(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := w.do(follow); !apierrors.IsConflict(err) {
		t.Errorf("a Service was written for a set that is gone (%v)", err)
	}
}
