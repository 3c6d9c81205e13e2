package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

// stopPods stops every container as its pod asks for, all at once, and removes
// the sandboxes. The API still holds the pods, so the next start runs
// them again under the same names.
func stopPods(ctx context.Context, l layout.Layout, report func(string)) error {
	cri, err := newCRI(ctx, l)
	if err != nil {
		return err
	}
	sandboxes, err := cri.ListPodSandbox(ctx, nil)
	if err != nil {
		return err
	}
	if len(sandboxes) == 0 {
		return nil
	}
	report(fmt.Sprintf("stopping %d pods", len(sandboxes)))
	var left atomic.Int64
	left.Store(int64(len(sandboxes)))
	errs := make([]error, len(sandboxes))
	var wg sync.WaitGroup
	for i, s := range sandboxes {
		wg.Go(func() {
			if err := stopPod(ctx, cri, s.Id, report); err != nil {
				errs[i] = fmt.Errorf("pod %s/%s: %w", s.Metadata.Namespace, s.Metadata.Name, err)
			}
			report(fmt.Sprintf("stopped pod %s/%s, %d to go", s.Metadata.Namespace, s.Metadata.Name, left.Add(-1)))
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func newCRI(ctx context.Context, l layout.Layout) (internalapi.RuntimeService, error) {
	const patience = 2 * time.Minute // for one call
	return remote.NewRemoteRuntimeServiceBuilder().
		WithEndpoint("unix://" + l.ContainerdSocket()).WithConnectionTimeout(patience).Build(ctx)
}

func stopPod(ctx context.Context, cri internalapi.RuntimeService, sandbox string, report func(string)) error {
	status, err := cri.PodSandboxStatus(ctx, sandbox, false)
	if err != nil {
		return err
	}
	containers, err := cri.ListContainers(ctx, &runtimeapi.ContainerFilter{PodSandboxId: sandbox})
	if err != nil {
		return err
	}
	errs := make([]error, len(containers))
	var wg sync.WaitGroup
	for i, c := range containers {
		if c.State != runtimeapi.ContainerState_CONTAINER_RUNNING {
			continue
		}
		wg.Go(func() { errs[i] = stopContainer(ctx, cri, c, status.GetStatus().GetNetwork().GetIp(), report) })
	}
	wg.Wait()
	return errors.Join(errors.Join(errs...), cri.StopPodSandbox(ctx, sandbox), cri.RemovePodSandbox(ctx, sandbox))
}
