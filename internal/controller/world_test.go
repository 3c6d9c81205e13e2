package controller

import (
	"context"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"ordinal.dev/ordinal/internal/controller/controllertest"
	"ordinal.dev/ordinal/internal/controller/kinds"
	"ordinal.dev/ordinal/internal/controller/queue"
	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/controller/snapshot"
)

var (
	web, orphan, claimOf = controllertest.Web, controllertest.Orphan, controllertest.ClaimOf
	webKey               = controllertest.Key
)

// world is a reconciler over an API server in memory. Its "cache" is that server
// itself, or what a test puts in its place.
type world struct {
	*controllertest.World
	r    *reconciler
	view *shown
	live *liveReader
}

// shown is a cache in the place of which a test may put another.
type shown struct{ cache }

// liveReader is an API server in the place of which a test may put another.
type liveReader struct{ client.Reader }

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	return newWorldWith(t, nil, objects...)
}

// newWorldWith is newWorld with metrics.
func newWorldWith(t *testing.T, metrics *report.Metrics, objects ...client.Object) *world {
	t.Helper()
	w := &world{World: controllertest.New(t, objects...)}
	w.view, w.live = &shown{w.current()}, &liveReader{w.API}
	w.r = newReconciler(w.view, Surroundings{Client: w.API, Live: w.live, Recorder: w, Clock: w.Clock}, 16, metrics)
	return w
}

// apiView is a cache that is always current, unless behind says which kind's is
// not.
type apiView struct {
	snapshot.View
	api    client.Reader
	behind kinds.Kind
}

// current is a cache that is.
func (w *world) current() *apiView { return &apiView{View: snapshot.FromAPI(w.API), api: w.API} }

// behind is a cache of which that of one kind is behind.
func (w *world) behind(k kinds.Kind) *apiView {
	v := w.current()
	v.behind = k
	return v
}

func (v *apiView) Version(k kinds.Kind) string {
	if k == v.behind {
		return "1"
	}
	return "999999999"
}

func (v *apiView) Object(k kinds.Kind, key types.NamespacedName) metav1.Object {
	if k != kinds.Pod || v.api == nil {
		return nil
	}
	pod := &corev1.Pod{}
	if v.api.Get(context.Background(), key, pod) != nil {
		return nil
	}
	return pod
}

// Considers implements cache. Nobody hears of changes here.
func (*apiView) Considers(types.NamespacedName, []map[string]string) {}

// Gone implements cache: nothing is left of sets that are gone.
func (v *apiView) Gone(context.Context, types.NamespacedName) (*appsv1.StatefulSet, error) {
	return nil, nil
}

// reconcile runs the reconciler once and returns the writes it made.
func (w *world) reconcile() ([]string, reconcile.Result, error) {
	w.T.Helper()
	w.Writes = nil
	result, err := w.r.Reconcile(w.T.Context(), reconcile.Request{NamespacedName: webKey})
	return slices.Clone(w.Writes), result, err
}

// settle reconciles, and makes created pods ready, until nothing is written any
// more.
func (w *world) settle() []string {
	w.T.Helper()
	var all []string
	for range 100 {
		writes, _, err := w.reconcile()
		if err != nil {
			w.T.Fatal(err)
		}
		all = append(all, writes...)
		if !w.becomeReady() && len(writes) == 0 {
			return all
		}
	}
	w.T.Fatalf("still writing after 100 rounds: %v", all[len(all)-10:])
	return nil
}

// becomeReady lets the nodes run what is not running yet.
func (w *world) becomeReady() bool {
	w.T.Helper()
	changed := false
	for _, pod := range w.Pods() {
		if pod.Status.Phase == "" {
			changed = true
			pod.Status.Phase = corev1.PodRunning
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			if err := w.API.Status().Update(w.T.Context(), &pod); err != nil {
				w.T.Fatal(err)
			}
		}
	}
	w.Writes = nil
	return changed
}

// counted has something happen to a set that only its status counts.
func (w *world) counted(set types.NamespacedName) time.Duration {
	w.T.Helper()
	in, ok := w.r.due(queue.StatusOnly, set)
	if !ok {
		w.T.Fatal("a change that the status counts is not planned for")
	}
	return in
}
