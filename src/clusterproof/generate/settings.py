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
    "APIService": (
        "spec.group",
        "spec.version",
        "spec.service",
        "spec.insecureSkipTLSVerify",
        "spec.groupPriorityMinimum",
        "spec.versionPriority",
    ),
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
    "DaemonSet": (
        "spec.updateStrategy",
        "spec.minReadySeconds",
        "spec.revisionHistoryLimit",
    ),
    "Deployment": (
        "spec.strategy.type",
        "spec.minReadySeconds",
        "spec.paused",
        "spec.progressDeadlineSeconds",
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
        "spec.trafficDistribution",
        "spec.ipFamilyPolicy",
        "spec.loadBalancerSourceRanges",
        "spec.externalIPs",
    ),
    "ServiceAccount": ("automountServiceAccountToken", "imagePullSecrets"),
    "StatefulSet": (
        "spec.serviceName",
        "spec.podManagementPolicy",
        "spec.updateStrategy",
        "spec.minReadySeconds",
        "spec.persistentVolumeClaimRetentionPolicy",
        "spec.revisionHistoryLimit",
        "spec.ordinals",
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
    "spec.hostAliases",
    "spec.hostUsers",
    "spec.hostname",
    "spec.subdomain",
    "spec.shareProcessNamespace",
    "spec.enableServiceLinks",
    "spec.schedulerName",
    "spec.readinessGates",
    "spec.activeDeadlineSeconds",
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

OF_CONTAINER: Final = (
    "command",
    "args",
    "ports",
    "securityContext",
    "lifecycle",
    "imagePullPolicy",
    "workingDir",
    "restartPolicy",
    "stdin",
    "tty",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "volumeDevices",
)
"""Fields of a container."""

PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
HANDLERS: Final = ("httpGet", "tcpSocket", "exec", "grpc")
GRACE_PERIOD: Final = "terminationGracePeriodSeconds"
"""A field that has a default in a Pod, and none in a probe."""

_DEFAULTS: Final[Mapping[str, tuple[object, ...]]] = {
    "apiVersion": ("v1", "apps/v1"),
    "automountServiceAccountToken": (True,),
    "completionMode": ("NonIndexed",),
    "concurrencyPolicy": ("Allow",),
    "creationTimestamp": (None,),
    "defaultMode": (420,),
    "divisor": ("0",),
    "dnsPolicy": ("ClusterFirst",),
    "enableServiceLinks": (True,),
    "externalTrafficPolicy": ("Cluster",),
    "failureThreshold": (3,),
    "imagePullPolicy": ("IfNotPresent",),
    "internalTrafficPolicy": ("Cluster",),
    "ipFamilyPolicy": ("SingleStack",),
    "kind": ("PersistentVolumeClaim",),
    "manualSelector": (False,),
    "optional": (False,),
    "periodSeconds": (10,),
    "podManagementPolicy": ("OrderedReady",),
    "podReplacementPolicy": ("TerminatingOrFailed",),
    "progressDeadlineSeconds": (600,),
    "protocol": ("TCP",),
    "reinvocationPolicy": ("Never",),
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

_NOT_STORED: Final = frozenset(
    {
        "globalDefault",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostPort",
        "hostname",
        "initialDelaySeconds",
        "minReadySeconds",
        "paused",
        "publishNotReadyAddresses",
        "readOnly",
        "stdin",
        "stdinOnce",
        "subPath",
        "subPathExpr",
        "subdomain",
        "tty",
        "unschedulable",
        "workingDir",
    }
)
"""Fields of which the API server drops a false, a 0 and an empty text: `omitempty` of what is no
pointer (k8s.io/api, types.go)."""
TEXTS_BY_KEY: Final = frozenset(
    {"annotations", "binaryData", "data", "labels", "matchLabels", "nodeSelector", "selector"}
    | {"options", "parameters", "volumeAttributes"}
)
"""Mappings of texts: their keys are no fields, and an empty text is stored as any other."""
_DROPPED_EMPTY: Final = frozenset(
    {"annotations", "hard", "labels", "limits", "matchLabels", "nodeSelector", "requests"}
)
"""Mappings that are not stored where there is nothing in them; `podSelector` is no such one."""
_KEPT_EMPTY: Final = frozenset({"storageClassName"})
"""Fields in which an empty text means something, and is stored."""
_OF_LOAD_BALANCERS: Final = frozenset(
    f"{prefix}/{name}"
    for prefix, names in (
        (
            "ingress.kubernetes.io",
            "backends forwarding-rule https-forwarding-rule https-target-proxy ssl-cert"
            " target-proxy url-map",
        ),
        (
            "networking.gke.io",
            "addresses backend-services firewalls forwarding-rules health-checks"
            " last-reconcile-time ssl-certificates target-http-proxies target-https-proxies"
            " target-proxies url-maps",
        ),
        ("field.cattle.io", "publicEndpoints"),
    )
    for name in names.split()
)
"""Annotations in which controllers of Ingresses and Gateways keep their own state, as the health of
backends and the time of the last look: GKE's load balancers, Rancher's public endpoints."""
_WRITTEN_BY_SERVERS: Final = _OF_LOAD_BALANCERS | frozenset(
    {
        "cattle.io/timestamp",
        "clusterIP",
        "clusterIPs",
        "deprecated.daemonset.template.generation",
        "deployment.kubernetes.io/revision",
        "deprecatedServiceAccount",
        "healthCheckNodePort",
        "ipFamilies",
        "keel.sh/update-time",
        "kubectl.kubernetes.io/last-applied-configuration",
        "kubectl.kubernetes.io/restartedAt",
        "loadBalancerClass",
        "nodePort",
        "reloader.stakater.com/last-reloaded-from",
        "serviceAccount",
        "status",
        "volumeName",
    }
)


def is_default(key: object, value: object, of: object = "") -> bool:
    """Whether the API server would have it so without a word, or writes it by itself.

    Args:
        key: Of the field.
        value: What it is.
        of: The key of what the field is in.
    """
    if key in _WRITTEN_BY_SERVERS and not (key == "clusterIP" and value == "None"):
        return True
    if of in TEXTS_BY_KEY and isinstance(value, str):
        return False
    if key in _NOT_STORED and not value:
        return True
    if value == "":
        return key not in _KEPT_EMPTY
    return value in ({}, [], None) or any(
        value == default and type(value) is type(default) for default in _DEFAULTS.get(str(key), ())
    )


def as_stored(node: Any, of: str = "") -> Any:  # noqa: ANN401 - JSON
    """The same as the API server stores it: without empty texts and lists, and without zeros.

    Args:
        node: A part of an object of Kubernetes' own kinds.
        of: The key of the part.
    """
    if isinstance(node, dict):
        return {
            key: as_stored(inner, str(key))
            for key, inner in node.items()
            if _is_stored(key, inner, of)
        }
    return [as_stored(each) for each in node] if isinstance(node, list) else node


def _is_stored(key: object, inner: object, of: str) -> bool:
    if of in TEXTS_BY_KEY and isinstance(inner, str):
        return True
    if inner in ([], None) or (not inner and key in _NOT_STORED):
        return False
    if inner == "":
        return key in _KEPT_EMPTY
    return inner != {} or key not in _DROPPED_EMPTY


def without_nulls(node: Any) -> Any:  # noqa: ANN401 - JSON
    """The same without what is null in a mapping."""
    if isinstance(node, dict):
        return {key: without_nulls(inner) for key, inner in node.items() if inner is not None}
    return [without_nulls(each) for each in node] if isinstance(node, list) else node


def declared(mapping: Json) -> Json:
    """The labels or annotations that somebody wrote."""
    return {key: text for key, text in mapping.items() if key not in _WRITTEN_BY_SERVERS}


def expectation(path: str, value: Any, *, own: bool = False) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """What a row expects of a field that is declared so; more keys than declared are fine.

    Args:
        path: Of the field.
        value: As it is declared.
        own: Of somebody's own kind, where the API server may add to an element of a list.
    """
    if isinstance(value, dict):
        return {"contains": declared(value)}
    if path == "imagePullSecrets":  # of a ServiceAccount, to which OpenShift adds its registry's
        return {"contains": value}
    of_mappings = own and isinstance(value, list) and any(isinstance(each, dict) for each in value)
    if of_mappings or path.rpartition(".")[2] in {"listeners", "ports", "taints", "tls"}:
        return {"contains": value}
    return {"equals": value}


def printable(text: str) -> str:
    """The same in one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
