"""A model of the HorizontalPodAutoscaler controller, and its replay of an observed run.

Source: k8s.io/kubernetes v1.35.4, pkg/controller/podautoscaler (horizontal.go,
replica_calculator.go, metrics/utilization.go) and pkg/apis/autoscaling/v2/defaults.go,
read 2026-11-23. Written anew from the published behaviour; the names are the API's own.
"""
