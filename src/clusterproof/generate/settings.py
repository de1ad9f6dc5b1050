"""Which fields of an object are said by a plain row, and which values nobody needs to say; data."""

from collections.abc import Mapping
from typing import Any, Final

from clusterproof.kube.objects import Json

TEMPLATES: Final[Mapping[str, str]] = {
    "CronJob": "spec.jobTemplate.spec.template",
    "DaemonSet": "spec.template",
    "Deployment": "spec.template",
    "Job": "spec.template",
    "StatefulSet": "spec.template",
}
"""Workload to the path of its Pod template."""

OF_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "APIService": ("spec.group", "spec.version", "spec.service", "spec.insecureSkipTLSVerify"),
    "ClusterRole": ("rules", "aggregationRule"),
    "ClusterRoleBinding": ("roleRef", "subjects"),
    "ConfigMap": ("immutable",),
    "CronJob": (
        "spec.schedule",
        "spec.timeZone",
        "spec.concurrencyPolicy",
        "spec.startingDeadlineSeconds",
        "spec.successfulJobsHistoryLimit",
        "spec.failedJobsHistoryLimit",
        "spec.jobTemplate.spec.backoffLimit",
        "spec.jobTemplate.spec.activeDeadlineSeconds",
    ),
    "CustomResourceDefinition": ("spec.group", "spec.scope", "spec.names"),
    "DaemonSet": ("spec.updateStrategy", "spec.minReadySeconds"),
    "Deployment": (
        "spec.strategy.type",
        "spec.minReadySeconds",
        "spec.paused",
        "spec.revisionHistoryLimit",
    ),
    "Gateway": (
        "spec.gatewayClassName",
        "spec.listeners",
        "spec.addresses",
        "metadata.annotations",
    ),
    "GatewayClass": ("spec.controllerName", "spec.parametersRef"),
    "HTTPRoute": ("metadata.annotations",),
    "Ingress": ("spec.ingressClassName", "spec.tls", "metadata.annotations"),
    "IngressClass": ("spec.controller", "spec.parameters", "metadata.annotations"),
    "Job": (
        "spec.completions",
        "spec.completionMode",
        "spec.parallelism",
        "spec.backoffLimit",
        "spec.activeDeadlineSeconds",
    ),
    "Node": ("metadata.labels", "spec.taints", "spec.unschedulable"),
    "PersistentVolumeClaim": ("spec.accessModes",),
    "PodDisruptionBudget": ("spec.selector", "spec.unhealthyPodEvictionPolicy"),
    "PriorityClass": ("value", "globalDefault", "preemptionPolicy"),
    "ReferenceGrant": ("spec.from", "spec.to"),
    "ResourceQuota": ("spec.scopes", "spec.scopeSelector"),
    "Role": ("rules",),
    "RoleBinding": ("roleRef", "subjects"),
    "Service": (
        "spec.type",
        "spec.externalName",
        "spec.publishNotReadyAddresses",
        "spec.sessionAffinity",
        "spec.sessionAffinityConfig",
        "spec.internalTrafficPolicy",
        "spec.externalTrafficPolicy",
    ),
    "ServiceAccount": ("automountServiceAccountToken", "imagePullSecrets"),
    "StatefulSet": (
        "spec.serviceName",
        "spec.podManagementPolicy",
        "spec.updateStrategy",
        "spec.minReadySeconds",
        "spec.persistentVolumeClaimRetentionPolicy",
    ),
}
"""Kind to the fields of its objects."""

OF_TEMPLATE: Final = (
    "metadata.labels",
    "metadata.annotations",
    "spec.priorityClassName",
    "spec.runtimeClassName",
    "spec.restartPolicy",
    "spec.hostNetwork",
    "spec.hostPID",
    "spec.hostIPC",
    "spec.dnsPolicy",
    "spec.dnsConfig",
    "spec.nodeSelector",
    "spec.tolerations",
    "spec.affinity.nodeAffinity",
    "spec.affinity.podAffinity",
    "spec.affinity.podAntiAffinity",
    "spec.topologySpreadConstraints",
    "spec.securityContext",
    "spec.imagePullSecrets",
    "spec.automountServiceAccountToken",
    "spec.terminationGracePeriodSeconds",
)
"""Fields of a Pod template."""

OF_CONTAINER: Final = ("command", "args", "ports", "securityContext", "lifecycle")
"""Fields of a container."""

_DEFAULTS: Final[Mapping[str, tuple[object, ...]]] = {
    "apiVersion": ("v1", "apps/v1"),
    "automountServiceAccountToken": (True,),
    "completionMode": ("NonIndexed",),
    "concurrencyPolicy": ("Allow",),
    "creationTimestamp": (None,),
    "defaultMode": (420,),
    "divisor": ("0",),
    "dnsPolicy": ("ClusterFirst",),
    "externalTrafficPolicy": ("Cluster",),
    "failureThreshold": (3,),
    "imagePullPolicy": ("IfNotPresent",),
    "initialDelaySeconds": (0,),
    "internalTrafficPolicy": ("Cluster",),
    "ipFamilyPolicy": ("SingleStack",),
    "kind": ("PersistentVolumeClaim",),
    "manualSelector": (False,),
    "paused": (False,),
    "periodSeconds": (10,),
    "podManagementPolicy": ("OrderedReady",),
    "podReplacementPolicy": ("TerminatingOrFailed",),
    "progressDeadlineSeconds": (600,),
    "protocol": ("TCP",),
    "publishNotReadyAddresses": (False,),
    "restartPolicy": ("Always",),
    "revisionHistoryLimit": (10,),
    "schedulerName": ("default-scheduler",),
    "scheme": ("HTTP",),
    "sessionAffinity": ("None",),
    "successThreshold": (1,),
    "suspend": (False,),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "timeoutSeconds": (1,),
    "type": ("ClusterIP", "RollingUpdate"),
    "volumeMode": ("Filesystem",),
}
"""Field to what the API server makes of it where nobody says anything (pkg/apis, defaults.go)."""

_WRITTEN_BY_SERVERS: Final = frozenset(
    {
        "clusterIP",
        "clusterIPs",
        "deprecated.daemonset.template.generation",
        "deployment.kubernetes.io/revision",
        "deprecatedServiceAccount",
        "healthCheckNodePort",
        "ipFamilies",
        "kubectl.kubernetes.io/last-applied-configuration",
        "kubectl.kubernetes.io/restartedAt",
        "loadBalancerClass",
        "nodePort",
        "serviceAccount",
        "status",
        "volumeName",
    }
)


def is_default(key: object, value: object) -> bool:
    """Whether the API server would have it so without a word, or writes it by itself."""
    if key in _WRITTEN_BY_SERVERS and not (key == "clusterIP" and value == "None"):
        return True
    return value in ({}, [], None) or any(
        value == default and type(value) is type(default) for default in _DEFAULTS.get(str(key), ())
    )


def declared(mapping: Json) -> Json:
    """The labels or annotations that somebody wrote."""
    return {key: text for key, text in mapping.items() if key not in _WRITTEN_BY_SERVERS}


def expectation(path: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """What a row expects of a field that is declared so; more keys than declared are fine."""
    if isinstance(value, dict):
        return {"contains": declared(value)}
    if path.rpartition(".")[2] in {"listeners", "ports", "taints", "tls"}:
        return {"contains": value}
    return {"equals": value}
