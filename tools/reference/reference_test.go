package main

import (
	"encoding/json"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func TestTheReferenceIsCurrent(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Error(err)
	}
}

func TestWhatAFieldMayBe(t *testing.T) {
	for schema, want := range map[string]string{
		`{type: boolean}`:                                                                "true or false",
		`{type: boolean, default: true}`:                                                 "true or false; `true` by default",
		`{type: integer}`:                                                                "integer",
		`{type: integer, minimum: 0, maximum: 31536000}`:                                 "integer, 0 to 31536000",
		`{type: integer, minimum: 1, nullable: true}`:                                    "integer, at least 1, or null",
		`{type: string, enum: [A], default: A}`:                                          "`A`; `A` by default",
		`{type: string, enum: [A, B, C]}`:                                                "`A`, `B` or `C`",
		`{type: string, minLength: 1}`:                                                   "string, at least 1 character",
		`{type: string, maxLength: 63, pattern: 'a|b'}`:                                  "string, at most 63 characters that matches `a\\|b`",
		`{type: string, format: date-time}`:                                              "time",
		`{x-kubernetes-int-or-string: true}`:                                             "integer or string",
		`{type: object}`:                                                                 "object",
		`{type: object, properties: {a: {type: string}}}`:                                "object",
		`{type: object, additionalProperties: {type: string}}`:                           "map; each value: string",
		`{type: object, x-kubernetes-preserve-unknown-fields: true}`:                     "object of any fields",
		`{type: array, items: {type: string}, minItems: 1, maxItems: 1}`:                 "list, 1 item; each: string",
		`{type: array, items: {type: string}, maxItems: 9, x-kubernetes-list-type: set}`: "list, at most 9 items, none twice; each: string",
		`{type: array, items: {type: object}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name]}`:                 "list, one for each `name`; each: object",
		`{type: array, items: {type: object, properties: {lastTransitionTime: {type: string}, status: {type: string}}}}`:        "list; each: condition, as Kubernetes has them",
		`{type: array, items: {type: array, items: {type: integer, minimum: 2, maximum: 2}}, x-kubernetes-list-type: "atomic"}`: "list; each: list; each: integer, 2",
	} {
		var s apiextensionsv1.JSONSchemaProps
		if err := yaml.UnmarshalStrict([]byte(schema), &s); err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		if got := valueOf(s); got != want {
			t.Errorf("%s is %q, not %q", schema, got, want)
		}
	}
}

const small = `
spec:
  group: example.org
  names: {kind: Thing, singular: thing, shortNames: [th]}
  versions:
  - name: v1
    additionalPrinterColumns: [{name: Age}]
    schema:
      openAPIV3Schema:
        description: "A thing\nof two lines."
        properties:
          spec:
            description: What it is to be.
            required: [one]
            properties:
              one: {type: object, description: "a|b", properties: {inner: {type: string}}}
              many:
                type: array
                description: Several.
                items: {type: object, required: [name], properties: {name: {type: string}}}
              part:
                type: object
                description: A part.
                x-kubernetes-validations: [{rule: "self.a < self.b", message: a must be less than b}, {rule: "true"}]
                properties:
                  a: {type: integer}
                  b: {type: integer}
                  first: {type: object, description: One., properties: {x: {type: string}, z: {type: string}}}
                  second: {type: object, description: Two., properties: {x: {type: string}, z: {type: string}}}
                  third: {type: object, description: Three., required: [x], properties: {x: {type: string}, z: {type: string}}}
          status:
            description: What it is.
            properties: {state: {type: string}}
`

const smallPage = `# Thing: each field

<!-- made from api/v1alpha1 by ` + "`make generate`" + ` -->

A thing of two lines.

| | |
| --- | --- |
| apiVersion, kind | ` + "`example.org/v1`, `Thing`" + ` |
| for kubectl | ` + "`thing`, `th`" + ` |
| ` + "`kubectl get th`" + ` shows | AGE |

` + "`kubectl explain thing.spec`" + ` says the same as this page, of the version that is installed. [policy.md](policy.md) says what becomes of a set, with examples.

## spec

What it is to be.

| field | value | meaning |
| --- | --- | --- |
| ` + "`spec.many`" + ` | list; each: object | Several. |
| ` + "`spec.many[].name`" + ` | string; required |  |
| ` + "`spec.one`" + ` | object; required | a\|b |
| ` + "`spec.one.inner`" + ` | string |  |
| ` + "`spec.part`" + ` | [its own section](#specpart) | A part. |

## spec.part

A part.

| field | value | meaning |
| --- | --- | --- |
| ` + "`spec.part.a`" + ` | integer |  |
| ` + "`spec.part.b`" + ` | integer |  |
| ` + "`spec.part.first`" + ` | object | One. |
| ` + "`spec.part.first.x`" + ` | string |  |
| ` + "`spec.part.first.z`" + ` | string |  |
| ` + "`spec.part.second`" + ` | object, with fields and rules as in ` + "`spec.part.first`" + ` | Two. |
| ` + "`spec.part.third`" + ` | object | Three. |
| ` + "`spec.part.third.x`" + ` | string; required |  |
| ` + "`spec.part.third.z`" + ` | string |  |

What has to hold, and what the API server says if it does not:

- ` + "`spec.part`: `self.a < self.b`" + `, or “a must be less than b”
- ` + "`spec.part`: `true`" + `, or “failed rule: true”

## status

What it is.

| field | value | meaning |
| --- | --- | --- |
| ` + "`status.state`" + ` | string |  |
`

func TestThePageHasEachFieldAndEachRule(t *testing.T) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	text, err := yaml.YAMLToJSON([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, crd); err != nil {
		t.Fatal(err)
	}
	var got page
	got.write(crd)
	if got.String() != smallPage {
		t.Errorf("the page is\n%s\nnot\n%s", got.String(), smallPage)
	}
}
