package node

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// turns is the order in which a pod's containers stop, which is the kubelet's: sidecars
// (init containers with restartPolicy Always) after all main containers, in the reverse
// order of their start.
type turns struct {
	after map[string][]string // names of containers that end before the one with that name
	over  map[*runtimeapi.Container]chan struct{}
}

func newTurns(p *runningPod) turns {
	t := turns{after: map[string][]string{}, over: map[*runtimeapi.Container]chan struct{}{}}
	for _, c := range p.containers {
		t.over[c] = make(chan struct{})
	}
	if p.known == nil {
		return t
	}
	var before []string
	for _, c := range p.known.Spec.Containers {
		before = append(before, c.Name)
	}
	for _, c := range slices.Backward(p.known.Spec.InitContainers) {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			t.after[c.Name] = slices.Clone(before)
			before = append(before, c.Name)
		}
	}
	return t
}

// await returns when it is the container's turn, or when ctx ends.
func (t turns) await(ctx context.Context, c *runtimeapi.Container) {
	before := t.after[c.GetMetadata().GetName()]
	for other, over := range t.over {
		if !slices.Contains(before, other.GetMetadata().GetName()) {
			continue
		}
		select {
		case <-over:
		case <-ctx.Done():
			return
		}
	}
}

// ended is called once for each container.
func (t turns) ended(c *runtimeapi.Container) { close(t.over[c]) }
