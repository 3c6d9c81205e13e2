package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/claimadmission"
)

const installHeader = `# Installs Ordinal's StatefulSet controller beside the in-tree one, with the default values of
# charts/ordinal, from which ` + "`make chart`" + ` makes this file:
#
#   kubectl apply -f install.yaml
#   kubectl ordinal take NAMESPACE
#
# Before it is deleted, what was taken has to be given back: kubectl ordinal give-back --all
`

const installClaimTemplatesHeader = `# Has a cluster of Kubernetes 1.36 and newer, beside install.yaml, take changed claim templates of
# the StatefulSets that are Ordinal's. ` + "`make chart`" + ` makes this file from charts/ordinal.
#
#   kubectl apply -f install-claim-templates.yaml
`

// installClaimTemplates is what install leaves out.
func installClaimTemplates() ([]byte, error) {
	objects, err := request{by: "kubectl"}.objects()
	if err != nil {
		return nil, err
	}
	var to bytes.Buffer
	fmt.Fprint(&to, installClaimTemplatesHeader)
	for _, o := range objects {
		if o.GetName() != claimadmission.Name {
			continue
		}
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&to, "---\n%s", text)
	}
	return to.Bytes(), nil
}

// install is the chart's objects with its default values, and their namespace, for any
// cluster: kubectl cannot ask one what it has.
func install() ([]byte, error) {
	objects, err := request{by: "kubectl", older: true}.objects()
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
