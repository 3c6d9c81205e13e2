package simnode

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// The kubelet's own figures: a lease is good for 40 s and renewed in a
// quarter of that.
const (
	leaseDuration = 40 * time.Second
	renewInterval = leaseDuration / 4
)

// inFlight bounds the requests of one round over the nodes.
const inFlight = 8

// registry keeps the nodes in the API, Ready, and their leases fresh.
type registry struct {
	client kubernetes.Interface
	log    logr.Logger
	nodes  []node
}

// heartbeats renews the leases until ctx ends. A round that fails is logged
// and made up for by the next one, as the lease outlives three of them.
func (r *registry) heartbeats(ctx context.Context) error {
	ticker := time.NewTicker(renewInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := r.sync(ctx); err != nil && ctx.Err() == nil {
				r.log.Error(err, "Heartbeat of simulated nodes failed")
			}
		}
	}
}

// sync makes the nodes in the API those that are simulated: it registers the
// missing, revives those not Ready, deletes those of an earlier, larger
// number, and renews every lease.
func (r *registry) sync(ctx context.Context) error {
	list, err := r.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	present := map[string]*corev1.Node{}
	for i, n := range list.Items {
		if n.Annotations[SimulatedAnnotation] == "true" {
			present[n.Name] = &list.Items[i]
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for _, n := range r.nodes {
		found := present[n.name]
		delete(present, n.name)
		group.Go(func() error { return r.keep(ctx, n, found) })
	}
	for name := range present {
		group.Go(func() error {
			err := r.client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("delete node %s, which is no longer simulated: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// keep makes one node present and Ready with a fresh lease.
func (r *registry) keep(ctx context.Context, n node, found *corev1.Node) error {
	// The lease comes first: a Ready node without one looks dead to the
	// node lifecycle controller.
	if err := r.renew(ctx, n); err != nil {
		return err
	}
	var err error
	want := object(n)
	switch {
	case found == nil:
		found, err = r.client.CoreV1().Nodes().Create(ctx, want, metav1.CreateOptions{})
	case !healthy(found, want):
		found = found.DeepCopy()
		found.Status = want.Status
		found, err = r.client.CoreV1().Nodes().UpdateStatus(ctx, found, metav1.UpdateOptions{})
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return nil // the list was behind; the next round sees more
	}
	if err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	return r.untaint(ctx, found)
}

// untaint removes the not-ready taint, with which the API server creates
// every node, and the unreachable one. The node lifecycle controller would
// too, but need not be running where only scheduling is of interest.
func (r *registry) untaint(ctx context.Context, n *corev1.Node) error {
	taints := slices.DeleteFunc(slices.Clone(n.Spec.Taints), func(t corev1.Taint) bool {
		return t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable
	})
	if len(taints) == len(n.Spec.Taints) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": n.ResourceVersion},
		"spec":     map[string]any{"taints": taints},
	})
	if err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	_, err = r.client.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("remove not-ready taint of node %s: %w", n.Name, err)
	}
	return nil
}

// renew renews the node's lease, blindly, so that it takes one request.
func (r *registry) renew(ctx context.Context, n node) error {
	leases := r.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	spec := coordinationv1.LeaseSpec{
		HolderIdentity:       &n.name,
		LeaseDurationSeconds: ptr.To(int32(leaseDuration.Seconds())),
		RenewTime:            &metav1.MicroTime{Time: time.Now()},
	}
	patch, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return fmt.Errorf("lease of node %s: %w", n.name, err)
	}
	_, err = leases.Patch(ctx, n.name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: n.name}, Spec: spec}, metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("renew lease of node %s: %w", n.name, err)
	}
	return nil
}

// noContainers is shown to who asks for logs or exec: as the node has no
// address to dial, the API server refuses at once and lists those it has.
const noContainers = "its pods run no containers, so there are no logs and no exec"

// allocatable is what the node has for pods.
func (n node) allocatable() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             *resource.NewQuantity(n.capacity(), resource.DecimalSI),
	}
}

// object is the node as it is registered.
func object(n node) *corev1.Node {
	now := *timestamp(time.Now())
	condition := func(t corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{
			Type: t, Status: status, Reason: reason, Message: message,
			LastHeartbeatTime: now, LastTransitionTime: now,
		}
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        n.name,
			Annotations: map[string]string{SimulatedAnnotation: "true"},
			Labels: map[string]string{
				corev1.LabelHostname:   n.name,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: runtime.GOARCH,
			},
		},
		Status: corev1.NodeStatus{
			Capacity:    n.allocatable(),
			Allocatable: n.allocatable(),
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeHostName, Address: n.name},
				{Type: "Simulated", Address: noContainers},
			},
			Conditions: []corev1.NodeCondition{
				condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "simulated"),
				condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "simulated"),
				condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "simulated"),
				condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "simulated node: its pods run no containers"),
			},
			NodeInfo: corev1.NodeSystemInfo{
				OperatingSystem: "linux", Architecture: runtime.GOARCH,
				KubeletVersion: "simulated", ContainerRuntimeVersion: "simulated://", OSImage: "simulated", KernelVersion: "simulated",
			},
		},
	}
}

// healthy tells whether found is Ready and says of itself what want does.
func healthy(found, want *corev1.Node) bool {
	ready := slices.ContainsFunc(found.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	return ready &&
		equality.Semantic.DeepEqual(found.Status.Capacity, want.Status.Capacity) &&
		equality.Semantic.DeepEqual(found.Status.Addresses, want.Status.Addresses)
}
