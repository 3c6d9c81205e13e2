package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// answers is the application in all pods of a test: a server on this machine's loopback, whose
// address those pods have that wait for it.
type answers struct {
	port string

	mu    sync.Mutex
	calls []string
	later map[string]bool // what is not done yet
}

// gate keeps a pod from being scheduled until it has the server's address: a simulated node
// gives it another otherwise.
const gate = "ordinal.dev/address"

// answers starts the application.
func (w *scene) answers() *answers {
	w.Helper()
	a := &answers{later: map[string]bool{}}
	server := httptest.NewServer(a)
	w.Cleanup(server.Close)
	a.port = server.URL[strings.LastIndex(server.URL, ":")+1:]
	go w.giveAddresses(w.Ctx)
	return a
}

// reachable makes pods wait for the address.
func (a *answers) reachable(s *appsv1.StatefulSet) {
	s.Spec.Template.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: gate}}
	s.Spec.ServiceName = "" // no endpoint may be at a loopback address
}

// rules is a policy with the application's port in place of PORT.
func (a *answers) rules(spec string) string { return strings.ReplaceAll(spec, "PORT", a.port) }

// ServeHTTP says whether what it is asked for is done.
func (a *answers) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := r.Method + " " + r.URL.RequestURI()
	a.calls = append(a.calls, call)
	if a.later[call] {
		out.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(out, "in a moment")
	}
}

// notYet has a call be answered so from now on, and now that it is done.
func (a *answers) notYet(call string) { a.set(call, true) }
func (a *answers) now(call string)    { a.set(call, false) }

func (a *answers) set(call string, later bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.later[call] = later
}

// heard are all calls, in order.
func (a *answers) heard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

func (a *answers) count(call string) int {
	n := 0
	for _, heard := range a.heard() {
		if heard == call {
			n++
		}
	}
	return n
}

// asked objects until a call has come so often.
func (a *answers) asked(call string, n int) func() error {
	return func() error {
		if a.count(call) < n {
			return fmt.Errorf("%q is to be asked %d times; asked was %v", call, n, a.heard())
		}
		return nil
	}
}

// giveAddresses gives the pods that wait for it the loopback address, and lets them go on.
func (w *scene) giveAddresses(ctx context.Context) {
	pods := w.Client.CoreV1().Pods(w.Namespace)
	for ctx.Err() == nil {
		events, err := pods.Watch(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for event := range events.ResultChan() {
			pod, is := event.Object.(*corev1.Pod)
			if !is || len(pod.Spec.SchedulingGates) == 0 {
				continue
			}
			address := []byte(`{"status":{"podIP":"127.0.0.1","podIPs":[{"ip":"127.0.0.1"}]}}`)
			if _, err := pods.Patch(ctx, pod.Name, types.MergePatchType, address, metav1.PatchOptions{}, "status"); err == nil {
				_, _ = pods.Patch(ctx, pod.Name, types.MergePatchType, []byte(`{"spec":{"schedulingGates":null}}`), metav1.PatchOptions{})
			}
		}
		events.Stop()
	}
}
