{{/* The Secret with all that is secret. It is made by people: see README.md. */}}
{{- define "deep-echo.secret" -}}
{{ .Values.secret }}
{{- end }}
