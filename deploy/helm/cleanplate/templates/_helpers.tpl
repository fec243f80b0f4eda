{{/* Names, labels and what pods have in common. */}}

{{- define "cleanplate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "cleanplate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "cleanplate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cleanplate.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The service behind which each coordinator has a name of its own. */}}
{{- define "cleanplate.headless" -}}
{{- printf "%s-coordinators" (include "cleanplate.fullname" .) -}}
{{- end -}}

{{- define "cleanplate.selector" -}}
app.kubernetes.io/name: {{ include "cleanplate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cleanplate.labels" -}}
{{ include "cleanplate.selector" . }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The account of coordinators that may tell of pods. */}}
{{- define "cleanplate.costsAccount" -}}
{{- include "cleanplate.headless" . -}}
{{- end -}}

{{- define "cleanplate.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "cleanplate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* An image, of (list $ image). */}}
{{- define "cleanplate.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "cleanplate.scheme" -}}
{{- if .Values.insecure -}}http{{- else -}}https{{- end -}}
{{- end -}}

{{/* The addresses of all coordinators, divided by commas: one that is up is enough to find the one that leads. */}}
{{- define "cleanplate.addresses" -}}
{{- $root := . -}}
{{- $addresses := list -}}
{{- range $number := until (int .Values.coordinator.replicas) -}}
{{- $addresses = append $addresses (printf "%s://%s-%d.%s.%s.svc:7700" (include "cleanplate.scheme" $root) (include "cleanplate.headless" $root) $number (include "cleanplate.headless" $root) $root.Release.Namespace) -}}
{{- end -}}
{{- join "," $addresses -}}
{{- end -}}

{{- define "cleanplate.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled -}}
{{- printf "%s-tls" (include "cleanplate.fullname" .) -}}
{{- else -}}
{{- .Values.tls.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "cleanplate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "cleanplate.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where buckets are and by which keys. */}}
{{- define "cleanplate.bucketsEnvFrom" -}}
{{- with .Values.buckets.existingSecret }}
envFrom:
  - secretRef:
      name: {{ . }}
{{- end }}
{{- end -}}

{{/* Whether workers have these keys too, "yes" or nothing: the coordinator signs their requests to S3, and to nothing else. */}}
{{- define "cleanplate.workersHaveKeys" -}}
{{- $signs := dig "coordinator" "sign_for_workers" true .Values.settings -}}
{{- $asked := .Values.buckets.keysForWorkers -}}
{{- if kindIs "bool" $asked }}{{ if $asked }}yes{{ end }}
{{- else if not (and $signs (hasPrefix "s3://" .Values.coordinator.store)) }}yes{{ end -}}
{{- end -}}

{{- define "cleanplate.bucketsEnv" -}}
{{- range $name, $value := .Values.buckets.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* cleanplate.toml, of .Values.settings: what JSON says of a value that is no table is TOML as well. */}}
{{- define "cleanplate.toml" -}}
{{- range $table, $keys := .Values.settings }}
{{ include "cleanplate.table" (list $table $keys) }}
{{- end }}
{{- end -}}

{{- define "cleanplate.table" -}}
{{- $name := index . 0 -}}{{- $keys := index . 1 -}}
[{{ $name }}]
{{- range $key, $value := $keys }}
{{- if not (kindIs "map" $value) }}
{{ $key }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{ range $key, $value := $keys }}
{{- if kindIs "map" $value }}
{{ include "cleanplate.table" (list (printf "%s.%s" $name ($key | quote)) $value) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A pool with what it leaves to workers.defaults, of (list $ pool). What it says stands whole, `false` and 0 too; of
scratch and podDisruptionBudget key by key. */}}
{{- define "cleanplate.pool" -}}
{{- $root := index . 0 -}}{{- $pool := index . 1 -}}
{{- $merged := deepCopy $root.Values.workers.defaults -}}
{{- range $key, $value := $pool -}}
{{- if has $key (list "scratch" "podDisruptionBudget") -}}
{{- $inner := get $merged $key -}}
{{- range $name, $said := $value -}}{{- $_ := set $inner $name $said -}}{{- end -}}
{{- else -}}
{{- $_ := set $merged $key $value -}}
{{- end -}}
{{- end -}}
{{- $_ := set $merged "tier" (toString $merged.tier) -}}
{{- if kindIs "invalid" $merged.gpus -}}
{{- $_ := set $merged "gpus" (ternary 0 1 (eq $merged.tier "cpu")) -}}
{{- end -}}
{{- toYaml $merged -}}
{{- end -}}
