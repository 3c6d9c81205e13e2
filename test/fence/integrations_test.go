package fence

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"ordinal.dev/ordinal/test/world"
)

// An owner is a person whose namespace is Ordinal's, and who goes on as before.
type owner struct {
	*stage
	namespace string
}

// TestWhatKnowsStatefulSets has the programs that people use on StatefulSets do their work
// in a namespace that is Ordinal's, beside the whole controller-manager.
func TestWhatKnowsStatefulSets(t *testing.T) {
	s := newStage(t, "--statefulset-controller", "in-tree")
	s.ordinal()
	namespace := s.anyNamespace()
	s.take(namespace)
	(&act{world.In(t, s.admin, namespace), s}).untilActing()
	s.written() // is of what was before
	for name, does := range map[string]func(*owner){
		"a HorizontalPodAutoscaler keeps to its limits":         (*owner).autoscales,
		"a HorizontalPodAutoscaler scales by load":              (*owner).autoscalesByLoad,
		"a PodDisruptionBudget allows evictions and refuses":    (*owner).evicts,
		"kubectl rollout: status, history, undo, restart":       (*owner).rollsOutAndBack,
		"kubectl scale, and wait for conditions and for fields": (*owner).scalesAndWaits,
		"kubectl drain":                            (*owner).drains,
		"helm 3: install, upgrade, roll back":      func(o *owner) { o.helm("helm3") },
		"helm 4: install, upgrade, roll back":      func(o *owner) { o.helm("helm") },
		"kubectl delete, with and without orphans": (*owner).deletes,
	} {
		t.Run(name, func(t *testing.T) { does(&owner{s.of(t), namespace}) })
	}
	if stored, refused := ofInTree(s.written(), namespace); len(stored) > 0 || refused == 0 {
		t.Errorf("the in-tree controller was refused %d times, and did this: %v", refused, stored)
	}
}

// runs makes a set, and waits until it is complete.
func (o *owner) runs(name string, replicas int, annotations map[string]string) {
	o.Helper()
	set := setOf(o.namespace, name)
	set.Spec.Replicas = new(int32(replicas))
	set.Spec.Template.Annotations = annotations
	_, err := o.admin.AppsV1().StatefulSets(o.namespace).Create(o.Context(), set, metav1.CreateOptions{})
	o.must(err)
	o.completes(name, replicas)
}

func (o *owner) set(name string) *appsv1.StatefulSet {
	o.Helper()
	set, err := o.admin.AppsV1().StatefulSets(o.namespace).Get(o.Context(), name, metav1.GetOptions{})
	o.must(err)
	return set
}

// completes waits until a set is, with so many replicas.
func (o *owner) completes(name string, replicas int) {
	o.Helper()
	o.eventually(func() error { return errors.Join(o.has(name, replicas), complete(o.set(name))) })
}

func (o *owner) has(name string, replicas int) error {
	if n := *o.set(name).Spec.Replicas; n != int32(replicas) {
		return fmt.Errorf("%s wants %d replicas, not %d", name, n, replicas)
	}
	return nil
}

// kubectl runs a command in the namespace, and fails unless it prints all these words.
func (o *owner) kubectl(command string, words ...string) {
	o.Helper()
	out, err := o.cluster.Kubectl(o.Context(), append(strings.Fields(command), "--namespace", o.namespace)...)
	o.must(err)
	for _, w := range words {
		if !strings.Contains(out, w) {
			o.Fatalf("kubectl %s does not say %q, but\n%s", command, w, out)
		}
	}
}

// autoscaler makes one for a set.
func (o *owner) autoscaler(name string, least, most int32, metrics ...autoscalingv2.MetricSpec) {
	o.Helper()
	_, err := o.admin.AutoscalingV2().HorizontalPodAutoscalers(o.namespace).Create(o.Context(), &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: name},
			MinReplicas:    &least, MaxReplicas: most, Metrics: metrics,
		},
	}, metav1.CreateOptions{})
	o.must(err)
}

