package guard

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

type managed = []metav1.ManagedFieldsEntry

func TestOfASetsManagersTheOtherControllersOfItsStatusAreKept(t *testing.T) {
	at := &metav1.Time{Time: epoch.Add(time.Minute)}
	entry := func(manager, subresource string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{
			Manager: manager, Subresource: subresource, Time: at, Operation: metav1.ManagedFieldsOperationUpdate,
			APIVersion: "apps/v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:status":{}}`),
		}
	}
	set := web("db")
	set.ManagedFields = managed{
		entry("helm", ""), entry("kube-controller-manager", ""), entry("kube-controller-manager", "scale"),
		entry("kubectl-edit", "status"), entry("kube-controller-manager", "status"), entry("ordinal-controller", "status"),
	}
	want := managed{{Manager: "kube-controller-manager", Subresource: "status", Time: at}}
	if diff := cmp.Diff(want, Traces(set)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	set.ManagedFields = managed{entry("helm", ""), entry("ordinal-controller", "status")}
	if got := Traces(set); got != nil {
		t.Errorf("alone, and %v is kept", got)
	}
}

func TestOfAPartsManagersTheOtherControllerThatCreatedItIsKept(t *testing.T) {
	for name, test := range map[string]struct {
		managers managed
		want     managed
	}{
		"the in-tree controller":      {managed{{Manager: "intree"}, {Manager: "kubelet", Subresource: "status"}}, managed{{Manager: "intree"}}},
		"this one":                    {managed{{Manager: "ordinal-controller"}, {Manager: "kubelet", Subresource: "status"}}, nil},
		"this one, labeled by others": {managed{{Manager: "ordinal-controller"}, {Manager: "operator"}}, nil},
		"another, adopted by us":      {managed{{Manager: "operator"}, {Manager: "ordinal-controller"}}, nil},
		"another, labeled by a user":  {managed{{Manager: "intree"}, {Manager: "kubectl-label"}}, managed{{Manager: "intree"}}},
		"a person":                    {managed{{Manager: "kubectl-replace"}, {Manager: "operator"}}, nil},
		"nobody knows":                {managed{{Manager: "kubelet", Subresource: "status"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range []client.Object{part(&corev1.Pod{}, web("db"), ""), part(&appsv1.ControllerRevision{}, web("db"), "")} {
				o.SetManagedFields(test.managers)
				if diff := cmp.Diff(test.want, Traces(o)); diff != "" {
					t.Errorf("%T (-want +got):\n%s", o, diff)
				}
			}
		})
	}
}

func TestOfWhatNoSetControlsNothingIsKept(t *testing.T) {
	deployment := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "uid"}}
	foreign := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{
		*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("ReplicaSet")),
	}}}
	for _, o := range []client.Object{foreign, &corev1.Pod{}, &appsv1.ControllerRevision{}, part(&corev1.PersistentVolumeClaim{}, web("db"), "")} {
		o.SetManagedFields(managed{{Manager: "kube-controller-manager"}})
		if got := Traces(o); got != nil {
			t.Errorf("of %T %v is kept", o, got)
		}
	}
}
