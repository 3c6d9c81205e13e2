package apply

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/plan"
)

// containersPatch is what a strategic merge patch says of a pod's containers.
func containersPatch(change *plan.PodChange) []map[string]any {
	all := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(change.Images)) {
		all = append(all, map[string]any{"name": name, "image": change.Images[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(change.Resources)) {
		all = append(all, map[string]any{"name": name, "resources": change.Resources[name]})
	}
	return all
}

// resize asks for other resources of a pod's containers, provided it is still that pod. What
// else has changed of it does not matter, and the mark that was just put on it has.
func (e *execution) resize(ctx context.Context, pod client.Object, change *plan.PodChange) error {
	data, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.GetUID()},
		"spec":     map[string]any{"containers": containersPatch(change)},
	})
	if err != nil {
		return err
	}
	if err := e.barred(e.set, pod); err != nil {
		return err
	}
	answer := pod.DeepCopyObject().(client.Object)
	err = e.Client.SubResource("resize").Patch(ctx, answer, client.RawPatch(types.StrategicMergePatchType, data))
	switch {
	case apierrors.IsNotFound(err) && isUnknown(err):
		e.result.NoResize = true
		return stale(pod, "it cannot be resized on this API server")
	case apierrors.IsNotFound(err):
		return stale(pod, "it is gone")
	case apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err):
		e.result.ResizeRefused = &plan.ResizeRefusal{UID: pod.GetUID(), Message: err.Error()}
		return stale(pod, "its resize is refused")
	case err != nil:
		return err
	}
	e.memory.Expectations.Wrote(kinds.Of(answer), answer.GetResourceVersion())
	return nil
}

// isUnknown reports whether it is the resource that an API server does not have, and not an
// object of it.
func isUnknown(err error) bool {
	status, ok := err.(apierrors.APIStatus)
	return ok && (status.Status().Details == nil || status.Status().Details.Name == "")
}
