package controllertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/identity"
)

// World is an API server in memory, and a recorder of events.
type World struct {
	T      *testing.T
	API    client.WithWatch
	Clock  *testingclock.FakeClock
	Refuse map[string]error // by "verb kind", what the API server answers

	mu     sync.Mutex
	Writes []string // "verb kind name", in the order they were made
	Events []string // "reason: note"
	About  []string // what each event is about
}

// New makes a world of these objects.
func New(t *testing.T, objects ...client.Object) *World {
	t.Helper()
	scheme, err := kinds.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	w := &World{T: t, Refuse: map[string]error{}, Clock: testingclock.NewFakeClock(time.Now().Truncate(time.Second))}
	w.API = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&appsv1.StatefulSet{}, &corev1.Pod{}, &v1alpha1.StatefulSetPolicy{}).
		WithObjects(objects...).WithInterceptorFuncs(w.interceptors()).Build()
	return w
}

// Key is the name of the set that [Web] makes.
var Key = types.NamespacedName{Namespace: "default", Name: "web"}

func (w *World) interceptors() interceptor.Funcs {
	note := func(verb string, o client.Object) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.Writes = append(w.Writes, fmt.Sprintf("%s %s %s", verb, kinds.Of(o), o.GetName()))
		return w.Refuse[fmt.Sprintf("%s %s", verb, kinds.Of(o))]
	}
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			verb := "create"
			if len((&client.CreateOptions{}).ApplyOptions(opts).DryRun) > 0 {
				verb = "try"
			}
			if err := note(verb, o); err != nil {
				return err
			}
			o.SetUID(types.UID("uid-" + o.GetName() + "-" + o.GetResourceVersion()))
			return c.Create(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := note("delete", o); err != nil {
				return err
			}
			options := (&client.DeleteOptions{}).ApplyOptions(opts)
			existing := o.DeepCopyObject().(client.Object)
			if err := c.Get(ctx, client.ObjectKeyFromObject(o), existing); err != nil {
				return err
			}
			if p := options.Preconditions; p != nil && p.UID != nil && *p.UID != existing.GetUID() { // the fake client does not look
				return apierrors.NewConflict(kinds.Of(o).Resource(), o.GetName(), errors.New("it has another UID"))
			}
			return c.Delete(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if err := note("patch", o); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourceCreate: func(ctx context.Context, c client.Client, sub string, o, of client.Object, opts ...client.SubResourceCreateOption) error {
			if err := note(sub, o); err != nil {
				return err
			}
			return c.SubResource(sub).Create(ctx, o, of, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := note(sub, o); err != nil {
				return err
			}
			return c.Patch(ctx, o, p) // the fake client knows no resize
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if err := note(sub, o); err != nil {
				return err
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}
}

// Eventf implements report.Recorder.
func (w *World) Eventf(regarding, related runtime.Object, _, reason, _, note string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	set := regarding.(*appsv1.StatefulSet)
	about := fmt.Sprintf("StatefulSet %s at version %q", set.Name, set.ResourceVersion)
	switch related := related.(type) {
	case *corev1.Pod:
		about += " and Pod " + related.Name
	case *corev1.PersistentVolumeClaim:
		about += " and Claim " + related.Name
	}
	w.Events, w.About = append(w.Events, reason+": "+fmt.Sprintf(note, args...)), append(w.About, about)
}

// Told returns the events of this reason.
func (w *World) Told(reason string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.Events {
		if strings.HasPrefix(e, reason+": ") {
			all = append(all, e)
		}
	}
	return all
}

// Pods are all pods.
func (w *World) Pods() []corev1.Pod {
	w.T.Helper()
	var list corev1.PodList
	if err := w.API.List(w.T.Context(), &list); err != nil {
		w.T.Fatal(err)
	}
	return list.Items
}

// PodNames are the names of all pods.
func (w *World) PodNames() []string {
	var names []string
	for _, pod := range w.Pods() {
		names = append(names, pod.Name)
	}
	slices.Sort(names)
	return names
}

// Pod is a pod as it is.
func (w *World) Pod(name string) *corev1.Pod {
	w.T.Helper()
	pod := &corev1.Pod{}
	if err := w.API.Get(w.T.Context(), types.NamespacedName{Namespace: "default", Name: name}, pod); err != nil {
		w.T.Fatal(err)
	}
	return pod
}

// Set is the set as it is.
func (w *World) Set() *appsv1.StatefulSet {
	w.T.Helper()
	set := &appsv1.StatefulSet{}
	if err := w.API.Get(w.T.Context(), Key, set); err != nil {
		w.T.Fatal(err)
	}
	return set
}

// Change edits the set's spec as a user does.
func (w *World) Change(edit func(*appsv1.StatefulSet)) {
	w.T.Helper()
	set := w.Set()
	edit(set)
	set.Generation++
	if err := w.API.Update(w.T.Context(), set); err != nil {
		w.T.Fatal(err)
	}
}

// Web is a set of n pods with a claim each.
func Web(n int32) *appsv1.StatefulSet {
	labels := map[string]string{"app": "web"}
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "uid-web", Generation: 1},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(n),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: maps.Clone(labels)},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:A"}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}},
		},
	}
}

// Orphan is a member's pod that nobody owns.
func Orphan(ordinal int) *corev1.Pod {
	set := Web(3)
	pod := identity.NewPod(set, &set.Spec.Template, "web-1", ordinal)
	pod.OwnerReferences = nil
	pod.UID = types.UID("uid-" + pod.Name)
	return pod
}

// ClaimOf is the claim of a member.
func ClaimOf(ordinal int) *corev1.PersistentVolumeClaim {
	set := Web(3)
	return identity.NewClaim(set, &set.Spec.VolumeClaimTemplates[0], ordinal)
}
