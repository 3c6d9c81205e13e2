package identity_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/identity"
)

func TestOnlyNamesThatASetGivesOutAreParsed(t *testing.T) {
	type parts struct {
		set     string
		ordinal int
		ok      bool
	}
	for name, want := range map[string]parts{
		"web-0":          {"web", 0, true},
		"web-10":         {"web", 10, true},
		"a-b-7":          {"a-b", 7, true},
		"a-0":            {"a", 0, true},
		"web-2147483647": {"web", 2147483647, true},
		"web-2147483648": {"web", 0, false},
		"web-01":         {"web", 0, false},
		"web-1-":         {},
		"web-":           {},
		"web":            {},
		"-1":             {},
		"web-+1":         {},
		"web-1a":         {},
	} {
		set, ordinal, ok := identity.Parse(name)
		if got := (parts{set, ordinal, ok}); got != want {
			t.Errorf("Parse(%q) = %+v, want %+v", name, got, want)
		}
		if ok && identity.PodName(set, ordinal) != name {
			t.Errorf("PodName does not give %q back", name)
		}
	}
}

func TestWantedOrdinalsBeginAtStart(t *testing.T) {
	set := web()
	if got := identity.OrdinalsOf(set); !reflect.DeepEqual(got, identity.Ordinals{Start: 5, Count: 3}) || got.End() != 8 {
		t.Errorf("OrdinalsOf = %+v", got)
	}
	for ordinal, want := range map[int]bool{4: false, 5: true, 7: true, 8: false} {
		if got := identity.OrdinalsOf(set).Contains(ordinal); got != want {
			t.Errorf("Contains(%d) = %t", ordinal, got)
		}
	}
	set.Spec.Replicas, set.Spec.Ordinals = nil, nil
	if got := identity.OrdinalsOf(set); !reflect.DeepEqual(got, identity.Ordinals{Count: 1}) {
		t.Errorf("without replicas: %+v, want one from 0", got)
	}
}

func TestAPodHasTheIdentityOfItsOrdinal(t *testing.T) {
	set := web()
	before := set.DeepCopy()
	pod := identity.NewPod(set, &set.Spec.Template, "web-abc", 6)
	want := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-6", Namespace: "shop", GenerateName: "web-",
			Labels: map[string]string{
				"app": "web", "controller-revision-hash": "web-abc",
				"statefulset.kubernetes.io/pod-name": "web-6", "apps.kubernetes.io/pod-index": "6",
			},
			Annotations: map[string]string{"note": "x"},
			Finalizers:  []string{"example.com/keep"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "uid-web",
				Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
			}},
		},
		Spec: corev1.PodSpec{
			Hostname: "web-6", Subdomain: "peers",
			Volumes: []corev1.Volume{
				{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-web-6"}}},
				{Name: "tmp"},
			},
		},
	}
	if diff := cmp.Diff(want, pod); diff != "" {
		t.Errorf("NewPod (-want +got):\n%s", diff)
	}
	pod.Labels["app"], pod.Annotations["note"], pod.Spec.Volumes[1].Name = "changed", "changed", "changed"
	if diff := cmp.Diff(before, set); diff != "" {
		t.Errorf("the pod shares memory with the set:\n%s", diff)
	}
	if identity.Revision(pod) != "web-abc" || !identity.MountsClaims(set, pod, 6) || identity.Drift(pod, 6) != nil {
		t.Error("a new pod does not look like the member it is")
	}
}

func TestATemplateWithoutLabelsOrVolumesMakesAPod(t *testing.T) {
	set := web()
	set.Spec.VolumeClaimTemplates = nil
	pod := identity.NewPod(set, &corev1.PodTemplateSpec{}, "web-abc", 6)
	if len(pod.Labels) != 3 || pod.Spec.Volumes != nil {
		t.Errorf("labels %v, volumes %v", pod.Labels, pod.Spec.Volumes)
	}
}

func TestDriftIsWhatALabelShouldBe(t *testing.T) {
	set := web()
	for name, test := range map[string]struct {
		edit  func(map[string]string)
		drift bool
	}{
		"none":                                {func(map[string]string) {}, false},
		"no name":                             {func(l map[string]string) { delete(l, appsv1.StatefulSetPodNameLabel) }, true},
		"another name":                        {func(l map[string]string) { l[appsv1.StatefulSetPodNameLabel] = "web-5" }, true},
		"another index":                       {func(l map[string]string) { l[appsv1.PodIndexLabel] = "5" }, true},
		"no index, as before Kubernetes 1.28": {func(l map[string]string) { delete(l, appsv1.PodIndexLabel) }, false},
	} {
		pod := identity.NewPod(set, &set.Spec.Template, "web-abc", 6)
		test.edit(pod.Labels)
		if got := identity.Drift(pod, 6); (got != nil) != test.drift {
			t.Errorf("%s: Drift = %v", name, got)
		}
	}
}

