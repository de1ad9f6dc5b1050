"""The rights that each row takes, told from the spec, and from the kinds of policies there are.

What a look asks for only to explain a finding, or for an autoscaler of something that is no
Deployment, is not among them: a row may still turn out INCONCLUSIVE for it, and then names the
right. What it asks for in other states that no spec shows stands apart (`rights_at_times`). Of rows
that are open, and of nothing else, a run can be a pass.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from clusterproof.checks.certificate import CertificateRow
from clusterproof.checks.exposure import ExposureRow
from clusterproof.checks.flag import FlagRow
from clusterproof.checks.fresh import FreshRow
from clusterproof.checks.hpa_state import HpaStateRow
from clusterproof.checks.http import HttpRow
from clusterproof.checks.images import ImagesRow
from clusterproof.checks.ingestion import IngestionRow
from clusterproof.checks.ingress import IngressRow
from clusterproof.checks.limit_range import LimitRangeRow
from clusterproof.checks.metric import MetricRow
from clusterproof.checks.placeholders import PlaceholdersRow
from clusterproof.checks.policy import OF_ALL_POLICIES, PolicyRow
from clusterproof.checks.posthog_status import StatusRow
from clusterproof.checks.quantity import QuantityRow
from clusterproof.checks.reference import ReferenceRow
from clusterproof.checks.replicas import ReplicasRow
from clusterproof.checks.room import RoomRow
from clusterproof.checks.route import RouteRow
from clusterproof.checks.secret_manager import SecretManagerRow
from clusterproof.checks.service import ServiceRow
from clusterproof.checks.starts import StartsRow
from clusterproof.checks.targets import TargetsRow
from clusterproof.checks.totals import TotalsRow
from clusterproof.checks.volume_use import VolumeUseRow
from clusterproof.diagnose.scope import scope_of
from clusterproof.kube.access import may
from clusterproof.kube.client import KubeApi
from clusterproof.kube.kinds import CLUSTER_WIDE, KINDS, POD_METRICS, Kind, group_version
from clusterproof.kube.workloads import WORKLOADS, middle_kind
from clusterproof.nightly.rights import Grant
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.policy import other_kinds, service_named
from clusterproof.spec import ObjectRef, Row, Settings, Spec
from clusterproof.spec.behaviour import (
    AnswerRow,
    DnsRow,
    EgressRow,
    IngressAnswerRow,
    MetricMovesRow,
)

_AT_ONCE = 8
_OF_PODS = (
    DnsRow, EgressRow, FreshRow, HttpRow, ImagesRow, MetricMovesRow, MetricRow, PolicyRow,
    QuantityRow, ReplicasRow, RoomRow, ServiceRow, StartsRow, TargetsRow, TotalsRow,
)  # fmt: skip
_INSIDE_POSTHOG = (IngestionRow, ExposureRow, FlagRow, StatusRow)
_BESIDE: Mapping[type[Row], tuple[str, ...]] = {
    CertificateRow: ("Secret",),
    IngressRow: ("Service",),
    LimitRangeRow: ("LimitRange",),
    PlaceholdersRow: (
        "ConfigMap", "Secret", "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod",
        "Service", "Ingress",
    ),
    PolicyRow: ("Namespace",),
    SecretManagerRow: ("Secret",),
    ServiceRow: ("EndpointSlice",),
    VolumeUseRow: ("Pod",),
}  # fmt: skip
"""What is listed in a row's namespace beside the objects that it names."""


def rights_by_row(spec: Spec, cluster: Cluster | None = None) -> dict[str, frozenset[Grant]]:
    """The rights that each row of the spec takes, by the row's id; with what a cluster adds to it.

    Raises:
        ObservationError: The cluster did not say which kinds of policies it has.
    """
    of_policies = [row for row in spec.rows if _is_of_all_policies(row)] if cluster else []
    kinds = [cluster.kind(name) for name in other_kinds(cluster)] if cluster and of_policies else []
    return {
        row.id: rights_of_row(row, spec.settings)
        | {_list_of(kind, scope_of(row).namespaces[0]) for kind in kinds if row in of_policies}
        for row in spec.rows
    }


