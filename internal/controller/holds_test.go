package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// shortestHold is how long a namespace is held at first.
const shortestHold = 30 * time.Second

// otherWrites has the in-tree controller write the status of the set.
func (w *world) otherWrites() {
	w.T.Helper()
	is := web(3)
	is.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kube-controller-manager", Subresource: "status", Time: &metav1.Time{Time: w.Clock.Now()}}}
	w.r.guard.Observe(web(3), is)
}

func TestNothingIsWrittenWhileAnotherControllerActs(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](2) })
	w.otherWrites()
	for range 2 {
		if writes, result, err := w.reconcile(); err != nil || len(writes) > 0 || result.RequeueAfter != shortestHold {
			t.Errorf("while another controller acts, this one wrote %v, comes back in %v, and says %v", writes, result.RequeueAfter, err)
		}
	}
	w.Clock.Step(shortestHold)
	if writes := w.settle(); !slices.Contains(writes, "create pods web-1") {
		t.Errorf("when the other controller had been silent, this one wrote %v", writes)
	}
}

func TestASetThatIsGoneKeepsNoServiceWhileAnotherControllerActs(t *testing.T) {
	set := web(1)
	set.Spec.ServiceName = "peers"
	w := newWorld(t, set)
	w.settle()
	w.Clock.Step(time.Minute)
	w.settle() // the Service is made
	if err := w.API.Delete(t.Context(), w.Set()); err != nil {
		t.Fatal(err)
	}
	if err := w.API.Delete(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "peers"}}); err != nil {
		t.Fatal(err)
	}
	w.otherWrites()
	if writes, result, err := w.reconcile(); err != nil || len(writes) > 0 || result.RequeueAfter != shortestHold {
		t.Errorf("while another controller acts, this one wrote %v, comes back in %v, and says %v", writes, result.RequeueAfter, err)
	}
	w.Clock.Step(shortestHold)
	if writes, _, err := w.reconcile(); err != nil || !slices.Contains(writes, "create services peers") {
		t.Errorf("when the other controller had been silent, this one wrote %v (%v)", writes, err)
	}
}

// countingReader counts the sets that are read from the API server.
type countingReader struct {
	client.Reader
	sets int
}

func (r *countingReader) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if _, is := into.(*appsv1.StatefulSet); is {
		r.sets++
	}
	return r.Reader.Get(ctx, key, into, options...)
}

func TestAfterAHoldTheAPIServerIsAskedWhatTheOtherControllerDid(t *testing.T) {
	w := newWorld(t, web(1))
	w.settle()
	live := &countingReader{Reader: w.API}
	w.live.Reader = live
	for range 2 { // once after each hold, whether or not the set was looked at during it
		w.settle()
		if live.sets != 0 {
			t.Errorf("the set was read %d times without need", live.sets)
		}
		w.otherWrites()
		w.Clock.Step(time.Hour)
		w.settle()
		w.otherWrites()
		w.Clock.Step(shortestHold)
		w.settle()
		if live.sets != 1 {
			t.Errorf("after a hold the set was read %d times, want once", live.sets)
		}
		live.sets = 0
	}
}

// A set that the caches show as its user made it is trusted without asking: but not when
// another controller may have begun with it.
func TestASetThatWasMadeDuringAHoldIsAskedFor(t *testing.T) {
	for _, held := range []bool{false, true} {
		w := newWorld(t, web(1))
		live := &countingReader{Reader: listedAt{w.API, "1"}}
		w.live.Reader = live
		if held {
			w.otherWrites()
			w.Clock.Step(shortestHold)
		}
		if _, _, err := w.reconcile(); err != nil {
			t.Fatal(err)
		}
		if asked := live.sets > 0; asked != held {
			t.Errorf("after a hold: %t; the set was read: %t", held, asked)
		}
	}
}

