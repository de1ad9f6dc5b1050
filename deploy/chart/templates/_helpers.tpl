{{/* The name of every object: the release's, with the chart's in it once. */}}
{{- define "clusterproof.name" -}}
{{- $chart := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $chart .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $chart | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The label that every object has; the Service and the affinity go by it. */}}
{{- define "clusterproof.labels" -}}
app.kubernetes.io/name: {{ include "clusterproof.name" . }}
{{- end -}}

{{- define "clusterproof.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- define "clusterproof.claim" -}}
{{ default (printf "%s-results" (include "clusterproof.name" .)) .Values.results.existingClaim }}
{{- end -}}

{{- define "clusterproof.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "clusterproof.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The name of the ConfigMap with the spec, or nothing. */}}
{{- define "clusterproof.specMap" -}}
{{- if .Values.spec.configMap -}}
{{ .Values.spec.configMap }}
{{- else if .Values.spec.files -}}
{{ include "clusterproof.name" . }}-spec
{{- end -}}
{{- end -}}

{{/* A CronJob of one cluster. Given: root, name, schedule, profile, cluster (or nothing). */}}
{{- define "clusterproof.cronJob" -}}
{{- $values := .root.Values -}}
{{- $spec := include "clusterproof.specMap" .root -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "clusterproof.labels" .root | nindent 4 }}
spec:
  schedule: {{ .schedule | quote }}
  timeZone: {{ $values.timeZone }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  {{- if $values.suspend }}
  suspend: true
  {{- end }}
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      # A finding is not mended by looking again; a second look would only hide it.
      backoffLimit: 0
      # Longer than --within and --grace together: the run ends itself, and writes what it has.
      activeDeadlineSeconds: {{ add $values.withinSeconds 300 }}
      ttlSecondsAfterFinished: 604800
      template:
        metadata:
          labels:
            app.kubernetes.io/component: run
            clusterproof.dev/run: nightly # its own Pod is none of what it verifies
          {{- with $values.podAnnotations }}
          annotations:
            {{- toYaml . | nindent 12 }}
          {{- end }}
        spec:
          restartPolicy: Never
          serviceAccountName: {{ include "clusterproof.name" .root }}
          automountServiceAccountToken: {{ not .cluster }}
          enableServiceLinks: false
          terminationGracePeriodSeconds: 75
          {{- with $values.imagePullSecrets }}
          imagePullSecrets:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          securityContext:
            {{- include "clusterproof.podSecurity" . | nindent 12 }}
          {{- with $values.nodeSelector }}
          nodeSelector:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $values.tolerations }}
          tolerations:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- if $values.history.enabled }}
          # The volume is mounted on one node at a time: where the history is served.
          affinity:
            podAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
                - topologyKey: kubernetes.io/hostname
                  labelSelector:
                    matchLabels:
                      {{- include "clusterproof.labels" .root | nindent 22 }}
                      app.kubernetes.io/component: history
          {{- end }}
          containers:
            - name: clusterproof
              image: {{ include "clusterproof.image" .root }}
              imagePullPolicy: {{ $values.image.pullPolicy }}
              args:
                - nightly
                - run
                - --results=/results
                - --within={{ $values.withinSeconds }}
                {{- if $spec }}
                - --spec=/spec/{{ $values.spec.file }}
                {{- else }}
                - --profile={{ .profile }}
                {{- end }}
                {{- if $values.readOnly }}
                - --read-only
                {{- end }}
                {{- with $values.link }}
                - --link={{ . }}
                {{- end }}
                {{- with .cluster }}
                - --kubeconfig=/kubeconfig/{{ default "kubeconfig" .key }}
                {{- with .context }}
                - --context={{ . }}
                {{- end }}
                {{- end }}
                {{- range $alias, $namespace := $values.namespaces }}
                - --namespace={{ $alias }}={{ $namespace }}
                {{- end }}
                {{- with $values.extraArgs }}
                {{- toYaml . | nindent 16 }}
                {{- end }}
              env:
                - name: CLUSTERPROOF_WEBHOOK
                  valueFrom:
                    secretKeyRef: {name: {{ $values.webhook.secret }}, key: {{ $values.webhook.key }}, optional: true}
              resources:
                {{- toYaml $values.resources | nindent 16 }}
              securityContext:
                {{- include "clusterproof.containerSecurity" . | nindent 16 }}
              volumeMounts:
                - {name: results, mountPath: /results}
                {{- if $spec }}
                - {name: spec, mountPath: /spec, readOnly: true}
                {{- end }}
                {{- if .cluster }}
                - {name: kubeconfig, mountPath: /kubeconfig, readOnly: true}
                {{- end }}
          volumes:
            - name: results
              persistentVolumeClaim: {claimName: {{ include "clusterproof.claim" .root }}}
            {{- if $spec }}
            - name: spec
              configMap: {name: {{ $spec }}}
            {{- end }}
            {{- with .cluster }}
            - name: kubeconfig
              secret: {secretName: {{ .secret }}, defaultMode: 0440}
            {{- end }}
{{- end -}}
