package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/mounts"
)

func TestGatewayIsTheFirstAddress(t *testing.T) {
	if got := Gateway(netip.MustParsePrefix("10.9.8.7/16")); got.String() != "10.9.0.1" {
		t.Errorf("got %s", got)
	}
}

func TestGraceOfAPodIsFoundOnItsContainers(t *testing.T) {
	for value, want := range map[string]string{"5": "5s", "": "30s", "soon": "30s", "0": "0s"} {
		c := &runtimeapi.Container{Annotations: map[string]string{graceAnnotation: value}}
		if got := grace(c).String(); got != want {
			t.Errorf("annotation %q: got %s, want %s", value, got, want)
		}
	}
}

// runtime records what it is asked to do.
type runtime struct{ asked []string }

func (r *runtime) ExecSync(_ context.Context, id string, command []string, _ time.Duration) ([]byte, []byte, error) {
	r.asked = append(r.asked, fmt.Sprint("exec ", id, " ", command))
	return nil, nil, errors.New("exit status 1")
}

func (r *runtime) StopContainer(_ context.Context, id string, seconds int64) error {
	r.asked = append(r.asked, fmt.Sprint("stop ", id, " ", seconds))
	return nil
}

func TestPreStopHookRunsFirstAndItsFailureStopsNothing(t *testing.T) {
	c := &runtimeapi.Container{Id: "c", Annotations: map[string]string{
		graceAnnotation:   "10",
		preStopAnnotation: `{"exec":{"command":["flush"]}}`,
	}}
	var r runtime
	var said []string
	stop := containerStop{
		container: c, until: time.Now().Add(10 * time.Second),
		turn: func(context.Context, *runtimeapi.Container) {}, report: func(line string) { said = append(said, line) },
	}
	if err := stop.do(t.Context(), &r); err != nil {
		t.Error(err)
	}
	if want := []string{"exec c [flush]", "stop c 10"}; !slices.Equal(r.asked, want) {
		t.Errorf("asked %q, want %q", r.asked, want)
	}
	if len(said) != 1 || !strings.Contains(said[0], "preStop") {
		t.Errorf("the hook's failure is not told: %q", said)
	}
}

func TestPreStopHookIsCalledAsTheKubeletCallsIt(t *testing.T) {
	var called []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = append(called, fmt.Sprint(r.URL.Path, " ", r.Host, " ", r.Header.Get("X-Why")))
	}))
	defer server.Close()
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // concerns nobody's hooks
	address, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	c := &runtimeapi.Container{Id: "c", Annotations: map[string]string{
		preStopAnnotation: `{"httpGet":{"scheme":"HTTPS","port":"admin","path":"drain","httpHeaders":[{"name":"X-Why","value":"down"},{"name":"Host","value":"db"}]}}`,
		portsAnnotation:   `[{"name":"admin","containerPort":` + port + `}]`,
	}}
	if err := preStop(t.Context(), &runtime{}, c, address); err != nil {
		t.Error(err)
	}
	if want := []string{"/drain db down"}; !slices.Equal(called, want) {
		t.Errorf("called %q, want %q", called, want)
	}
	plain := httptest.NewServer(server.Config.Handler)
	defer plain.Close()
	_, plainPort, _ := strings.Cut(plain.Listener.Addr().String(), ":")
	c.Annotations[portsAnnotation] = `[{"name":"admin","containerPort":` + plainPort + `}]`
	if err := preStop(t.Context(), &runtime{}, c, address); err != nil || len(called) != 2 {
		t.Errorf("a hook that does not speak TLS after all: called %q, %v", called, err)
	}
	server.Close()
	plain.Close()
	if err := preStop(t.Context(), &runtime{}, c, address); err == nil || !strings.Contains(err.Error(), "preStop") {
		t.Errorf("a hook that nobody answers: %v", err)
	}
}

func TestAPodThatStoppedWithItsNodeIsNotReady(t *testing.T) {
	pod := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		{Type: corev1.PodReady, Status: corev1.ConditionTrue},
	}}}
	if !unready(pod, metav1.Now()) {
		t.Error("a Ready pod was left as it was")
	}
	if c := pod.Status.Conditions; c[0].Status != corev1.ConditionTrue || c[1].Status != corev1.ConditionFalse {
		t.Errorf("conditions are %v", c)
	}
	if unready(pod, metav1.Now()) {
		t.Error("a pod that was not Ready was written again")
	}
}