func TestAClaimCarriesTheTemplatesLabelsAndTheSelector(t *testing.T) {
	set := web()
	claim := identity.NewClaim(set, &set.Spec.VolumeClaimTemplates[0], 6)
	want := map[string]string{"tier": "db", "app": "web"}
	if claim.Name != "data-web-6" || claim.Namespace != "shop" || !cmp.Equal(claim.Labels, want) || claim.Status.Phase != "" {
		t.Errorf("NewClaim = %+v", claim)
	}
	if len(set.Spec.VolumeClaimTemplates[0].Labels) != 1 {
		t.Error("the claim shares its labels with the template")
	}
	set.Spec.VolumeClaimTemplates[0].Labels = nil
	if claim := identity.NewClaim(set, &set.Spec.VolumeClaimTemplates[0], 6); !cmp.Equal(claim.Labels, map[string]string{"app": "web"}) {
		t.Errorf("labels without a template's: %v", claim.Labels)
	}
}

func TestAPodMountsItsOwnClaims(t *testing.T) {
	set := web()
	pod := identity.NewPod(set, &set.Spec.Template, "web-abc", 6)
	if identity.MountsClaims(set, pod, 7) {
		t.Error("the claims of ordinal 6 pass for those of 7")
	}
	pod.Spec.Volumes = pod.Spec.Volumes[1:]
	if identity.MountsClaims(set, pod, 6) {
		t.Error("a pod without the volume passes")
	}
}

// The API server does not mind, and upstream takes the last.
func TestOfClaimTemplatesOfOneNameTheLastCounts(t *testing.T) {
	template := func(name, class string) corev1.PersistentVolumeClaim {
		return corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class}}
	}
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{template("data", "slow"), template("logs", "slow"), template("data", "fast")}
	templates := identity.ClaimTemplates(set)
	if len(templates) != 2 || templates[0].Name != "data" || *templates[0].Spec.StorageClassName != "fast" || templates[1].Name != "logs" {
		t.Errorf("templates %v, want data of the class fast, and logs", templates)
	}
	pod := identity.NewPod(set, &corev1.PodTemplateSpec{}, "web-1", 0)
	if len(pod.Spec.Volumes) != 2 || !identity.MountsClaims(set, pod, 0) {
		t.Errorf("volumes %v, want each once", pod.Spec.Volumes)
	}
}

func TestAClaimNamesEverySetThatMayHaveMadeIt(t *testing.T) {
	for claim, want := range map[string]string{
		"data-web-0": "web", "a-b-c-0": "b-c c", "data-web": "", "web-0": "", "x--y-3": "-y y",
		"-web-0": "", "data--0": "",
	} {
		if got := identity.ClaimSets(claim); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("ClaimSets(%q) = %q, want %q", claim, got, want)
		}
	}
}

func web() *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "uid-web"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](3), Ordinals: &appsv1.StatefulSetOrdinals{Start: 5}, ServiceName: "peers",
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"note": "x"}, Finalizers: []string{"example.com/keep"},
				},
				Spec: corev1.PodSpec{Volumes: []corev1.Volume{{Name: "data"}, {Name: "tmp"}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data", Labels: map[string]string{"tier": "db"}},
				Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
			}},
		},
	}
}

func TestASelectorSelectsWhatTheAPISaysItDoes(t *testing.T) {
	pod := labels.Set{"app": "web", "tier": "front"}
	for name, test := range map[string]struct {
		selector      *metav1.LabelSelector
		selects, fail bool
	}{
		"labels":       {&metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, true, false},
		"other labels": {&metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}, false, false},
		"both": {&metav1.LabelSelector{
			MatchLabels:      map[string]string{"app": "web"},
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"front"}}},
		}, false, false},
		"empty":   {&metav1.LabelSelector{}, true, false},
		"none":    {nil, false, false},
		"unknown": {&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "Like"}}}, false, true},
	} {
		s, err := identity.Selector(&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Selector: test.selector}})
		if (err != nil) != test.fail {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && s.Matches(pod) != test.selects {
			t.Errorf("%s: selects the pod: %t", name, !test.selects)
		}
	}
}