// autoscales has replicas raised to an autoscaler's least, for which it asks no metric.
func (o *owner) autoscales() {
	o.runs("limited", 2, nil)
	o.autoscaler("limited", 4, 5)
	o.completes("limited", 4)
	o.kubectl("get hpa limited -o jsonpath={.status.conditions[?(@.type=='AbleToScale')].status}", "True")
	o.kubectl("delete hpa limited")
}

// evicts has the budget refuse a second eviction while the first one's pod is not back.
func (o *owner) evicts() {
	o.runs("guarded", 3, map[string]string{"ordinal.dev/sim-ready-after": "3s"})
	_, err := o.admin.PolicyV1().PodDisruptionBudgets(o.namespace).Create(o.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "guarded"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: new(intstr.FromInt32(1)), Selector: o.set("guarded").Spec.Selector},
	}, metav1.CreateOptions{})
	o.must(err)
	allows := func(disruptions, healthy int32) {
		o.Helper()
		o.eventually(func() error {
			budget, err := o.admin.PolicyV1().PodDisruptionBudgets(o.namespace).Get(o.Context(), "guarded", metav1.GetOptions{})
			o.must(err)
			if s := budget.Status; s.DisruptionsAllowed != disruptions || s.CurrentHealthy != healthy || s.ExpectedPods != 3 {
				return fmt.Errorf("it is to allow %d disruptions with %d of 3 pods healthy, and says %+v", disruptions, healthy, s)
			}
			return nil
		})
	}
	evict := func(pod string) error {
		return o.admin.PolicyV1().Evictions(o.namespace).Evict(o.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: o.namespace}})
	}
	allows(1, 3)
	o.must(evict("guarded-1"))
	allows(0, 2)
	if err := evict("guarded-0"); !apierrors.IsTooManyRequests(err) {
		o.Errorf("a second eviction is to be refused, and it says %v", err)
	}
	allows(1, 3)
	o.completes("guarded", 3)
	o.must(evict("guarded-0"))
	o.completes("guarded", 3)
}

func (o *owner) rollsOutAndBack() {
	o.runs("rolled", 3, nil)
	name := o.set("rolled").Spec.Template.Spec.Containers[0].Name
	first := o.set("rolled").Status.CurrentRevision
	o.kubectl("set image sts/rolled " + name + "=example.com/main:2")
	o.kubectl("rollout status sts/rolled --timeout=60s", "3 new pods have been updated")
	o.kubectl("rollout history sts/rolled", "\n1 ", "\n2 ")
	o.kubectl("rollout history sts/rolled --revision=2", "example.com/main:2")
	o.kubectl("rollout undo sts/rolled")
	o.kubectl("rollout status sts/rolled --timeout=60s")
	if at := o.set("rolled").Status; at.CurrentRevision != first || complete(o.set("rolled")) != nil {
		o.Errorf("it is to be back at %s, and is %+v", first, at)
	}
	before := o.pods("rolled")
	o.kubectl("rollout restart sts/rolled")
	o.kubectl("rollout status sts/rolled --timeout=60s")
	after := o.pods("rolled")
	for name, uid := range world.UIDs(before) {
		if world.UIDs(after)[name] == uid {
			o.Errorf("%s was not restarted", name)
		}
	}
}

// pods are those of a set.
func (o *owner) pods(set string) (pods []*corev1.Pod) {
	o.Helper()
	list, err := o.admin.CoreV1().Pods(o.namespace).List(o.Context(), metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(o.set(set).Spec.Selector)})
	o.must(err)
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	return pods
}

func (o *owner) scalesAndWaits() {
	o.runs("scaled", 2, map[string]string{"ordinal.dev/sim-ready-after": "1s"})
	o.kubectl("scale sts/scaled --replicas=4", "scaled")
	o.kubectl("wait sts/scaled --for=condition=Available --timeout=60s", "condition met")
	if err := complete(o.set("scaled")); err != nil {
		o.Errorf("kubectl wait has not waited: %v", err)
	}
	o.kubectl("scale sts/scaled --replicas=1")
	o.kubectl("wait sts/scaled --for=jsonpath={.status.replicas}=1 --timeout=60s", "condition met")
	o.kubectl("wait sts/scaled --for=condition=Progressing=False --timeout=60s", "condition met")
	o.completes("scaled", 1)
}

