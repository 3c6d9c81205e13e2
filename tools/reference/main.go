// Command reference writes docs/policy-reference.md, the page that says of each field of a
// StatefulSetPolicy what it may be and what it does. It is made from the
// CustomResourceDefinition, so that it says what the API server enforces and what
// kubectl explain shows.
//
//	go -C tools run ./reference          write it
//	go -C tools run ./reference -check   fail if it is not what would be written
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// The files, from the root of the repository.
const (
	definition = "api/v1alpha1/crd/ordinal.dev_statefulsetpolicies.yaml"
	reference  = "docs/policy-reference.md"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail if something would change")
	flag.Parse()
	if err := run("..", *check); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	crd, err := read(filepath.Join(root, definition))
	if err != nil {
		return err
	}
	var want page
	want.write(crd)
	path := filepath.Join(root, reference)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want.Bytes()) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is not what %s gives: run `make generate` and commit it", reference, definition)
	}
	return os.WriteFile(path, want.Bytes(), 0o644)
}

func read(path string) (*apiextensionsv1.CustomResourceDefinition, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, crd); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if n := len(crd.Spec.Versions); n != 1 {
		return nil, fmt.Errorf("%s has %d versions, and the page is of one", path, n)
	}
	return crd, nil
}
