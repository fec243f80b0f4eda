{{/* The pod of a pool's workers, of (dict "root" $ "pool" pool): for a Deployment and for a ScaledJob alike. */}}

{{- define "cleanplate.workerSelector" -}}
{{ include "cleanplate.selector" .root }}
app.kubernetes.io/component: worker
cleanplate/pool: {{ .pool.name }}
{{- end -}}

{{- define "cleanplate.workerName" -}}
{{- printf "%s-worker-%s" (include "cleanplate.fullname" .root) .pool.name -}}
{{- end -}}

{{/* Which nodes a provider's spot machines are, and the taint that they bear. */}}
{{- define "cleanplate.spotSelector" -}}
{{- if eq . "gke" }}cloud.google.com/gke-spot: "true"
{{- else if eq . "aks" }}kubernetes.azure.com/scalesetpriority: spot
{{- else if eq . "eks" }}eks.amazonaws.com/capacityType: SPOT
{{- else if eq . "karpenter" }}karpenter.sh/capacity-type: spot
{{- end }}
{{- end -}}

{{- define "cleanplate.spotTolerations" -}}
{{- if eq . "gke" }}
- {key: cloud.google.com/gke-spot, operator: Equal, value: "true", effect: NoSchedule}
{{- else if eq . "aks" }}
- {key: kubernetes.azure.com/scalesetpriority, operator: Equal, value: spot, effect: NoSchedule}
{{- end }}
{{- end -}}

{{- define "cleanplate.workerPod" -}}
{{- $root := .root -}}{{- $pool := .pool -}}
{{- $card := gt (int $pool.gpus) 0 -}}
{{- $image := ternary $root.Values.images.worker $root.Values.images.workerCpu $card -}}
metadata:
  labels:
    {{- include "cleanplate.workerSelector" . | nindent 4 }}
    {{- with $pool.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/settings: {{ include "cleanplate.toml" $root | sha256sum }}
    {{- with $pool.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "cleanplate.serviceAccount" $root }}
  automountServiceAccountToken: false
  {{- if eq $pool.kind "Job" }}
  restartPolicy: Never
  {{- end }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- include "cleanplate.podSecurity" $root | nindent 4 }}
  # A worker needs no preStop hook: by SIGTERM it takes no more work, hands in what it can, gives back the rest and goes.
  terminationGracePeriodSeconds: {{ $pool.terminationGracePeriodSeconds }}
  {{- with $pool.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $pool.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: worker
      image: {{ include "cleanplate.image" (list $root $image) }}
      imagePullPolicy: {{ $image.pullPolicy }}
      args: [worker]
      securityContext: {{- include "cleanplate.containerSecurity" $root | nindent 8 }}
      {{- if include "cleanplate.workersHaveKeys" $root }}
      {{- with include "cleanplate.bucketsEnvFrom" $root }}{{ . | trim | nindent 6 }}{{ end }}
      {{- end }}
      env:
        - name: CLEANPLATE_CONFIG
          value: /etc/cleanplate/cleanplate.toml
        - name: CLEANPLATE_COORDINATOR
          value: {{ include "cleanplate.addresses" $root }}
        # Its name in lists: the pod's, which no other has.
        - name: CLEANPLATE_WORKER_NAME
          valueFrom:
            fieldRef: {fieldPath: metadata.name}
        - name: CLEANPLATE_WORKER_GRACE
          value: {{ sub (int $pool.terminationGracePeriodSeconds) 10 }}s
        {{- if not $root.Values.insecure }}
        - name: CLEANPLATE_TLS_CA
          value: /run/secrets/cleanplate/tls/ca.crt
        - name: CLEANPLATE_WORKER_JOIN_TOKEN_FILE
          value: /run/secrets/cleanplate/join/token
        {{- end }}
        {{- if not (kindIs "invalid" $pool.slots) }}
        - name: CLEANPLATE_WORKER_SLOTS
          value: {{ $pool.slots | int | quote }}
        {{- end }}
        {{- if eq $pool.kind "Job" }}
        - name: CLEANPLATE_WORKER_IDLE_EXIT
          value: {{ int $pool.idleExitSeconds }}s
        {{- end }}
        {{- with $pool.notice }}
        - name: CLEANPLATE_WORKER_NOTICE
          value: {{ join "," . | quote }}
        {{- end }}
        {{- with include "cleanplate.bucketsEnv" $root }}{{ . | trim | nindent 8 }}{{ end }}
        {{- with $pool.extraEnv }}{{ toYaml . | nindent 8 }}{{ end }}
      resources:
        requests: {{- toYaml (default dict $pool.resources.requests) | nindent 10 }}
        limits:
          {{- with $pool.resources.limits }}{{ toYaml . | nindent 10 }}{{ end }}
          {{- if $card }}
          nvidia.com/gpu: {{ int $pool.gpus | quote }}
          {{- end }}
      volumeMounts:
        - name: settings
          mountPath: /etc/cleanplate
          readOnly: true
        - name: scratch
          mountPath: /var/cache/cleanplate
        {{- if not $root.Values.insecure }}
        - name: tls
          mountPath: /run/secrets/cleanplate/tls
          readOnly: true
        - name: join
          mountPath: /run/secrets/cleanplate/join
          readOnly: true
        {{- end }}
        {{- with $pool.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: settings
      configMap:
        name: {{ include "cleanplate.fullname" $root }}
    - name: scratch
      {{- if $pool.scratch.storageClass }}
      ephemeral:
        volumeClaimTemplate:
          spec:
            accessModes: [ReadWriteOnce]
            storageClassName: {{ $pool.scratch.storageClass }}
            resources:
              requests:
                storage: {{ $pool.scratch.size }}
      {{- else }}
      emptyDir:
        sizeLimit: {{ $pool.scratch.size }}
      {{- end }}
    {{- if not $root.Values.insecure }}
    # The authority alone: a worker has no use for the coordinator's key.
    - name: tls
      secret:
        secretName: {{ include "cleanplate.tlsSecret" $root }}
        defaultMode: 0440
        items:
          - {key: ca.crt, path: ca.crt}
    - name: join
      secret:
        secretName: {{ $root.Values.access.join.existingSecret }}
        defaultMode: 0440
        items:
          - key: {{ $root.Values.access.join.key }}
            path: token
    {{- end }}
    {{- with $pool.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- if or $pool.nodeSelector $pool.spot }}
  nodeSelector:
    {{- with $pool.spot }}{{ include "cleanplate.spotSelector" . | nindent 4 }}{{ end }}
    {{- with $pool.nodeSelector }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- end }}
  {{- $tolerations := trim (include "cleanplate.spotTolerations" $pool.spot) }}
  {{- if or $pool.tolerations $tolerations $card }}
  tolerations:
    {{- if $card }}
    # The taint that nodes with cards mostly bear.
    - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
    {{- end }}
    {{- with $tolerations }}{{ . | nindent 4 }}{{ end }}
    {{- with $pool.tolerations }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- end }}
  {{- with $pool.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pool.topologySpreadConstraints }}
  topologySpreadConstraints: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
