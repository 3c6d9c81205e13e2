package volumes

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	eventclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

// The reasons of events, which tools that wait for a growth know from external-resizer,
// and one more for who has been granted what the disk does not have.
const (
	growing     = "Resizing"
	growthDone  = "VolumeResizeSuccessful"
	growthFails = "VolumeResizeFailed"
	overcommits = "DiskSmallerThanClaim"
)

// grower enlarges the volumes of claims that ask for more than they have.
type grower struct {
	client  kubernetes.Interface
	backend Backend
	queue   workqueue.TypedRateLimitingInterface[cache.ObjectName] // of claims
	events  record.EventRecorder
	log     logr.Logger
}

// newGrower looks at what claims notices, and has to come before that runs.
func newGrower(client kubernetes.Interface, backend Backend, claims cache.SharedIndexInformer, log logr.Logger) (*grower, error) {
	g := &grower{
		client: client, backend: backend, log: log,
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](firstRetry, lastRetry)),
	}
	_, err := claims.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    g.notice,
		UpdateFunc: func(_, claim any) { g.notice(claim) },
	})
	return g, err
}

func (g *grower) notice(obj any) {
	if claim, is := obj.(*corev1.PersistentVolumeClaim); is {
		if _, is := due(claim); is {
			g.queue.Add(cache.MetaObjectToName(claim))
		}
	}
}

// run enlarges until ctx ends.
func (g *grower) run(ctx context.Context) {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&eventclient.EventSinkImpl{Interface: g.client.CoreV1().Events("")})
	g.events = broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: ProvisionerName})

	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for g.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	g.queue.ShutDown()
	working.Wait()
}

func (g *grower) next(ctx context.Context) bool {
	name, end := g.queue.Get()
	if end {
		return false
	}
	defer g.queue.Done(name)
	switch err := g.look(ctx, name); {
	case err == nil:
		g.queue.Forget(name)
	case apierrors.IsConflict(err): // somebody else wrote in between
		g.queue.AddRateLimited(name)
	case ctx.Err() == nil:
		g.log.Error(err, "a claim has not grown yet, and is tried again", "claim", name)
		g.queue.AddRateLimited(name)
	}
	return true
}

// look lets a claim grow if it is to. It asks the API, not a cache, which may not have
// seen yet what was written last.
func (g *grower) look(ctx context.Context, name cache.ObjectName) error {
	claim, err := g.client.CoreV1().PersistentVolumeClaims(name.Namespace).Get(ctx, name.Name, metav1.GetOptions{})
	if err != nil {
		return unlessGone(err)
	}
	size, is := due(claim)
	if !is {
		return nil
	}
	volume, err := g.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return unlessGone(err)
	}
	switch {
	case made(volume, claim):
		return g.grow(ctx, claim, volume, size)
	case handMade(volume, claim):
		g.events.Eventf(claim, corev1.EventTypeWarning, growthFails, "volume %s was made by hand, and only its maker knows whether it can be larger: "+
			"if so, raise its spec.capacity.storage to %s, and the claim follows about a minute later if a pod mounts it", volume.Name, size.String())
	}
	return nil
}

// unlessGone is err, unless it says that there is no such object.
func unlessGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (g *grower) grow(ctx context.Context, claim *corev1.PersistentVolumeClaim, volume *corev1.PersistentVolume, size resource.Quantity) error {
	if noted := began(claim, size); noted != claim {
		var err error
		if claim, err = g.write(ctx, noted); err != nil {
			return fmt.Errorf("noting that it grows: %w", err)
		}
		g.events.Eventf(claim, corev1.EventTypeNormal, growing, "External resizer is resizing volume %s", volume.Name)
	}
	after := enlarged(volume, size)
	note, err := g.backend.Grow(ctx, volumeOf(claim, size), volume.Spec.PersistentVolumeSource, bytes(after)-bytes(volume))
	if err != nil {
		return g.refuse(ctx, claim, err)
	}
	if after != volume {
		if _, err := g.client.CoreV1().PersistentVolumes().Update(ctx, after, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("noting the size of volume %s: %w", volume.Name, err)
		}
	}
	if claim, err = g.write(ctx, grew(claim, size)); err != nil {
		return fmt.Errorf("noting that it has grown: %w", err)
	}
	if note != "" {
		g.events.Event(claim, corev1.EventTypeWarning, overcommits, note)
	}
	g.events.Event(claim, corev1.EventTypeNormal, growthDone, "Resize volume succeeded")
	return nil
}

// refuse tells the owner of claim why it does not grow; it is tried again.
func (g *grower) refuse(ctx context.Context, claim *corev1.PersistentVolumeClaim, why error) error {
	g.events.Event(claim, corev1.EventTypeWarning, growthFails, why.Error())
	if noted := refused(claim, why.Error()); noted != claim {
		if _, err := g.write(ctx, noted); err != nil {
			return fmt.Errorf("noting that it cannot grow (%w): %w", why, err)
		}
	}
	return why
}

func (g *grower) write(ctx context.Context, claim *corev1.PersistentVolumeClaim) (*corev1.PersistentVolumeClaim, error) {
	return g.client.CoreV1().PersistentVolumeClaims(claim.Namespace).UpdateStatus(ctx, claim, metav1.UpdateOptions{})
}
