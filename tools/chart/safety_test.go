package main

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
)

const deployment = "Deployment/ordinal-controller"

// pods are the specs of all pods that the chart has run.
func pods(t *testing.T, r release) map[string]corev1.PodSpec {
	t.Helper()
	return map[string]corev1.PodSpec{
		deployment:               as[appsv1.Deployment](t, r, deployment).Spec.Template.Spec,
		"Job/ordinal-give-back":  as[batchv1.Job](t, r, "Job/ordinal-give-back").Spec.Template.Spec,
		"Pod/ordinal-test-ready": as[corev1.Pod](t, r, "Pod/ordinal-test-ready").Spec,
	}
}

// It is what the Pod Security Standard "restricted" asks for, and more.
func TestNoPodMayDoWhatItNeedNot(t *testing.T) {
	r := rendered(t, "")
	for key, pod := range pods(t, r) {
		if s := pod.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser == 0 ||
			s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: security context %+v", key, s)
		}
		if pod.HostNetwork || pod.HostPID || pod.HostIPC || len(pod.Volumes) > 0 {
			t.Errorf("%s takes something of its node", key)
		}
		for _, c := range pod.Containers {
			s := c.SecurityContext
			if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
				s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
				t.Errorf("%s: security context %+v", key, s)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: resources %+v", key, c.Resources)
			}
		}
	}
	// Only who asks for an account's token gets it.
	for key, o := range r {
		if o.GetKind() == "ServiceAccount" && *as[corev1.ServiceAccount](t, r, key).AutomountServiceAccountToken {
			t.Errorf("%s gives its token to every pod", key)
		}
	}
}

func TestOneInstanceMayAlwaysBeAway(t *testing.T) {
	r := rendered(t, "")
	d := as[appsv1.Deployment](t, r, deployment)
	if *d.Spec.Replicas != 2 || len(d.Spec.Template.Spec.TopologySpreadConstraints) != 2 || d.Spec.Template.Spec.PriorityClassName != "system-cluster-critical" {
		t.Errorf("%d replicas, spread %v, priority %s", *d.Spec.Replicas, d.Spec.Template.Spec.TopologySpreadConstraints, d.Spec.Template.Spec.PriorityClassName)
	}
	budget := as[policyv1.PodDisruptionBudget](t, r, "PodDisruptionBudget/ordinal-controller").Spec
	if budget.MaxUnavailable.IntValue() != 1 {
		t.Errorf("a drain may take %v", budget.MaxUnavailable)
	}
	for what, selector := range map[string]map[string]string{
		"the budget":  budget.Selector.MatchLabels,
		"the Service": as[corev1.Service](t, r, "Service/ordinal-controller").Spec.Selector,
	} {
		for label, value := range selector {
			if d.Spec.Template.Labels[label] != value {
				t.Errorf("%s selects %s=%s, and the pods have %v", what, label, value, d.Spec.Template.Labels)
			}
		}
		// The hook's pod and the test's serve nothing and may go at any time.
		for key, labels := range map[string]map[string]string{
			"Job/ordinal-give-back":  as[batchv1.Job](t, r, "Job/ordinal-give-back").Spec.Template.Labels,
			"Pod/ordinal-test-ready": r["Pod/ordinal-test-ready"].GetLabels(),
		} {
			if labels["app.kubernetes.io/component"] == selector["app.kubernetes.io/component"] {
				t.Errorf("%s selects the pod of %s", what, key)
			}
		}
	}
}

// GKE refuses critical pods where no quota counts them; see the chart's ServiceAccount.
func TestOnGKEAQuotaLetsCriticalPodsIn(t *testing.T) {
	const quota = "ResourceQuota/ordinal-critical-pods"
	if rendered(t, "")[quota] != nil {
		t.Error("there is a quota on any cluster")
	}
	gke := requested(t, request{platform: "v1.33.4-gke.1036000"})
	if gke[quota] == nil {
		t.Error("there is no quota on GKE")
	}
	if requested(t, request{platform: "v1.33.4-gke.1036000", values: map[string]any{"priorityClassName": "mine"}})[quota] != nil {
		t.Error("there is a quota for a class that GKE does not limit")
	}
}

// Nothing is removed until everything is given back: Helm stops at a hook that fails.
func TestWhatIsTakenIsGivenBackBeforeTheChartGoes(t *testing.T) {
	r := rendered(t, "")
	job := as[batchv1.Job](t, r, "Job/ordinal-give-back")
	if got := job.Spec.Template.Spec.Containers[0].Command; !slices.Equal(got, []string{"/bin/kubectl-ordinal", "give-back", "--all", "--yes"}) {
		t.Errorf("it runs %v", got)
	}
	for key, o := range r {
		if o.GetName() != "ordinal-give-back" {
			continue
		}
		if a := o.GetAnnotations(); a[hook] != "pre-delete" || a["helm.sh/hook-delete-policy"] != "before-hook-creation,hook-succeeded" {
			t.Errorf("%s: %v", key, a)
		}
		if weight := o.GetAnnotations()["helm.sh/hook-weight"]; (weight == "0") != (o.GetKind() == "Job") {
			t.Errorf("%s has weight %s: what it needs is made before the Job", key, weight)
		}
	}
	if *job.Spec.ActiveDeadlineSeconds != 300 {
		t.Errorf("it may take %d s", *job.Spec.ActiveDeadlineSeconds)
	}
	if rendered(t, "uninstall: {giveBack: false}")["Job/ordinal-give-back"] != nil {
		t.Error("it is there although it is switched off")
	}
}
