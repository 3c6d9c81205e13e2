package plan

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// portsOf publishes the ports of the sets' containers, those of every revision in use:
// the names of both hold during a roll-out.
func (p *planner) portsOf(sets []*appsv1.StatefulSet) []corev1.ServicePort {
	var containers []corev1.Container
	for _, s := range p.allSharers() {
		if !slices.Contains(sets, s.set) {
			continue
		}
		for _, template := range s.templates() {
			for _, c := range template.Spec.InitContainers {
				if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways { // a sidecar
					containers = append(containers, c)
				}
			}
			containers = append(containers, template.Spec.Containers...)
		}
	}
	return servicePorts(containers)
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
			number := portNumber(protocol, port.ContainerPort)
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

// withPorts adds ports that are not there, under another name where theirs is taken.
func withPorts(ports, more []corev1.ServicePort) []corev1.ServicePort {
	for _, port := range more {
		sameName := func(p corev1.ServicePort) bool { return p.Name == port.Name }
		sameNumber := func(p corev1.ServicePort) bool { return p.Port == port.Port && p.Protocol == port.Protocol }
		if slices.ContainsFunc(ports, sameName) {
			port.Name = portNumber(port.Protocol, port.Port)
		}
		if !slices.ContainsFunc(ports, sameNumber) && !slices.ContainsFunc(ports, sameName) {
			ports = append(ports, port)
		}
	}
	return ports
}

// portNumber is the name of a port that has no other.
func portNumber(protocol corev1.Protocol, port int32) string {
	return fmt.Sprintf("%s-%d", strings.ToLower(string(protocol)), port)
}

// samePorts compares ports by what was asked for, in any order: the API server adds to
// them.
func samePorts(a, b []corev1.ServicePort) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x corev1.ServicePort) bool {
		return !slices.ContainsFunc(b, func(y corev1.ServicePort) bool {
			return x.Name == y.Name && x.Protocol == y.Protocol && x.Port == y.Port && x.TargetPort == y.TargetPort
		})
	})
}
