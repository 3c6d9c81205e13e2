package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/test/rig"
	"ordinal.dev/ordinal/test/world"
)

// A patient is a cluster to which something is done, with a set of two pods.
type patient struct {
	*world.World
	cluster rig.Cluster
}

const theSet = "steady"

func newPatient(t *testing.T, dir string) patient {
	t.Helper()
	cluster := rig.Start(t, binary, dir, images...)
	client, err := cluster.Client(0)
	must(t, err)
	p := patient{world.New(t, client), cluster}
	p.create(theSet, func(*corev1.PodSpec) {})
	p.Eventually(p.Ready(theSet, 2))
	return p
}

// create makes a set of two counters whose pods are adapted.
func (p patient) create(name string, adapt func(*corev1.PodSpec)) {
	p.Helper()
	u := user{name: name, adapt: func(set *appsv1.StatefulSet) { adapt(&set.Spec.Template.Spec) }}
	_, err := p.Client.AppsV1().StatefulSets(p.Namespace).Create(p.Context(), u.manifest(intent{replicas: 2, image: images[0]}), metav1.CreateOptions{})
	p.Must(err)
}

func (p patient) status() rig.Status {
	p.Helper()
	s, err := p.cluster.Status()
	p.Must(err)
	return s
}

// says objects until `ordinal status` says all of these texts.
func (p patient) says(texts ...string) func() error {
	return func() error {
		said, err := p.cluster.Try("status")
		for _, text := range texts {
			if !strings.Contains(said, text) {
				err = errors.Join(err, fmt.Errorf("`ordinal status` does not say %q but:\n%s", text, said))
			}
		}
		return err
	}
}

// saysNot objects as long as `ordinal status` says this.
func (p patient) saysNot(text string) func() error {
	return func() error {
		said, err := p.cluster.Try("status")
		if strings.Contains(said, text) {
			return fmt.Errorf("`ordinal status` still says %q:\n%s", text, said)
		}
		return err
	}
}

// count is how far a pod has counted, having counted once more.
func (p patient) count(pod string) uint64 {
	p.Helper()
	c := counts{}
	p.Must(c.postTo(p.Context(), p.Pod(pod).Status.PodIP))
	if c[pod] == 0 {
		p.Fatalf("%s does not answer", pod)
	}
	return c[pod]
}

// again is the patient's namespace, watched anew after the API server was away.
func (p patient) again() patient {
	p.Helper()
	client, err := p.cluster.Client(0)
	p.Must(err)
	return patient{world.In(p.T, client, p.Namespace), p.cluster}
}

func TestContainerdThatCannotRunIsNamedAndComesBack(t *testing.T) {
	p := newPatient(t, rig.Dir(t))
	before, pods := p.status(), world.UIDs(p.Pods())
	program := filepath.Join(p.cluster.Dir, "bin/containerd")
	pids := running(program)
	p.Must(os.Rename(program, program+".aside"))
	p.Must(os.Symlink("/bin/false", program))
	for _, pid := range pids {
		p.Must(syscall.Kill(pid, syscall.SIGKILL))
	}

	p.Must(eventually(p.says("containerd is starting: process", "ended", "containerd.log", "pods go on")))
	counted := p.count(theSet + "-0")

	p.Must(os.Rename(program+".aside", program))
	p.Must(eventually(p.saysNot("containerd is starting")))
	p.Eventually(p.Ready(theSet, 2))
	if now := p.status(); now.PID != before.PID {
		t.Errorf("the cluster was started again, as process %d in place of %d", now.PID, before.PID)
	}
	if got := world.UIDs(p.Pods()); fmt.Sprint(got) != fmt.Sprint(pods) {
		t.Errorf("the pods are not the same as before:\n%v\n%v", pods, got)
	}
	if got := p.count(theSet + "-0"); got != counted+1 {
		t.Errorf("%s-0 had counted to %d, and then to %d: its container did not go on", theSet, counted, got)
	}
	p.create("later", func(*corev1.PodSpec) {})
	p.Eventually(p.Ready("later", 2))
}

// TestAClusterKilledForItsMemoryComesBackByItself: the kernel's killer sends no
// other signal.
func TestAClusterKilledForItsMemoryComesBackByItself(t *testing.T) {
	p := newPatient(t, rig.Dir(t))
	before := p.status()
	counted := p.count(theSet + "-0")
	p.StopWatching()
	p.Must(syscall.Kill(before.PID, syscall.SIGKILL))
	p.Must(eventually(func() error { return cameBack(p.cluster, before) }))
	p.Must(p.says("is running", "was killed or ran out of memory")())

	p = p.again()
	p.Eventually(p.Ready(theSet, 2))
	if got := p.count(theSet + "-0"); got != counted+1 {
		t.Errorf("%s-0 had counted to %d, and then to %d: its container did not go on", theSet, counted, got)
	}
}

// TestAClusterWhoseDataDirectoryIsDeletedEndsAndSaysSo, and `down` clears the
// machine though there is no data: the test's end looks what is left.
func TestAClusterWhoseDataDirectoryIsDeletedEndsAndSaysSo(t *testing.T) {
	p := newPatient(t, rig.Dir(t))
	p.StopWatching()
	_ = os.RemoveAll(p.cluster.Dir) // fails on what is mounted there
	p.Must(eventually(p.says("is failed", "was deleted", "ordinal down")))
	if said := p.cluster.Run(t, "down"); !strings.Contains(said, "had been deleted before") {
		t.Errorf("`ordinal down` says:\n%s", said)
	}
}

func TestAPodOverItsMemoryLimitIsNamedAndStartedAgain(t *testing.T) {
	p := newPatient(t, rig.Dir(t))
	self, err := os.Executable()
	p.Must(err)
	p.Must(p.cluster.Load(self, hungry))
	p.create("greedy", func(spec *corev1.PodSpec) {
		c := &spec.Containers[0]
		c.Image, c.Command, c.ReadinessProbe = hungry, []string{hungry}, nil
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}
	})
	p.Eventually(func() error { return killedForMemory(p.Pod("greedy-0")) })
	p.Eventually(p.Ready(theSet, 2)) // the others are not disturbed
}

func killedForMemory(pod *corev1.Pod) error {
	if pod == nil {
		return errors.New("there is no pod yet")
	}
	for _, c := range pod.Status.ContainerStatuses {
		if last := c.LastTerminationState.Terminated; last != nil && last.Reason == "OOMKilled" && c.RestartCount > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s was not killed for its memory and started again: %+v", pod.Name, pod.Status.ContainerStatuses)
}

// TestAClusterTakenDownAfterItsProcessWasKilledStaysDown: whoever was to start it again
// hears of that.
func TestAClusterTakenDownAfterItsProcessWasKilledStaysDown(t *testing.T) {
	p := newPatient(t, rig.Dir(t))
	p.StopWatching()
	p.Must(syscall.Kill(p.status().PID, syscall.SIGKILL))
	if said := p.cluster.Run(t, "down"); !strings.Contains(said, "no API server answers") {
		t.Errorf("`ordinal down` does not say what the pods stop without:\n%s", said)
	}
	p.Must(eventually(func() error {
		s := &soak{cluster: p.cluster}
		waiting, err := standby(s)
		if pids, none := ordinal(s); none == nil || len(waiting) > 0 {
			return fmt.Errorf("processes %v and %v go on (%v)", pids, waiting, err)
		}
		return nil
	}))
	p.Must(p.says("is stopped")())
}
