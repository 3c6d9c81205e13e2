package integration

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What a quota refuses and what becomes of a namespace that is deleted depends on
// controllers that take their time, so that these histories are not random.

func TestTheSimulatedServerRefusesForQuotaAsTheRealOne(t *testing.T) {
	h := aloneHistory(t)
	h.limitPods(2)
	h.count(0)
	h.createPod("web-0")
	h.createPod("web-1")
	h.count(2)
	h.createPod("web-2")     // is refused
	h.createPod("Not-Valid") // is invalid before it is too many
	h.ends("web-0")
	h.count(1) // what has ended does not count
	h.createPod("web-2")
	h.count(2)
	h.createPod("web-3")
	h.delete(target{pods, "web-1"})
	h.count(1)
	h.createPod("web-3")
	h.count(2)
	h.request("create statefulsets/web", func(s *side) (client.Object, error) {
		o := newObject(target{sets, "web"}, h.namespace)
		return o, s.Create(o)
	})
}

func TestTheSimulatedServerEmptiesANamespaceAsTheRealOne(t *testing.T) {
	h := aloneHistory(t)
	held := []target{{sets, "web"}, {revisions, "web-a"}, {pods, "web-0"}, {claims, "data-web-0"}, {services, "peers"}}
	for _, each := range held {
		h.create(each, finalizers[0])
		h.create(target{each.kind, "free"}, "")
	}
	h.terminate()
	h.settle() // its pods go before anything else
	for _, each := range held {
		h.create(target{each.kind, "late"}, "")
		h.label(each)
	}
	for _, each := range []target{{pods, "web-0"}, {sets, "web"}, {revisions, "web-a"}, {claims, "data-web-0"}} {
		h.letGo(each)
	}
	h.letGo(target{services, "peers"})
}

func TestTheSimulatedServerCutsAGracePeriodShortAsTheRealOne(t *testing.T) {
	h := aloneHistory(t)
	h.createPod("web-0")
	h.request("bind pods/web-0", func(s *side) (client.Object, error) {
		return nil, s.Bind("web-0", nowhere)
	})
	h.deletePod("web-0", 7200)
	h.deletePod("web-0", 3600) // is sooner
	h.deletePod("web-0", 7200) // changes nothing
	asked := time.Now()
	twoSecondsAreOver := func() bool { return time.Since(asked) > 4*time.Second }
	pollUntil(h.Context(), settleTime, twoSecondsAreOver)
	h.deletePod("web-0", 2) // a second is granted
	h.deletePod("web-0", 0) // goes at once
}

// aloneHistory is one whose requests the test itself makes.
func aloneHistory(t *testing.T) *history {
	t.Helper()
	t.Parallel()
	keepControllersOut(t)
	return newHistory(t, 0)
}

// request makes a request of both servers.
func (h *history) request(text string, do func(s *side) (client.Object, error)) {
	h.Helper()
	h.both(operation{text: text, do: do})
	h.settle()
}

func (h *history) create(t target, finalizer string) {
	h.Helper()
	h.request("create "+t.String(), func(s *side) (client.Object, error) {
		o := newObject(t, h.namespace)
		if finalizer != "" {
			o.SetFinalizers([]string{finalizer})
		}
		return o, s.Create(o)
	})
}

func (h *history) createPod(name string) {
	h.Helper()
	h.create(target{pods, name}, "")
}

func (h *history) change(text string, t target, edit func(o client.Object), send func(s *side, o client.Object) error) {
	h.Helper()
	h.request(text+" "+t.String(), func(s *side) (client.Object, error) {
		o := empty(t, h.namespace)
		if err := s.Get(o); err != nil {
			return nil, err
		}
		edit(o)
		return o, send(s, o)
	})
}

func (h *history) label(t target) {
	h.Helper()
	h.change("label", t, func(o client.Object) { o.SetLabels(map[string]string{"tier": "1"}) }, func(s *side, o client.Object) error { return s.Update(o) })
}

// letGo takes the finalizers away that nobody serves.
func (h *history) letGo(t target) {
	h.Helper()
	h.change("let go", t, func(o client.Object) { o.SetFinalizers(nil) }, func(s *side, o client.Object) error { return s.Update(o) })
}

func (h *history) ends(pod string) {
	h.Helper()
	h.change("end", target{pods, pod}, func(o client.Object) { o.(*corev1.Pod).Status.Phase = corev1.PodFailed }, func(s *side, o client.Object) error { return s.UpdateStatus(o) })
}

func (h *history) delete(t target) {
	h.Helper()
	h.request("delete "+t.String(), func(s *side) (client.Object, error) {
		return nil, s.Delete(empty(t, h.namespace), &client.DeleteOptions{})
	})
}

func (h *history) deletePod(name string, grace int64) {
	h.Helper()
	t := target{pods, name}
	h.request(fmt.Sprintf("delete %s, grace period %d", t, grace), func(s *side) (client.Object, error) {
		return nil, s.Delete(empty(t, h.namespace), &client.DeleteOptions{GracePeriodSeconds: &grace})
	})
}

// limitPods gives the namespace a quota.
func (h *history) limitPods(n int) {
	h.Helper()
	h.server.Quota[h.namespace] = n
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "pods"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: *resource.NewQuantity(int64(n), resource.DecimalSI)}},
	}
	if _, err := admin.CoreV1().ResourceQuotas(h.namespace).Create(h.Context(), quota, metav1.CreateOptions{}); err != nil {
		h.Fatal(err)
	}
}

// count waits until the real quota counts n pods, as the simulated one has to.
func (h *history) count(n int) {
	h.Helper()
	if counted := h.server.Counted(h.namespace); counted != n {
		h.Fatalf("the simulated quota counts %d pods, not %d", counted, n)
	}
	counts := func() bool {
		quota, err := admin.CoreV1().ResourceQuotas(h.namespace).Get(h.Context(), "pods", metav1.GetOptions{})
		used, known := quota.Status.Used[corev1.ResourcePods]
		return err == nil && known && used.Value() == int64(n)
	}
	if !pollUntil(h.Context(), settleTime, counts) {
		h.Fatalf("the real quota does not get to count %d pods", n)
	}
}

// terminate deletes the namespace.
func (h *history) terminate() {
	h.Helper()
	h.server.Terminating[h.namespace] = true
	if err := admin.CoreV1().Namespaces().Delete(h.Context(), h.namespace, metav1.DeleteOptions{}); err != nil {
		h.Fatal(err)
	}
}
