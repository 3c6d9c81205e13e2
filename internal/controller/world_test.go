package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// world is a reconciler over an API server in memory. Its "cache" is that server
// itself, or, while lag is set, what the server held when lag was set.
type world struct {
	t      *testing.T
	api    client.WithWatch
	clock  *testingclock.FakeClock
	r      *reconciler
	refuse map[string]error // by "verb kind", what the API server answers

	mu     sync.Mutex
	writes []string // "verb kind name", in the order they were made
	events []string // "reason: note"
	about  []string // what each event is about
}

var webKey = types.NamespacedName{Namespace: "default", Name: "web"}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, refuse: map[string]error{}, clock: testingclock.NewFakeClock(time.Now().Truncate(time.Second))}
	w.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&appsv1.StatefulSet{}, &corev1.Pod{}).
		WithObjects(objects...).WithInterceptorFuncs(w.interceptors()).Build()
	w.r = &reconciler{
		view:     &apiView{liveView: liveView{w.api}},
		clock:    w.clock,
		executor: &executor{client: w.api, fresh: w.api, recorder: w, clock: w.clock, each: inParallel},
		recorder: w, newsLimit: newNewsLimit(), turns: newTurns(16),
	}
	return w
}

// apiView is a cache that is always current, unless behind says which kind's is
// not.
type apiView struct {
	liveView
	behind kind
}

func (v *apiView) version(k kind) string {
	if k == v.behind {
		return "1"
	}
	return "999999999"
}

func (v *apiView) object(k kind, key types.NamespacedName) metav1.Object {
	if k != kindPod {
		return nil
	}
	pod := &corev1.Pod{}
	if v.reader.Get(context.Background(), key, pod) != nil {
		return nil
	}
	return pod
}

func (w *world) interceptors() interceptor.Funcs {
	note := func(verb string, o client.Object) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.writes = append(w.writes, fmt.Sprintf("%s %s %s", verb, kindOf(o), o.GetName()))
		return w.refuse[fmt.Sprintf("%s %s", verb, kindOf(o))]
	}
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := note("create", o); err != nil {
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
				return stale(o, "it has another UID")
			}
			return c.Delete(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if err := note("patch", o); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if err := note(sub, o); err != nil {
				return err
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}
}

// Eventf implements recorder.
func (w *world) Eventf(regarding, related runtime.Object, _, reason, _, note string, args ...any) {
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
	w.events, w.about = append(w.events, reason+": "+fmt.Sprintf(note, args...)), append(w.about, about)
}

// reconcile runs the reconciler once and returns the writes it made.
func (w *world) reconcile() ([]string, reconcile.Result, error) {
	w.t.Helper()
	w.writes = nil
	result, err := w.r.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: webKey})
	return slices.Clone(w.writes), result, err
}

// settle reconciles, and makes created pods ready, until nothing is written any
// more.
func (w *world) settle() []string {
	w.t.Helper()
	var all []string
	for range 100 {
		writes, _, err := w.reconcile()
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, writes...)
		if !w.becomeReady() && len(writes) == 0 {
			return all
		}
	}
	w.t.Fatalf("still writing after 100 rounds: %v", all[len(all)-10:])
	return nil
}

// becomeReady lets the nodes run what is not running yet.
func (w *world) becomeReady() bool {
	w.t.Helper()
	changed := false
	for _, pod := range w.pods() {
		if pod.Status.Phase == "" {
			changed = true
			pod.Status.Phase = corev1.PodRunning
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			if err := w.r.executor.client.Status().Update(w.t.Context(), &pod); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.writes = nil
	return changed
}

func (w *world) pods() []corev1.Pod {
	w.t.Helper()
	var list corev1.PodList
	if err := w.api.List(w.t.Context(), &list); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

func (w *world) podNames() []string {
	var names []string
	for _, pod := range w.pods() {
		names = append(names, pod.Name)
	}
	slices.Sort(names)
	return names
}

func (w *world) set() *appsv1.StatefulSet {
	w.t.Helper()
	set := &appsv1.StatefulSet{}
	if err := w.api.Get(w.t.Context(), webKey, set); err != nil {
		w.t.Fatal(err)
	}
	return set
}

// change edits the set's spec as a user does.
func (w *world) change(edit func(*appsv1.StatefulSet)) {
	w.t.Helper()
	set := w.set()
	edit(set)
	set.Generation++
	if err := w.api.Update(w.t.Context(), set); err != nil {
		w.t.Fatal(err)
	}
}

// web is a set of n pods with a claim each.
func web(n int32) *appsv1.StatefulSet {
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
