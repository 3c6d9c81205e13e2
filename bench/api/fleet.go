package main

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	informers "k8s.io/client-go/informers/apps/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

const (
	namespace = "bench"
	nodes     = 3
	// hands is how many requests are made at a time: enough that the sets arrive
	// faster than any controller works.
	hands = 16
)

// A fleet is the sets of one run, and who waits for them.
type fleet struct {
	client kubernetes.Interface

	mu      sync.Mutex
	pending map[string]bool // sets that are not there yet
	there   func(*appsv1.StatefulSet) bool
	done    chan struct{} // closed when none is pending
}

// newFleet makes the namespace and watches the sets in it.
func newFleet(ctx context.Context, config *rest.Config) (*fleet, error) {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	_, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	f := &fleet{client: client}
	sets := informers.NewStatefulSetInformer(client, namespace, 0, cache.Indexers{})
	handler, err := sets.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { f.saw(object.(*appsv1.StatefulSet)) },
		UpdateFunc: func(_, object any) { f.saw(object.(*appsv1.StatefulSet)) },
		DeleteFunc: func(object any) { f.lost(object) },
	})
	if err != nil {
		return nil, err
	}
	go sets.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), handler.HasSynced) {
		return nil, context.Cause(ctx)
	}
	return f, nil
}

// saw takes note of a set as it is now.
func (f *fleet) saw(set *appsv1.StatefulSet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.there != nil && f.there(set) {
		f.arrived(set.Name)
	}
}

// lost takes note of a set that is gone.
func (f *fleet) lost(object any) {
	key, err := cache.DeletionHandlingObjectToName(object)
	if err != nil {
		return // it is no API object, which cannot be
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.there == nil {
		f.arrived(key.Name)
	}
}

func (f *fleet) arrived(name string) {
	if f.pending[name] {
		delete(f.pending, name)
		if len(f.pending) == 0 {
			close(f.done)
		}
	}
}

// drive makes a request for each set, and waits until every set is there: as the
// predicate says or, without one, gone.
func (f *fleet) drive(ctx context.Context, names []string, request func(context.Context, string) error, there func(*appsv1.StatefulSet) bool) error {
	done := make(chan struct{})
	f.mu.Lock()
	f.pending, f.there, f.done = map[string]bool{}, there, done
	for _, name := range names {
		f.pending[name] = true
	}
	f.mu.Unlock()

	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(hands)
	for _, name := range names {
		group.Go(func() error { return request(asking, name) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		return fmt.Errorf("%d of %d sets did not get there: %w", len(f.pending), len(names), context.Cause(ctx))
	}
}

// warmUp takes one set through its life, which also tells that the controller
// is at work.
func (f *fleet) warmUp(ctx context.Context) error {
	for _, p := range phasesOf(f, scenario{replicas: 1, policy: appsv1.OrderedReadyPodManagement}) {
		if err := f.drive(ctx, []string{"warm-up"}, p.request, p.there); err != nil {
			return fmt.Errorf("warming up: %s: %w", p.name, err)
		}
	}
	return nil
}

func (f *fleet) create(s scenario) func(context.Context, string) error {
	return func(ctx context.Context, name string) error {
		labels := map[string]string{"app": name}
		_, err := f.client.AppsV1().StatefulSets(namespace).Create(ctx, &appsv1.StatefulSet{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: appsv1.StatefulSetSpec{
				Replicas:            ptr.To(int32(s.replicas)),
				PodManagementPolicy: s.policy,
				Selector:            &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec: corev1.PodSpec{Containers: []corev1.Container{{
						Name: "app", Image: "app:1",
						Env: []corev1.EnvVar{{Name: "MODE", Value: "cluster"}},
					}}},
				},
			},
		}, metav1.CreateOptions{})
		return err
	}
}

// patch returns the request that applies a merge patch.
func (f *fleet) patch(patch string) func(context.Context, string) error {
	return func(ctx context.Context, name string) error {
		_, err := f.client.AppsV1().StatefulSets(namespace).Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
}

func (f *fleet) remove(ctx context.Context, name string) error {
	return f.client.AppsV1().StatefulSets(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}
