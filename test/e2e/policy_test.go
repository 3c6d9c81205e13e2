package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ledScene has the counter of examples/policy.yaml up, which has a leader and a policy, and
// each pod has counted to its ordinal plus one.
func ledScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.kubectl("apply", "-f", "../../examples/policy.yaml")
	s.Eventually(s.Ready("led", 3))
	for i, pod := range led {
		for range i + 1 {
			s.post(pod)
		}
	}
	s.led("led-0")
	return s
}

var led = []string{"led-0", "led-1", "led-2"}

// led waits until one pod leads.
func (s *scene) led(want string) {
	s.Helper()
	s.poll(func() error {
		var leaders []string
		for _, pod := range led {
			if strings.TrimSpace(s.inPod(pod, "get", "http://localhost:8080/role")) == "leader" {
				leaders = append(leaders, pod)
			}
		}
		if !slices.Equal(leaders, []string{want}) {
			return fmt.Errorf("%v lead, want %s", leaders, want)
		}
		return nil
	})
}

// policyIs waits until the policy's status has a state.
func (s *scene) policyIs(state string) {
	s.Helper()
	s.poll(func() error {
		if got := s.kubectl("get", "stsp", "led", "-o", "jsonpath={.status.state}"); got != state {
			return fmt.Errorf("the policy is %s, want %s", got, state)
		}
		return nil
	})
}

// change is a pod as it is told from another that has taken its place.
type change struct{ uid, address, image, cpu, restarts string }

func (s *scene) changes() map[string]change {
	all := map[string]change{}
	for _, pod := range s.Pods() {
		status := pod.Status.ContainerStatuses[0]
		cpu := pod.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU]
		all[pod.Name] = change{
			string(pod.UID), pod.Status.PodIP, pod.Spec.Containers[0].Image, cpu.String(), fmt.Sprint(status.RestartCount),
		}
	}
	return all
}

// keptTheirPlace objects unless every pod is the one that it was, at its address and with its
// count, and differs as it should.
func (s *scene) keptTheirPlace(before map[string]change, differs func(*change)) {
	s.Helper()
	after := s.changes()
	for i, pod := range led {
		want := before[pod]
		differs(&want)
		if after[pod] != want {
			s.Errorf("%s is %+v, want %+v", pod, after[pod], want)
		}
		if got := s.count(pod); got != uint64(i+1) {
			s.Errorf("%s has counted to %d, and not to %d", pod, got, i+1)
		}
	}
}

func TestAnImageIsChangedInPlace(t *testing.T) {
	s := ledScene(t)
	before := s.changes()
	s.kubectl("set", "image", "sts/led", "counter=my-image:2")
	s.kubectl("rollout", "status", "sts/led", "--timeout=60s")
	s.Eventually(s.Ready("led", 3))
	s.keptTheirPlace(before, func(c *change) { c.image, c.restarts = "my-image:2", "1" })
}

func TestAPodIsResizedWithoutARestart(t *testing.T) {
	s := newScene(t)
	s.kubectl("apply", "-f", "../../examples/policy.yaml")
	s.kubectl("set", "resources", "sts/led", "--requests=cpu=20m,memory=16Mi")
	s.Eventually(s.Ready("led", 3))
	for i, pod := range led {
		for range i + 1 {
			s.post(pod)
		}
	}
	before := s.changes()
	s.kubectl("set", "resources", "sts/led", "--requests=cpu=30m,memory=16Mi")
	s.kubectl("rollout", "status", "sts/led", "--timeout=60s")
	s.Eventually(s.Ready("led", 3))
	s.keptTheirPlace(before, func(c *change) { c.cpu = "30m" })
}

// The leader is the pod that would go first, is not asked before all others are updated, and
// goes when another leads.
func TestALeaderGoesLastAndHandsOver(t *testing.T) {
	s := ledScene(t)
	s.inPod("led-0", "post", "http://localhost:8080/hand-over?to=led-2")
	s.led("led-2")
	s.Forget()
	s.kubectl("set", "env", "sts/led", "ROUND=2")
	s.kubectl("rollout", "status", "sts/led", "--timeout=120s")
	s.Happens("led-1 stopping", "led-1 gone", "led-1 created", "led-1 ready",
		"led-0 stopping", "led-0 gone", "led-0 created", "led-0 ready",
		"led-2 stopping", "led-2 gone", "led-2 created", "led-2 ready")
	s.led("led-0")
	events := s.kubectl("get", "events", "-o", "jsonpath={range .items[*]}{.message}{\"\\n\"}{end}")
	if !strings.Contains(events, "because it has handed over") {
		t.Errorf("no event says that the leader has handed over:\n%s", events)
	}
}