// drains a node, on which a set's pod is; it comes back on another.
func (o *owner) drains() {
	o.runs("moved", 3, nil)
	node := o.pods("moved")[0].Spec.NodeName
	o.kubectl("drain "+node+" --ignore-daemonsets --delete-emptydir-data --timeout=60s", "drained")
	defer o.kubectl("uncordon " + node)
	o.completes("moved", 3)
	for _, pod := range o.pods("moved") {
		if pod.Spec.NodeName == node {
			o.Errorf("%s is on %s, which is drained", pod.Name, node)
		}
	}
}

func (o *owner) deletes() {
	o.runs("orphaned", 2, nil)
	before := world.UIDs(o.pods("orphaned"))
	set := setOf(o.namespace, "orphaned")
	set.Spec.Replicas = new(int32(2))
	o.kubectl("delete sts/orphaned --cascade=orphan", "deleted")
	_, err := o.admin.AppsV1().StatefulSets(o.namespace).Create(o.Context(), set, metav1.CreateOptions{})
	o.must(err)
	o.completes("orphaned", 2)
	pods := o.pods("orphaned")
	if now := world.UIDs(pods); len(now) != len(before) || now["orphaned-0"] != before["orphaned-0"] || now["orphaned-1"] != before["orphaned-1"] {
		o.Errorf("the set is to adopt %v, and has %v", before, now)
	}
	o.kubectl("delete sts/orphaned --wait", "deleted")
	o.kubectl("wait pod/orphaned-0 pod/orphaned-1 --for=delete --timeout=60s")
}

// helm installs, upgrades and rolls back a chart of one set, and has each time what it has
// waited for. The program is a Helm of bin/tools.
func (o *owner) helm(program string) {
	program = "../../bin/tools/" + program
	if _, err := os.Stat(program); err != nil {
		o.Fatalf("`make fence` builds it: %v", err)
	}
	release := "of-" + program[strings.LastIndex(program, "/")+1:]
	helm := func(args ...string) error {
		_, err := o.cluster.Tool(o.Context(), program, append(args, "--namespace", o.namespace)...)
		return err
	}
	isUp := func(replicas int, image string) {
		o.Helper()
		set := o.set(release)
		o.must(errors.Join(o.has(release, replicas), complete(set)))
		if have := set.Spec.Template.Spec.Containers[0].Image; have != image {
			o.Errorf("it runs %s, not %s", have, image)
		}
	}
	o.must(helm("install", release, "testdata/chart", "--wait", "--timeout=60s"))
	isUp(2, "example.com/main:1")
	o.must(helm("upgrade", release, "testdata/chart", "--set=image=example.com/main:2,replicas=3", "--wait", "--timeout=60s"))
	isUp(3, "example.com/main:2")
	if err := helm("upgrade", release, "testdata/chart", "--set=image=example.com/main:3,state=crash-loop,replicas=3", "--wait", "--timeout=8s"); err == nil {
		o.Error("helm takes a set for rolled out whose pods crash")
	}
	// Helm 4 would not wait: to it a set has failed for good while a pod crashes, even if
	// that is about to be replaced.
	o.must(helm("rollback", release, "2"))
	o.kubectl("rollout status sts/" + release + " --timeout=60s")
	isUp(3, "example.com/main:2")
	o.must(helm("uninstall", release, "--wait", "--timeout=60s"))
	if pods, _ := o.admin.CoreV1().Pods(o.namespace).List(o.Context(), metav1.ListOptions{}); slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return strings.HasPrefix(p.Name, release) && p.DeletionTimestamp == nil }) {
		o.Error("helm uninstall leaves pods")
	}
}
