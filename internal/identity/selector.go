package identity

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Selector is what a set's spec.selector selects, or an error that says what is
// wrong with it. Labels are taken as the API server has let them pass: to validate
// them again for each plan would cost as much as a quarter of it.
func Selector(set *appsv1.StatefulSet) (labels.Selector, error) {
	s := set.Spec.Selector
	if s != nil && len(s.MatchLabels) > 0 && len(s.MatchExpressions) == 0 {
		return labels.SelectorFromValidatedSet(s.MatchLabels), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}
