package main

import (
	"bytes"
	"fmt"

	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/fence"
)

// fenceTemplate is the policy and the binding that the controller compares with. The specs
// are without a template's marks, so that what is installed is what was written in Go.
func fenceTemplate() ([]byte, error) {
	var to bytes.Buffer
	policy, binding := fence.Policy(), fence.Binding()
	fmt.Fprint(&to, "{{- /* Made from internal/fence by `make chart`: the controller compares these specs with its own. */ -}}\n")
	fmt.Fprint(&to, "{{- if include \"ordinal.fenced\" . }}\n")
	for i, part := range []struct {
		apiVersion, kind string
		spec             any
	}{
		{policy.APIVersion, policy.Kind, policy.Spec},
		{binding.APIVersion, binding.Kind, binding.Spec},
	} {
		spec, err := specText(part.kind, part.spec)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			fmt.Fprint(&to, "---\n")
		}
		fmt.Fprintf(&to, "apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n", part.apiVersion, part.kind, fence.Name)
		fmt.Fprint(&to, "  labels: {{- include \"ordinal.labels\" . | nindent 4 }}\n")
		if i == 0 {
			fmt.Fprintf(&to, "  annotations:\n    %s: {{ .Release.Namespace }}\n", fence.NamespaceAnnotation)
		}
		to.Write(spec)
	}
	fmt.Fprint(&to, "{{- end }}\n")
	return to.Bytes(), nil
}

// specText is a spec without a template's marks.
func specText(kind string, spec any) ([]byte, error) {
	text, err := yaml.Marshal(map[string]any{"spec": spec})
	if err == nil && bytes.Contains(text, []byte("{{")) {
		err = fmt.Errorf("the spec of %s would be taken for a template", kind)
	}
	return text, err
}
