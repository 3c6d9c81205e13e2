package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

// mostPasses is how often pods are looked for: a container whose start was under way when
// the kubelet ended may appear after the first.
const mostPasses = 3

// StopPods stops every pod, all at once and each as it asks for: its preStop hooks, its
// grace period, its sidecars last. There must be no kubelet that starts them again. The
// API still holds the pods, so the next start runs them again under the same names. known
// is what it says of them, or nil if it does not answer.
func StopPods(ctx context.Context, l layout.Layout, known []corev1.Pod, report func(string)) error {
	cri, err := newCRI(ctx, l)
	if err != nil {
		return err
	}
	byUID := map[types.UID]*corev1.Pod{}
	for i := range known {
		byUID[known[i].UID] = &known[i]
	}
	for pass := range mostPasses {
		pods, err := runningPodsOf(ctx, cri, byUID)
		if err != nil || len(pods) == 0 {
			return err
		}
		if pass == 0 && known == nil {
			report("no API server answers: hooks that ask it, or a name, do so in vain, and sidecars stop together with the other containers")
		}
		if err := stopAll(ctx, cri, pods, report); err != nil {
			return err
		}
	}
	return nil
}

func newCRI(ctx context.Context, l layout.Layout) (internalapi.RuntimeService, error) {
	const patience = 2 * time.Minute // for one call, beside what it waits for
	return remote.NewRemoteRuntimeServiceBuilder().
		WithEndpoint("unix://" + l.ContainerdSocket()).WithConnectionTimeout(patience).Build(ctx)
}

// A runningPod is a sandbox and what runs in it.
type runningPod struct {
	sandbox    *runtimeapi.PodSandbox
	containers []*runtimeapi.Container
	known      *corev1.Pod // nil if the API does not say
	until      time.Time   // the end of its grace period
}

func (p *runningPod) name() string {
	return p.sandbox.GetMetadata().GetNamespace() + "/" + p.sandbox.GetMetadata().GetName()
}

func runningPodsOf(ctx context.Context, cri internalapi.RuntimeService, known map[types.UID]*corev1.Pod) ([]*runningPod, error) {
	sandboxes, err := cri.ListPodSandbox(ctx, nil)
	if err != nil {
		return nil, err
	}
	containers, err := cri.ListContainers(ctx, nil)
	if err != nil {
		return nil, err
	}
	var pods []*runningPod
	for _, s := range sandboxes {
		p := &runningPod{sandbox: s, known: known[types.UID(s.GetMetadata().GetUid())]}
		for _, c := range containers {
			if c.PodSandboxId == s.Id && c.State == runtimeapi.ContainerState_CONTAINER_RUNNING {
				p.containers = append(p.containers, c)
			}
		}
		p.until = p.deadline(time.Now())
		pods = append(pods, p)
	}
	return pods, nil
}

// deadline is the end of the grace period of a pod that stops now. That of a pod that is
// being deleted has begun.
func (p *runningPod) deadline(now time.Time) time.Time {
	if p.known != nil && p.known.DeletionTimestamp != nil {
		return p.known.DeletionTimestamp.Time
	}
	longest := time.Duration(0)
	for _, c := range p.containers {
		longest = max(longest, grace(c))
	}
	return now.Add(longest)
}

func stopAll(ctx context.Context, cri internalapi.RuntimeService, pods []*runningPod, tell func(string)) error {
	left := newPending(pods)
	report := func(what string) {
		if what != "" {
			tell(what)
		}
	}
	report(left.begin(time.Now()))
	telling, done := context.WithCancel(ctx)
	defer done()
	go left.tell(telling, report)
	errs := make([]error, len(pods))
	var wg sync.WaitGroup
	for i, p := range pods {
		wg.Go(func() {
			if err := stopPod(ctx, cri, p, report); err != nil {
				errs[i] = fmt.Errorf("pod %s: %w", p.name(), err)
			}
			report(left.stopped(p))
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func stopPod(ctx context.Context, cri internalapi.RuntimeService, p *runningPod, report func(string)) error {
	status, err := cri.PodSandboxStatus(ctx, p.sandbox.Id, false)
	if err != nil {
		return err
	}
	address := status.GetStatus().GetNetwork().GetIp()
	if address == "" && p.known != nil { // it is in the machine's network
		address = p.known.Status.PodIP
	}
	turns := newTurns(p)
	errs := make([]error, len(p.containers))
	var wg sync.WaitGroup
	for i, c := range p.containers {
		wg.Go(func() {
			defer turns.ended(c)
			errs[i] = containerStop{
				container: c, address: address, until: p.until, turn: turns.await, report: report,
			}.do(ctx, cri)
		})
	}
	wg.Wait()
	return errors.Join(errors.Join(errs...), cri.StopPodSandbox(ctx, p.sandbox.Id), cri.RemovePodSandbox(ctx, p.sandbox.Id))
}
