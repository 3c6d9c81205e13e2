package guard

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

func TestAStatusThatAnotherWritesIsEvidence(t *testing.T) {
	set, other := web("db"), web("db")
	other.UID = "uid-other"
	two := statusWritten(set, "kube-controller-manager", 0)
	two.ManagedFields = append(two.ManagedFields, statusWritten(set, "rival", 0).ManagedFields...)
	for name, test := range map[string]struct {
		was, is *appsv1.StatefulSet
		want    bool
	}{
		"for the first time": {set, statusWritten(set, "kube-controller-manager", 0), true},
		"again":              {statusWritten(set, "kube-controller-manager", 0), statusWritten(set, "kube-controller-manager", time.Second), true},
		"again, by a server whose clock is behind": {statusWritten(set, "kube-controller-manager", time.Second), statusWritten(set, "kube-controller-manager", 0), true},
		"a second one":                {statusWritten(set, "kube-controller-manager", 0), two, true},
		"long ago":                    {statusWritten(set, "kube-controller-manager", 0), statusWritten(set, "kube-controller-manager", 0), false},
		"of a set that was made anew": {statusWritten(other, "kube-controller-manager", 0), statusWritten(set, "kube-controller-manager", 0), true},
		"never":                       {set, set, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.Observe(test.was, test.is)
			if got := s.MayAct("db").Why != ""; got != test.want {
				t.Errorf("held: %t, want %t", got, test.want)
			}
		})
	}
}

// part is something that a set controls.
func part[T client.Object](part T, set *appsv1.StatefulSet, creator string) T {
	part.SetNamespace(set.Namespace)
	part.SetName(set.Name + "-0")
	part.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))})
	if creator != "" {
		part.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: creator}})
	}
	return part
}

func TestAPartThatAnotherCreatesIsEvidence(t *testing.T) {
	set, earlier, unknown := web("db"), web("db"), web("web")
	earlier.UID = types.UID("uid-earlier")
	pod := part(&corev1.Pod{}, set, "intree")
	for name, test := range map[string]struct {
		was, is client.Object
		want    string
	}{
		"a pod":                        {nil, pod, "(it created pod web-0 of web)"},
		"a revision":                   {nil, part(&appsv1.ControllerRevision{}, set, "intree"), "(it created revision web-0 of web)"},
		"a pod that was there":         {pod, pod, ""},
		"a pod of ours":                {nil, part(&corev1.Pod{}, set, ""), ""},
		"a pod of an earlier set":      {nil, part(&corev1.Pod{}, earlier, "intree"), ""},
		"a pod of a set that is not":   {nil, part(&corev1.Pod{}, unknown, "intree"), ""},
		"a claim, which no guard sees": {nil, part(&corev1.PersistentVolumeClaim{}, set, "intree"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, set)
			s.Observe(test.was, test.is)
			if test.want == "" {
				s.expect()
				return
			}
			s.expect("db held: intree also acts on StatefulSets in namespace db "+test.want, "about db/web")
		})
	}
}

// What was there at the start may be of a controller that has ended.
func TestOnlyWhatIsDoneSinceTheStartIsEvidence(t *testing.T) {
	set := web("db")
	for _, object := range []client.Object{part(&corev1.Pod{}, set, "intree"), statusWritten(set, "intree", 0)} {
		s := newScene(t, set)
		events := s.Events()
		if !events.Create(event.CreateEvent{Object: object, IsInInitialList: true}) {
			t.Errorf("%T: the event is not let through", object)
		}
		s.held("db", 0)
		if !events.Update(event.UpdateEvent{ObjectOld: object, ObjectNew: object}) || !events.Delete(event.DeleteEvent{Object: object}) {
			t.Errorf("%T: the event is not let through", object)
		}
		s.held("db", 0)
		if !events.Create(event.CreateEvent{Object: object}) {
			t.Errorf("%T: the event is not let through", object)
		}
		s.held("db", shortest)
	}
	s := newScene(t)
	s.Events().Update(event.UpdateEvent{ObjectOld: set, ObjectNew: statusWritten(set, "intree", 0)})
	s.held("db", shortest)
}
