package main

import (
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// A field is a node of the schema.
type field struct {
	path     string
	schema   apiextensionsv1.JSONSchemaProps
	required bool
}

// children are the fields of an object, or of the objects in a list, in the alphabet's
// order. Of a condition everybody knows them.
func (f field) children() []field {
	path, of := f.path, f.schema
	if of.Items != nil && of.Items.Schema != nil {
		path, of = path+"[]", *of.Items.Schema
	}
	if isCondition(of) {
		return nil
	}
	var all []field
	for _, name := range slices.Sorted(maps.Keys(of.Properties)) {
		all = append(all, field{path + "." + name, of.Properties[name], slices.Contains(of.Required, name)})
	}
	return all
}

// parts are the fields of an object that get a section of their own: objects of more than
// one field.
func (f field) parts() []field {
	return slices.DeleteFunc(f.children(), func(c field) bool { return len(c.schema.Properties) < 2 })
}

// like reports whether two objects of several fields have the same fields and rules.
func (f field) like(other field) bool {
	a, b := f.schema, other.schema
	return len(a.Properties) > 1 && slices.Equal(a.Required, b.Required) &&
		equality.Semantic.DeepEqual(a.Properties, b.Properties) && equality.Semantic.DeepEqual(a.XValidations, b.XValidations)
}

// rules are the rules of a field itself, each a line.
func (f field) rules() []string {
	var lines []string
	for _, r := range f.schema.XValidations {
		says := r.Message
		if says == "" {
			says = "failed rule: " + r.Rule // the API server's own words for want of others
		}
		lines = append(lines, fmt.Sprintf("- `%s`: `%s`, or “%s”\n", f.path, r.Rule, words(says)))
	}
	return lines
}
