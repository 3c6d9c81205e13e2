package plugin

import (
	"cmp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// keeperOf names what keeps an object as it is somewhere else, by the marks that it leaves;
// empty for none that is known.
func keeperOf(object metav1.Object) string {
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	if id, _, _ := strings.Cut(annotations["argocd.argoproj.io/tracking-id"], ":"); cmp.Or(id, labels["argocd.argoproj.io/instance"]) != "" {
		return "Argo CD, as a part of application " + cmp.Or(id, labels["argocd.argoproj.io/instance"])
	}
	if name := labels["kustomize.toolkit.fluxcd.io/name"]; name != "" {
		return "Flux, as a part of Kustomization " + name
	}
	if name := labels["helm.toolkit.fluxcd.io/name"]; name != "" {
		return "Flux, as a part of HelmRelease " + name
	}
	if name := annotations["meta.helm.sh/release-name"]; name != "" {
		return "Helm, as a part of release " + name
	}
	return ""
}