def rights_of_row(row: Row, settings: Settings) -> frozenset[Grant]:
    """The rights that one row takes, as a run record would have them."""
    return frozenset({*_to_read(row), *_to_act(row, settings)})


def rights_at_times(row: Row, settings: Settings) -> dict[Grant, str]:
    """The rights that one row takes besides in some states of the cluster: which states."""
    match row:
        case ReferenceRow():
            state = "the Service is headless and names its target port"
            return {_list("EndpointSlice", row.service.namespace): state}
        case ImagesRow():
            return {_list("Node", CLUSTER_WIDE): "one image has several ids"}
        case FreshRow():
            state = "a Pod is older than what it reads"
            return dict.fromkeys(_exec(row.workload.namespace), state)
        case EgressRow() | DnsRow() if settings.dialler:
            always, namespace = rights_of_row(row, settings), row.workload.namespace
            entered = settings.dialler.ephemeral_containers
            state = "none of its Pods runs" if entered else "one of its Pods has no python3"
            stand_in = (*_own_pod(namespace), _list("Service", namespace))
            grants = {grant: state for grant in stand_in if grant not in always}
            if entered:
                ephemeral = Grant(namespace, "", "pods/ephemeralcontainers", "patch")
                grants |= {ephemeral: "one of its Pods has no python3"}
            return grants
        case _:
            return {}


def writes(grants: frozenset[Grant]) -> bool:
    """True for a row that takes a Pod of our own, or a command in somebody else's."""
    return any(grant.verb == "create" for grant in grants)


def _to_read(row: Row) -> Iterator[Grant]:
    """The lists of a row: the objects that it names, and what its observer asks beside them."""
    if isinstance(row, AnswerRow):
        return  # it is dialled by its name: the Service itself is not read
    scope = scope_of(row)
    for ref in scope.refs:
        yield _list(ref.kind, ref.namespace)
        of_pods = isinstance(row, _OF_PODS) and ref == getattr(row, "workload", ref)
        if of_pods or (isinstance(row, StatusRow) and ref.kind in WORKLOADS):
            yield from _pods_of(ref)
    for kind in _BESIDE.get(type(row), ()):
        yield _list(kind, scope.namespaces[0])
    yield from _asked_by_its_kind(row)


def _asked_by_its_kind(row: Row) -> Iterator[Grant]:
    match row:
        case EgressRow():
            yield from _behind(row)
        case RoomRow(within="quota"):
            yield _list("ResourceQuota", row.workload.namespace)
            yield _list("LimitRange", row.workload.namespace)
        case RoomRow():
            yield _list("LimitRange", row.workload.namespace)
            yield _list("Node", CLUSTER_WIDE)
            yield _list("Pod", CLUSTER_WIDE)
        case RouteRow():
            yield from _of_backends(row)
        case IngressAnswerRow():
            yield _list("Secret", (row.gateway or row.of).namespace)
        case HpaStateRow() if row.aspect != "conditions":
            yield from _of_target(row)
        case _:
            pass


def _of_backends(row: RouteRow) -> Iterator[Grant]:
    """All routes, any of which may take the request first, and the Services that are sent to."""
    yield _list("HTTPRoute", CLUSTER_WIDE)
    for backend in row.backends:
        yield _list("Service", backend.service.namespace)
        if backend.service.namespace != row.of.namespace:
            yield _list("ReferenceGrant", backend.service.namespace)


def _behind(row: EgressRow) -> Iterator[Grant]:
    """What tells whether a Service of the workload's own namespace leads a Pod to itself."""
    ref = service_named(row.host, row.workload.namespace)
    if ref is not None and ref.namespace == row.workload.namespace:
        yield _list("Service", ref.namespace)
        yield _list("EndpointSlice", ref.namespace)


