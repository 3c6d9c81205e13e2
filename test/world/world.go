package world

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// patience is how long a test waits for what must happen. It happens in well
// under a second on an idle machine; the rest is for a busy one.
// Where a tenth of the requests goes wrong, what is refused may be told of as a request
// that was lost at first, and the tries after that are half a minute apart.
const patience = 2 * time.Minute

// A World is one test's namespace, watched. What the test waits for is
// checked again whenever something in the namespace changes, never on a timer;
// what happened to its pods is kept in order.
type World struct {
	*testing.T
	Ctx       context.Context
	Client    kubernetes.Interface
	Namespace string

	// StopWatching is for before the API server goes away. What was seen until
	// then can still be read.
	StopWatching func()

	informers informers.SharedInformerFactory

	mu       sync.Mutex
	changed  chan struct{} // closed at the next change
	history  []string      // what happened to pods, oldest first
	recalled int           // how much of history the test has accounted for
}

// New gives a test a namespace of its own. The namespace stays: it goes with
// the cluster.
func New(t *testing.T, client kubernetes.Interface) *World {
	t.Helper()
	ns, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return In(t, client, ns.Name)
}

// In watches a namespace that is there already. What is in it counts as just
// created.
func In(t *testing.T, client kubernetes.Interface, namespace string) *World {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	w := &World{T: t, Ctx: ctx, Client: client, Namespace: namespace, StopWatching: cancel, changed: make(chan struct{})}
	w.watch()
	return w
}

// watch follows every kind that a test may ask about.
func (w *World) watch() {
	w.informers = informers.NewSharedInformerFactoryWithOptions(w.Client, 0, informers.WithNamespace(w.Namespace))
	note := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { w.note() },
		UpdateFunc: func(any, any) { w.note() },
		DeleteFunc: func(any) { w.note() },
	}
	core, apps := w.informers.Core().V1(), w.informers.Apps().V1()
	for _, informer := range []cache.SharedIndexInformer{
		apps.StatefulSets().Informer(), apps.ControllerRevisions().Informer(),
		core.PersistentVolumeClaims().Informer(), core.Services().Informer(), core.Events().Informer(),
		w.informers.Discovery().V1().EndpointSlices().Informer(),
	} {
		_, err := informer.AddEventHandler(note)
		w.Must(err)
	}
	_, err := core.Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { w.note(story(nil, obj.(*corev1.Pod))...) },
		UpdateFunc: func(old, obj any) { w.note(story(old.(*corev1.Pod), obj.(*corev1.Pod))...) },
		DeleteFunc: func(obj any) { w.note(podName(obj) + " gone") },
	})
	w.Must(err)
	w.informers.Start(w.Ctx.Done())
	w.informers.WaitForCacheSync(w.Ctx.Done())
}

func podName(obj any) string {
	if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = unknown.Obj
	}
	return obj.(*corev1.Pod).Name
}

// story is what a reader would tell of a pod that changed from old to pod.
func story(old, pod *corev1.Pod) []string {
	var lines []string
	tell := func(what string) { lines = append(lines, pod.Name+" "+what) }
	if old == nil {
		tell("created")
		old = &corev1.Pod{}
	}
	stopping := pod.DeletionTimestamp != nil
	switch {
	case stopping && old.DeletionTimestamp == nil:
		tell("stopping")
	case stopping:
	case pod.Status.Phase == corev1.PodFailed && old.Status.Phase != corev1.PodFailed:
		tell("failed")
	case IsReady(pod) && !IsReady(old):
		tell("ready")
	case !IsReady(pod) && IsReady(old):
		tell("unready")
	}
	return lines
}

// note records what happened and wakes whoever waits.
func (w *World) note(lines ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, lines...)
	close(w.changed)
	w.changed = make(chan struct{})
}

// lastOf is what happened to a pod last, of what is in the history.
func (w *World) lastOf(pod string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range slices.Backward(w.history) {
		if what, found := strings.CutPrefix(line, pod+" "); found {
			return what
		}
	}
	return ""
}

// Eventually waits until check has nothing left to object to.
func (w *World) Eventually(check func() error) {
	w.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		err := check()
		if err == nil {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			w.Fatalf("not within %s: %v\n%s", patience, err, w.Picture())
		}
	}
}

// Happens expects the next things that happen to pods to be exactly these
// lines, in this order.
func (w *World) Happens(lines ...string) {
	w.Helper()
	w.Eventually(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		got := w.history[w.recalled:]
		if n := min(len(got), len(lines)); !slices.Equal(got[:n], lines[:n]) {
			w.Fatalf("happened:\n\t%s\nexpected:\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
		}
		if len(got) < len(lines) {
			return fmt.Errorf("only this happened:\n\t%s\nexpected:\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
		}
		w.recalled += len(lines)
		return nil
	})
}

// NothingElseHappened is for the end of a test: what was waited for has come
// true, and nothing more than was expected befell the pods on the way.
func (w *World) NothingElseHappened() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if rest := w.history[w.recalled:]; len(rest) > 0 {
		w.Fatalf("this happened too:\n\t%s", strings.Join(rest, "\n\t"))
	}
}

// Forget accounts for everything so far, where the order does not matter.
func (w *World) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recalled = len(w.history)
}

// Must ends the test at an error that is not what it is about.
func (w *World) Must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}
