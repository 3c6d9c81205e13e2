package main

import (
	"strings"
	"testing"

	"ordinal.dev/ordinal/internal/plan"
)

// changes has each value of the chart: what it is set to, and what of which object says so
// then and did not by default.
var changes = []struct{ value, set, object, says string }{
	{"mode", "mode: whole-cluster", deployment, "--mode=whole-cluster"},
	{"namespaces", "namespaces: [db]", "RoleBinding/ordinal-controller", "namespace: db\n"},
	{"crds.install", "crds: {install: false}", definition, without + "kind"},
	{"claimTemplates.accept", "claimTemplates: {accept: false}", recordingPolicy, without + "kind"},
	{"hooks.exec", "hooks: {exec: true}", "ClusterRole/ordinal-controller-writes", "- pods/exec\n"},
	{"rbac.allNamespaces", "rbac: {allNamespaces: true}", "ClusterRoleBinding/ordinal-controller-writes", "name: ordinal-controller-writes"},
	{"image.repository", "image: {repository: r.example/o}", deployment, "image: r.example/o:dev"},
	{"image.tag", "image: {tag: v1.2.3}", deployment, "image: ordinal-controller:v1.2.3"},
	{"image.digest", "image: {tag: v1, digest: 'sha256:" + digest + "'}", deployment, "image: ordinal-controller@sha256:" + digest},
	{"image.pullPolicy", "image: {pullPolicy: Always}", deployment, "imagePullPolicy: Always"},
	{"image.pullSecrets", "image: {pullSecrets: [mine]}", deployment, "imagePullSecrets:\n      - name: mine"},
	{"replicas", "replicas: 3", deployment, "replicas: 3"},
	{"controller.workers", "controller: {workers: 32}", deployment, "--workers=32"},
	{"controller.qps", "controller: {qps: 12.5}", deployment, "--qps=12.5"},
	{"controller.disable", "controller: {disable: [heal, back-off]}", deployment, "--disable=heal,back-off"},
	{"controller.verbosity", "controller: {verbosity: 2}", deployment, "--verbosity=2"},
	{"controller.extraArgs", "controller: {extraArgs: [--leader-elect=false]}", deployment, "- --leader-elect=false"},
	{"resources", "resources: {requests: {cpu: 100m}}", deployment, "cpu: 100m"},
	{"priorityClassName", "priorityClassName: mine", deployment, "priorityClassName: mine"},
	{"nodeSelector", "nodeSelector: {pool: system}", deployment, "pool: system"},
	{"tolerations", "tolerations: [{key: dedicated, operator: Exists}]", deployment, "key: dedicated"},
	{"affinity", "affinity: {nodeAffinity: {}}", deployment, "nodeAffinity: {}"},
	{"topologySpread.enabled", "topologySpread: {enabled: false}", deployment, without + "topologySpreadConstraints"},
	{"topologySpread.whenUnsatisfiable", "topologySpread: {whenUnsatisfiable: DoNotSchedule}", deployment, "whenUnsatisfiable: DoNotSchedule"},
	{"podDisruptionBudget.enabled", "podDisruptionBudget: {enabled: false}", "PodDisruptionBudget/ordinal-controller", without + "kind"},
	{"podAnnotations", "podAnnotations: {a: b}", deployment, "annotations:\n        a: b"},
	{"podLabels", "podLabels: {a: b}", deployment, "labels:\n        a: b"},
	{"flowSchema.enabled", "flowSchema: {enabled: false}", "FlowSchema/ordinal-controller", without + "kind"},
	{"flowSchema.priorityLevel", "flowSchema: {priorityLevel: mine}", "FlowSchema/ordinal-controller", "name: mine"},
	{"networkPolicy.enabled", "networkPolicy: {enabled: true}", "NetworkPolicy/ordinal-controller", "policyTypes:\n  - Ingress\n  - Egress"},
	{"networkPolicy.apiServerPorts", "networkPolicy: {enabled: true, apiServerPorts: [16443]}", "NetworkPolicy/ordinal-controller", "egress:\n  - ports:\n    - port: 16443\n  ingress"},
	{"podMonitor.enabled", "podMonitor: {enabled: true}", "PodMonitor/ordinal-controller", "honorLabels: true"},
	{"podMonitor.interval", "podMonitor: {enabled: true, interval: 5s}", "PodMonitor/ordinal-controller", "interval: 5s"},
	{"podMonitor.labels", "podMonitor: {enabled: true, labels: {a: b}}", "PodMonitor/ordinal-controller", "a: b"},
	{"serviceMonitor.enabled", "serviceMonitor: {enabled: true}", "ServiceMonitor/ordinal-controller", "honorLabels: true"},
	{"serviceMonitor.interval", "serviceMonitor: {enabled: true, interval: 5s}", "ServiceMonitor/ordinal-controller", "interval: 5s"},
	{"serviceMonitor.labels", "serviceMonitor: {enabled: true, labels: {a: b}}", "ServiceMonitor/ordinal-controller", "a: b"},
	{"prometheusRule.enabled", "prometheusRule: {enabled: true}", "PrometheusRule/ordinal-controller", "OrdinalFenceDown"},
	{"prometheusRule.labels", "prometheusRule: {enabled: true, labels: {a: b}}", "PrometheusRule/ordinal-controller", "a: b"},
	{"dashboard.enabled", "dashboard: {enabled: true}", "ConfigMap/ordinal-dashboard", "ordinal_fence_up"},
	{"dashboard.labels", "dashboard: {enabled: true, labels: {a: b}}", "ConfigMap/ordinal-dashboard", "a: b"},
	{"uninstall.giveBack", "uninstall: {giveBack: false}", "Job/ordinal-give-back", without + "kind"},
	{"uninstall.timeoutSeconds", "uninstall: {timeoutSeconds: 60}", "Job/ordinal-give-back", "activeDeadlineSeconds: 60"},
}

