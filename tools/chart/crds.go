package main

import (
	"bytes"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
)

// crdHead opens the template. It is no file of the chart's folder crds, which Helm installs
// once and never upgrades. Where `ordinal up` has installed the definition, Helm would refuse
// to take it over, and `ordinal up` upgrades it besides.
const crdHead = `{{- /* Made from api/v1alpha1 by ` + "`make generate`" + `. Helm keeps it when the chart goes, for with it would go all policies. */ -}}
{{- if .Values.crds.install }}
{{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "%[1]s" }}
{{- if ne (dig "metadata" "labels" "app.kubernetes.io/managed-by" "" $found) "%[2]s" }}
apiVersion: %[3]s
kind: %[4]s
metadata:
  name: %[1]s
  labels: {{- include "ordinal.labels" . | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
`

// crdTemplate is the definition that is made from the types.
func crdTemplate() ([]byte, error) {
	definition := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(crd.StatefulSetPolicies, &definition.Object); err != nil {
		return nil, err
	}
	spec, err := yaml.Marshal(map[string]any{"spec": definition.Object["spec"]})
	if err != nil {
		return nil, err
	}
	if bytes.Contains(spec, []byte("{{")) {
		return nil, errors.New("a description or a rule has {{ in it, and would be taken for a template: say it in another way")
	}
	var to bytes.Buffer
	fmt.Fprintf(&to, crdHead, definition.GetName(), crd.Manager, definition.GetAPIVersion(), definition.GetKind())
	to.Write(spec)
	fmt.Fprint(&to, "{{- end }}\n{{- end }}\n")
	return to.Bytes(), nil
}
