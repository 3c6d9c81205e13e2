package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"ordinal.dev/ordinal/internal/controller/controllertest"
)

func TestASnapshotHoldsWhatConcernsTheSetAndNothingElse(t *testing.T) {
	set := web(2)
	revision := func(name string, owner types.UID, labels map[string]string) *appsv1.ControllerRevision {
		r := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels}}
		if owner != "" {
			r.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: owner, Controller: ptr.To(true)}}
		}
		return r
	}
	claim := func(name string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	}
	other := orphan(0)
	other.Name, other.Namespace = "web-0", "elsewhere"
	stranger := orphan(0)
	stranger.Name = "db-0"
	w := controllertest.New(t, set, orphan(0), orphan(7), other, stranger,
		revision("mine", "uid-web", set.Spec.Template.Labels), revision("orphan", "", set.Spec.Template.Labels),
		revision("anothers", "uid-other", set.Spec.Template.Labels), revision("unlike", "", nil),
		claim("data-web-0"), claim("data-web-7"), claim("data-web-5"), claim("data-db-0"))
	s, err := Load(t.Context(), w.API, "default", "web", w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, pod := range s.Pods {
		got = append(got, "pod "+pod.Name)
	}
	for _, r := range s.Revisions {
		got = append(got, "revision "+r.Name)
	}
	for _, name := range []string{"data-web-0", "data-web-5", "data-web-7", "data-db-0"} {
		if s.Claims[name] != nil {
			got = append(got, "claim "+name)
		}
	}
	want := []string{"pod web-0", "pod web-7", "revision mine", "revision orphan", "claim data-web-0", "claim data-web-7"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
