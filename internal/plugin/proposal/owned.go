package proposal

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ownsSpec reports whether a manager has written something of the spec.
func ownsSpec(f *metav1.ManagedFieldsEntry) bool {
	var fields map[string]any
	return f.FieldsV1 != nil && json.Unmarshal(f.FieldsV1.GetRawBytes(), &fields) == nil && fields["f:spec"] != nil
}

// ownedBy is an object as far as a manager has written it: about what it last applied.
func ownedBy(object client.Object, f *metav1.ManagedFieldsEntry) ([]byte, error) {
	var content, fields map[string]any
	data, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(data, &content)
	}
	if err == nil {
		err = json.Unmarshal(f.FieldsV1.GetRawBytes(), &fields)
	}
	if err != nil {
		return nil, fmt.Errorf("the fields of %s in %s: %w", f.Manager, object.GetName(), err)
	}
	return json.Marshal(pick(content, fields))
}

// pick takes from a value what is in a set of fields, as FieldsV1 spells them: "f:" a field
// of an object, "k:" an item of a list by its key, "v:" one by its value. A field without
// fields is taken whole.
func pick(value any, fields map[string]any) any {
	if len(fields) == 0 {
		return value
	}
	var list []any
	object := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		below, _ := fields[key].(map[string]any)
		kind, name, _ := strings.Cut(key, ":")
		switch kind {
		case "f":
			if content, _ := value.(map[string]any); content[name] != nil {
				object[name] = pick(content[name], below)
			}
		case "k", "v":
			if item := find(value, name); item != nil {
				list = append(list, pick(item, below))
			}
		}
	}
	if _, isList := value.([]any); isList {
		return list
	}
	return object
}

// find is the item of a list that has these keys, or is this value; nil if none is.
func find(list any, spelled string) any {
	var wanted any
	if json.Unmarshal([]byte(spelled), &wanted) != nil {
		return nil
	}
	items, _ := list.([]any)
	for _, item := range items {
		keys, byKey := wanted.(map[string]any)
		content, isObject := item.(map[string]any)
		if byKey && isObject && hasAll(content, keys) || !byKey && reflect.DeepEqual(item, wanted) {
			return item
		}
	}
	return nil
}

func hasAll(content, keys map[string]any) bool {
	for key, value := range keys {
		if !reflect.DeepEqual(content[key], value) {
			return false
		}
	}
	return true
}
