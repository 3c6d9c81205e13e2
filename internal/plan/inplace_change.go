package plan

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/revision"
)

// restartedAt is what `kubectl rollout restart` annotates a template with. Who says so wants
// containers restarted, and an annotation restarts nothing.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// A PodChange is what is done to a pod that is updated where it is.
type PodChange struct {
	Labels      map[string]*string // set, or removed where they are nil
	Annotations map[string]*string // in the same way
	Images      map[string]string  // by container
	// Resources are the whole ones of containers, by name. They are changed by a request of
	// their own.
	Resources map[string]corev1.ResourceRequirements
}

// changeInPlace is what makes of a pod at one revision one at the target, or why that cannot
// be done without recreating it. One that was on its way to another revision may have that
// one's resources already.
func (p *planner) changeInPlace(m *member) (change PodChange, why string) {
	if p.isMadeAnew(m) {
		return change, "its volumes cannot be changed"
	}
	from, err := p.templateWith(m, override.BuildOf(m.pod))
	if err != nil {
		return change, err.Error()
	}
	to, err := p.templateWith(m, p.goalOf(m))
	if err != nil {
		return change, err.Error()
	}
	if change, why = between(from, to); why == "" && p.isMoving(m) {
		p.addBack(m, to, &change)
	}
	if why != "" || !p.hasLeft(m) {
		return change, why
	}
	begun, err := p.templateWith(m, m.moves.To)
	if err != nil {
		return change, err.Error()
	}
	back, why := between(begun, to)
	for name, r := range back.Resources {
		change.Resources = with(change.Resources, name, r)
	}
	return change, why
}

// addBack adds the resources that a pod is to have back which has not arrived elsewhere.
func (p *planner) addBack(m *member, to *corev1.PodTemplateSpec, change *PodChange) {
	for i := range to.Spec.Containers {
		if c := &to.Spec.Containers[i]; slices.Contains(m.moves.Back, c.Name) {
			change.Resources = with(change.Resources, c.Name, withDefaults(c.Resources))
		}
	}
}

// templateOf is the pod template of the revision of a name.
func (p *planner) templateOf(name string) (*corev1.PodTemplateSpec, error) {
	if name == p.update.Name {
		return &p.Set.Spec.Template, nil
	}
	for _, r := range p.history {
		if r.Name == name {
			return revision.Template(r)
		}
	}
	return nil, fmt.Errorf("revision %s is not in the history any more", name)
}

// between is what makes of a pod of one template one of another, or why it cannot be made.
func between(from, to *corev1.PodTemplateSpec) (change PodChange, why string) {
	if from.Annotations[restartedAt] != to.Annotations[restartedAt] {
		return change, "a restart is asked for"
	}
	change.Labels, change.Annotations = pairs(from.Labels, to.Labels), pairs(from.Annotations, to.Annotations)
	rest, wanted := from.Spec.DeepCopy(), &to.Spec
	if len(rest.Containers) != len(wanted.Containers) {
		return change, "spec.containers differs"
	}
	for i := range wanted.Containers {
		was, is := &rest.Containers[i], &wanted.Containers[i]
		if was.Name != is.Name {
			return change, "spec.containers differs"
		}
		if was.Image != is.Image {
			change.Images = with(change.Images, is.Name, is.Image)
		}
		if resources := withDefaults(is.Resources); !equality.Semantic.DeepEqual(withDefaults(was.Resources), resources) {
			if why := resizable(withDefaults(was.Resources), resources); why != "" {
				return change, fmt.Sprintf("spec.containers[%s].resources: %s", is.Name, why)
			}
			change.Resources = with(change.Resources, is.Name, resources)
		}
		was.Image, was.Resources = is.Image, is.Resources
	}
	if path := differs("spec", *rest, *wanted); path != "" {
		return change, path + " differs"
	}
	if was, is := qosOf(&from.Spec), qosOf(wanted); was != is {
		return change, fmt.Sprintf("its QoS class would be %s, and it is %s", is, was)
	}
	return change, ""
}

// pairs is what makes of one map another: values to set, and nil for keys to remove.
func pairs(from, to map[string]string) map[string]*string {
	var all map[string]*string
	for key, value := range to {
		if was, has := from[key]; !has || was != value {
			all = with(all, key, &value)
		}
	}
	for key := range from {
		if _, has := to[key]; !has {
			all = with(all, key, nil)
		}
	}
	return all
}

func with[V any](all map[string]V, key string, value V) map[string]V {
	if all == nil {
		all = map[string]V{}
	}
	all[key] = value
	return all
}

// withDefaults requests what is limited and not requested, as the API server does for pods.
func withDefaults(r corev1.ResourceRequirements) corev1.ResourceRequirements {
	all := *r.DeepCopy()
	for name, amount := range r.Limits {
		if _, has := r.Requests[name]; !has {
			if all.Requests == nil {
				all.Requests = corev1.ResourceList{}
			}
			all.Requests[name] = amount
		}
	}
	return all
}

// resizable says why one container's resources cannot become others while it runs; empty if
// they can: cpu and memory may, and none may be taken away (KEP-1287).
func resizable(was, is corev1.ResourceRequirements) string {
	if !equality.Semantic.DeepEqual(was.Claims, is.Claims) {
		return "claims differ"
	}
	for _, part := range []struct{ was, is corev1.ResourceList }{{was.Requests, is.Requests}, {was.Limits, is.Limits}} {
		names := maps.Clone(part.is)
		if names == nil {
			names = corev1.ResourceList{}
		}
		maps.Copy(names, part.was)
		for name := range names {
			before, had := part.was[name]
			after, has := part.is[name]
			switch {
			case had && has && before.Cmp(after) == 0:
			case had && !has:
				return fmt.Sprintf("%s cannot be taken away", name)
			case name != corev1.ResourceCPU && name != corev1.ResourceMemory:
				return fmt.Sprintf("%s cannot be changed", name)
			}
		}
	}
	return ""
}

// qosOf is the quality of service of a pod, which cannot change while it runs.
func qosOf(spec *corev1.PodSpec) corev1.PodQOSClass {
	any, guaranteed := false, true
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			r := withDefaults(containers[i].Resources)
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				request, limit := r.Requests[name], r.Limits[name]
				any = any || !request.IsZero() || !limit.IsZero()
				guaranteed = guaranteed && !limit.IsZero() && request.Cmp(limit) == 0
			}
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

// differs is the path of the first field in which two values differ, down to the field of a
// container; empty if they are the same.
func differs(path string, a, b any) string {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if equality.Semantic.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			continue
		}
		name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
		containers, isList := x.Field(i).Interface().([]corev1.Container)
		others, _ := y.Field(i).Interface().([]corev1.Container)
		if !isList || len(containers) != len(others) {
			return path + "." + name
		}
		for n := range containers {
			if at := differs(fmt.Sprintf("%s.%s[%s]", path, name, containers[n].Name), containers[n], others[n]); at != "" {
				return at
			}
		}
	}
	return ""
}