const (
	digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	// without is before what an object does not say any more.
	without = "without "
)

func TestEachValueChangesWhatItSays(t *testing.T) {
	byDefault := rendered(t, "")
	for _, c := range changes {
		says, removed := strings.CutPrefix(c.says, without)
		before, after := byDefault.text(t, c.object), rendered(t, c.set).text(t, c.object)
		if strings.Contains(before, says) != removed {
			t.Errorf("%s: %q in %s tells nothing: by default it is\n%s", c.value, says, c.object, before)
		}
		if strings.Contains(after, says) == removed {
			t.Errorf("with %s, %s is\n%s\nwhich does not go %q", c.set, c.object, after, c.says)
		}
	}
}

func TestEachValueIsTested(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range changes {
		tested[c.value] = true
	}
	values, err := documented()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if !tested[v.name] {
			t.Errorf("no test sets %s", v.name)
		}
		delete(tested, v.name)
	}
	for name := range tested {
		t.Errorf("there is no value %s", name)
	}
}

// A name that the controller refuses would be told by a pod that does not start.
func TestAllThatCanBeDisabledMayBe(t *testing.T) {
	var names []string
	for _, feature := range plan.Features() {
		names = append(names, string(feature))
	}
	all := strings.Join(names, ",")
	if text := rendered(t, "controller: {disable: ["+all+"]}").text(t, deployment); !strings.Contains(text, "--disable="+all) {
		t.Errorf("%s cannot be switched off:\n%s", all, text)
	}
}

func TestNonsenseIsRefusedInWords(t *testing.T) {
	for values, wanted := range map[string][]string{
		"mode: both":                          {"mode", "'fenced', 'whole-cluster'"},
		"replica: 2":                          {"'replica' not allowed"},
		"crds: {install: never}":              {"crds", "want boolean"},
		"claimTemplates: {accept: always}":    {"claimTemplates", "want boolean"},
		"image: {tags: x}":                    {"image", "'tags' not allowed"},
		"replicas: 0":                         {"replicas", "minimum"},
		"replicas: two":                       {"replicas", "want integer"},
		"namespaces: [Db]":                    {"namespaces", "'Db' does not match pattern"},
		"namespaces: [db, db]":                {"namespaces", "are equal"},
		"image: {digest: latest}":             {"digest", "does not match pattern"},
		"image: {repository: 'o@sha256:0'}":   {"repository", "does not match pattern"},
		"image: {pullPolicy: Sometimes}":      {"pullPolicy", "'IfNotPresent'"},
		"controller: {qps: 0}":                {"qps"},
		"controller: {disable: [everything]}": {"disable", "value must be one of", "'heal'"},
		"controller: {verbosity: 9}":          {"verbosity", "maximum"},
		"controller: {extraArgs: [x]}":        {"extraArgs", "does not match pattern"},
		"networkPolicy: {apiServerPorts: []}": {"apiServerPorts", "minItems"},
		"podMonitor: {interval: often}":       {"interval", "does not match pattern"},
		"resources: {request: {}}":            {"resources", "'request' not allowed"},
		"podMonitor: {enabled: true}\nserviceMonitor: {enabled: true}": {"scraped twice"},
		"mode: whole-cluster\nnamespaces: [db]":                        {"leave namespaces empty"},
		"rbac: {allNamespaces: true}\nnamespaces: [db]":                {"leave namespaces empty"},
	} {
		_, err := request{values: set(t, values)}.render()
		if err == nil {
			t.Errorf("%q was taken", values)
			continue
		}
		for _, want := range wanted {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q was refused without %q:\n%v", values, want, err)
			}
		}
	}
}
