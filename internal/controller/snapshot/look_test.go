package snapshot

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/plan"
)

// A pod may have become the leader since the caches heard of it, and is written as it is now.
func TestAPodThatIsReadIsWhatThePlanGoesBy(t *testing.T) {
	now := orphan(0)
	now.Labels["role"] = "primary"
	w := controllertest.New(t, now)
	cached, other := orphan(0), orphan(1)
	cached.UID, other.UID = w.Pod(now.Name).UID, "other"
	s := &plan.Snapshot{Set: web(2), Now: w.Clock.Now(), Pods: []*corev1.Pod{cached, other}}
	looked, err := Look(t.Context(), w.API, s, &plan.Plan{Looks: []string{now.Name}})
	if err != nil || !looked {
		t.Fatalf("looked %t, err %v", looked, err)
	}
	if role := s.Pods[0].Labels["role"]; role != "primary" || s.Pods[0] != s.Closely[cached.UID] || s.Pods[1] != other {
		t.Errorf("the plan goes by a pod with the role %q, want primary", role)
	}
}
