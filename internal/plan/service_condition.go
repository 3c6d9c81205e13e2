package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// reasonOurs is the reason of GoverningService while the Service is one that was made
// here.
const reasonOurs = "Automatic"

// reasonNoLabels is that of a Service of which nobody knows by what to select.
const reasonNoLabels = "NoCommonLabels"

// tellOurs says whose names a Service of ours gives, and how a user's takes its place:
// clusterIP: None cannot be changed, so that one of another type cannot be applied over it.
func (p *planner) tellOurs(chosen choice) {
	name := p.Set.Spec.ServiceName
	if !chosen.works() {
		p.serviceFails(reasonNoLabels, fmt.Sprintf("Service %s selects as before, and %s", name, chosen.whyNone()))
		return
	}
	if !slices.Contains(chosen.covered, p.Set) {
		p.serviceFails("ServiceShared", fmt.Sprintf("Service %s gives their names to the pods of a deleted StatefulSet until they have ended, and to those of this set then", name))
		return
	}
	message := fmt.Sprintf("Service %s was made for %s; yours takes its place by: kubectl replace --force -f FILE", name, names(chosen.covered))
	if len(chosen.left) > 0 {
		message += fmt.Sprintf(". It gives no names to the pods of %s, since they have no label in common that nobody else has", names(chosen.left))
	}
	p.serviceState = &verdict{corev1.ConditionTrue, reasonOurs, message}
}

// tellShared says of a set whose Service another set's plans write what comes of it.
func (p *planner) tellShared(chosen choice) {
	if slices.Contains(chosen.covered, p.Set) {
		if p.Service != nil {
			p.tellOurs(chosen)
		}
		return
	}
	if slices.Contains(chosen.left, p.Set) {
		p.serviceFails("ServiceShared", fmt.Sprintf(
			"Service %s gives their names to the pods of %s, and the pods of this set have no label in common with them that nobody else has: give all of them one, or create this set with another serviceName",
			p.Set.Spec.ServiceName, names(chosen.covered)))
	}
}

// inspectService says what is wrong with a user's Service that cannot give the pods
// their names, and what mends it without taking names from others.
func (p *planner) inspectService() {
	name := p.Service.Name
	switch missed := p.missed(); {
	case p.Service.Spec.ClusterIP != corev1.ClusterIPNone:
		p.serviceFails("ServiceNotHeadless", fmt.Sprintf(
			"Service %s is not headless, so pods get no names of their own: if they are to have them, replace it by one with clusterIP: None, and give clients of its address another", name))
	case missed != "" && p.selectsOthers():
		p.serviceFails("ServiceSelectorMismatch", fmt.Sprintf(
			"Service %s does not select %s, so their names do not resolve, and it selects other pods: %s", name, missed, p.adviceForBoth()))
	case missed != "":
		p.serviceFails("ServiceSelectorMismatch", fmt.Sprintf(
			"Service %s does not select %s, so their names do not resolve: set its spec.selector to %s", name, missed, labels.FormatLabels(p.ownLabels())))
	default:
		p.inspectType()
	}
}

// serviceFails says what is wrong with the Service, in the condition, and in a warning
// where somebody asked for the names that do not resolve.
func (p *planner) serviceFails(reason, message string) {
	if p.asksForNames() {
		p.warn(reason, message)
	}
	p.serviceState = &verdict{corev1.ConditionFalse, reason, message}
}

// asksForNames reports whether somebody relies on the names of pods: members of their
// peers', or a container of its own. Most sets of one replica are reached by the
// Service's name and have no use for the pod's.
func (p *planner) asksForNames() bool {
	spec := &p.Set.Spec.Template.Spec
	if p.ordinals.Count > 1 || spec.Hostname != "" || spec.SetHostnameAsFQDN != nil && *spec.SetHostnameAsFQDN || spec.HostnameOverride != nil {
		return true
	}
	mentions := func(text string) bool { return strings.Contains(text, "."+p.Set.Spec.ServiceName) }
	return slices.ContainsFunc(slices.Concat(spec.InitContainers, spec.Containers), func(c corev1.Container) bool {
		return slices.ContainsFunc(slices.Concat(c.Command, c.Args), mentions) ||
			slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return mentions(e.Value) })
	})
}

// missed says which members the user's Service does not select; empty for none.
func (p *planner) missed() string {
	selector := labels.SelectorFromSet(p.Service.Spec.Selector)
	if len(p.Service.Spec.Selector) == 0 || !selector.Matches(labels.Set(p.Set.Spec.Template.Labels)) {
		return "the pods of this set"
	}
	var missed []string
	for _, pod := range p.ownPods() {
		if !selector.Matches(labels.Set(pod.Labels)) {
			missed = append(missed, pod.Name)
		}
	}
	return strings.Join(missed, ", ")
}

// selectsOthers reports whether the user's Service selects pods of another set that
// names it.
func (p *planner) selectsOthers() bool {
	return len(p.Service.Spec.Selector) > 0 && slices.ContainsFunc(p.Sharing, func(s Sharer) bool {
		return labels.SelectorFromSet(p.Service.Spec.Selector).Matches(labels.Set(s.Set.Spec.Template.Labels))
	})
}

// adviceForBoth is what gives this set's pods names without taking them from those that
// have them.
func (p *planner) adviceForBoth() string {
	chosen := p.chooseLabels()
	if len(chosen.left) == 0 && chosen.works() {
		return fmt.Sprintf("set its spec.selector to %s, which selects the pods of %s", labels.FormatLabels(chosen.labels), names(chosen.covered))
	}
	var others []*appsv1.StatefulSet
	for _, s := range p.Sharing {
		others = append(others, s.Set)
	}
	return fmt.Sprintf("give its pods and those of %s a label in common and select by that, or create this set with another serviceName", names(others))
}

// ownLabels are labels that select this set's pods.
func (p *planner) ownLabels() map[string]string {
	if chosen := p.choose([]sharer{p.self()}); len(chosen.labels) > 0 {
		return chosen.labels
	}
	return p.Set.Spec.Template.Labels
}

// inspectType says how a user's Service gets the type that it was to have, where it took
// over one of ours: clusterIP: None cannot be changed.
func (p *planner) inspectType() {
	service, by := p.Service, "kubectl replace --force -f FILE"
	applied, byKubectl := service.Annotations[corev1.LastAppliedConfigAnnotation]
	var asked corev1.Service
	switch {
	case byKubectl && json.Unmarshal([]byte(applied), &asked) == nil && asked.Spec.ClusterIP != corev1.ClusterIPNone:
		by = fmt.Sprintf("kubectl get service %s -n %s -o 'jsonpath={.metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration}' | kubectl replace --force -f -",
			service.Name, service.Namespace)
	case !byKubectl && appliedWithoutAddress(service):
	default:
		return
	}
	p.serviceState = &verdict{corev1.ConditionTrue, "ServiceHeadless", fmt.Sprintf(
		"Service %s is headless, as the one was that was made here before it, and clusterIP cannot be changed; to have it as it was applied: %s", service.Name, by)}
}

// appliedWithoutAddress reports whether a headless Service was applied server-side by
// somebody who did not ask for it to be headless.
func appliedWithoutAddress(service *corev1.Service) bool {
	applied := false
	for _, m := range service.ManagedFields {
		w := writtenIn(m)
		if _, address := w.Spec["f:clusterIP"]; address && m.Manager != FieldManager {
			return false
		}
		applied = applied || m.Operation == metav1.ManagedFieldsOperationApply && m.Manager != FieldManager && len(w.Spec) > 0
	}
	return applied
}
