package plan

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"ordinal.dev/ordinal/internal/identity"
)

// serviceGrace is how long a new set waits for its user to bring the governing
// Service: many create the Service right after the set, from the same manifest,
// and would fail if they found it there. Its pods wait too, so that their names
// resolve from the start.
const serviceGrace = 300 * time.Millisecond

// governService creates the Service that gives the pods their names, if
// spec.serviceName names one that does not exist. A Service that a user made is
// never touched; what is wrong with it is said.
func (p *planner) governService() {
	name := p.Set.Spec.ServiceName
	if name == "" {
		return
	}
	if p.Service != nil {
		p.inspectService()
		return
	}
	if !p.enabled(GoverningService) {
		return
	}
	if left := p.FirstSeen.Add(serviceGrace).Sub(p.Now); left > 0 {
		p.awaitingService = true
		p.lookAgain(left)
		return
	}
	p.do(Action{
		Verb: Create, Object: p.newService(),
		Why: fmt.Sprintf("spec.serviceName is %s, and there is no such Service to give the pods their names", name),
	})
}

// inspectService warns of a Service that cannot give the pods their names.
func (p *planner) inspectService() {
	if p.Service.DeletionTimestamp != nil || metav1.IsControlledBy(p.Service, p.Set) {
		return
	}
	if p.Service.Spec.ClusterIP != corev1.ClusterIPNone {
		p.serviceFails("ServiceNotHeadless", fmt.Sprintf(
			"Service %s is not headless, so pods get no names of their own: set its spec.clusterIP to None", p.Service.Name))
	}
	if !labels.SelectorFromSet(p.Service.Spec.Selector).Matches(labels.Set(p.Set.Spec.Template.Labels)) ||
		len(p.Service.Spec.Selector) == 0 {
		p.serviceFails("ServiceSelectorMismatch", fmt.Sprintf(
			"Service %s does not select the pods of this set, so their names do not resolve: set its spec.selector to %s",
			p.Service.Name, labels.FormatLabels(p.serviceSelector())))
	}
}

func (p *planner) serviceFails(reason, message string) {
	p.warn(reason, message)
	p.serviceFault = &verdict{corev1.ConditionFalse, reason, message}
}

func (p *planner) newService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name:            p.Set.Spec.ServiceName,
			Namespace:       p.Set.Namespace,
			Labels:          p.serviceSelector(),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(p.Set, identity.SetKind)},
		},
		Spec: corev1.ServiceSpec{
			ClusterIP:                corev1.ClusterIPNone,
			Selector:                 p.serviceSelector(),
			Ports:                    servicePorts(p.Set.Spec.Template.Spec.Containers),
			PublishNotReadyAddresses: true,
		},
	}
}

// serviceSelector is the set's selector in the form a Service understands. A
// selector with expressions has none; the template's labels, which it matches,
// stand in for it.
func (p *planner) serviceSelector() map[string]string {
	selector := p.Set.Spec.Selector
	if len(selector.MatchExpressions) > 0 {
		return p.Set.Spec.Template.Labels
	}
	return selector.MatchLabels
}

// servicePorts publishes the containers' ports, each once and each with a name,
// since only named ports have SRV records.
func servicePorts(containers []corev1.Container) []corev1.ServicePort {
	var ports []corev1.ServicePort
	published, named := map[string]bool{}, map[string]bool{}
	for _, container := range containers {
		for _, port := range container.Ports {
			protocol := port.Protocol
			if protocol == "" {
				protocol = corev1.ProtocolTCP
			}
			number := fmt.Sprintf("%s-%d", strings.ToLower(string(protocol)), port.ContainerPort)
			name := port.Name
			if name == "" || named[name] {
				name = number
			}
			if published[number] || named[name] {
				continue
			}
			published[number], named[name] = true, true
			ports = append(ports, corev1.ServicePort{
				Name: name, Protocol: protocol, Port: port.ContainerPort,
				TargetPort: intstr.FromInt32(port.ContainerPort),
			})
		}
	}
	return ports
}
