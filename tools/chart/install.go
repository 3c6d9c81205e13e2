package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const installHeader = `# Installs Ordinal's StatefulSet controller beside the in-tree one, with the default values of
# charts/ordinal, from which ` + "`make chart`" + ` makes this file:
#
#   kubectl apply -f install.yaml
#   kubectl ordinal take NAMESPACE
#
# Before it is deleted, what was taken has to be given back: kubectl ordinal give-back --all
`

// install is the chart's objects with its default values, and their namespace.
func install() ([]byte, error) {
	objects, err := request{by: "kubectl"}.objects()
	if err != nil {
		return nil, err
	}
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		_, hooked := o.GetAnnotations()[hook]
		return hooked
	})
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int {
		if order := rank(a) - rank(b); order != 0 {
			return order
		}
		return strings.Compare(a.GetKind()+" "+a.GetNamespace()+"/"+a.GetName(), b.GetKind()+" "+b.GetNamespace()+"/"+b.GetName())
	})
	var to bytes.Buffer
	fmt.Fprint(&to, installHeader)
	fmt.Fprintf(&to, "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n", namespace)
	for _, o := range objects {
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&to, "---\n%s", text)
	}
	return to.Bytes(), nil
}

// rank has what others need made before them, and the Deployment last.
func rank(o *unstructured.Unstructured) int {
	switch o.GetKind() {
	case "ServiceAccount":
		return 0
	case "Deployment":
		return 2
	default:
		return 1
	}
}