func TestAHoldIsToldInLogEventsAndMetrics(t *testing.T) {
	const gauge = "ordinal_namespace_held{namespace=default}"
	metrics, err := report.NewMetrics()
	if err != nil {
		t.Fatal(err)
	}
	var logged []string
	w := newWorldWith(t, metrics, web(1))
	logger := funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{})
	w.r = newReconciler(w.view, Surroundings{Client: w.API, Live: w.live, Recorder: w, Clock: w.Clock, Logger: logger}, 16, metrics)
	defer metrics.Forget(webKey)
	said := func(what string) (n int) {
		for _, line := range logged {
			if strings.Contains(line, what) {
				n++
			}
		}
		return n
	}
	for range 3 {
		w.otherWrites()
		if _, _, err := w.reconcile(); err != nil {
			t.Fatal(err)
		}
	}
	const why = "kube-controller-manager also acts on StatefulSets in namespace default (it wrote the status of web)"
	if events := w.Told("SecondController"); len(events) != 1 || !strings.Contains(events[0], why) || w.About[0] != `StatefulSet web at version ""` {
		t.Errorf("the events are %q about %q", events, w.About)
	}
	if said(why) != 1 || len(logged) != 1 || gathered(t)[gauge] != 1 {
		t.Errorf("it logged %q, and the gauge is %v", logged, gathered(t)[gauge])
	}
	w.Clock.Step(shortestHold)
	w.settle()
	if _, is := gathered(t)[gauge]; is || said("again") != 1 || len(logged) != 2 {
		t.Errorf("when it was over it logged %q, and the gauge is there: %t", logged, is)
	}
}

// From what the API server sends to what is written: for who else acts as a controller,
// and for who does not.
func TestWhoElseActsIsSeenInTheManagedFields(t *testing.T) {
	written := func(by, subresource string, at time.Time) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: by, Subresource: subresource, Time: &metav1.Time{Time: at}, Operation: metav1.ManagedFieldsOperationUpdate}
	}
	pod := func(by string) client.Object {
		set := web(1)
		pod := identity.NewPod(set, &set.Spec.Template, "web-1", 0)
		pod.ManagedFields = []metav1.ManagedFieldsEntry{written(by, "", time.Time{}), written("kubelet", "status", time.Time{})}
		return pod
	}
	set := func(by, subresource string) client.Object {
		set := web(1)
		set.ManagedFields = []metav1.ManagedFieldsEntry{written("helm", "", time.Time{}), written(by, subresource, time.Now())}
		return set
	}
	for _, test := range []struct {
		name string
		is   client.Object
		held bool
	}{
		{"a status", set("kube-controller-manager", "status"), true},
		{"a status of ours", set(plan.FieldManager, "status"), false},
		{"a status by hand", set("kubectl-edit", "status"), false},
		{"the scale", set("kube-controller-manager", "scale"), false},
		{"the specification", set("argocd-controller", ""), false},
		{"a pod", pod("kube-controller-manager"), true},
		{"a pod of ours", pod(plan.FieldManager), false},
		{"a pod by hand", pod("kubectl-replace"), false},
	} {
		for _, relists := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, relists %t", test.name, relists), func(t *testing.T) {
				w := newWorld(t, web(1))
				e := w.engine()
				calls, err := e.hears(test.is, relists)
				if err != nil || len(calls) == 0 {
					t.Fatalf("%v, %v: no set is reconciled", calls, err)
				}
				result, err := e.Reconcile(t.Context(), webKey)
				if held := err == nil && result.RequeueAfter == shortestHold && len(w.Writes) == 0; held != test.held {
					t.Errorf("held: %t, want %t (%v, %v, %v)", held, test.held, result, err, w.Writes)
				}
			})
		}
	}
}

// What the first lists show may be of a controller that has ended.
func TestWhatTheFirstListsShowIsNoEvidence(t *testing.T) {
	set := web(1)
	set.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kube-controller-manager", Subresource: "status"}}
	w := newWorld(t, web(1))
	e := NewEngine(Surroundings{Client: w.API, Live: w.API, Recorder: w, Clock: w.Clock})
	if _, err := e.Replace(&appsv1.StatefulSet{}, []client.Object{set}, "1"); err != nil {
		t.Fatal(err)
	}
	if answer := e.reconciler.guard.MayAct("default"); answer.Why != "" {
		t.Errorf("held: %s", answer.Why)
	}
}

type hearing struct{ *Engine }

// engine knows the set, and no pods.
func (w *world) engine() hearing {
	w.T.Helper()
	e := NewEngine(Surroundings{Client: w.API, Live: w.API, Recorder: w, Clock: w.Clock})
	_, err := e.Replace(&appsv1.StatefulSet{}, []client.Object{web(1)}, "1")
	if err == nil {
		_, err = e.Replace(&corev1.Pod{}, nil, "1")
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return hearing{e}
}

// hears has the engine hear of an object, by its watch or by the list that follows on a
// watch that broke.
func (e hearing) hears(is client.Object, relists bool) ([]Call, error) {
	if relists {
		return e.Replace(is, []client.Object{is}, "2")
	}
	return e.Observe(is, false)
}
