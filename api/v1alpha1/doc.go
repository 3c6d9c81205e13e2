// Package v1alpha1 holds Ordinal's own API: the types of group ordinal.dev, version
// v1alpha1.
//
// The comments on types and fields are what kubectl explain shows, and what
// docs/policy-reference.md is made of. `make generate` writes deep copies, the
// CustomResourceDefinition and that page from them; `make check` fails if they are out of
// date. A field is here only if the controller reads it.
//
// +kubebuilder:object:generate=true
// +groupName=ordinal.dev
package v1alpha1