def _of_target(row: HpaStateRow) -> Iterator[Grant]:
    target = ObjectRef(kind="Deployment", namespace=row.of.namespace, name=row.of.name)
    yield _list(target.kind, target.namespace)
    yield from _pods_of(target)
    if row.aspect == "metrics":
        yield Grant(row.of.namespace, POD_METRICS.group, POD_METRICS.plural, "list")


def _to_act(row: Row, settings: Settings) -> Iterator[Grant]:
    """What a row takes beyond reading objects: our own Pods, commands in them, proxies."""
    match row:
        case EgressRow() | DnsRow():
            yield from _own_pod(settings.dialler.namespace if settings.dialler else "")
            yield from _exec(row.workload.namespace)
        case AnswerRow() | IngressAnswerRow():
            yield from _own_pod(settings.dialler.namespace if settings.dialler else "")
        case HttpRow() | MetricRow():
            yield Grant(row.workload.namespace, "", "pods/proxy", "get")
        case VolumeUseRow():
            yield Grant("", "", "nodes/proxy", "get")
        case TargetsRow() if settings.prometheus:
            yield Grant(settings.prometheus.namespace, "", "services/proxy", "get")
        case MetricMovesRow() | ExposureRow() if settings.traffic:
            traffic = settings.traffic.workload
            yield _list(traffic.kind, traffic.namespace)
            yield from _pods_of(traffic)
            yield Grant(traffic.namespace, "", "pods/proxy", "get")
            yield from _own_pod(settings.dialler.namespace if settings.dialler else "")
        case _:
            pass
    events = isinstance(row, MetricMovesRow) and row.by == "events"
    if settings.posthog and (events or isinstance(row, _INSIDE_POSTHOG)):
        yield from _own_pod(settings.posthog.namespace)


def _list(kind: str, namespace: str) -> Grant:
    known = KINDS.get(kind)
    if known is None:
        # A kind that is not built in: its plural is known by discovery only. The API's own
        # convention for it (meta.UnsafeGuessKindToResource) is what kubectl guesses too.
        name, _, group = group_version(kind) or (kind, "", "")
        return Grant(namespace, group, _guessed_plural(name.lower()), "list")
    return _list_of(known, namespace)


def _list_of(kind: Kind, namespace: str) -> Grant:
    return Grant(namespace if kind.namespaced else "", kind.group, kind.plural, "list")


def _is_of_all_policies(row: Row) -> bool:
    return isinstance(row, PolicyRow) and row.aspect in OF_ALL_POLICIES


def _guessed_plural(singular: str) -> str:
    """Restates apimachinery's `UnsafeGuessKindToResource` (pkg/api/meta/restmapper.go)."""
    if singular.endswith("endpoints"):
        return singular
    if singular.endswith("s"):
        return f"{singular}es"
    return f"{singular[:-1]}ies" if singular.endswith("y") else f"{singular}s"


def _pods_of(workload: ObjectRef) -> Iterator[Grant]:
    """What stands between a workload and its Pods, and the Pods."""
    between = middle_kind(workload.kind)
    if between:
        yield _list(between, workload.namespace)
    yield _list("Pod", workload.namespace)


def _own_pod(namespace: str) -> Iterator[Grant]:
    yield from (Grant(namespace, "", "pods", verb) for verb in ("create", "get", "delete"))
    yield from _exec(namespace)


def _exec(namespace: str) -> Iterator[Grant]:
    yield from (Grant(namespace, "", "pods/exec", verb) for verb in ("create", "get"))


def granted_of(api: KubeApi, grants: Iterable[Grant]) -> Mapping[Grant, bool]:
    """Each right, and whether it is granted; eight questions at a time.

    Raises:
        ObservationError: The API server did not answer one of them.
    """
    asked = sorted(set(grants))

    def is_granted(grant: Grant) -> bool:
        return may(api, grant.verb, grant.resource, group=grant.group, namespace=grant.namespace)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(asked, pool.map(is_granted, asked), strict=True))
