package main

import (
	"bytes"
	"fmt"

	"ordinal.dev/ordinal/api/v1alpha1/crd"
	"ordinal.dev/ordinal/internal/claimadmission"
	"ordinal.dev/ordinal/internal/fence"
)

// mutating is the API that not every cluster has.
const mutating = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"

// claimTemplatesHead opens the template. What `ordinal up` has installed is left to it.
const claimTemplatesHead = `{{- /* Made from internal/claimadmission by ` + "`make chart`" + `. */ -}}
{{- if and .Values.claimTemplates.accept (.Capabilities.APIVersions.Has "%[1]s") }}
{{- $found := lookup "admissionregistration.k8s.io/v1" "MutatingAdmissionPolicy" "" "%[2]s" }}
{{- if ne (dig "metadata" "labels" "app.kubernetes.io/managed-by" "" $found) "%[3]s" }}
`

// claimTemplatesTemplate are the policies by which the API server takes changed claim
// templates. What differs between the modes is there twice.
func claimTemplatesTemplate() ([]byte, error) {
	var to bytes.Buffer
	fmt.Fprintf(&to, claimTemplatesHead, mutating, claimadmission.Name, crd.Manager)
	refusing, refusingBinding := claimadmission.Refusing(), claimadmission.RefusingBinding(fence.Fenced)
	recording, recordingBinding := claimadmission.Recording(fence.Fenced), claimadmission.RecordingBinding(fence.Fenced)
	for i, part := range []struct {
		kind          string
		fenced, whole any
	}{
		{refusing.Kind, refusing.Spec, refusing.Spec},
		{refusingBinding.Kind, refusingBinding.Spec, claimadmission.RefusingBinding(fence.WholeCluster).Spec},
		{recording.Kind, recording.Spec, claimadmission.Recording(fence.WholeCluster).Spec},
		{recordingBinding.Kind, recordingBinding.Spec, claimadmission.RecordingBinding(fence.WholeCluster).Spec},
	} {
		if i > 0 {
			fmt.Fprint(&to, "---\n")
		}
		fmt.Fprintf(&to, "apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n", recording.APIVersion, part.kind, claimadmission.Name)
		fmt.Fprint(&to, "  labels: {{- include \"ordinal.labels\" . | nindent 4 }}\n")
		fenced, err := specText(part.kind, part.fenced)
		if err != nil {
			return nil, err
		}
		whole, err := specText(part.kind, part.whole)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(fenced, whole) {
			to.Write(fenced)
			continue
		}
		fmt.Fprintf(&to, "{{- if include \"ordinal.fenced\" . }}\n%s{{- else }}\n%s{{- end }}\n", fenced, whole)
	}
	fmt.Fprint(&to, "{{- end }}\n{{- end }}\n")
	return to.Bytes(), nil
}
