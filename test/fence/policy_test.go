package fence

import (
	"errors"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/fence"
)

// setsIn are sets whose names, and those of whose claims, begin or end alike.
func setsIn(namespace string) []*appsv1.StatefulSet {
	return []*appsv1.StatefulSet{
		setOf(namespace, "web", "data"),
		setOf(namespace, "a-web", "data", "data-a"),
		setOf(namespace, "web-a", "data", "a"),
	}
}

// TestPolicy tests the policy and its binding on one cluster.
func TestPolicy(t *testing.T) {
	s := newStage(t)
	for name, test := range map[string]func(*stage){
		"denies what the namespace says, and nothing else": deniesWhatTheNamespaceSays,
		"denies nobody else":               deniesNobodyElse,
		"is stored as it was sent":         isStoredAsItWasSent,
		"is not proven by another refusal": isNotProvenByAnotherRefusal,
	} {
		t.Run(name, func(t *testing.T) { test(s.of(t)) })
	}
}

// deniesWhatTheNamespaceSays has the in-tree controller's account
// make every kind of write about every set: it is denied exactly where the namespace puts
// the set in Ordinal's charge.
func deniesWhatTheNamespaceSays(s *stage) {
	inTree := s.as(fence.Account)
	for name, taken := range map[string]func(namespace string, sets []*appsv1.StatefulSet){
		"all sets":  func(ns string, _ []*appsv1.StatefulSet) { s.take(ns) },
		"web":       func(ns string, sets []*appsv1.StatefulSet) { s.take(ns, sets[0]) },
		"a-web":     func(ns string, sets []*appsv1.StatefulSet) { s.take(ns, sets[1]) },
		"two sets":  func(ns string, sets []*appsv1.StatefulSet) { s.take(ns, sets[0], sets[2]) },
		"no label":  func(string, []*appsv1.StatefulSet) {},
		"opted out": func(ns string, _ []*appsv1.StatefulSet) { s.setLabel(ns, fence.InTree) },
		// Lists count beside their label alone.
		"in-tree, with lists": func(ns string, sets []*appsv1.StatefulSet) { s.take(ns, sets...); s.setLabel(ns, fence.InTree) },
		// A person may have written the label and nothing else.
		"no list": func(ns string, _ []*appsv1.StatefulSet) { s.setLabel(ns, fence.OrdinalSets) },
	} {
		s.Run(name, func(t *testing.T) {
			s := s.of(t)
			namespace := s.anyNamespace()
			var sets []*appsv1.StatefulSet
			for _, set := range setsIn(namespace) {
				sets = append(sets, s.furnish(set))
			}
			taken(namespace, sets)
			charge := s.charge(namespace)
			s.untilEnforced(namespace, charge)
			for _, set := range sets {
				for what, write := range writes {
					err := write(desk{s.Context(), inTree, set})
					if denied := fence.Denied(err); denied != charge.Has(set.Name) || err != nil && !denied {
						s.Errorf("%s of %s: %v; is it to be denied: %t", what, set.Name, err, charge.Has(set.Name))
					}
				}
			}
		})
	}
}

// deniesNobodyElse has others do the same, whose names are much like that of
// the in-tree controller's account.
func deniesNobodyElse(s *stage) {
	namespace := s.anyNamespace()
	set := s.furnish(setOf(namespace, "web", "data"))
	s.take(namespace)
	s.untilEnforced(namespace, s.charge(namespace))
	for _, user := range []string{
		"system:serviceaccount:ordinal-system:ordinal-controller",
		"system:serviceaccount:kube-system:generic-garbage-collector",
		"system:serviceaccount:kube-system:statefulset-controller-2",
		"system:serviceaccount:db:statefulset-controller",
		"system:kube-controller-manager",
		"statefulset-controller",
	} {
		client := s.as(user, "system:masters") // whom the fence alone could deny anything
		for what, write := range writes {
			if err := write(desk{s.Context(), client, set}); err != nil {
				s.Errorf("%s: %s: %v", user, what, err)
			}
		}
	}
}

// isStoredAsItWasSent is what the controller's comparison with what it finds
// rests on.
func isStoredAsItWasSent(s *stage) {
	admission := s.admin.AdmissionregistrationV1()
	policy, err := admission.ValidatingAdmissionPolicies().Get(s.Context(), fence.Name, metav1.GetOptions{})
	s.must(err)
	if !equality.Semantic.DeepEqual(policy.Spec, fence.Policy().Spec) {
		s.Errorf("the policy is stored as\n%+v\nand was sent as\n%+v", policy.Spec, fence.Policy().Spec)
	}
	binding, err := admission.ValidatingAdmissionPolicyBindings().Get(s.Context(), fence.Name, metav1.GetOptions{})
	s.must(err)
	if !equality.Semantic.DeepEqual(binding.Spec, fence.Binding().Spec) {
		s.Errorf("the binding is stored as\n%+v\nand was sent as\n%+v", binding.Spec, fence.Binding().Spec)
	}
	s.eventually(func() error {
		policy, err := admission.ValidatingAdmissionPolicies().Get(s.Context(), fence.Name, metav1.GetOptions{})
		s.must(err)
		if policy.Status.ObservedGeneration != policy.Generation || policy.Status.TypeChecking == nil {
			return errors.New("the API server has not checked the types of the policy's expressions")
		}
		for _, w := range policy.Status.TypeChecking.ExpressionWarnings {
			s.Errorf("%s: %s", w.FieldRef, w.Warning)
		}
		return nil
	})
}

// isNotProvenByAnotherRefusal has the probe refused by somebody else.
func isNotProvenByAnotherRefusal(s *stage) {
	stranger := s.as("somebody")
	_, err := stranger.AppsV1().ControllerRevisions("default").Create(s.Context(), fence.Probe("default", "web"), metav1.CreateOptions{DryRun: dry})
	if err == nil || fence.Denied(err) {
		s.Errorf("somebody without permission is refused by the fence: %v", err)
	}
}

func (s *stage) setLabel(namespace, value string) {
	s.Helper()
	s.mark(namespace, func(ns *corev1.Namespace) { metav1.SetMetaDataLabel(&ns.ObjectMeta, fence.Label, value) })
}

// anyNamespace is a new one.
func (s *stage) anyNamespace() string {
	s.Helper()
	ns, err := s.admin.CoreV1().Namespaces().Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	s.must(err)
	return ns.Name
}

// charge is what a namespace says.
func (s *stage) charge(namespace string) fence.Charge {
	s.Helper()
	ns, err := s.admin.CoreV1().Namespaces().Get(s.Context(), namespace, metav1.GetOptions{})
	s.must(err)
	return fence.ChargeOf(ns)
}

// untilEnforced waits until the API server has seen what the namespace says, which is told
// by probes of the sets that setsIn makes.
func (s *stage) untilEnforced(namespace string, charge fence.Charge) {
	s.Helper()
	inTree := s.as(fence.Account)
	s.eventually(func() error {
		for _, set := range setsIn(namespace) {
			_, err := inTree.AppsV1().ControllerRevisions(namespace).Create(s.Context(), fence.Probe(namespace, set.Name), metav1.CreateOptions{DryRun: dry})
			if fence.Denied(err) != charge.Has(set.Name) {
				return fmt.Errorf("a probe of %s: %w", set.Name, err)
			}
		}
		return nil
	})
}
