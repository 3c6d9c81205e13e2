package snapshot

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestAPodConcernsTheSetsOfItsOwnerAndOfItsName(t *testing.T) {
	owned := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, Controller: ptr.To(true)}}
	}
	for _, test := range []struct {
		pod    string
		owners []metav1.OwnerReference
		want   []string
	}{
		{"web-0", owned("StatefulSet", "web"), []string{"web"}},
		{"web-0", nil, []string{"web"}},
		{"web-0", owned("StatefulSet", "other"), []string{"other", "web"}},
		{"web-0", owned("ReplicaSet", "other"), []string{"web"}},
		{"renamed", owned("StatefulSet", "web"), []string{"web"}},
		{"web-7d4b9-x2x4z", owned("ReplicaSet", "web-7d4b9"), nil},
	} {
		got := podSets(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: test.pod, OwnerReferences: test.owners}})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s of %v (-want +got):\n%s", test.pod, test.owners, diff)
		}
	}
}

// One that was adopted names no Service, and what its set's Service selects by follows from
// its labels all the same.
func TestAPodConcernsTheSetsThatShareTheServiceOfItsSet(t *testing.T) {
	c := NewEmptyCache()
	for _, name := range []string{"web", "db", "other"} {
		set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: appsv1.StatefulSetSpec{ServiceName: "peers"}}
		if name == "other" {
			set.Spec.ServiceName = name
		}
		if _, err := c.Observe(set, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, subdomain := range []string{"", "peers", "gone"} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0"}, Spec: corev1.PodSpec{Subdomain: subdomain}}
		var got []string
		for _, set := range c.SetsOf(t.Context(), pod) {
			got = append(got, set.Name)
		}
		if diff := cmp.Diff([]string{"web", "db"}, got); diff != "" {
			t.Errorf("subdomain %q (-want +got):\n%s", subdomain, diff)
		}
	}
}

// By which labels a Service may select follows from who else has them, now or later.
func TestAPodConcernsTheSetsThatConsideredItsLabels(t *testing.T) {
	c := NewEmptyCache()
	web := types.NamespacedName{Namespace: "default", Name: "web"}
	concerned := func(namespace string, labels map[string]string) bool {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "job", Labels: labels}}
		return slices.Contains(c.SetsOf(t.Context(), pod), reconcile.Request{NamespacedName: web})
	}
	both := map[string]string{"app": "shop", "tier": "db"}
	c.Considers(web, []map[string]string{{"other": "x"}, both})
	if !concerned("default", both) || concerned("other", both) || concerned("default", map[string]string{"app": "shop"}) {
		t.Error("the set is concerned by pods of its namespace that have all of these labels, and by no others")
	}
	c.Considers(web, nil)
	if concerned("default", both) {
		t.Error("they are considered no more")
	}
}
