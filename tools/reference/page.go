package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const head = `# %[1]s: each field

<!-- made from api/v1alpha1 by ` + "`make generate`" + ` -->

%[2]s

| | |
| --- | --- |
| apiVersion, kind | ` + "`%[3]s`, `%[1]s`" + ` |
| for kubectl | ` + "`%[4]s`, `%[5]s`" + ` |
| ` + "`kubectl get %[5]s`" + ` shows | %[6]s |

` + "`kubectl explain %[4]s.spec`" + ` says the same as this page, of the version that is installed. [policy.md](policy.md) says what becomes of a set, with examples.
`

// A page is what has been written so far, and the objects in it, whose fields need not be
// told a second time.
type page struct {
	bytes.Buffer
	told []field
}

// write writes all of it: what a policy is, then a table for spec, one for each part of it
// that has fields of its own, and one for status.
func (p *page) write(crd *apiextensionsv1.CustomResourceDefinition) {
	version := crd.Spec.Versions[0]
	root := version.Schema.OpenAPIV3Schema
	var columns []string
	for _, c := range version.AdditionalPrinterColumns {
		columns = append(columns, strings.ToUpper(c.Name))
	}
	names := crd.Spec.Names
	fmt.Fprintf(p, head, names.Kind, words(root.Description), crd.Spec.Group+"/"+version.Name,
		names.Singular, names.ShortNames[0], strings.Join(columns, ", "))
	for _, name := range []string{"spec", "status"} {
		whole := field{path: name, schema: root.Properties[name]}
		parts := whole.parts()
		p.section(whole, parts)
		for _, part := range parts {
			p.section(part, nil)
		}
	}
}

// section writes a table of all fields below one, but for those below parts, and the rules
// of them.
func (p *page) section(f field, parts []field) {
	fmt.Fprintf(p, "\n## %s\n\n%s\n\n| field | value | meaning |\n| --- | --- | --- |\n", f.path, words(f.schema.Description))
	rules := append(f.rules(), p.rows(f.children(), parts)...)
	if len(rules) > 0 {
		fmt.Fprintf(p, "\nWhat has to hold, and what the API server says if it does not:\n\n%s", strings.Join(rules, ""))
	}
}

// rows writes a row for each field and for those below, and returns their rules.
func (p *page) rows(fields, parts []field) (rules []string) {
	for _, f := range fields {
		value, below := valueOf(f.schema), true
		switch before := slices.IndexFunc(p.told, f.like); {
		case slices.ContainsFunc(parts, func(part field) bool { return part.path == f.path }):
			value, below = fmt.Sprintf("[its own section](#%s)", strings.ReplaceAll(strings.ToLower(f.path), ".", "")), false
		case before >= 0:
			value, below = fmt.Sprintf("object, with fields and rules as in `%s`", p.told[before].path), false
		}
		if f.required {
			value += "; required"
		}
		fmt.Fprintf(p, "| `%s` | %s | %s |\n", f.path, value, words(f.schema.Description))
		if below {
			p.told = append(p.told, f)
			rules = append(rules, f.rules()...)
			rules = append(rules, p.rows(f.children(), nil)...)
		}
	}
	return rules
}

// words is a text in one line, as Markdown takes it in a table.
func words(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(strings.Join(strings.Fields(text), " "))
}
