package rig

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
)

// askWithin is how long containerd may take to answer.
const askWithin = 5 * time.Second

// eachPod is what a running pod of one container and one claim has on the
// machine, by kind.
var eachPod = map[string]int{
	"process":           2, // the sandbox's and the container's
	"shim":              1,
	"root file system":  2,
	"shared memory":     1,
	"network namespace": 1,
	"token":             1,
	"volume":            1,
	"interface":         1,
	"address":           1,
}

// eachCluster is what a running cluster has beside its pods.
var eachCluster = map[string]int{"containerd": 1, "kubelet's directory": 1}

// Sandbox is the kind of what containerd knows of pods, by their UIDs. A pod may
// have several, and one may be there for a minute after its pod: it is no part of
// Exactly.
const Sandbox = "sandbox"

// Holdings is what a running cluster holds on the machine: names, by kind.
type Holdings map[string][]string

// Hold takes stock of the running cluster in dataDir.
func Hold(ctx context.Context, dataDir string) (Holdings, error) {
	h := Holdings{}
	if err := h.processes(dataDir); err != nil {
		return nil, err
	}
	ended, err := h.sandboxes(ctx, dataDir)
	if err != nil {
		return nil, err
	}
	if err := h.mounts(dataDir, ended); err != nil {
		return nil, err
	}
	if err := h.interfaces(); err != nil {
		return nil, err
	}
	h.glob("address", filepath.Join(dataDir, "run/cni/addresses/ordinal/[0-9]*"))
	h.glob("directory of a pod", filepath.Join(dataDir, "kubelet/pods/*"))
	for _, groups := range []string{"/sys/fs/cgroup/ordinal/kubepods", "/sys/fs/cgroup/*/ordinal/kubepods"} {
		h.glob("cgroup of a pod", filepath.Join(groups, "pod*"))
		h.glob("cgroup of a pod", filepath.Join(groups, "*", "pod*")) // below its class of service
	}
	return h, nil
}

// Exactly objects unless the machine holds what pods with these UIDs need, each
// of one container and one claim, and nothing more.
func (h Holdings) Exactly(pods sets.Set[string]) error {
	var wrong []string
	for kind, names := range h {
		if _, counted := eachPod[kind]; counted || eachCluster[kind] > 0 || kind == Sandbox {
			continue
		}
		for _, name := range names { // of a pod, by its UID, or of nobody
			if !pods.Has(strings.TrimPrefix(filepath.Base(name), "pod")) {
				wrong = append(wrong, fmt.Sprintf("%s too many: %s", kind, name))
			}
		}
	}
	want := maps.Clone(eachCluster)
	for kind, n := range eachPod {
		want[kind] = n * pods.Len()
	}
	for kind, n := range want {
		if got := len(h[kind]); got != n {
			wrong = append(wrong, fmt.Sprintf("%s: %d, and %d pods need %d:\n\t\t%s", kind, got, pods.Len(), n, strings.Join(h[kind], "\n\t\t")))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("what the cluster holds is not what its pods need:\n\t%s", strings.Join(wrong, "\n\t"))
}

// processes leaves out the cluster's own: the lock says that there is one.
func (h Holdings) processes(dataDir string) error {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		// A process that ends while it is read has nothing to say.
		exe, _ := os.Readlink(filepath.Join(dir, "exe"))
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		name := filepath.Base(dir) + " " + strings.ReplaceAll(string(args), "\x00", " ")
		switch {
		case strings.Contains(string(groups), "/kubepods/") && exe != "":
			h.add("process", name)
		case exe == filepath.Join(dataDir, "bin", "containerd"):
			h.add("containerd", name)
		case exe == filepath.Join(dataDir, "bin", "containerd-shim-runc-v2"):
			h.add("shim", name)
		}
	}
	return nil
}

// sandboxes are those that containerd knows. It returns the ids of the sandboxes that have ended: the kubelet keeps the last
// one of a pod, for the logs of its containers, until the pod goes.
func (h Holdings) sandboxes(ctx context.Context, dataDir string) (ended sets.Set[string], err error) {
	containerd, err := remote.NewRemoteRuntimeServiceBuilder().
		WithEndpoint("unix://" + filepath.Join(dataDir, "run/containerd.sock")).WithConnectionTimeout(askWithin).Build(ctx)
	if err != nil {
		return nil, err
	}
	defer containerd.Close(ctx)
	all, err := containerd.ListPodSandbox(ctx, nil)
	if err != nil {
		return nil, err
	}
	ended = sets.New[string]()
	for _, s := range all {
		h.add(Sandbox, s.GetMetadata().GetUid())
		if s.GetState() != runtimeapi.PodSandboxState_SANDBOX_READY {
			ended.Insert(s.GetId())
		}
	}
	return ended, nil
}

// mounts sorts what is mounted below the data directory by a part of its path.
// The shared memory of a sandbox that was killed stays as long as the sandbox:
// containerd unmounts it at the end of a sandbox that it stops, or removes.
func (h Holdings) mounts(dataDir string, ended sets.Set[string]) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(table)) {
		const mountPoint = 4 // proc(5)
		path, below := strings.CutPrefix(strings.Fields(line)[mountPoint], dataDir+"/")
		kind := kindOfMount(path)
		if below && !(kind == "shared memory" && ended.Has(filepath.Base(filepath.Dir(path)))) {
			h.add(kind, path)
		}
	}
	return nil
}

func kindOfMount(path string) string {
	for part, kind := range map[string]string{
		"/rootfs": "root file system", "/shm": "shared memory", "/netns/": "network namespace",
		"/kubernetes.io~projected/": "token", "/kubernetes.io~local-volume/": "volume",
	} {
		if strings.Contains(path, part) {
			return kind
		}
	}
	if path == "kubelet" {
		return "kubelet's directory"
	}
	return "mount"
}

// interfaces are those on the pods' bridge.
func (h Holdings) interfaces() error {
	all, err := net.Interfaces()
	for _, i := range all {
		master, _ := os.Readlink(filepath.Join("/sys/class/net", i.Name, "master"))
		if filepath.Base(master) == "ordinal0" {
			h.add("interface", i.Name)
		}
	}
	return err
}

func (h Holdings) glob(kind, pattern string) {
	paths, _ := filepath.Glob(pattern) // only a malformed pattern is an error
	for _, path := range paths {
		h.add(kind, path)
	}
}

func (h Holdings) add(kind, name string) { h[kind] = append(h[kind], name) }
