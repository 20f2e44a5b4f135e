{{/* What every object is called after: a release may have dots in its name, and begin with a digit; a Service may not. */}}
{{- define "hybrid.name" -}}
{{- $chart := default .Chart.Name .Values.nameOverride }}
{{- $name := .Release.Name }}
{{- if .Values.fullnameOverride }}
{{- $name = .Values.fullnameOverride }}
{{- else if not (contains $chart $name) }}
{{- $name = printf "%s-%s" $name $chart }}
{{- end }}
{{- $name = $name | replace "." "-" }}
{{- if not (regexMatch "^[a-z]" $name) }}
{{- $name = printf "release-%s" $name }}
{{- end }}
{{- $name | trunc 48 | trimAll "-" }}
{{- end }}

{{- define "hybrid.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "hybrid.labels" -}}
{{ include "hybrid.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "hybrid.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The rules that let an account list what is served: API groups with their resources, in order. */}}
{{- define "hybrid.kubeStateRules" -}}
{{- $groups := dict
  "certificatesigningrequests" "certificates.k8s.io"
  "clusterrolebindings" "rbac.authorization.k8s.io"
  "clusterroles" "rbac.authorization.k8s.io"
  "configmaps" ""
  "cronjobs" "batch"
  "daemonsets" "apps"
  "deployments" "apps"
  "endpoints" ""
  "endpointslices" "discovery.k8s.io"
  "horizontalpodautoscalers" "autoscaling"
  "ingressclasses" "networking.k8s.io"
  "ingresses" "networking.k8s.io"
  "jobs" "batch"
  "leases" "coordination.k8s.io"
  "limitranges" ""
  "mutatingadmissionpolicies" "admissionregistration.k8s.io"
  "mutatingadmissionpolicybindings" "admissionregistration.k8s.io"
  "mutatingwebhookconfigurations" "admissionregistration.k8s.io"
  "namespaces" ""
  "networkpolicies" "networking.k8s.io"
  "nodes" ""
  "persistentvolumeclaims" ""
  "persistentvolumes" ""
  "poddisruptionbudgets" "policy"
  "pods" ""
  "replicasets" "apps"
  "replicationcontrollers" ""
  "resourcequotas" ""
  "rolebindings" "rbac.authorization.k8s.io"
  "roles" "rbac.authorization.k8s.io"
  "secrets" ""
  "serviceaccounts" ""
  "services" ""
  "statefulsets" "apps"
  "storageclasses" "storage.k8s.io"
  "validatingadmissionpolicies" "admissionregistration.k8s.io"
  "validatingadmissionpolicybindings" "admissionregistration.k8s.io"
  "validatingwebhookconfigurations" "admissionregistration.k8s.io"
  "volumeattachments" "storage.k8s.io" }}
{{- $rules := dict }}
{{- range .Values.kubeState.resources }}
{{- if not (hasKey $groups .) }}{{ fail (printf "kubeState.resources: %q is no resource that the exporter knows" .) }}{{ end }}
{{- $group := get $groups . }}
{{- $_ := set $rules $group (append (get $rules $group | default list) .) }}
{{- end }}
{{- range $group, $resources := $rules }}
- apiGroups: [{{ $group | quote }}]
  resources: {{ $resources | uniq | sortAlpha | toJson }}
  verbs: [list, watch]
{{- end }}
{{- with .Values.kubeState.customResourceGroups }}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
- apiGroups: {{ toJson . }}
  resources: ['*']
  verbs: [list, watch]
{{- end }}
{{- end }}

{{/* What both kinds of pods have in common; by the user's number, which may be left to the cluster. */}}
{{- define "hybrid.podSecurity" -}}
runAsNonRoot: true
{{- if not (kindIs "invalid" .) }}
runAsUser: {{ int . }}
runAsGroup: {{ int . }}
{{- end }}
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "hybrid.container" -}}
{{- $scheme := ternary ", scheme: HTTPS" "" (eq .Values.web.scheme "https") }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
readinessProbe:
  httpGet: { path: /-/ready, port: metrics{{ $scheme }} }
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  httpGet: { path: /-/healthy, port: metrics{{ $scheme }} }
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 4
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* The pods' annotations: a changed configuration makes new pods. */}}
{{- define "hybrid.podAnnotations" -}}
checksum/config: {{ include "hybrid.config" (dict "root" .root "own" .config) | sha256sum }}
{{- if .root.Values.scrapeAnnotations }}
prometheus.io/scrape: 'true'
prometheus.io/scheme: {{ .root.Values.web.scheme }}
prometheus.io/port: '10150'
prometheus.io/path: /metrics
{{- end }}
{{- with .own }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A configuration file: what kubeState says, and what else is set. */}}
{{- define "hybrid.config" -}}
{{- with .root.Values.kubeState }}
{{- $said := dict "resources" .resources "cluster.conditions" (not (empty .customResourceGroups)) }}
{{- toYaml (merge (deepCopy $.own) $said) }}
{{- end }}
{{- end }}
