package override

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"

	"ordinal.dev/ordinal/internal/identity"
)

// Apply puts the override over a pod template of the set. ignored says of each field that
// has no effect why, and the rest of the patch has its effect all the same. It is an error if
// a patch cannot be put over the template at all.
func (o *Override) Apply(set *appsv1.StatefulSet, template *corev1.PodTemplateSpec) (made *corev1.PodTemplateSpec, ignored []string, err error) {
	if o == nil {
		return template, nil, nil
	}
	made = template
	for i, patch := range o.patches {
		name := "an override"
		if len(o.indices) > 0 {
			name = nameOf(o.indices[i])
		}
		var fields []string
		if made, fields, err = apply(set, made, patch); err != nil {
			return nil, nil, fmt.Errorf("%s cannot be put over the pod template: %w", name, err)
		}
		for _, field := range fields {
			ignored = append(ignored, fmt.Sprintf("spec.members.%s.template.%s", name, field))
		}
	}
	return made, ignored, nil
}

func apply(set *appsv1.StatefulSet, template *corev1.PodTemplateSpec, text json.RawMessage) (*corev1.PodTemplateSpec, []string, error) {
	patch := map[string]any{}
	if err := json.Unmarshal(text, &patch); err != nil {
		return nil, nil, err
	}
	ignored := withoutIdentity(set, template, patch)
	cleaned, err := json.Marshal(patch)
	if err != nil {
		return nil, nil, err
	}
	original, err := json.Marshal(template)
	if err != nil {
		return nil, nil, err
	}
	patched, err := strategicpatch.StrategicMergePatch(original, cleaned, corev1.PodTemplateSpec{})
	if err != nil {
		return nil, nil, err
	}
	made := &corev1.PodTemplateSpec{}
	unknown, err := kjson.UnmarshalStrict(patched, made)
	if err != nil {
		return nil, nil, inWords(err)
	}
	for _, field := range unknown {
		name := strings.Trim(strings.TrimPrefix(field.Error(), "unknown field "), `"`)
		ignored = append(ignored, name+" has no effect: pods have no such field")
	}
	return made, ignored, nil
}

// inWords says of a value of the wrong type where it is.
func inWords(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return fmt.Errorf("%s cannot be a %s", wrong.Field, wrong.Value)
	}
	return err
}

// withoutIdentity takes out of a patch what makes a pod the member that it is, and says what
// it has taken out.
func withoutIdentity(set *appsv1.StatefulSet, template *corev1.PodTemplateSpec, patch map[string]any) (ignored []string) {
	spec, _ := patch["spec"].(map[string]any)
	for _, field := range []struct{ name, value, why string }{
		{"hostname", "", "a pod's hostname is its name"},
		{"hostnameOverride", "", "a pod's hostname is its name"},
		{"subdomain", set.Spec.ServiceName, "it is the governing Service's name"},
		{"restartPolicy", string(corev1.RestartPolicyAlways), "it is Always in a StatefulSet"},
		{"activeDeadlineSeconds", "", "a StatefulSet's pods have no end"},
	} {
		if value, has := spec[field.name]; has && value != field.value {
			delete(spec, field.name)
			ignored = append(ignored, fmt.Sprintf("spec.%s has no effect: %s", field.name, field.why))
		}
	}
	ignored = append(ignored, withoutClaims(set, spec)...)
	metadata, _ := patch["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	for _, key := range selected(set) {
		if value, has := labels[key]; has && value != template.Labels[key] {
			delete(labels, key)
			ignored = append(ignored, fmt.Sprintf("metadata.labels[%s] has no effect: the StatefulSet selects its pods by it", key))
		}
	}
	return ignored
}

// withoutClaims takes out the volumes that are claims of the set's templates.
func withoutClaims(set *appsv1.StatefulSet, spec map[string]any) (ignored []string) {
	volumes, _ := spec["volumes"].([]any)
	if len(volumes) == 0 {
		return nil
	}
	volumes = slices.DeleteFunc(volumes, func(item any) bool {
		volume, _ := item.(map[string]any)
		isClaim := slices.ContainsFunc(identity.ClaimTemplates(set), func(c *corev1.PersistentVolumeClaim) bool { return c.Name == volume["name"] })
		if isClaim {
			ignored = append(ignored, fmt.Sprintf("spec.volumes[%s] has no effect: it is the pod's claim", volume["name"]))
		}
		return isClaim
	})
	if spec["volumes"] = volumes; len(volumes) == 0 {
		delete(spec, "volumes")
	}
	return ignored
}

// selected are the keys of the labels by which the set selects its pods, in order.
func selected(set *appsv1.StatefulSet) []string {
	if set.Spec.Selector == nil {
		return nil
	}
	var keys []string
	for key := range set.Spec.Selector.MatchLabels {
		keys = append(keys, key)
	}
	for _, e := range set.Spec.Selector.MatchExpressions {
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
