package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
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
