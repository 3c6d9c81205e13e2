package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"ordinal.dev/ordinal/api/v1alpha1"
	"ordinal.dev/ordinal/internal/claimtemplates"
	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/revision"
)

// What the claims of a set are to be is what its policy says, what was last applied as its
// claim templates (package claimtemplates), and, where neither says anything, the templates
// of its spec: in this order, field by field.

// ClaimAnnotation on a claim says which change of its template it has had. Claims of
// templates that never changed do not have it.
const ClaimAnnotation = "ordinal.dev/claim-template"

// A claimMark is what the annotation says.
type claimMark struct {
	Template string    `json:"template"`       // the hash of what is wanted
	At       time.Time `json:"at,omitzero"`    // when the claim was changed; zero where it was made so
	Kept     string    `json:"kept,omitempty"` // the size that it keeps, since that is more than is wanted
}

// claimMarkOf is the mark of a claim, zero for none. One that cannot be read is of no change.
func claimMarkOf(claim *corev1.PersistentVolumeClaim) claimMark {
	var m claimMark
	if json.Unmarshal([]byte(claim.Annotations[ClaimAnnotation]), &m) != nil {
		return claimMark{}
	}
	return m
}

func (m claimMark) String() string { return encoded(m) }

// A wantedClaim is what is asked of the claims of one template. What is zero is not asked for.
type wantedClaim struct {
	Name string `json:"name"`
	// Size is what they are to have at least.
	Size        *resource.Quantity `json:"size,omitempty"`
	Class       *string            `json:"volumeAttributesClassName,omitempty"`
	Labels      map[string]string  `json:"labels,omitempty"`
	Annotations map[string]string  `json:"annotations,omitempty"`

	// added is the template where the set has none of this name.
	added *corev1.PersistentVolumeClaim
	// byPolicy says that a policy asks for it, and not an apply alone.
	byPolicy bool
	// differs says that a claim without a mark may not be so: one made from the set's own
	// template is not, or a policy asks for it, and an earlier template may have been another.
	differs bool
	// hash tells it from others.
	hash string
}

// ClaimsOf is the set with the claim templates that are wanted now: by these policies of its
// own, its annotation, and its spec. It is the set itself where nothing else is asked for.
func ClaimsOf(set *appsv1.StatefulSet, policies []*v1alpha1.StatefulSetPolicy) *appsv1.StatefulSet {
	wanted, _ := wantedClaims(set, PolicyFor(policies))
	return withWanted(set, wanted)
}

// wantedClaims are what is asked of a set's claims beside its spec, in the order of its
// templates, added ones last. They are those of the policy alone where the annotation cannot
// be read.
func wantedClaims(set *appsv1.StatefulSet, policy *v1alpha1.StatefulSetPolicy) ([]wantedClaim, error) {
	record, has := set.Annotations[claimtemplates.Annotation]
	if !has && (policy == nil || policy.Spec.Claims == nil || len(policy.Spec.Claims.Templates) == 0) {
		return nil, nil
	}
	applied, err := claimtemplates.Parse(record)
	all := map[string]*wantedClaim{}
	for _, a := range applied {
		all[a.Name] = appliedClaim(a)
	}
	if policy != nil && policy.Spec.Claims != nil {
		for _, t := range policy.Spec.Claims.Templates {
			w := all[t.Name]
			if w == nil {
				w = &wantedClaim{Name: t.Name}
				all[t.Name] = w
			}
			w.overrule(t)
		}
	}
	return settled(set, all), err
}

// appliedClaim is what an apply asks for.
func appliedClaim(a claimtemplates.Wanted) *wantedClaim {
	w := &wantedClaim{Name: a.Name, Size: &a.Size, Class: a.VolumeAttributesClassName, Labels: a.Labels, Annotations: a.Annotations}
	if a.Added() {
		w.added = &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: a.AccessModes, StorageClassName: a.StorageClassName, VolumeMode: a.VolumeMode,
		}}
	}
	return w
}

// overrule puts what a policy says in place of what is there.
func (w *wantedClaim) overrule(t v1alpha1.ClaimTemplate) {
	if t.Size != nil {
		w.Size = t.Size
	}
	if t.VolumeAttributesClassName != nil {
		w.Class = t.VolumeAttributesClassName
	}
	w.byPolicy = t.Size != nil || t.VolumeAttributesClassName != nil || len(t.Labels)+len(t.Annotations) > 0
	w.Labels, w.Annotations = overlaid(w.Labels, t.Labels), overlaid(w.Annotations, t.Annotations)
	if w.added == nil {
		w.added = &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		}}
	}
	if len(t.AccessModes) > 0 {
		w.added.Spec.AccessModes = t.AccessModes
	}
	if t.StorageClassName != nil {
		w.added.Spec.StorageClassName = t.StorageClassName
	}
}

