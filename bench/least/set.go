package main

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
)

// A set is what is known of one.
type set struct {
	*appsv1.StatefulSet
	image    string                     // of the template that the revision records
	revision *appsv1.ControllerRevision // made last
	pods     map[string]*pod
	ordinals int   // how many it had at most
	reported int64 // the generation whose status was written
}

// A pod is what is known of one, or one that was asked for.
type pod struct {
	revision        string
	ready, deleting bool
}

// A write is one request.
type write func(context.Context, *api) error

// next returns the writes that may be made now, in their order, and counts on them.
func (s *set) next() (writes []write, err error) {
	if s.reported == s.Generation {
		return nil, nil
	}
	if image := s.Spec.Template.Spec.Containers[0].Image; image != s.image {
		made, err := revision.New(s.StatefulSet, s.Generation, 0)
		if err != nil {
			return nil, err
		}
		s.image, s.revision = image, made
		writes = append(writes, func(ctx context.Context, a *api) error { return a.createRevision(ctx, made) })
	}
	pods, done := s.nextPods()
	writes = append(writes, pods...)
	if done {
		s.reported = s.Generation
		complete := s.complete()
		writes = append(writes, func(ctx context.Context, a *api) error { return a.updateStatus(ctx, complete) })
	}
	return writes, nil
}

// nextPods fills up, replaces, then removes: one pod after the other, or all at once
// where the set is Parallel and nothing is replaced.
func (s *set) nextPods() (writes []write, done bool) {
	replicas, oneByOne := int(*s.Spec.Replicas), s.Spec.PodManagementPolicy == appsv1.OrderedReadyPodManagement
	s.ordinals = max(s.ordinals, replicas)
	done = true
	for ordinal := range replicas {
		name := identity.PodName(s.Name, ordinal)
		p := s.pods[name]
		if p == nil {
			s.pods[name] = &pod{}
			made := identity.NewPod(s.StatefulSet, &s.Spec.Template, s.revision.Name, ordinal)
			writes = append(writes, func(ctx context.Context, a *api) error { return a.createPod(ctx, made) })
		}
		if done = done && p != nil && p.ready && !p.deleting; !done && oneByOne {
			return writes, false
		}
	}
	if !done {
		return writes, false
	}
	for ordinal := s.ordinals - 1; ordinal >= 0; ordinal-- {
		name := identity.PodName(s.Name, ordinal)
		surplus := ordinal >= replicas
		p := s.pods[name]
		if p == nil || !surplus && p.revision == s.revision.Name {
			continue
		}
		done = false
		if !p.deleting {
			p.deleting = true
			writes = append(writes, func(ctx context.Context, a *api) error { return a.deletePod(ctx, name) })
		}
		if oneByOne || !surplus {
			break
		}
	}
	return writes, done
}

// complete is the set with the status of one that has got there.
func (s *set) complete() *appsv1.StatefulSet {
	set, n := *s.StatefulSet, *s.Spec.Replicas
	condition := func(kind appsv1.StatefulSetConditionType, reason string) appsv1.StatefulSetCondition {
		return appsv1.StatefulSetCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: "all replicas are there", LastTransitionTime: set.CreationTimestamp}
	}
	set.Status = appsv1.StatefulSetStatus{
		ObservedGeneration: s.Generation, Replicas: n, ReadyReplicas: n, AvailableReplicas: n, CurrentReplicas: n, UpdatedReplicas: n,
		CurrentRevision: s.revision.Name, UpdateRevision: s.revision.Name, CollisionCount: new(int32),
		Conditions: []appsv1.StatefulSetCondition{condition("Available", "MinimumReplicasAvailable"), condition("Progressing", "Complete")},
	}
	return &set
}
