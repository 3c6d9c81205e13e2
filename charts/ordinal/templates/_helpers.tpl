{{/* There is one Ordinal in a cluster, as there is one fence: names do not depend on the release. */}}
{{- define "ordinal.name" -}}ordinal-controller{{- end }}

{{- define "ordinal.selector" -}}
app.kubernetes.io/name: ordinal
app.kubernetes.io/component: controller
{{- end }}

{{- define "ordinal.labels" -}}
app.kubernetes.io/name: ordinal
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "ordinal.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "ordinal.fenced" -}}
{{- if eq .Values.mode "fenced" }}true{{ end }}
{{- end }}

{{/* What every pod of the chart may not do. */}}
{{- define "ordinal.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ordinal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "ordinal.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ordinal.subjects" -}}
- kind: ServiceAccount
  name: {{ include "ordinal.name" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* What a schema cannot say. */}}
{{- define "ordinal.validate" -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}
{{- fail "podMonitor.enabled and serviceMonitor.enabled would have every instance scraped twice: enable one of them" }}
{{- end }}
{{- if and .Values.namespaces (ne .Values.mode "fenced") }}
{{- fail "namespaces limits where the controller may write, and in mode whole-cluster it writes everywhere: leave namespaces empty, or set mode to fenced" }}
{{- end }}
{{- if and .Values.namespaces .Values.rbac.allNamespaces }}
{{- fail "rbac.allNamespaces grants every namespace: leave namespaces empty beside it" }}
{{- end }}
{{- end }}
