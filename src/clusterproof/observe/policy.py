"""NetworkPolicies as they stand, with the Pods and namespaces that they are about.

Reads networkpolicies, namespaces, pods, services and endpointslices, and policies of other kinds
where there are such; dials nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from clusterproof.errors import NoSuchKindError, ObservationError
from clusterproof.kube.dns import ServiceName, services_meant
from clusterproof.kube.endpoints import endpoints_of, has_hostname
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.objects import Json, labels_of
from clusterproof.kube.other_policies import is_baseline, may_decide_egress, served_kinds
from clusterproof.kube.policies import (
    Decision,
    Destination,
    Policy,
    decide_egress,
    destination_of,
    read_policy,
)
from clusterproof.kube.services import is_headless, port_of
from clusterproof.kube.workloads import pod_spec_of, template_of
from clusterproof.observe.cluster import Cluster
from clusterproof.spec.need import NAME_LABEL
from clusterproof.spec.row import ObjectRef

HOST_NETWORK = "the Pod is in its host's network, to which no NetworkPolicy applies"
"""In most plugins; what the others do is not defined (Kubernetes docs, "Network Policies")."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A Pod or a namespace, by its name and labels.

    Attributes:
        host_network: Of a Pod: it has no network of its own.
    """

    name: str
    labels: Mapping[str, str]
    host_network: bool = False


def decisions(
    policies: tuple[Policy, ...],
    namespace: str,
    pods: Iterable[Labelled],
    destinations: Iterable[Destination],
) -> tuple[Decision, ...]:
    """The distinct decisions, refusals first."""
    distinct = {
        Decision(allowed=True, by=HOST_NETWORK)
        if pod.host_network
        else decide_egress(policies, namespace, pod.labels, to): None
        for to in destinations
        for pod in pods
    }
    return tuple(sorted(distinct, key=lambda decision: decision.allowed))


def policies_of(cluster: Cluster, namespace: str) -> tuple[Policy, ...]:
    """Every NetworkPolicy of a namespace."""
    return tuple(read_policy(policy) for policy in cluster.objects("NetworkPolicy", namespace))


def other_kinds(cluster: Cluster) -> tuple[str, ...]:
    """The other kinds of policies that the API server has, as `KIND.VERSION.GROUP`.

    One request, and no right, where it has none of their API groups.

    Raises:
        ObservationError: The API server did not say which groups it has.
    """
    groups = {
        group["name"]: [version["version"] for version in group["versions"]]
        for group in cluster.api.get("/apis").get("groups") or []
    }
    served = []
    for group, name in served_kinds(groups):
        for version in groups[group]:
            kind = f"{name}.{version}.{group}"
            try:
                cluster.kind(kind)
            except NoSuchKindError:
                continue
            served.append(kind)
            break
    return tuple(served)


def others_that_may_decide(
    cluster: Cluster,
    kinds: Iterable[str],
    namespace: str,
    pods: Iterable[Labelled],
    policies: Iterable[Policy],
) -> Iterator[str]:
    """Each policy of these kinds that may decide about what one of the Pods sends, by its name.

    A kind that may not be listed may have such a policy. Right: `list` of the kinds.

    Args:
        cluster: The cluster.
        kinds: As `other_kinds` has them.
        namespace: Of the Pods.
        pods: The Pods.
        policies: The NetworkPolicies of the namespace: a baseline comes after them.

    Raises:
        ObservationError: They could not be listed.
    """
    asked, restricting = tuple(pods), [each for each in policies if "Egress" in each.types]
    unrestricted = [
        pod for pod in asked if not any(each.selects(namespace, pod.labels) for each in restricting)
    ]
    for kind in kinds:
        place = namespace if cluster.kind(kind).namespaced else CLUSTER_WIDE
        try:
            items = cluster.objects(kind, place)
        except ObservationError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            yield f"{kind} (may not be listed: 403; {error.next_command})"
            continue
        space = _namespace_labels(cluster, namespace)
        for item in items:
            open_to = unrestricted if is_baseline(kind, item) else asked
            if any(may_decide_egress(item, namespace, space, pod.labels) for pod in open_to):
                yield f"{kind}/{place}/{item['metadata']['name']}"


def pods_or_template(cluster: Cluster, workload: ObjectRef) -> tuple[Labelled, ...]:
    """The workload's Pods by their labels; where it has none, the labels of its template."""
    pods = tuple(
        Labelled(pod["metadata"]["name"], labels_of(pod), bool(pod["spec"].get("hostNetwork")))
        for pod in cluster.pods_of(workload)
    )
    owner = cluster.find(workload)
    if pods or owner is None:
        return pods
    template, spec = template_of(owner) or {}, pod_spec_of(owner)
    return (Labelled("(template)", labels_of(template), bool(spec.get("hostNetwork"))),)


