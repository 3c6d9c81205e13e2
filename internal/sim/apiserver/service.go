package apiserver

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

func defaultService(spec *corev1.ServiceSpec) {
	if spec.Type == "" {
		spec.Type = corev1.ServiceTypeClusterIP
	}
	if spec.SessionAffinity == "" {
		spec.SessionAffinity = corev1.ServiceAffinityNone
	}
	if spec.InternalTrafficPolicy == nil {
		spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyCluster)
	}
	defaultPorts(spec)
}

func defaultPorts(spec *corev1.ServiceSpec) {
	for i := range spec.Ports {
		port := &spec.Ports[i]
		if port.Protocol == "" {
			port.Protocol = corev1.ProtocolTCP
		}
		if port.TargetPort == (intstr.IntOrString{}) {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
}

// allocate gives a Service what the server has to give: an address, unless it is to
// have none.
func (s *Server) allocate(service *corev1.Service) {
	spec := &service.Spec
	if spec.ClusterIP == "" {
		spec.ClusterIP = fmt.Sprintf("10.96.%d.%d", s.made/250, 1+s.made%250)
	}
	spec.ClusterIPs = []string{spec.ClusterIP}
	if spec.IPFamilies == nil {
		spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	if spec.IPFamilyPolicy == nil {
		spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicySingleStack)
	}
}

// keepAllocated has an update keep what it does not speak of.
func keepAllocated(old, updated *corev1.ServiceSpec) {
	if updated.ClusterIP == "" {
		updated.ClusterIP = old.ClusterIP
	}
	updated.ClusterIPs = []string{updated.ClusterIP}
	if updated.IPFamilies == nil {
		updated.IPFamilies = old.IPFamilies
	}
	if updated.IPFamilyPolicy == nil {
		updated.IPFamilyPolicy = old.IPFamilyPolicy
	}
}

func validateService(spec *corev1.ServiceSpec) (errs field.ErrorList) {
	errs = append(errs, metavalidation.ValidateLabels(spec.Selector, inSpec.Child("selector"))...)
	if len(spec.Ports) == 0 && spec.ClusterIP != corev1.ClusterIPNone {
		errs = append(errs, field.Required(inSpec.Child("ports"), ""))
	}
	if spec.Type != corev1.ServiceTypeClusterIP && spec.ClusterIP == corev1.ClusterIPNone {
		errs = append(errs, field.Invalid(inSpec.Child("clusterIPs").Index(0), spec.ClusterIP, fmt.Sprintf("may not be set to 'None' for %s services", spec.Type)))
	}
	names, numbers := map[string]bool{}, map[string]bool{}
	for i, port := range spec.Ports {
		at, number := inSpec.Child("ports").Index(i), fmt.Sprint(port.Protocol, port.Port)
		switch {
		case port.Name == "" && len(spec.Ports) > 1:
			errs = append(errs, field.Required(at.Child("name"), ""))
		case port.Name != "" && names[port.Name]:
			errs = append(errs, field.Duplicate(at.Child("name"), port.Name))
		case port.Name != "" && len(utilvalidation.IsDNS1123Label(port.Name)) > 0:
			errs = append(errs, field.Invalid(at.Child("name"), port.Name, "must be a DNS label"))
		}
		if len(utilvalidation.IsValidPortNum(int(port.Port))) > 0 {
			errs = append(errs, field.Invalid(at.Child("port"), port.Port, "must be a port"))
		}
		if numbers[number] {
			errs = append(errs, field.Duplicate(at, number))
		}
		names[port.Name], numbers[number] = true, true
	}
	return errs
}

func validateServiceUpdate(old, updated *corev1.ServiceSpec) field.ErrorList {
	return validation.ValidateImmutableField(updated.ClusterIP, old.ClusterIP, inSpec.Child("clusterIPs").Index(0))
}