func TestABadRevisionGoesBackByItself(t *testing.T) {
	s := ledScene(t)
	s.kubectl("patch", "stsp", "led", "--type=merge", "-p", `{"spec":{"rollout":{"progressDeadlineSeconds":10,"inPlace":null}}}`)
	good := s.kubectl("get", "sts", "led", "-o", "jsonpath={.status.currentRevision}")
	s.kubectl("set", "image", "sts/led", "counter=my-image:none")
	s.policyIs("Reverted")
	for _, pod := range s.Pods() {
		if pod.Labels["controller-revision-hash"] != good || pod.Spec.Containers[0].Image != "my-image" {
			t.Errorf("%s is at %s and runs %s", pod.Name, pod.Labels["controller-revision-hash"], pod.Spec.Containers[0].Image)
		}
	}
	if stalled := s.kubectl("get", "sts", "led", "-o", `jsonpath={.status.conditions[?(@.type=="Stalled")].status}`); stalled != "True" {
		t.Errorf("Stalled is %q", stalled)
	}
	s.kubectl("rollout", "undo", "sts/led")
	s.kubectl("rollout", "status", "sts/led", "--timeout=30s")
	s.policyIs("Idle")
}

func TestABudgetHoldsARollOut(t *testing.T) {
	s := ledScene(t)
	s.kubectl("patch", "stsp", "led", "--type=merge", "-p", `{"spec":{"rollout":{"disruption":"Evict","inPlace":null}}}`)
	none := intstr.FromInt32(0)
	_, err := administrator(t).PolicyV1().PodDisruptionBudgets(s.Namespace).Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "all-of-led"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "led"}}, MaxUnavailable: &none},
	}, metav1.CreateOptions{})
	s.Must(err)
	before := s.changes()
	s.kubectl("set", "image", "sts/led", "counter=my-image:2")
	s.poll(func() error {
		words := s.kubectl("get", "sts", "led", "-o", `jsonpath={.status.conditions[?(@.type=="Progressing")].message}`)
		if !strings.Contains(words, "cannot be evicted: The disruption budget all-of-led needs 3 healthy pods") {
			return fmt.Errorf("Progressing says %q", words)
		}
		return nil
	})
	s.keptTheirPlace(before, func(*change) {})
	s.kubectl("delete", "pdb", "all-of-led")
	s.kubectl("rollout", "status", "sts/led", "--timeout=120s")
	s.Eventually(s.Ready("led", 3))
}

// The extra pod comes before any is taken down, goes last, and takes its claim along.
func TestAnExtraPodServesWhileOthersAreUpdated(t *testing.T) {
	s := ledScene(t)
	s.kubectl("patch", "stsp", "led", "--type=merge", "-p", `{"spec":{"rollout":{"surge":1,"last":null,"handOver":null,"inPlace":null}}}`)
	s.Forget()
	s.kubectl("set", "image", "sts/led", "counter=my-image:2")
	s.Happens("led-3 created", "led-3 ready",
		"led-2 stopping", "led-2 gone", "led-2 created", "led-2 ready",
		"led-1 stopping", "led-1 gone", "led-1 created", "led-1 ready",
		"led-0 stopping", "led-0 gone", "led-0 created", "led-0 ready",
		"led-3 stopping", "led-3 gone")
	s.Eventually(s.Ready("led", 3))
	s.poll(func() error {
		if claims := s.kubectl("get", "pvc", "-o", "name"); strings.Contains(claims, "data-led-3") {
			return fmt.Errorf("the claim of the extra pod is still there: %s", claims)
		}
		return nil
	})
	for i, pod := range led {
		if got := s.count(pod); got != uint64(i+1) {
			s.Errorf("%s has counted to %d, and not to %d", pod, got, i+1)
		}
	}
}
