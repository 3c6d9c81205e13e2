package override_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/override"
)

// members is what a policy says in YAML.
func members(t *testing.T, text string) override.Overrides {
	t.Helper()
	m := &v1alpha1.Members{}
	if err := yaml.UnmarshalStrict([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return override.Of(m)
}

func web() *appsv1.StatefulSet {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	set.Spec.ServiceName = "peers"
	set.Spec.Selector = &metav1.LabelSelector{
		MatchLabels:      map[string]string{"app": "web"},
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "canary", Operator: metav1.LabelSelectorOpDoesNotExist}},
	}
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
	set.Spec.Template.Labels = map[string]string{"app": "web"}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Image: "app:1", Env: []corev1.EnvVar{{Name: "A", Value: "1"}}}, {Name: "sidecar", Image: "sidecar:1"}}
	return set
}

func TestAPatchIsMergedAsKubectlPatchDoes(t *testing.T) {
	set, all := web(), members(t, `
overrides:
- {ordinals: ["0-2"], template: {metadata: {labels: {tier: gold}, annotations: {note: x}}}}
- {ordinals: ["2", "7"], template: {spec: {nodeSelector: {disk: fast}, containers: [{name: app, env: [{name: B, value: "2"}]}, {name: sidecar, $patch: delete}]}}}
`)
	made, ignored, err := all.For(2).Apply(set, &set.Spec.Template)
	if err != nil || len(ignored) > 0 {
		t.Fatal(ignored, err)
	}
	want := set.Spec.Template.DeepCopy()
	want.Labels["tier"], want.Annotations = "gold", map[string]string{"note": "x"}
	want.Spec.NodeSelector = map[string]string{"disk": "fast"}
	want.Spec.Containers = want.Spec.Containers[:1]
	want.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "B", Value: "2"}, {Name: "A", Value: "1"}}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("the template of ordinal 2 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(web(), set); diff != "" {
		t.Errorf("the set was changed:\n%s", diff)
	}
	if all.For(3) != nil || all.For(3).Hash() != "" {
		t.Error("ordinal 3 has an override, and none names it")
	}
}

func TestTheHashIsThatOfThePatchesInTheirOrder(t *testing.T) {
	one, two := `{ordinals: ["0"], template: {metadata: {labels: {a: b}}}}`, `{ordinals: ["0"], template: {metadata: {labels: {a: c}}}}`
	hash := func(overrides ...string) string {
		all := members(t, fmt.Sprintf("overrides: [%s]", strings.Join(overrides, ", ")))
		return all.For(0).Hash()
	}
	if hash(one, two) == hash(two, one) || hash(one) == hash(two) || hash(one, two) == hash(one) {
		t.Error("different overrides have one hash")
	}
	elsewhere := `{ordinals: ["9"], template: {metadata: {labels: {a: x}}}}`
	if hash(one) != hash(elsewhere, one) || hash(one) != hash(strings.ReplaceAll(one, `["0"]`, `["0-3"]`)) {
		t.Error("an override of others, or for more of them, changes the hash of one that stays")
	}
	long := `{ordinals: ["0"], template: {spec: {nodeSelector: {a: "1"}, priorityClassName: x}}}`
	if hash(long) != hash(`{template: {spec: {priorityClassName: x, nodeSelector: {a: "1"}}}, ordinals: ["0"]}`) {
		t.Error("the order of fields changes the hash")
	}
}

func TestAPodSaysWithWhatItWasMade(t *testing.T) {
	all := members(t, `overrides: [{ordinals: ["0"], template: {metadata: {labels: {a: b}}}}]`)
	o, pod := all.For(0), &corev1.Pod{}
	override.Mark(pod, o)
	noted, err := override.On(pod)
	if err != nil || noted.Hash() != o.Hash() || override.HashOn(pod) != o.Hash() {
		t.Errorf("it says %v, %v", noted, err)
	}
	set := web()
	a, _, errA := o.Apply(set, &set.Spec.Template)
	b, _, errB := noted.Apply(set, &set.Spec.Template)
	if diff := cmp.Diff(a, b); diff != "" || errA != nil || errB != nil {
		t.Errorf("what it notes is not what it was made with: %s", diff)
	}
	pod.Annotations[override.Annotation] = `[{"metadata":{"labels":{"a":"c"}}}]`
	if _, err := override.On(pod); err == nil {
		t.Error("a note that is not that of the hash is believed")
	}
	override.Mark(pod, nil)
	if noted, err := override.On(pod); noted != nil || err != nil || len(pod.Labels)+len(pod.Annotations) > 0 {
		t.Errorf("without an override it is marked %v %v, and says %v, %v", pod.Labels, pod.Annotations, noted, err)
	}
}

