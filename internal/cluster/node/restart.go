package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"ordinal.dev/ordinal/internal/cluster/layout"
)

// MarkStopped takes back what the API still says of pods that stopped with the
// node: that they are Ready. Their Services would send them traffic, and people
// would believe it, until the kubelet has started them again. Pods that went on
// without us are left alone.
func MarkStopped(ctx context.Context, l layout.Layout, api kubernetes.Interface) error {
	// Each write may wait for a webhook that runs in one of these pods.
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	running, err := runningPods(ctx, l)
	if err != nil {
		return fmt.Errorf("asking containerd for its pods: %w", err)
	}
	pods, err := api.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + Name})
	if err != nil {
		return err
	}
	var failed []error
	for i := range pods.Items {
		pod := &pods.Items[i]
		if running.Has(pod.UID) || !unready(pod, metav1.Now()) {
			continue
		}
		_, err := api.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			failed = append(failed, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err))
		}
	}
	return errors.Join(failed...)
}

func runningPods(ctx context.Context, l layout.Layout) (sets.Set[types.UID], error) {
	cri, err := newCRI(ctx, l)
	if err != nil {
		return nil, err
	}
	ready := &runtimeapi.PodSandboxStateValue{State: runtimeapi.PodSandboxState_SANDBOX_READY}
	sandboxes, err := cri.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{State: ready})
	if err != nil {
		return nil, err
	}
	uids := sets.New[types.UID]()
	for _, s := range sandboxes {
		uids.Insert(types.UID(s.GetMetadata().GetUid()))
	}
	return uids, nil
}

// unready makes the pod's conditions say that it is not ready, and reports
// whether they said otherwise.
func unready(pod *corev1.Pod, now metav1.Time) (changed bool) {
	for i := range pod.Status.Conditions {
		c := &pod.Status.Conditions[i]
		if c.Type != corev1.PodReady && c.Type != corev1.ContainersReady || c.Status != corev1.ConditionTrue {
			continue
		}
		c.Status, c.LastTransitionTime = corev1.ConditionFalse, now
		c.Reason, c.Message = "NodeRestarted", "the pod stopped with its node and has not been started again yet"
		changed = true
	}
	return changed
}