// program starts a copy of sleep from the data directory.
func program(t *testing.T, l layout.Layout, name string) *exec.Cmd {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(l.Bin(), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(l.Bin(), name)
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func TestOnlyProcessesOfTheDataDirectoryAreEnded(t *testing.T) {
	ours, theirs := layout.Layout{Root: t.TempDir()}, layout.Layout{Root: t.TempDir()}
	containerd, other := program(t, ours, "containerd"), program(t, theirs, "containerd")
	found, err := Processes(ours)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(found["containerd"], []int{containerd.Process.Pid}) {
		t.Errorf("found %v, want only %d", found, containerd.Process.Pid)
	}
	if err := endProcesses("of the test", func() ([]int, error) { return processesOf(ours.Bin()) }, 5*time.Second, func(string) {}); err != nil {
		t.Fatal(err)
	}
	left, err := Processes(theirs)
	if err != nil || !slices.Equal(left["containerd"], []int{other.Process.Pid}) {
		t.Errorf("the other directory's process: %v, %v", left, err)
	}
}

func TestANotedProcessIDOfAnotherProgramIsNotContainerd(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	if err := os.MkdirAll(l.Run(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.ContainerdPID(), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if pid := RunningContainerd(l); pid != 0 {
		t.Errorf("took process %d for our containerd", pid)
	}
}

func TestLongDataDirectoryIsRefusedBeforeAnythingStarts(t *testing.T) {
	_, err := Preflight(layout.Layout{Root: "/" + strings.Repeat("x", maxRoot)})
	if err == nil || !strings.Contains(err.Error(), "shorter --data-dir") {
		t.Errorf("got %v", err)
	}
}

func TestTheEndOfAProcessIsSeenAndSoIsTheEndOfWaiting(t *testing.T) {
	l := layout.Layout{Root: t.TempDir()}
	running, killed := program(t, l, "one"), program(t, l, "two")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := awaitExit(ctx, running.Process.Pid); err != nil || ctx.Err() == nil {
		t.Errorf("a running process: %v, with the context %v", err, ctx.Err())
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := awaitExit(t.Context(), killed.Process.Pid); err != nil {
		t.Errorf("a killed process: %v", err)
	}
}

func TestADiskOfTheUsersIsNotUnmounted(t *testing.T) {
	const dir = "/data/ordinal/kubelet"
	const below = dir + "/pods/1/volumes/a b"
	for name, test := range map[string]struct {
		table string
		want  []string
	}{
		"a disk at the directory":    {"21 1 8:1 / / rw - ext4 a rw\n36 21 8:2 / /data/ordinal/kubelet rw - ext4 b rw\n", nil},
		"a directory of the user's":  {"21 1 8:1 / / rw - ext4 a rw\n36 21 8:1 /backup/kubelet /data/ordinal/kubelet rw - ext4 a rw\n", nil},
		"itself":                     {"21 1 8:1 / / rw - ext4 a rw\n36 21 8:1 /data/ordinal/kubelet /data/ordinal/kubelet rw - ext4 a rw\n", []string{dir}},
		"itself, on a disk at /data": {"21 1 8:1 / / rw - ext4 a rw\n22 21 8:2 / /data rw - ext4 b rw\n36 22 8:2 /ordinal/kubelet /data/ordinal/kubelet rw - ext4 b rw\n", []string{dir}},
		"itself, on a bound volume":  {"21 1 8:1 / / rw - ext4 a rw\n22 21 8:1 /var/vol /data/ordinal rw - ext4 a rw\n36 22 8:1 /var/vol/kubelet /data/ordinal/kubelet rw - ext4 a rw\n", []string{dir}},
		"a pod's volume":             {"21 1 8:1 / / rw - ext4 a rw\n36 21 0:9 / /data/ordinal/kubelet/pods/1/volumes/a\\040b rw - tmpfs c rw\n", []string{below}},
		"elsewhere":                  {"36 21 0:9 / /data/ordinal/kubelet-of-mine rw - tmpfs c rw\n36 21 8:1 / /data/ordinal/volumes rw - ext4 b rw\n36\n", nil},
	} {
		if got := mountedFor(dir, mounts.Parse(test.table)); !slices.Equal(got, test.want) {
			t.Errorf("%s: the node's own are %q, want %q", name, got, test.want)
		}
	}
}

func TestARuleThatRefusesEveryPacketIsSeen(t *testing.T) {
	drop, accept := &expr.Verdict{Kind: expr.VerdictDrop}, &expr.Verdict{Kind: expr.VerdictAccept}
	for name, test := range map[string]struct {
		exprs []expr.Any
		want  bool
	}{
		"drop":                  {[]expr.Any{drop}, true},
		"counted and rejected":  {[]expr.Any{&expr.Counter{}, &expr.Reject{}}, true},
		"accept":                {[]expr.Any{accept}, false},
		"drop of one interface": {[]expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME}, &expr.Cmp{}, drop}, false},
		"nothing":               {nil, false},
	} {
		if got := refusesAll(&nftables.Rule{Exprs: test.exprs}); got != test.want {
			t.Errorf("%s: refuses all: %t", name, got)
		}
	}
}