// overlaid is one map with another's entries in place of its own, nil for none.
func overlaid(under, over map[string]string) map[string]string {
	if len(over) == 0 {
		return under
	}
	all := maps.Clone(over)
	for key, value := range under {
		if _, has := over[key]; !has {
			all[key] = value
		}
	}
	return all
}

// settled puts what is wanted in order, and drops what adds a template and does not say how
// large its claims are.
func settled(set *appsv1.StatefulSet, all map[string]*wantedClaim) []wantedClaim {
	var wanted []wantedClaim
	for _, template := range identity.ClaimTemplates(set) {
		if w := all[template.Name]; w != nil {
			w.added, w.differs = nil, w.byPolicy || w.differsFrom(template)
			w.hash = revision.Hash([]byte(encoded(w)), 0)
			wanted = append(wanted, *w)
			delete(all, template.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if w := all[name]; w.added != nil && w.Size != nil {
			w.added.Name, w.differs = name, true
			w.hash = revision.Hash([]byte(encoded(w)), 0)
			wanted = append(wanted, *w)
		}
	}
	return wanted
}

// differsFrom reports whether claims of a template are not as is wanted.
func (w *wantedClaim) differsFrom(template *corev1.PersistentVolumeClaim) bool {
	class := template.Spec.VolumeAttributesClassName
	return w.Size != nil && w.Size.Cmp(requested(template)) != 0 ||
		w.Class != nil && (class == nil || *class != *w.Class) ||
		lacksEntries(template.Labels, w.Labels) || lacksEntries(template.Annotations, w.Annotations)
}

// requested is the storage that a claim asks for.
func requested(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}

// lacksEntries reports whether a map has not all of these entries.
func lacksEntries(has, wanted map[string]string) bool {
	for key, value := range wanted {
		if is, ok := has[key]; !ok || is != value {
			return true
		}
	}
	return false
}

// withWanted is the set with templates as they are wanted, and the set itself where nothing is
// asked for.
func withWanted(set *appsv1.StatefulSet, wanted []wantedClaim) *appsv1.StatefulSet {
	if len(wanted) == 0 {
		return set
	}
	var templates []corev1.PersistentVolumeClaim
	for _, template := range identity.ClaimTemplates(set) {
		i := slices.IndexFunc(wanted, func(w wantedClaim) bool { return w.Name == template.Name })
		if i < 0 || !wanted[i].differs {
			templates = append(templates, *template)
		} else {
			templates = append(templates, *wanted[i].template(template))
		}
	}
	for _, w := range wanted {
		if w.added != nil {
			templates = append(templates, *w.template(w.added))
		}
	}
	made := *set
	made.Spec.VolumeClaimTemplates = templates
	return &made
}

// template is the one from which new claims are made: they have the change already.
func (w *wantedClaim) template(from *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	t := from.DeepCopy()
	if w.Size != nil {
		if t.Spec.Resources.Requests == nil {
			t.Spec.Resources.Requests = corev1.ResourceList{}
		}
		t.Spec.Resources.Requests[corev1.ResourceStorage] = *w.Size
	}
	if w.Class != nil {
		t.Spec.VolumeAttributesClassName = w.Class
	}
	t.Labels = overlaid(t.Labels, w.Labels)
	t.Annotations = with(overlaid(maps.Clone(t.Annotations), w.Annotations), ClaimAnnotation, claimMark{Template: w.hash}.String())
	return t
}

// honourClaims takes over what is asked of the set's claims.
func (p *planner) honourClaims() {
	var err error
	if p.wanted, err = wantedClaims(p.Set, p.policy); err != nil {
		p.warn("InvalidAnnotation", err.Error())
	}
	p.claimed, p.added = withWanted(p.Set, p.wanted), p.addedNames()
}

// unsupportedClaims says what of the policy's claims has no effect, and why.
func (p *planner) unsupportedClaims() []string {
	var all []string
	own := identity.ClaimTemplates(p.Set)
	for i, t := range p.policy.Spec.Claims.Templates {
		path := fmt.Sprintf("spec.claims.templates[%d]", i)
		isOwn := slices.ContainsFunc(own, func(c *corev1.PersistentVolumeClaim) bool { return c.Name == t.Name })
		isKnown := slices.ContainsFunc(p.wanted, func(w wantedClaim) bool { return w.Name == t.Name })
		switch {
		case isOwn && (len(t.AccessModes) > 0 || t.StorageClassName != nil):
			all = append(all, path+": accessModes and storageClassName have no effect, since the StatefulSet has template "+t.Name)
		case !isKnown:
			all = append(all, path+" has no effect: it adds template "+t.Name+", and does not say its size")
		}
	}
	return all
}
