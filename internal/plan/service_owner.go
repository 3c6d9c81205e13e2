package plan

import (
	"encoding/json"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"ordinal.dev/ordinal/internal/identity"
)

const (
	// ServiceMark is the annotation of a governing Service that was made here. Its value
	// says by which labels it selects: those of its only set's selector, or CommonLabels.
	ServiceMark  = "ordinal.dev/governing-service"
	bySelector   = "selector"
	CommonLabels = "common-labels"
	// FieldManager is the name under which the API server notes what was written here.
	FieldManager = "ordinal-controller"
)

// What Helm puts on the objects of a release, and asks of those that it is to adopt.
const (
	managedByLabel       = "app.kubernetes.io/managed-by"
	helmReleaseName      = "meta.helm.sh/release-name"
	helmReleaseNamespace = "meta.helm.sh/release-namespace"
)

// madeHere reports whether the Service was made for the set, or another one of its
// name. Before there was a mark, it was the controller reference that told.
func (p *planner) madeHere(service *corev1.Service) bool {
	return service.Annotations[ServiceMark] != "" || metav1.IsControlledBy(service, p.Set) && ownsFields(service)
}

// takenOver reports whether somebody else has written the Service: its spec or its
// labels, as the API server notes, or all of it by `kubectl apply`.
func takenOver(service *corev1.Service) bool {
	if _, applied := service.Annotations[corev1.LastAppliedConfigAnnotation]; applied {
		return true
	}
	return slices.ContainsFunc(service.ManagedFields, func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager != FieldManager && m.Subresource == "" && claimsFields(m)
	})
}

// ownsFields reports whether the API server notes the spec or the labels as written
// here.
func ownsFields(service *corev1.Service) bool {
	return slices.ContainsFunc(service.ManagedFields, func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == FieldManager && claimsFields(m)
	})
}

// written is of the fields of an entry what tells whose a Service is.
type written struct {
	Metadata struct {
		Labels map[string]json.RawMessage `json:"f:labels,omitzero"`
	} `json:"f:metadata,omitzero"`
	Spec map[string]json.RawMessage `json:"f:spec,omitzero"`
}

func claimsFields(m metav1.ManagedFieldsEntry) bool {
	w := writtenIn(m)
	return len(w.Metadata.Labels) > 0 || len(w.Spec) > 0
}

func writtenIn(m metav1.ManagedFieldsEntry) (w written) {
	if m.FieldsV1 != nil && json.NewDecoder(m.FieldsV1.GetRawReader()).Decode(&w) != nil {
		return written{}
	}
	return w
}

// Condense drops from a Service's managed fields what plans do not read, for a cache.
func Condense(managed []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	var kept []metav1.ManagedFieldsEntry
	for _, m := range managed {
		if m.Subresource != "" || !claimsFields(m) {
			continue
		}
		w := writtenIn(m)
		if len(w.Metadata.Labels) > 0 {
			w.Metadata.Labels = map[string]json.RawMessage{".": []byte("{}")}
		}
		if len(w.Spec) > 0 {
			maps.DeleteFunc(w.Spec, func(field string, _ json.RawMessage) bool { return field != "f:clusterIP" })
			w.Spec["."] = []byte("{}")
		}
		raw, err := json.Marshal(w)
		if err != nil {
			continue // it was JSON before
		}
		kept = append(kept, metav1.ManagedFieldsEntry{Manager: m.Manager, Operation: m.Operation, FieldsV1: metav1.NewFieldsV1(string(raw))})
	}
	return kept
}

// releaseService gives up a Service that somebody else has taken over: it is neither
// changed nor collected any more. Nor is it noted as written here, if it was taken over before
// that had been given up: the next to apply it would meet a conflict.
func (p *planner) releaseService() {
	var others []metav1.OwnerReference
	for _, ref := range p.Service.OwnerReferences {
		if !isOfKind(ref, identity.SetKind) && !isOfKind(ref, identity.PodKind) {
			others = append(others, ref)
		}
	}
	p.do(Action{
		Verb: Update, Object: p.Service,
		Change: Change{Owners: &others, Annotations: map[string]*string{ServiceMark: nil}, Disowned: ownsFields(p.Service)},
		Why:    "somebody else has written it, so it is theirs",
	})
}

// releaseMetadata is what the sets carry of their Helm release, if they are of one: a
// later revision of the chart that brings the Service adopts it then.
func releaseMetadata(sets []*appsv1.StatefulSet) (labels, annotations map[string]string) {
	for _, set := range sets {
		of := set.Annotations[helmReleaseName]
		if of == "" || set.Labels[managedByLabel] == "" || of != sets[0].Annotations[helmReleaseName] {
			return nil, nil
		}
	}
	if len(sets) == 0 {
		return nil, nil
	}
	return map[string]string{managedByLabel: sets[0].Labels[managedByLabel]}, map[string]string{
		helmReleaseName: sets[0].Annotations[helmReleaseName], helmReleaseNamespace: sets[0].Annotations[helmReleaseNamespace],
	}
}

// setOwners are owner references to the sets, none of which controls the Service.
func setOwners(sets []sharer) []metav1.OwnerReference {
	var refs []metav1.OwnerReference
	for _, s := range sets {
		refs = append(refs, ownerRef(s.set, identity.SetKind))
	}
	return refs
}

// ownerRef keeps what it is on for as long as its owner is there, and neither controls it
// nor has its owner wait for it.
func ownerRef(owner metav1.Object, kind schema.GroupVersionKind) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: owner.GetName(), UID: owner.GetUID()}
}

// withOwners adds the owner references that are not there yet. Those of owners that
// are gone are the garbage collector's to remove.
func withOwners(refs, wanted []metav1.OwnerReference) []metav1.OwnerReference {
	all := slices.Clone(refs)
	for _, ref := range wanted {
		if !slices.ContainsFunc(all, func(r metav1.OwnerReference) bool { return r.UID == ref.UID }) {
			all = append(all, ref)
		}
	}
	return all
}

func withEntries(all ...map[string]string) map[string]string {
	merged := map[string]string{}
	for _, m := range all {
		maps.Copy(merged, m)
	}
	return merged
}

// lacks reports whether one of the wanted entries is missing, or is another.
func lacks(has, wanted map[string]string) bool {
	for key, value := range wanted {
		if got, ok := has[key]; !ok || got != value {
			return true
		}
	}
	return false
}
