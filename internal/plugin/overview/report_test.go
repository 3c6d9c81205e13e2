package overview

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/plugin/goldentest"
	"ordinal.dev/ordinal/internal/plugin/install"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func namespace(name, label string, annotations map[string]string) corev1.Namespace {
	n := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}
	if label != "" {
		n.Labels = map[string]string{fence.Label: label}
	}
	return n
}

// set has conditions as "Progressing=True: message".
func set(namespace, name string, ready, replicas int32, conditions ...string) appsv1.StatefulSet {
	s := appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       appsv1.StatefulSetSpec{Replicas: &replicas},
		Status:     appsv1.StatefulSetStatus{ReadyReplicas: ready, AvailableReplicas: ready, Replicas: replicas},
	}
	for _, c := range conditions {
		head, message, _ := strings.Cut(c, ": ")
		kind, status, _ := strings.Cut(head, "=")
		reason := "InProgress"
		if kind == "Progressing" && status == "False" {
			reason = "Complete"
		}
		s.Status.Conditions = append(s.Status.Conditions, appsv1.StatefulSetCondition{
			Type: appsv1.StatefulSetConditionType(kind), Status: corev1.ConditionStatus(status), Reason: reason, Message: message,
			LastTransitionTime: metav1.NewTime(now.Add(-time.Minute)),
		})
	}
	return s
}

// installed is an Ordinal at work that says this of namespaces.
func installed(mode string, said ...fence.NamespaceRecord) *install.Installation {
	return &install.Installation{
		Namespace: "ordinal-system", Policy: install.Part{There: true}, Binding: install.Part{There: true}, Renewed: now,
		Record: &fence.Record{Version: "v0.4.0", Mode: mode, Namespaces: said},
	}
}

func TestReports(t *testing.T) {
	acting := fence.NamespaceRecord{Name: "db", State: fence.Acting, Since: now.Add(-5 * time.Minute)}
	namespaces := []corev1.Namespace{
		namespace("shop", fence.OrdinalSets, map[string]string{fence.SetsAnnotation: "web"}),
		namespace("db", fence.Ordinal, nil), namespace("legacy", fence.InTree, nil), namespace("default", "", nil),
	}
	sets := []appsv1.StatefulSet{
		set("db", "kafka", 2, 3, "Progressing=True: updating kafka-1 waits: kafka-2 cannot start: container main is in CrashLoopBackOff", "Available=False: kafka-2 cannot start"),
		set("db", "etcd", 3, 3, "Progressing=False: revision etcd-1 is rolled out", "Available=True: 3 of 3 pods are available"),
		set("shop", "web", 1, 1), set("shop", "other", 1, 1), set("default", "plain", 1, 2), set("legacy", "theirs", 1, 1),
	}
	stopped := fence.NamespaceRecord{Name: "shop", Sets: []string{"web"}, State: fence.Stopped, Why: "the binding fence.ordinal.dev is gone", Since: now.Add(-time.Minute)}
	down := installed(fence.Fenced, acting, stopped)
	down.Record.Fence = "the binding fence.ordinal.dev is gone"
	silent := installed(fence.Fenced, acting)
	silent.Renewed = now.Add(-10 * time.Minute)
	for name, test := range map[string]struct {
		in         *install.Installation
		namespaces []corev1.Namespace
		wantFail   bool
	}{
		"not-installed": {&install.Installation{}, namespaces[3:], true},
		"nothing-taken": {installed(fence.Fenced), namespaces[3:], false},
		"fenced":        {installed(fence.Fenced, acting, fence.NamespaceRecord{Name: "shop", State: fence.Proving, Why: "refused for 4s of 10s", Since: now.Add(-4 * time.Second)}), namespaces, false},
		"fence-down":    {down, namespaces, true},
		"silent":        {silent, namespaces, true},
		"no-record":     {&install.Installation{Namespace: "ordinal-system", Policy: install.Part{There: true}, Binding: install.Part{There: true, Changed: true}}, namespaces[:1], true},
		"whole-cluster": {installed(fence.WholeCluster), namespaces, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := Make(test.in, test.namespaces, sets, now)
			if failed := len(r.Problems) > 0; failed != test.wantFail {
				t.Errorf("problems: %q", r.Problems)
			}
			goldentest.Check(t, name, r.Text(now))
		})
	}
}

func TestReportOfOneSet(t *testing.T) {
	web := set("shop", "web", 0, 1, "Available=False: web-0 is starting")
	web.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	web.Spec.Template.Labels = web.Spec.Selector.MatchLabels
	web.Spec.Replicas = ptr.To[int32](1)
	s := plan.Snapshot{Now: now, Set: &web}
	shop := namespace("shop", fence.OrdinalSets, map[string]string{fence.SetsAnnotation: "web", fence.LeavingAnnotation: "web"})
	r := Make(installed(fence.Fenced, fence.NamespaceRecord{Name: "shop", Sets: []string{"web"}, State: fence.Leaving}), []corev1.Namespace{shop}, nil, now)
	one := MakeOne(r, fence.ChargeOf(&shop), s, plan.Make(s))
	goldentest.Check(t, "one", one.Text(now))

	plain := namespace("shop", "", nil)
	r = Make(&install.Installation{}, []corev1.Namespace{plain}, nil, now)
	one = MakeOne(r, fence.ChargeOf(&plain), s, plan.Make(s))
	if one.Charge != "not Ordinal's" || len(one.Problems) > 0 {
		t.Errorf("of a set that is nobody's business: %q, %q", one.Charge, one.Problems)
	}
}
