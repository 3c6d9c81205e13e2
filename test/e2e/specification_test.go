package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/test/world"
)

const (
	specification = "../../examples/statefulset.yaml"
	theSet        = "my-statefulset"
)

// specificationScene has the specification's manifest applied, unmodified, and
// its pods up.
func specificationScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.kubectl("apply", "-f", specification)
	s.Happens(
		"my-statefulset-0 created", "my-statefulset-0 ready",
		"my-statefulset-1 created", "my-statefulset-1 ready",
		"my-statefulset-2 created", "my-statefulset-2 ready",
	)
	s.Eventually(s.Ready(theSet, 3))
	return s
}

func TestPodsComeUpInOrder(t *testing.T) {
	s := specificationScene(t)
	s.NothingElseHappened()
	pods := s.Pods()
	for i := range pods[1:] {
		if created, ready := pods[i+1].CreationTimestamp.Time, readySince(pods[i]); created.Before(ready) {
			t.Errorf("%s was created at %s, before %s was ready at %s", pods[i+1].Name, created, pods[i].Name, ready)
		}
	}
}

func readySince(pod *corev1.Pod) time.Time {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func TestPodsFindEachOtherByName(t *testing.T) {
	s := specificationScene(t)
	domain := fmt.Sprintf("my-service.%s.svc.cluster.local", s.Namespace)
	var peers []string
	for _, pod := range s.Pods() {
		peers = append(peers, fmt.Sprintf("%s.%s:8080", pod.Name, domain))
	}
	for _, asks := range s.Pods() {
		for _, other := range s.Pods() {
			for _, name := range []string{other.Name + ".my-service", other.Name + "." + domain} {
				if got := strings.TrimSpace(s.inPod(asks.Name, "lookup", name)); got != other.Status.PodIP {
					t.Errorf("%s resolves %s to %q, and not to %s", asks.Name, name, got, other.Status.PodIP)
				}
			}
		}
		if got := strings.Fields(s.inPod(asks.Name, "lookup", "--srv", domain)); !slices.Equal(got, peers) {
			t.Errorf("%s finds the peers %v, and not %v", asks.Name, got, peers)
		}
	}
}

func TestPodsReachEachOtherByClusterIP(t *testing.T) {
	s := newScene(t)
	s.kubectl("apply", "-f", "../../examples/counter.yaml")
	s.Eventually(s.Ready("counter", 3))
	s.kubectl("expose", "pod", "counter-1", "--name=second", "--port=80", "--target-port=8080")
	url := "http://" + s.kubectl("get", "service", "second", "-o", "jsonpath={.spec.clusterIP}") + "/count"
	for _, from := range []string{"counter-0", "counter-1"} { // another, and itself
		s.poll(func() error { // kube-proxy hears of the Service some time later
			if said, err := lab.Try(s.inNamespace([]string{"exec", from, "--", "counter", "get", url})...); err != nil || !strings.Contains(said, `"counter-1"`) {
				return fmt.Errorf("%s is answered %q (%v)", from, said, err)
			}
			return nil
		})
	}
}

func TestScalingKeepsOrderAndClaims(t *testing.T) {
	s := specificationScene(t)
	gateway := gatewayAddress(t)
	s.kubectl("scale", "sts/"+theSet, "--replicas=5")
	s.Happens(
		"my-statefulset-3 created", "my-statefulset-3 ready",
		"my-statefulset-4 created", "my-statefulset-4 ready",
	)
	s.Eventually(s.Ready(theSet, 5))
	claims := world.UIDs(s.Claims())

	s.kubectl("scale", "sts/"+theSet, "--replicas=2")
	s.Happens(
		"my-statefulset-4 stopping", "my-statefulset-4 gone",
		"my-statefulset-3 stopping", "my-statefulset-3 gone",
		"my-statefulset-2 stopping", "my-statefulset-2 gone",
	)
	s.Eventually(s.Ready(theSet, 2))
	s.NothingElseHappened()
	if after := world.UIDs(s.Claims()); len(after) != 5 || !maps.Equal(claims, after) {
		t.Errorf("the claims are not the five of before:\n%v\n%v", claims, after)
	}
	if now := gatewayAddress(t); now != gateway {
		t.Errorf("the pods' gateway was at %s and is at %s now: pods that had learned the first reach nothing for a while", gateway, now)
	}
}

// gatewayAddress is the hardware address of the bridge that the pods are on.
func gatewayAddress(t *testing.T) string {
	t.Helper()
	address, err := os.ReadFile("/sys/class/net/ordinal0/address")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(address))
}

func TestRollingUpdateAndRollBack(t *testing.T) {
	s := specificationScene(t)
	inReverse := []string{
		"my-statefulset-2 stopping", "my-statefulset-2 gone", "my-statefulset-2 created", "my-statefulset-2 ready",
		"my-statefulset-1 stopping", "my-statefulset-1 gone", "my-statefulset-1 created", "my-statefulset-1 ready",
		"my-statefulset-0 stopping", "my-statefulset-0 gone", "my-statefulset-0 created", "my-statefulset-0 ready",
	}
	s.kubectl("set", "image", "sts/"+theSet, "my-container=my-image:2")
	s.Happens(inReverse...)
	s.kubectl("rollout", "status", "sts/"+theSet, "--timeout=60s")
	s.allRun("my-image:2")

	s.kubectl("rollout", "undo", "sts/"+theSet)
	s.Happens(inReverse...)
	s.kubectl("rollout", "status", "sts/"+theSet, "--timeout=60s")
	s.allRun("my-image")
	s.NothingElseHappened()
}

func (s *scene) allRun(image string) {
	s.Helper()
	for _, pod := range s.Pods() {
		if got := pod.Spec.Containers[0].Image; got != image {
			s.Errorf("%s runs %s, and not %s", pod.Name, got, image)
		}
	}
}

func TestDeleteTakesPodsAndServiceAndKeepsClaims(t *testing.T) {
	for _, cascade := range []string{"background", "foreground"} {
		t.Run(cascade, func(t *testing.T) {
			s := specificationScene(t)
			claims := world.UIDs(s.Claims())
			s.kubectl("delete", "sts/"+theSet, "--cascade="+cascade)
			s.Eventually(s.AllGone)
			s.Eventually(func() error {
				if s.Service("my-service") != nil {
					return fmt.Errorf("the Service that came with the set is still there")
				}
				return nil
			})
			if after := world.UIDs(s.Claims()); len(after) != 3 || !maps.Equal(claims, after) {
				t.Errorf("the claims are not the three of before:\n%v\n%v", claims, after)
			}
		})
	}
}

func TestDeleteThatOrphansLeavesRunningPodsForTheNextSet(t *testing.T) {
	s := specificationScene(t)
	pods := world.UIDs(s.Pods())
	s.kubectl("delete", "sts/"+theSet, "--cascade=orphan")
	s.kubectl("apply", "-f", specification)
	s.Eventually(s.Ready(theSet, 3))
	if after := world.UIDs(s.Pods()); !maps.Equal(pods, after) {
		t.Errorf("the pods are not the same as before:\n%v\n%v", pods, after)
	}
	s.NothingElseHappened()
}
