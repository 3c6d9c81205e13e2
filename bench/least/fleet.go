package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/workqueue"

	"ordinal.dev/ordinal/internal/identity"
)

const (
	workers = 16
	// room is how many sets may move at a time. See the decision about turns.
	room = 32
)

// A fleet is all sets, and whose turn it is.
type fleet struct {
	queue workqueue.TypedInterface[string]

	mu     sync.Mutex
	sets   map[string]*set
	moving map[string]bool
	line   []string // sets that wait until fewer move
}

func newFleet() *fleet {
	return &fleet{queue: workqueue.NewTyped[string](), sets: map[string]*set{}, moving: map[string]bool{}}
}

func (f *fleet) sawSet(event watch.Event) {
	object, ok := event.Object.(*appsv1.StatefulSet)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if event.Type == watch.Deleted {
		delete(f.sets, object.Name)
		return
	}
	object.ManagedFields = nil
	s := f.sets[object.Name]
	if s == nil {
		s = &set{pods: map[string]*pod{}}
		f.sets[object.Name] = s
	}
	s.StatefulSet = object
	if s.reported != object.Generation {
		f.queue.Add(object.Name)
	}
}

func (f *fleet) sawPod(event watch.Event) {
	object, ok := event.Object.(*corev1.Pod)
	if !ok {
		return
	}
	name, _, _ := identity.Parse(object.Name)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sets[name]
	if s == nil {
		return
	}
	if event.Type == watch.Deleted {
		delete(s.pods, object.Name)
		f.queue.Add(name)
		return
	}
	ready := slices.ContainsFunc(object.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
	// An event from before our delete must not make it be sent again.
	before := s.pods[object.Name]
	s.pods[object.Name] = &pod{identity.Revision(object), ready, object.DeletionTimestamp != nil || before != nil && before.deleting}
	if ready && (before == nil || !before.ready) {
		f.queue.Add(name)
	}
}

// work makes writes until the queue is shut down or one fails.
func (f *fleet) work(ctx context.Context, a *api) error {
	for {
		name, over := f.queue.Get()
		if over {
			return nil
		}
		if err := f.turn(ctx, a, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		f.queue.Done(name)
	}
}

// turn does for a set what may be done now, if it may move.
func (f *fleet) turn(ctx context.Context, a *api, name string) error {
	writes, err := f.begin(name)
	if err != nil {
		return err
	}
	for _, write := range writes {
		if err := write(ctx, a); err != nil {
			return err
		}
	}
	f.end(name)
	return nil
}

func (f *fleet) begin(name string) ([]write, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sets[name]
	if s == nil {
		return nil, nil
	}
	if !f.moving[name] && len(f.moving) >= room {
		f.line = append(f.line, name)
		return nil, nil
	}
	f.moving[name] = true
	return s.next()
}

// end lets the next set begin when this one has got there.
func (f *fleet) end(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sets[name]; s != nil && s.reported != s.Generation {
		return
	}
	delete(f.moving, name)
	if len(f.line) > 0 && len(f.moving) < room {
		f.queue.Add(f.line[0])
		f.line = f.line[1:]
	}
}