func TestALongOneIsNotNoted(t *testing.T) {
	all := members(t, `overrides: [{ordinals: ["0"], template: {metadata: {annotations: {note: `+strings.Repeat("x", 5000)+`}}}}]`)
	pod := &corev1.Pod{}
	override.Mark(pod, all.For(0))
	if _, err := override.On(pod); err == nil || override.HashOn(pod) == "" || len(pod.Annotations) > 0 {
		t.Errorf("annotations %v, and it is read without an error", pod.Annotations)
	}
}

func TestWhatMakesAPodAMemberIsNotOverridden(t *testing.T) {
	set := web()
	for patch, says := range map[string]string{
		`{spec: {hostname: other}}`:                                        "overrides[0].template.spec.hostname has no effect: a pod's hostname is its name",
		`{spec: {hostnameOverride: other}}`:                                "spec.hostnameOverride has no effect",
		`{spec: {subdomain: other}}`:                                       "spec.subdomain has no effect: it is the governing Service's name",
		`{spec: {restartPolicy: Never}}`:                                   "spec.restartPolicy has no effect",
		`{spec: {activeDeadlineSeconds: 5}}`:                               "spec.activeDeadlineSeconds has no effect",
		`{spec: {volumes: [{name: data, emptyDir: {}}]}}`:                  "spec.volumes[data] has no effect: it is the pod's claim",
		`{metadata: {labels: {app: other}}}`:                               "metadata.labels[app] has no effect: the StatefulSet selects its pods by it",
		`{metadata: {labels: {canary: "yes"}}}`:                            "metadata.labels[canary] has no effect",
		`{spec: {nodeSelctor: {disk: fast}}}`:                              "spec.nodeSelctor has no effect: pods have no such field",
		`{spec: {containers: [{name: app, imagePullPolcy: Never}]}}`:       "imagePullPolcy has no effect: pods have no such field",
		`{spec: {subdomain: peers, restartPolicy: Always}}`:                "",
		`{metadata: {labels: {app: web}}, spec: {volumes: [{name: tmp}]}}`: "",
	} {
		all := members(t, `overrides: [{ordinals: ["0"], template: `+patch+`}]`)
		made, ignored, err := all.For(0).Apply(set, &set.Spec.Template)
		if err != nil {
			t.Errorf("%s: %v", patch, err)
			continue
		}
		if got := strings.Join(ignored, "; "); says == "" && got != "" || !strings.Contains(got, says) {
			t.Errorf("%s: it says %q, want %q", patch, got, says)
		}
		if diff := cmp.Diff(&set.Spec.Template, made); says != "" && diff != "" {
			t.Errorf("%s: it has an effect:\n%s", patch, diff)
		}
	}
}

func TestAPatchThatDoesNotFitIsAnErrorThatNamesIt(t *testing.T) {
	set := web()
	for patch, says := range map[string]string{
		`{spec: {containers: none}}`:                      "overrides[1] cannot be put over the pod template: spec.containers cannot be a string",
		`{spec: {containers: [{image: "app:2"}]}}`:        "overrides[1] cannot be put over the pod template",
		`{spec: {terminationGracePeriodSeconds: "long"}}`: "spec.terminationGracePeriodSeconds cannot be a string",
	} {
		all := members(t, `overrides: [{ordinals: ["0"], template: {spec: {nodeName: a}}}, {ordinals: ["0"], template: `+patch+`}]`)
		if _, _, err := all.For(0).Apply(set, &set.Spec.Template); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", patch, err, says)
		}
	}
}
