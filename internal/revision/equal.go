package revision

import (
	"encoding/json"
	"path"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// SameTemplate reports whether two revisions' data ask for the same pods: they
// are equal, or differ only in fields that one of them leaves to a default of
// the API server, in empty values that the API does not keep, or in how a quantity
// is spelled. Revisions written by an older Kubernetes differ from the same template
// written today in such ways, and must not roll every pod of the cluster.
func SameTemplate(a, b []byte) bool {
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return sameObject(root, x, y)
}

func sameObject(s *shape, a, b map[string]any) bool {
	for key, x := range a {
		if y := b[key]; y != nil && x != nil && !same(s.within(key), x, y) || y == nil && !s.omissible(key, x, a) {
			return false
		}
	}
	for key, y := range b {
		if a[key] == nil && !s.omissible(key, y, b) {
			return false
		}
	}
	return true
}

func same(s *shape, a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && sameObject(s, x, y)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(s, x[i], y[i]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(a, b) || s != nil && s.quantities && sameQuantity(a, b)
	}
}

func sameQuantity(a, b any) bool {
	x, isText := a.(string)
	y, areText := b.(string)
	if !isText || !areText {
		return false
	}
	p, errX := resource.ParseQuantity(x)
	q, errY := resource.ParseQuantity(y)
	return errX == nil && errY == nil && p.Cmp(q) == 0
}

// within is the shape of the object, or of the objects in the list, in a field.
func (s *shape) within(key string) *shape {
	if s == nil || s.quantities {
		return s
	}
	return s.fields[key]
}

// omissible reports whether leaving the field out of the object says the same as its
// value.
func (s *shape) omissible(key string, value any, object map[string]any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	}
	if s == nil {
		return false
	}
	switch {
	case key == s.pullPolicy && key != "":
		return value == defaultPullPolicy(object[s.image])
	case s == podSpec && key == "serviceAccount": // the old spelling of serviceAccountName
		return value == object["serviceAccountName"]
	}
	d, ok := s.defaults[key]
	if v, isMap := value.(map[string]any); ok && isMap {
		return sameObject(nil, v, map[string]any{})
	}
	return ok && reflect.DeepEqual(value, d)
}

// defaultPullPolicy is Always for an image with the tag "latest", or with
// neither tag nor digest, and IfNotPresent for every other and for none.
func defaultPullPolicy(image any) string {
	text, _ := image.(string)
	name, _, pinned := strings.Cut(text, "@")
	_, tag, tagged := strings.Cut(path.Base(name), ":")
	if tag == "latest" || text != "" && !tagged && !pinned {
		return "Always"
	}
	return "IfNotPresent"
}
