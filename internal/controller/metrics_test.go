package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	runtimemetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"ordinal.dev/ordinal/internal/controller/report"
	"ordinal.dev/ordinal/internal/plan"
)

// The names and labels are those of Kubernetes 1.37,
// pkg/controller/statefulset/metrics, and dashboards know them.
func TestUpstreamsMetricsAreThereByTheirNames(t *testing.T) {
	w := measured(t)
	before := gathered(t)
	w.Change(func(set *appsv1.StatefulSet) {
		set.Spec.Replicas, set.Spec.PodManagementPolicy = ptr.To[int32](3), appsv1.ParallelPodManagement
	})
	if _, _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	w.fallBehind()
	if _, _, err := w.reconcile(); err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[string]float64{
		"statefulset_controller_statefulset_max_unavailable{pod_management_policy=Parallel,statefulset_name=web,statefulset_namespace=default}":      1,
		"statefulset_controller_statefulset_unavailable_replicas{pod_management_policy=Parallel,statefulset_name=web,statefulset_namespace=default}": 3,
		"statefulset_controller_stale_sync_skips_total{group=,resource=pods}":                                                                        1,
	} {
		if got := gathered(t)[metric] - before[metric]; got != want {
			t.Errorf("%s grew by %v, want %v", metric, got, want)
		}
	}
	again := web(1)
	again.Spec.PodManagementPolicy = appsv1.OrderedReadyPodManagement
	w.r.metrics.Planned(webKey, again, &plan.Plan{}, 0) // a new set of the name
	for metric := range gathered(t) {
		if strings.Contains(metric, "policy=Parallel,statefulset_name=web") {
			t.Errorf("%s is left of an earlier set", metric)
		}
	}
	w.r.metrics.Forget(webKey)
	for metric := range gathered(t) {
		if strings.Contains(metric, "statefulset_name=web") {
			t.Errorf("%s is left of a set that is gone", metric)
		}
	}
}

func TestOrdinalsOwnMetricsCountPlansWritesAndSets(t *testing.T) {
	w := measured(t)
	before := gathered(t)
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](2) })
	w.settle()
	w.Refuse["delete pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-1", errQuota)
	w.Change(func(set *appsv1.StatefulSet) { set.Spec.Replicas = ptr.To[int32](1) })
	if _, _, err := w.reconcile(); err == nil {
		t.Fatal("no error")
	}
	after := gathered(t)
	for metric, want := range map[string]float64{
		"ordinal_writes_total{resource=pods,result=ok,verb=create}":                   2,
		"ordinal_writes_total{resource=persistentvolumeclaims,result=ok,verb=create}": 2,
		"ordinal_writes_total{resource=pods,result=Forbidden,verb=delete}":            1,
		"ordinal_sets{condition=Available,status=True}":                               1,
	} {
		if got := after[metric] - before[metric]; got != want {
			t.Errorf("%s grew by %v, want %v", metric, got, want)
		}
	}
	for _, metric := range []string{"ordinal_plan_duration_seconds{}", "ordinal_apply_duration_seconds{}"} {
		if after[metric] <= before[metric] {
			t.Errorf("%s did not grow: %v to %v", metric, before[metric], after[metric])
		}
	}
	w.r.metrics.Forget(webKey)
	if got := gathered(t)["ordinal_sets{condition=Available,status=True}"]; got != before["ordinal_sets{condition=Available,status=True}"] {
		t.Errorf("a set that is gone is still counted: %v", got)
	}
}

// measured is a world of a set without pods, with metrics.
func measured(t *testing.T) *world {
	t.Helper()
	m, err := report.NewMetrics()
	if err != nil {
		t.Fatal(err)
	}
	return newWorldWith(t, m, web(0))
}

// gathered is what /metrics would show: values, and counts of histograms, by
// "name{label=value,…}".
func gathered(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := runtimemetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			slices.Sort(labels)
			name := fmt.Sprintf("%s{%s}", family.GetName(), strings.Join(labels, ","))
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}
