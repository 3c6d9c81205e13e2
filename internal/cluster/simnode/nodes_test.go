package simnode

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func (w world) node(name string) *corev1.Node {
	w.Helper()
	n, err := w.api.CoreV1().Nodes().Get(w.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

func nodeReady(n *corev1.Node) corev1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return ""
}

func TestNodesAreRegisteredReady(t *testing.T) {
	inWorld(t, 3, nil, func(w world) {
		n := w.node("sim-2")
		if nodeReady(n) != corev1.ConditionTrue || n.Annotations[SimulatedAnnotation] != "true" {
			t.Errorf("conditions %v, annotations %v; want Ready and simulated", n.Status.Conditions, n.Annotations)
		}
		if got := n.Status.Allocatable.Pods().Value(); got != maxPods {
			t.Errorf("room for %d pods, want %d", got, maxPods)
		}
	})
}

func TestNewNodeLosesItsNotReadyTaint(t *testing.T) {
	tainted := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "sim-0", Annotations: map[string]string{SimulatedAnnotation: "true"}},
		Spec: corev1.NodeSpec{Taints: []corev1.Taint{
			{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule},
			{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule},
		}},
	}
	inWorld(t, 1, []runtime.Object{tainted}, func(w world) {
		taints := w.node("sim-0").Spec.Taints
		if len(taints) != 1 || taints[0].Key != "dedicated" {
			t.Errorf("taints %v, want the user's alone", taints)
		}
	})
}

func TestLeasesAreRenewed(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		w.pass(5 * time.Minute)
		lease, err := w.api.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), "sim-0", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(lease.Spec.RenewTime.Time); age > renewInterval {
			t.Errorf("the lease was renewed %s ago, want at most %s", age, renewInterval)
		}
	})
}

func TestNodeReportedDeadIsRevived(t *testing.T) {
	inWorld(t, 1, nil, func(w world) {
		n := w.node("sim-0")
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
		if _, err := w.api.CoreV1().Nodes().UpdateStatus(t.Context(), n, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.pass(renewInterval)
		if got := nodeReady(w.node("sim-0")); got != corev1.ConditionTrue {
			t.Errorf("Ready is %s, want True", got)
		}
	})
}

func TestNodeOfAnEarlierLayoutIsRewritten(t *testing.T) {
	small := object(node{name: "sim-0", pods: addressRange{size: 5}})
	inWorld(t, 1, []runtime.Object{small}, func(w world) {
		if got := w.node("sim-0").Status.Capacity.Pods().Value(); got != maxPods {
			t.Errorf("room for %d pods, want %d", got, maxPods)
		}
	})
}

func TestOnlySurplusSimulatedNodesAreDeleted(t *testing.T) {
	objects := []runtime.Object{
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "real"}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "sim-5", Annotations: map[string]string{SimulatedAnnotation: "true"}}},
	}
	inWorld(t, 1, objects, func(w world) {
		list, err := w.api.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range list.Items {
			names = append(names, n.Name)
		}
		if got := strings.Join(names, " "); got != "real sim-0" {
			t.Errorf("nodes %s, want real and sim-0", got)
		}
	})
}

func TestFailedHeartbeatIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{T: t, api: fake.NewClientset()}
		var fails atomic.Int32 // how many more patches
		w.api.PrependReactor("patch", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return fails.Add(-1) >= 0, nil, context.DeadlineExceeded
		})
		defer w.start(1)()
		fails.Store(1)
		w.pass(2 * renewInterval)
		lease, err := w.api.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), "sim-0", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(lease.Spec.RenewTime.Time); age > renewInterval {
			t.Errorf("the lease was renewed %s ago, want at most %s", age, renewInterval)
		}
	})
}

func TestNodesShareThePodRange(t *testing.T) {
	nodes, err := layOut(3, netip.MustParsePrefix("10.87.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"10.87.0.1", "10.87.64.1", "10.87.128.1"} {
		if nodes[i].hostIP != want {
			t.Errorf("%s has address %s, want %s", nodes[i].name, nodes[i].hostIP, want)
		}
	}
	last := offset(nodes[0].pods.first, nodes[0].pods.size-1)
	if last != mustAddr("10.87.63.254") {
		t.Errorf("the first node's range ends at %s, before 10.87.63.255", last)
	}
}

func TestImpossibleLayoutsAreRefused(t *testing.T) {
	for _, tc := range []struct {
		nodes int
		cidr  netip.Prefix
		want  string
	}{
		{0, netip.MustParsePrefix("10.0.0.0/16"), "use 1 or more"},
		{100, netip.MustParsePrefix("10.0.0.0/28"), "use a larger one or fewer nodes"},
		{1, netip.Prefix{}, "need a pod CIDR"},
	} {
		if _, err := layOut(tc.nodes, tc.cidr); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d nodes in %s: error %v, want %q", tc.nodes, tc.cidr, err, tc.want)
		}
	}
}
