package controller

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/override"
)

// overriding is a policy with an override of ordinal 0.
func overriding(spec string) *v1alpha1.StatefulSetPolicy {
	policy := policyOf(v1alpha1.Rollout{})
	policy.Spec.Members = &v1alpha1.Members{Overrides: []v1alpha1.Override{{
		Ordinals: []v1alpha1.OrdinalRange{"0"}, Template: v1alpha1.TemplateOverride{Spec: &runtime.RawExtension{Raw: []byte(spec)}},
	}}}
	return policy
}

func (w *world) podOf(name string) *corev1.Pod {
	w.T.Helper()
	pod := &corev1.Pod{}
	if err := w.API.Get(w.T.Context(), client.ObjectKey{Namespace: "default", Name: name}, pod); err != nil {
		w.T.Fatal(err)
	}
	return pod
}

func tries(writes []string) (n int) {
	for _, write := range writes {
		if write == "try pods web-0" {
			n++
		}
	}
	return n
}

func TestAnOverrideIsTriedOutOnceAndThenMade(t *testing.T) {
	w := newWorld(t, web(2))
	w.settle()
	before := w.podOf("web-1").UID
	if err := w.API.Create(t.Context(), overriding(`{"nodeSelector":{"disk":"fast"}}`)); err != nil {
		t.Fatal(err)
	}
	writes := w.settle()
	pod := w.podOf("web-0")
	if pod.Spec.NodeSelector["disk"] != "fast" || override.HashOn(pod) == "" || tries(writes) != 1 {
		t.Errorf("web-0 has the node selector %v and the hash %q after %d dry runs", pod.Spec.NodeSelector, override.HashOn(pod), tries(writes))
	}
	if w.podOf("web-1").UID != before {
		t.Error("web-1 was replaced")
	}
	if status := w.Set().Status; status.UpdatedReplicas != 2 {
		t.Errorf("%d pods are updated, want 2", status.UpdatedReplicas)
	}
	if err := w.API.Delete(t.Context(), w.policy()); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if pod := w.podOf("web-0"); len(pod.Spec.NodeSelector) > 0 || override.HashOn(pod) != "" {
		t.Errorf("without the policy, web-0 has the node selector %v and the hash %q", pod.Spec.NodeSelector, override.HashOn(pod))
	}
}

func TestWhatTheAPIServerRefusesStopsNobodyElse(t *testing.T) {
	w := newWorld(t, web(3), overriding(`{"priorityClassName":"high"}`))
	w.Refuse["try pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errors.New("no PriorityClass with name high was found"))
	w.settle()
	if got, want := w.PodNames(), []string{"web-0", "web-1", "web-2"}; !slices.Equal(got, want) {
		t.Fatalf("pods %v, want %v", got, want)
	}
	if told := w.Told("OverrideRefused"); len(told) == 0 || !strings.Contains(told[0], "overrides[0]") || !strings.Contains(told[0], "no PriorityClass") {
		t.Errorf("told was %v", told)
	}
	if n := w.Set().Status.UpdatedReplicas; n != 2 {
		t.Errorf("%d pods are updated, and one lacks its override", n)
	}
	uid := w.podOf("web-0").UID
	if writes := w.settle(); tries(writes) > 0 || w.podOf("web-0").UID != uid {
		t.Errorf("it is asked again at once: %v", writes)
	}
	delete(w.Refuse, "try pods")
	w.Clock.Step(5 * time.Minute)
	w.settle()
	if pod := w.podOf("web-0"); pod.Spec.PriorityClassName != "high" {
		t.Errorf("web-0 has the priority class %q, and it may have it now", pod.Spec.PriorityClassName)
	}
}

func TestWhereTheAPIServerSaysNothingItIsAskedAgain(t *testing.T) {
	w := newWorld(t, web(2))
	w.settle()
	w.Refuse["try pods"] = apierrors.NewInternalError(errors.New("etcd has no leader"))
	if err := w.API.Create(t.Context(), overriding(`{"nodeSelector":{"disk":"fast"}}`)); err != nil {
		t.Fatal(err)
	}
	uid := w.podOf("web-0").UID
	_, result, err := w.reconcile()
	if again := result.RequeueAfter; err != nil || again == 0 || again > staleRetry || w.podOf("web-0").UID != uid {
		t.Errorf("again in %s, %v", again, err)
	}
}

// Not every webhook is asked in a dry run.
func TestWhatIsRefusedOnlyWhenItIsMadeStopsNobodyEither(t *testing.T) {
	w := newWorld(t, web(2), overriding(`{"nodeSelector":{"disk":"fast"}}`))
	w.Refuse["create pods"] = apierrors.NewForbidden(corev1.Resource("pods"), "web-0", errors.New("a webhook denied the request"))
	if _, _, err := w.reconcile(); err == nil {
		t.Fatal("it is not refused")
	}
	delete(w.Refuse, "create pods")
	w.settle()
	if got, want := w.PodNames(), []string{"web-0", "web-1"}; !slices.Equal(got, want) || override.HashOn(w.podOf("web-0")) != "" {
		t.Errorf("pods %v, want %v, and web-0 without its override", got, want)
	}
	if told := w.Told("OverrideRefused"); len(told) == 0 || !strings.Contains(told[0], "a webhook denied the request") {
		t.Errorf("told was %v", told)
	}
}
