package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ordinal.dev/ordinal/test/world"
)

// counterScene has the counter up, and each pod has counted to its ordinal
// plus one, so that a volume given to the wrong pod would show.
func counterScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.kubectl("apply", "-f", "../../examples/counter.yaml")
	s.Eventually(s.Ready("counter", 3))
	for i, pod := range counters {
		for range i + 1 {
			s.post(pod)
		}
	}
	s.Forget()
	return s
}

var counters = []string{"counter-0", "counter-1", "counter-2"}

func (s *scene) countsAreKept() {
	s.Helper()
	for i, pod := range counters {
		if got := s.count(pod); got != uint64(i+1) {
			s.Errorf("%s has counted to %d, and not to %d", pod, got, i+1)
		}
	}
}

func TestDataSurvivesTheDeletionOfAPod(t *testing.T) {
	s := counterScene(t)
	s.kubectl("delete", "pod", "counter-1")
	s.Happens("counter-1 stopping", "counter-1 gone", "counter-1 created", "counter-1 ready")
	s.Eventually(s.Ready("counter", 3))
	s.countsAreKept()
	s.NothingElseHappened()
}

func TestContainersAndDataSurviveTheKillOfOrdinal(t *testing.T) {
	s := counterScene(t)
	pods, containers := world.UIDs(s.Pods()), s.containers()
	before, err := lab.Status()
	s.Must(err)

	s.StopWatching()
	s.Must(syscall.Kill(before.PID, syscall.SIGKILL))
	lab.Run(t, "up", "--kubeconfig", "")
	after, err := lab.Status()
	s.Must(err)
	if after.PID == before.PID || !after.Alive {
		t.Fatalf("`ordinal up` after a kill left %+v", after)
	}

	s = s.again()
	s.Eventually(s.Ready("counter", 3))
	if got := world.UIDs(s.Pods()); !maps.Equal(pods, got) {
		t.Errorf("the pods are not the same as before:\n%v\n%v", pods, got)
	}
	if got := s.containers(); !maps.Equal(containers, got) {
		t.Errorf("the containers did not go on:\n%v\n%v", containers, got)
	}
	s.countsAreKept()
}

func TestDataSurvivesDownAndUpAndDownLeavesNothing(t *testing.T) {
	s := counterScene(t)
	stopped := s.containers()
	s.StopWatching()
	lab.Run(t, "down")
	s.Must(untouched.NothingLeft(lab.Dir))
	lab.Run(t, "up", "--kubeconfig", "")
	s = s.again()
	s.Eventually(s.startedAnew(stopped))
	s.countsAreKept()
}

// containers are the ids of the running containers, by pod.
func (s *scene) containers() map[string]string {
	ids := map[string]string{}
	for _, pod := range s.Pods() {
		for _, c := range pod.Status.ContainerStatuses {
			ids[pod.Name] = c.ContainerID
		}
	}
	return ids
}

// startedAnew objects until every pod is Ready with another container than it
// had. Right after a start the pods' status is still that of before.
func (s *scene) startedAnew(stopped map[string]string) func() error {
	return func() error {
		for pod, id := range s.containers() {
			if id == stopped[pod] || !world.IsReady(s.Pod(pod)) {
				return fmt.Errorf("%s is not Ready again", pod)
			}
		}
		return s.Ready("counter", 3)()
	}
}

func TestUpTwiceIsANoOpThatSaysSo(t *testing.T) {
	before, err := lab.Status()
	if err != nil {
		t.Fatal(err)
	}
	expectSentence(t, lab.Run(t, "up", "--kubeconfig", ""), "already up")
	if after, err := lab.Status(); err != nil || after.PID != before.PID {
		t.Errorf("the second `up` replaced process %d by %d (%v)", before.PID, after.PID, err)
	}
}

func TestWithoutNftHeadlessServicesWorkAndUpSaysWhatDoesNot(t *testing.T) {
	lab.Run(t, "down")
	without := lab
	without.Path = pathWithout(t, "nft")
	said := without.Run(t, "up", "--kubeconfig", "")
	if !strings.Contains(said, "nft is not installed") || !strings.Contains(said, "ClusterIP") {
		t.Errorf("`ordinal up` does not say what is amiss without nft:\n%s", said)
	}
	s := specificationScene(t)
	s.inPod(theSet+"-0", "lookup", theSet+"-1.my-service")

	lab.Run(t, "down")
	lab.Run(t, "up", "--kubeconfig", "")
}

// pathWithout is a PATH on which everything is found but one program, in whose place is one
// that fails: `ordinal up` looks in /usr/sbin too.
func pathWithout(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\nexit 127\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		programs, err := os.ReadDir(from)
		if err != nil {
			continue // a PATH may name what is not there
		}
		for _, p := range programs {
			if p.Name() == program {
				continue
			}
			err := os.Symlink(filepath.Join(from, p.Name()), filepath.Join(dir, p.Name()))
			if err != nil && !errors.Is(err, os.ErrExist) { // the first on the PATH wins
				t.Fatal(err)
			}
		}
	}
	return dir
}

// A pod that takes its time to stop gets it, whoever comes along meanwhile.
func TestWhoComesWhileTheClusterIsTakenDownWaits(t *testing.T) {
	const takes = 5 * time.Second // longer than `up` waits for a killed process
	s := newScene(t)
	s.kubectl("apply", "-f", "../../examples/counter.yaml")
	s.kubectl("patch", "statefulset", "counter", "-p", fmt.Sprintf(
		`{"spec":{"template":{"spec":{"containers":[{"name":"counter","lifecycle":{"preStop":{"sleep":{"seconds":%d}}}}]}}}}`, int(takes.Seconds())))
	s.kubectl("rollout", "status", "statefulset/counter")
	s.StopWatching()
	for _, second := range [][]string{{"down"}, {"up", "--kubeconfig", ""}} {
		var said bytes.Buffer
		first := lab.Command("down")
		first.Stdout, first.Stderr = &said, &said
		began := time.Now()
		s.Must(first.Start())
		s.poll(takenDown)
		lab.Run(t, second...)
		if err := first.Wait(); err != nil || time.Since(began) < takes {
			t.Errorf("while `ordinal %s` came along, `down` ended after %s with %v:\n%s", second[0], time.Since(began), err, &said)
		}
		if second[0] == "down" {
			lab.Run(t, "up", "--kubeconfig", "")
			s = s.again()
			s.Eventually(s.Ready("counter", 3))
			s.StopWatching()
		}
	}
}

// takenDown objects until the cluster is being taken down.
func takenDown() error {
	s, err := lab.Status()
	if err != nil || s.Phase != "stopping" {
		return fmt.Errorf("the cluster is %s (%v)", s.Phase, err)
	}
	return nil
}