def transport_of(protocol: str) -> str:
    """What a packet of a row's protocol is, to a policy."""
    return "UDP" if protocol in {"UDP", "DNS"} else "TCP"


def service_named(host: str, own_namespace: str) -> ObjectRef | None:
    """The first Service that a name may stand for in a Pod of this namespace; None for no such.

    It need not exist: `example.com` may be Service example of namespace com. Nor is it told here
    whether the name is an endpoint's: `service_reached`.
    """
    for meant in services_meant(host, own_namespace):
        if not meant.hostname:
            return _service(meant)
    return None


def service_reached(cluster: Cluster, host: str, own_namespace: str) -> ObjectRef | None:
    """As `service_named`; None where the name is that of an endpoint before.

    Such is `redis-0.redis` in namespace redis, where Service redis has this endpoint: it does not
    lead to Service redis-0. Looked for where both are in the Pod's own namespace.

    Raises:
        ObservationError: The Service or its EndpointSlices may not be read.
    """
    ref = service_named(host, own_namespace)
    if ref is None or ref.namespace != own_namespace:
        return ref
    meanings = services_meant(host, own_namespace)
    before = [meant for meant in meanings if meant.hostname and meant.namespace == own_namespace]
    return None if any(is_endpoint(cluster, meant) for meant in before) else ref


def service_of_endpoint(cluster: Cluster, host: str, own_namespace: str) -> ObjectRef | None:
    """The Service that has the endpoint of this name (`redis-0.redis`); None where none has.

    Raises:
        ObservationError: The Service or its EndpointSlices may not be read.
    """
    for meant in services_meant(host, own_namespace):
        if meant.hostname and is_endpoint(cluster, meant):
            return _service(meant)
    return None


def is_endpoint(cluster: Cluster, meant: ServiceName) -> bool:
    """Whether a name with a hostname in it is that of an endpoint of a Service that is there.

    Raises:
        ObservationError: The Service or its EndpointSlices may not be read.
    """
    if cluster.find(_service(meant)) is None:
        return False
    slices = cluster.objects("EndpointSlice", meant.namespace)
    return has_hostname(slices, meant.name, meant.hostname)


def _service(meant: ServiceName) -> ObjectRef:
    return ObjectRef(kind="Service", namespace=meant.namespace, name=meant.name)


def ready_endpoints(
    cluster: Cluster, ref: ObjectRef, port: int, protocol: str
) -> tuple[Destination, ...]:
    """The endpoints of a Service that are ready: `namespace/pod` and address, without labels.

    The name of a headless Service leads to their addresses, on whatever port is dialled: nothing
    makes its `port` a `targetPort`.

    Raises:
        ObservationError: The Service or its EndpointSlices may not be read.
    """
    service = cluster.find(ref)
    if service is not None and is_headless(service):
        slices = cluster.objects("EndpointSlice", ref.namespace)
        ready = {
            entry.address: entry.pod for entry in endpoints_of(slices, ref.name) if entry.ready
        }
        return tuple(
            Destination(f"{ref.namespace}/{pod}" if pod else address, port, protocol, address)
            for address, pod in ready.items()
        )
    served = port_of(service, port, protocol)
    if served is None:
        return ()
    return tuple(
        Destination(
            f"{ref.namespace}/{entry.pod}" if entry.pod else entry.address,
            entry.port,
            protocol,
            address=entry.address,
        )
        for entry in endpoints_of(cluster.objects("EndpointSlice", ref.namespace), ref.name)
        if entry.ready
        and entry.port is not None
        and (entry.port_name, entry.protocol) == (served.name, protocol)
    )


def destination(cluster: Cluster, pod: Json, port: int, protocol: str) -> Destination:
    """A Pod as a policy sees it; with the host's network it is an address and no Pod."""
    # In its host's network the labels decide nothing, so they are not asked for.
    in_host = pod["spec"].get("hostNetwork")
    labels = {} if in_host else _namespace_labels(cluster, pod["metadata"]["namespace"])
    address = (pod.get("status") or {}).get("podIP", "")
    return destination_of(pod, labels, port, protocol, address)


def _namespace_labels(cluster: Cluster, name: str) -> dict[str, str]:
    ref = ObjectRef(kind="Namespace", namespace=CLUSTER_WIDE, name=name)
    space = cluster.find(ref)
    return {NAME_LABEL: name, **(labels_of(space) if space else {})}
