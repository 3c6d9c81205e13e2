package simnode

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
)

// workers is how many pods are served at once; each waits on the API server
// for most of its time.
const workers = 16

// pods reports the statuses of the pods bound to the nodes and ends those
// that were deleted.
type pods struct {
	client    kubernetes.Interface
	log       logr.Logger
	nodes     map[string]node
	sandboxes *sandboxes
	watch     watch
	queue     workqueue.TypedRateLimitingInterface[cache.ObjectName]
}

func newPods(client kubernetes.Interface, log logr.Logger, nodes []node) *pods {
	p := &pods{
		client: client, log: log,
		nodes:     map[string]node{},
		sandboxes: newSandboxes(),
		watch:     newWatch(client),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](50*time.Millisecond, 10*time.Second)),
	}
	for _, n := range nodes {
		p.nodes[n.name] = n
	}
	return p
}

// run serves pods until ctx ends; it calls serving once it knows them all.
func (p *pods) run(ctx context.Context, serving func()) error {
	defer p.queue.ShutDown()
	p.watch.onPod(p.podChanged, p.podGone)
	p.watch.onClaim(func(pods []*corev1.Pod) {
		for _, pod := range pods {
			p.podChanged(pod)
		}
	})
	group, ctx := errgroup.WithContext(ctx)
	p.watch.start(ctx, group)
	if !p.watch.synced(ctx) {
		return group.Wait()
	}
	// Before any pod is served, the addresses in use must all be known.
	for _, pod := range p.watch.pods() {
		p.sandboxes.adopt(pod)
	}
	serving()
	for range workers {
		group.Go(func() error {
			for p.next(ctx) {
			}
			return nil
		})
	}
	<-ctx.Done()
	p.queue.ShutDown()
	return group.Wait()
}

func (p *pods) podChanged(pod *corev1.Pod) {
	if _, ours := p.nodes[pod.Spec.NodeName]; ours {
		p.queue.Add(cache.MetaObjectToName(pod))
	}
}

func (p *pods) podGone(pod *corev1.Pod) { p.sandboxes.remove(pod) }

// next serves one pod from the queue; it returns false when that is closed.
func (p *pods) next(ctx context.Context) bool {
	key, closed := p.queue.Get()
	if closed {
		return false
	}
	defer p.queue.Done(key)
	again, err := p.serve(ctx, key)
	switch {
	case err != nil && ctx.Err() == nil:
		if !apierrors.IsConflict(err) {
			p.log.Error(err, "Simulated pod could not be served; it is tried again", "pod", key.String())
		}
		p.queue.AddRateLimited(key)
	case again > 0:
		p.queue.Forget(key)
		p.queue.AddAfter(key, again)
	default:
		p.queue.Forget(key)
	}
	return true
}

// serve does for one pod what is to be done now, and returns after how long
// to come back (zero: when it changes).
func (p *pods) serve(ctx context.Context, key cache.ObjectName) (time.Duration, error) {
	pod := p.watch.pod(key)
	if pod == nil {
		return 0, nil
	}
	n, ours := p.nodes[pod.Spec.NodeName]
	if !ours {
		return 0, nil
	}
	s, invalid := scriptOf(pod)
	now := time.Now()
	if pod.DeletionTimestamp != nil {
		return p.terminate(ctx, pod, s, now)
	}
	o := observation{now: now, hostIP: n.hostIP, allocatable: n.allocatable()}
	o.others = func() corev1.ResourceList { return p.watch.allocatedBeside(pod) }
	if invalid != nil {
		o.blocked = invalid.Error()
	}
	if pod.Status.PodIP != "" || p.watch.claimsBound(pod) {
		box, err := p.sandboxes.start(pod, n, now)
		if err != nil {
			return 0, err
		}
		o.podIP, o.started = box.ip.String(), box.started
	}
	status, again := report(pod, s, o)
	if ended(status.Phase) {
		p.sandboxes.remove(pod)
	}
	if equality.Semantic.DeepEqual(status, pod.Status) {
		return again, nil
	}
	pod = pod.DeepCopy()
	pod.Status = status
	_, err := p.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("update status: %w", err)
	}
	return again, nil
}

// removal is how long the API server may take to remove a pod without grace left.
const removal = 2 * time.Second

// terminate removes a deleted pod when its time has come: after the delay it
// asks for, but within its grace period, at whose end a kubelet kills.
func (p *pods) terminate(ctx context.Context, pod *corev1.Pod, s script, now time.Time) (time.Duration, error) {
	grace := time.Duration(ptr.Deref(pod.DeletionGracePeriodSeconds, 0)) * time.Second
	if s.terminateNever || grace == 0 && len(pod.Finalizers) > 0 {
		return 0, nil // stuck as asked, or waiting for its finalizers only
	}
	asked := pod.DeletionTimestamp.Add(-grace)
	if left := min(s.terminateAfter, grace) - now.Sub(asked); s.terminateAfter > 0 && left > 0 {
		return left, nil
	}
	// Asked to remove a pod, the API server takes its grace first, which is a change
	// like any other. To ask again at once would be in vain, and half of all deletes.
	if left := removal - now.Sub(asked); grace == 0 && left > 0 {
		return left, nil
	}
	err := p.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: ptr.To(int64(0)),
		Preconditions:      metav1.NewUIDPreconditions(string(pod.UID)),
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return 0, fmt.Errorf("delete: %w", err)
	}
	return 0, nil
}
