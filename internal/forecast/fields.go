package forecast

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/override"
	"ordinal.dev/ordinal/internal/plan"
	"ordinal.dev/ordinal/internal/revision"
)

// A Field is one that differs. A value is empty where there is none.
type Field struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// String is the field as text: "spec.replicas: 3 → 5".
func (f Field) String() string {
	none := func(value string) string {
		if value == "" {
			return "(none)"
		}
		return value
	}
	return fmt.Sprintf("%s: %s → %s", f.Path, none(f.Old), none(f.New))
}

// A Template is how the pod template of an earlier revision differs from the one that is
// wanted, for the pods that have that revision and restart.
type Template struct {
	Revision string   `json:"revision"`
	Pods     []string `json:"pods"`
	Fields   []Field  `json:"fields,omitempty"`
	// Unknown is set where the history does not have the revision, or the pods do not say with
	// which override they were made.
	Unknown bool `json:"unknown,omitempty"`

	from, to string // what the pods were made from, and the hash of the override that they are to have
}

// lastApplied is kubectl's own note, which says nothing that other fields do not.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// setFields is what differs between two states of a set that a person has a say in.
func setFields(before, after *appsv1.StatefulSet) []Field {
	described := func(set *appsv1.StatefulSet) map[string]any {
		annotations := maps.Clone(set.Annotations)
		delete(annotations, lastApplied)
		return map[string]any{
			"metadata": map[string]any{"labels": plain(set.Labels), "annotations": plain(annotations)},
			"spec":     plain(set.Spec),
		}
	}
	return differences("", described(before), described(after))
}

// templates is what differs for the pods that restart, by the revision that they have.
func templates(s plan.Snapshot, restarted []string) []Template {
	var all []Template
	for _, name := range restarted {
		i := slices.IndexFunc(s.Pods, func(p *corev1.Pod) bool { return p.Name == name })
		next := templateOf(s, s.Pods[i])
		at := slices.IndexFunc(all, func(t Template) bool { return t.from == next.from && t.to == next.to })
		if at < 0 {
			next.compare(s, s.Pods[i])
			at, all = len(all), append(all, next)
		}
		all[at].Pods = append(all[at].Pods, name)
	}
	return slices.DeleteFunc(all, func(t Template) bool { return !t.Unknown && len(t.Fields) == 0 })
}

// templateOf is what a pod has, and is to have, without the fields that differ.
func templateOf(s plan.Snapshot, pod *corev1.Pod) Template {
	t := Template{Revision: identity.Revision(pod), from: override.BuildOf(pod)}
	t.to = overrideOf(s, pod).Hash()
	return t
}

// overrideOf is the one that the set's policy has for the pod's ordinal, nil for none.
func overrideOf(s plan.Snapshot, pod *corev1.Pod) *override.Override {
	policy := plan.PolicyFor(s.Policies)
	if policy == nil {
		return nil
	}
	_, ordinal, _ := identity.Parse(pod.Name)
	all := override.Of(policy.Spec.Members)
	return all.For(ordinal)
}

// compare finds the fields that differ, with overrides as they were and as they are to be.
func (t *Template) compare(s plan.Snapshot, pod *corev1.Pod) {
	t.Unknown = true
	had, err := override.On(pod)
	i := slices.IndexFunc(s.Revisions, func(r *appsv1.ControllerRevision) bool { return r.Name == t.Revision })
	if i < 0 || err != nil {
		return
	}
	old, err := revision.Template(s.Revisions[i])
	if err != nil {
		return
	}
	old, _, errOld := had.Apply(s.Set, old)
	wanted, _, errNew := overrideOf(s, pod).Apply(s.Set, &s.Set.Spec.Template)
	if errOld != nil || errNew != nil {
		return
	}
	t.Unknown, t.Fields = false, differences("spec.template", plain(old), plain(wanted))
}

// plain is a value as JSON has it.
func plain(value any) any {
	var decoded any
	if data, err := json.Marshal(value); err != nil || json.Unmarshal(data, &decoded) != nil {
		return nil
	}
	return decoded
}

// differences lists the fields below a path in which two JSON values differ.
func differences(path string, old, wanted any) []Field {
	if reflect.DeepEqual(old, wanted) || isNothing(old) && isNothing(wanted) {
		return nil
	}
	a, okA := parts(old, wanted)
	b, okB := parts(wanted, old)
	if !okA || !okB {
		return []Field{{Path: path, Old: written(old), New: written(wanted)}}
	}
	var all []Field
	for _, key := range slices.Sorted(maps.Keys(union(a, b))) {
		below := key
		if path != "" && !strings.HasPrefix(key, "[") {
			below = "." + key
		}
		all = append(all, differences(path+below, a[key], b[key])...)
	}
	return all
}

func union(a, b map[string]any) map[string]any {
	all := map[string]any{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

func isNothing(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// keys are the fields that tell the objects of a list apart, the first one that all have.
var keys = []string{"name", "mountPath", "devicePath", "containerPort", "port", "key", "topologyKey", "ip"}

// parts splits an object into its fields, and a list of objects that can be told apart
// into these: "[web]". ok is false for what is shown as a whole, as is one value beside
// nothing.
func parts(value, other any) (all map[string]any, ok bool) {
	if isNothing(value) {
		return nil, !isNothing(other) && isList(other)
	}
	switch v := value.(type) {
	case map[string]any:
		all = map[string]any{}
		for key, field := range v {
			all[segment(key)] = field
		}
		_, isMap := other.(map[string]any)
		return all, isMap
	case []any:
		return named(v)
	}
	return nil, false
}

func isList(value any) bool {
	list, is := value.([]any)
	if is {
		_, is = named(list)
	}
	return is
}

// segment is a key in a path; one with dots in it, as labels have, is set apart.
func segment(key string) string {
	if strings.ContainsAny(key, "./") {
		return "[" + key + "]"
	}
	return key
}

func named(list []any) (map[string]any, bool) {
	for _, key := range keys {
		all := map[string]any{}
		for _, item := range list {
			if object, isObject := item.(map[string]any); isObject && object[key] != nil {
				all[fmt.Sprintf("[%v]", object[key])] = item
			}
		}
		if len(all) == len(list) {
			return all, true
		}
	}
	return nil, false
}

// written is a value as a person would write it in one line.
func written(value any) string {
	const longest = 100
	var text string
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		if text = v; v == "" || strings.ContainsAny(v, "\n\t") || strings.TrimSpace(v) != v {
			text = fmt.Sprintf("%q", v)
		}
	default:
		data, _ := json.Marshal(v)
		text = string(data)
	}
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
