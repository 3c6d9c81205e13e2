package fence

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ordinal.dev/ordinal/internal/claimadmission"
	"ordinal.dev/ordinal/internal/claimtemplates"
	"ordinal.dev/ordinal/internal/fence"
)

// TestChangedClaimTemplates has sets grow their templates that are Ordinal's behind the
// fence, and others: nobody would carry out what is recorded on those.
func TestChangedClaimTemplates(t *testing.T) {
	s := newStage(t)
	s.acceptsClaimTemplates()
	for name, test := range map[string]struct {
		label, sets, leaving string // what the namespace says, after both sets were Ordinal's
		web, webA            bool   // which of them may grow then
	}{
		"all are":                     {label: fence.Ordinal, web: true, webA: true},
		"one is":                      {label: fence.OrdinalSets, sets: "web", web: true},
		"the other one is":            {label: fence.OrdinalSets, sets: "db,web-a", webA: true},
		"none is listed":              {label: fence.OrdinalSets},
		"the in-tree controller's":    {label: fence.InTree, sets: "web"},
		"nobody says so":              {},
		"one is given back":           {label: fence.Ordinal, leaving: "web", webA: true},
		"the other one is given back": {label: fence.OrdinalSets, sets: "web,web-a", leaving: "web-a,we", web: true},
		"all are given back":          {label: fence.Ordinal, leaving: fence.All},
		"those listed are all given":  {label: fence.OrdinalSets, sets: "web,web-a", leaving: fence.All},
	} {
		s.Run(name, func(t *testing.T) {
			s := s.of(t)
			namespace := s.anyNamespace()
			may := func(web, webA bool) {
				t.Helper()
				s.eventually(func() error {
					return errors.Join(s.grows(namespace, "web", web), s.grows(namespace, "web-a", webA))
				})
			}
			for _, set := range []string{"web", "web-a"} {
				_, err := s.admin.AppsV1().StatefulSets(namespace).Create(s.Context(), setOf(namespace, set, "data"), metav1.CreateOptions{})
				s.must(err)
			}
			s.take(namespace)
			may(true, true)
			s.mark(namespace, func(n *corev1.Namespace) {
				n.Labels[fence.Label] = test.label
				n.Annotations = map[string]string{fence.SetsAnnotation: test.sets, fence.LeavingAnnotation: test.leaving}
			})
			may(test.web, test.webA)
		})
	}
}

// acceptsClaimTemplates puts up the policies as the chart has them.
func (s *stage) acceptsClaimTemplates() {
	s.Helper()
	api := s.admin.AdmissionregistrationV1()
	_, err := api.ValidatingAdmissionPolicies().Create(s.Context(), claimadmission.Refusing(), metav1.CreateOptions{})
	s.must(err)
	_, err = api.ValidatingAdmissionPolicyBindings().Create(s.Context(), claimadmission.RefusingBinding(fence.Fenced), metav1.CreateOptions{})
	s.must(err)
	_, err = api.MutatingAdmissionPolicies().Create(s.Context(), claimadmission.Recording(fence.Fenced), metav1.CreateOptions{})
	s.must(err)
	_, err = api.MutatingAdmissionPolicyBindings().Create(s.Context(), claimadmission.RecordingBinding(fence.Fenced), metav1.CreateOptions{})
	s.must(err)
	namespace := s.anyNamespace()
	_, err = s.admin.AppsV1().StatefulSets(namespace).Create(s.Context(), setOf(namespace, "web", "data"), metav1.CreateOptions{})
	s.must(err)
	s.take(namespace)
	s.eventually(func() error { return s.grows(namespace, "web", true) })
}

// grows objects unless an update of a set's templates is recorded, or refused as ever.
func (s *stage) grows(namespace, name string, accepted bool) error {
	set, err := s.admin.AppsV1().StatefulSets(namespace).Get(s.Context(), name, metav1.GetOptions{})
	s.must(err)
	set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("2Gi")}
	grown, err := s.admin.AppsV1().StatefulSets(namespace).Update(s.Context(), set, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
	switch record := grown.GetAnnotations()[claimtemplates.Annotation]; {
	case accepted && (err != nil || record != `[{"name":"data","size":"2Gi"}]`):
		return fmt.Errorf("%s is to be recorded, and the record is %q, %v", name, record, err)
	case !accepted && (err == nil || !strings.Contains(err.Error(), "immutable")):
		return fmt.Errorf("%s is to be refused as ever, and the API server says %v, with the record %q", name, err, record)
	}
	return nil
}
