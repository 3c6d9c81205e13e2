package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

// The kubelet leaves a pod's grace period on its containers for whoever must
// stop them without the API.
const graceAnnotation = "io.kubernetes.pod.terminationGracePeriod"

// defaultGrace is the API's own default for pods that do not say.
const defaultGrace = 30 * time.Second

// stopPods stops every container with its pod's grace period, all at once, and
// removes the sandboxes. The API still holds the pods, so the next start runs
// them again under the same names.
func stopPods(ctx context.Context, l layout.Layout, report func(string)) error {
	cri, err := remote.NewRemoteRuntimeService(ctx, "unix://"+l.ContainerdSocket(), 2*time.Minute, nil, false)
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
			if err := stopPod(ctx, cri, s.Id); err != nil {
				errs[i] = fmt.Errorf("pod %s/%s: %w", s.Metadata.Namespace, s.Metadata.Name, err)
			}
			report(fmt.Sprintf("stopped pod %s/%s, %d to go", s.Metadata.Namespace, s.Metadata.Name, left.Add(-1)))
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func stopPod(ctx context.Context, cri internalapi.RuntimeService, sandbox string) error {
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
		wg.Go(func() { errs[i] = cri.StopContainer(ctx, c.Id, int64(grace(c).Seconds())) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := cri.StopPodSandbox(ctx, sandbox); err != nil {
		return err
	}
	return cri.RemovePodSandbox(ctx, sandbox)
}

func grace(c *runtimeapi.Container) time.Duration {
	if s, err := strconv.ParseInt(c.Annotations[graceAnnotation], 10, 64); err == nil {
		return time.Duration(s) * time.Second
	}
	return defaultGrace
}
