"""Where the API server keeps the objects of each kind.

The built-in kinds are listed, from `kubectl api-resources` (v1.35), and those of Gateway API (v1.3)
that rows of their own kind are about. Any other is written as kubectl writes it,
`KIND.VERSION.GROUP`, and found by discovery.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

CLUSTER_WIDE = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where the API server keeps the objects of a kind."""

    prefix: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; "" for the core one."""
        return self.prefix.removeprefix("/apis/").rpartition("/")[0].removeprefix("/api")

    def collection(self, namespace: str) -> str:
        """The path of the collection; every namespace's for CLUSTER_WIDE."""
        if self.namespaced and namespace != CLUSTER_WIDE:
            return f"{self.prefix}/namespaces/{quote(namespace)}/{self.plural}"
        return f"{self.prefix}/{self.plural}"


_APPS, _RBAC = "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1"
_NETWORKING, _STORAGE = "/apis/networking.k8s.io/v1", "/apis/storage.k8s.io/v1"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_GATEWAY = "/apis/gateway.networking.k8s.io"

KINDS: dict[str, Kind] = {
    "APIService": Kind("/apis/apiregistration.k8s.io/v1", "apiservices", namespaced=False),
    "ClusterRole": Kind(_RBAC, "clusterroles", namespaced=False),
    "ClusterRoleBinding": Kind(_RBAC, "clusterrolebindings", namespaced=False),
    "ConfigMap": Kind("/api/v1", "configmaps"),
    "CronJob": Kind("/apis/batch/v1", "cronjobs"),
    "CSIDriver": Kind(_STORAGE, "csidrivers", namespaced=False),
    "CustomResourceDefinition": Kind(
        "/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False
    ),
    "DaemonSet": Kind(_APPS, "daemonsets"),
    "Deployment": Kind(_APPS, "deployments"),
    "EndpointSlice": Kind("/apis/discovery.k8s.io/v1", "endpointslices"),
    "Event": Kind("/api/v1", "events"),
    "Gateway": Kind(f"{_GATEWAY}/v1", "gateways"),
    "GatewayClass": Kind(f"{_GATEWAY}/v1", "gatewayclasses", namespaced=False),
    "HorizontalPodAutoscaler": Kind("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "HTTPRoute": Kind(f"{_GATEWAY}/v1", "httproutes"),
    "Ingress": Kind(_NETWORKING, "ingresses"),
    "IngressClass": Kind(_NETWORKING, "ingressclasses", namespaced=False),
    "Job": Kind("/apis/batch/v1", "jobs"),
    "Lease": Kind("/apis/coordination.k8s.io/v1", "leases"),
    "LimitRange": Kind("/api/v1", "limitranges"),
    "MutatingWebhookConfiguration": Kind(
        _ADMISSION, "mutatingwebhookconfigurations", namespaced=False
    ),
    "Namespace": Kind("/api/v1", "namespaces", namespaced=False),
    "NetworkPolicy": Kind(_NETWORKING, "networkpolicies"),
    "Node": Kind("/api/v1", "nodes", namespaced=False),
    "PersistentVolume": Kind("/api/v1", "persistentvolumes", namespaced=False),
    "PersistentVolumeClaim": Kind("/api/v1", "persistentvolumeclaims"),
    "Pod": Kind("/api/v1", "pods"),
    "PodDisruptionBudget": Kind("/apis/policy/v1", "poddisruptionbudgets"),
    "PriorityClass": Kind("/apis/scheduling.k8s.io/v1", "priorityclasses", namespaced=False),
    "ReferenceGrant": Kind(f"{_GATEWAY}/v1beta1", "referencegrants"),
    "ReplicaSet": Kind(_APPS, "replicasets"),
    "ReplicationController": Kind("/api/v1", "replicationcontrollers"),
    "ResourceQuota": Kind("/api/v1", "resourcequotas"),
    "Role": Kind(_RBAC, "roles"),
    "RoleBinding": Kind(_RBAC, "rolebindings"),
    "RuntimeClass": Kind("/apis/node.k8s.io/v1", "runtimeclasses", namespaced=False),
    "Secret": Kind("/api/v1", "secrets"),
    "Service": Kind("/api/v1", "services"),
    "ServiceAccount": Kind("/api/v1", "serviceaccounts"),
    "StatefulSet": Kind(_APPS, "statefulsets"),
    "StorageClass": Kind(_STORAGE, "storageclasses", namespaced=False),
    "ValidatingAdmissionPolicy": Kind(_ADMISSION, "validatingadmissionpolicies", namespaced=False),
    "ValidatingWebhookConfiguration": Kind(
        _ADMISSION, "validatingwebhookconfigurations", namespaced=False
    ),
}

POD_METRICS = Kind("/apis/metrics.k8s.io/v1beta1", "pods")
"""What a Pod uses. An API server's own kinds do not have it: it comes with a metrics server."""


def group_version(kind: str) -> tuple[str, str, str] | None:
    """(kind, version, group) of `KIND.VERSION.GROUP`, or None for another text.

    Restates `ParseKindArg` (apimachinery, pkg/runtime/schema/group_version.go).
    """
    name, _, rest = kind.partition(".")
    version, _, group = rest.partition(".")
    return (name, version, group) if name and version and group else None


def kind_of(reference: Mapping[str, str]) -> str:
    """How a spec names the kind of an ownerReference or scaleTargetRef: by its API group too.

    As in the RESTMapper, the group tells kinds of one name apart, and the version does not. Without
    an apiVersion it is the built-in kind.
    """
    name, api_version = reference["kind"], reference.get("apiVersion") or ""
    group, _, version = api_version.rpartition("/")
    known = KINDS.get(name)
    if known and (not api_version or group == known.group):
        return name
    return f"{name}.{version}.{group}" if group else f"{name}.{version}"


def why_no_place(kind: str, namespace: str) -> str:
    """Why no object of this kind can be in this namespace ("" for none), or ""."""
    known = KINDS.get(kind)
    if known is None:
        if group_version(kind):
            return ""
        close = next((name for name in KINDS if name.lower() == kind.lower()), "")
        hint = f"write {close}" if close else "write another as KIND.VERSION.GROUP"
        return f"expected one of the kinds {', '.join(KINDS)}; got {kind!r}: {hint}"
    if known.namespaced and namespace == CLUSTER_WIDE:
        return f"expected {kind}/namespace/name, as a {kind} is in a namespace; got none"
    if not known.namespaced and namespace != CLUSTER_WIDE:
        return f"expected {kind}//name, as a {kind} is in no namespace; got {namespace!r}"
    return ""
