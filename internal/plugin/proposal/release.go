package proposal

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What Helm adds to the objects of a release, and its templates do not have.
const (
	helmManagedBy        = "app.kubernetes.io/managed-by"
	helmReleaseName      = "meta.helm.sh/release-name"
	helmReleaseNamespace = "meta.helm.sh/release-namespace"
)

// addReleaseOf gives a document what Helm has added to the live object of a release, as it
// will again: `helm template` leaves it out.
func addReleaseOf(live client.Object, document *unstructured.Unstructured) {
	annotations, given := live.GetAnnotations(), document.GetAnnotations()
	if annotations[helmReleaseName] == "" || given[helmReleaseName] != "" {
		return
	}
	document.SetAnnotations(with(given, annotations, helmReleaseName, helmReleaseNamespace))
	document.SetLabels(with(document.GetLabels(), live.GetLabels(), helmManagedBy))
}

// with is what is given with those of these keys that others have.
func with(given, others map[string]string, keys ...string) map[string]string {
	if given == nil {
		given = map[string]string{}
	}
	for _, key := range keys {
		if value, has := others[key]; has {
			given[key] = value
		}
	}
	return given
}
