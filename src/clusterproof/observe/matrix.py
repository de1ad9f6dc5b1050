"""Every peer of every egress and dns row, dialled at once from each Pod of a workload.

Every peer is dialled from a Pod of our own as well, which no policy should select: where that one
fails too, nothing can be said of a refusal.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.policies import Destination
from clusterproof.kube.services import external_name
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.dialler import Dialler, Dialling, dialable_pods
from clusterproof.observe.dialling import Dialled, DialOutcome, Peer
from clusterproof.observe.policy import ready_endpoints, service_reached, transport_of
from clusterproof.spec.behaviour import DnsRow, EgressRow
from clusterproof.spec.row import ObjectRef, Row

OVER_TCP = "/TCP"
"""Ends the id of a DNS row's second peer: the same question over TCP."""
EXTERNAL = "/external"
"""Ends the id of what the control resolves for a Service that stands for an external name."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """All that was dialled: what each Pod of each workload saw, and what the control saw.

    Attributes:
        failures: Workloads that could not be dialled from, and why.
        undialled: Rows whose peer was not dialled, because it may lead a Pod to itself, and why
            that could not be told.
    """

    control: Dialling
    by_workload: Mapping[ObjectRef, tuple[Dialling, ...]]
    failures: Mapping[ObjectRef, ObservationError]
    undialled: Mapping[str, ObservationError] = field(default_factory=dict)

    def of(self, workload: ObjectRef) -> tuple[Dialling, ...]:
        """What each Pod of the workload saw.

        Raises:
            ObservationError: It could not be dialled from.
        """
        if workload in self.failures:
            raise self.failures[workload]
        return self.by_workload[workload]


def dial_matrix(cluster: Cluster, dialler: Dialler, rows: Iterable[Row]) -> Matrix:
    """Dial the peers of all egress and dns rows; one exec for each Pod.

    The control goes first: the addresses that it resolves are dialled from a Pod in which names do
    not resolve, so that a policy can be told from a missing DNS.
    """
    wanted: dict[ObjectRef, list[EgressRow | DnsRow]] = {}
    for row in rows:
        if isinstance(row, EgressRow | DnsRow):
            wanted.setdefault(row.workload, []).append(row)
    every = [row for some in wanted.values() for row in some]
    control = dialler.dial_from_control(
        [*(peer for row in every for peer in _peers(row)), *_external_names(cluster, every)]
    )
    by_workload, failures = {}, {}
    undialled: dict[str, ObservationError] = {}
    for workload, some in wanted.items():
        try:
            by_workload[workload] = _dial_from(cluster, dialler, workload, some, control, undialled)
        except ObservationError as error:
            failures[workload] = error
    return Matrix(control, by_workload, failures, undialled)


def _dial_from(
    cluster: Cluster,
    dialler: Dialler,
    workload: ObjectRef,
    rows: list[EgressRow | DnsRow],
    control: Dialling,
    undialled: dict[str, ObservationError],
) -> tuple[Dialling, ...]:
    pods = dialable_pods(cluster, workload)
    backends = {}
    for row in rows:
        try:
            backends[row.id] = _backends(cluster, row)
        except ObservationError as error:
            undialled[row.id] = error
    known = [row for row in rows if row.id in backends]
    return dialler.dial_from_each(pods, lambda pod: peers_of(pod, known, backends, control))


def peers_of(
    pod: Json,
    rows: Iterable[EgressRow | DnsRow],
    backends: Mapping[str, tuple[Destination, ...]],
    control: Dialling,
) -> list[Peer]:
    """The peers that one Pod dials.

    A Service may lead a Pod to itself, which no policy can refuse: where the Pod is behind the
    Service, another backend is dialled directly; where it is the only one, nothing is.
    """
    own = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    peers = []
    for row in rows:
        behind = backends.get(row.id, ())
        others = [backend for backend in behind if backend.label != own]
        for peer in _peers(row):
            if len(others) == len(behind):
                known = control.results[row.id].addresses if peer.protocol != "NAME" else ()
                peers.append(replace(peer, known=known))
            elif others:
                peers.append(replace(peer, host=others[0].address, port=others[0].port))
    return peers


def _peers(row: EgressRow | DnsRow) -> tuple[Peer, ...]:
    if isinstance(row, DnsRow):
        return (Peer(row.id, row.name, 0, "NAME"),)
    peer = Peer(row.id, row.host, row.port, row.protocol)
    if row.protocol != "DNS":
        return (peer,)
    return (peer, replace(peer, id=f"{row.id}{OVER_TCP}", protocol="DNS over TCP"))


def _external_names(cluster: Cluster, rows: Iterable[Row]) -> Iterator[Peer]:
    """What Services of type ExternalName stand for, to be resolved by the control."""
    for row in rows:
        if isinstance(row, DnsRow):
            try:
                name = external_name(cluster.find(row.service))
            except ObservationError:
                continue  # the row says so itself, when it reads the Service
            if name:
                yield Peer(f"{row.id}{EXTERNAL}", name, 0, "NAME")


def _backends(cluster: Cluster, row: EgressRow | DnsRow) -> tuple[Destination, ...]:
    """Who may be behind the row's peer, where that may be a Pod of the workload itself.

    A Service selects Pods of its own namespace only (Kubernetes docs, "Service").

    Raises:
        ObservationError: It may not be read: whom the Pod would reach cannot be told.
    """
    if isinstance(row, DnsRow):
        return ()
    ref = service_reached(cluster, row.host, row.workload.namespace)
    if ref is None or ref.namespace != row.workload.namespace:
        return ()
    return ready_endpoints(cluster, ref, row.port, transport_of(row.protocol))


@dataclass(frozen=True, slots=True)
class PodReach:
    """What became of one peer, from one Pod."""

    pod: str
    dialled: Dialled

    @property
    def outcome(self) -> DialOutcome:
        """The outcome at the peer: by its known address, where its name did not resolve."""
        return self.dialled.by_address or self.dialled.outcome


def reaches_of(diallings: Iterable[Dialling], row_id: str) -> tuple[PodReach, ...]:
    """What became of a row's peer, from each Pod that dialled it."""
    return tuple(
        PodReach(dialling.pod, dialling.results[row_id])
        for dialling in diallings
        if row_id in dialling.results
    )


def unseen_by(diallings: Iterable[Dialling], row_id: str) -> tuple[str, ...]:
    """Why the other Pods did not."""
    alone = "is the only Pod behind this Service, and no policy can refuse a Pod to itself"
    return tuple(
        f"{dialling.pod}: {dialling.unseen}" if dialling.unseen else f"{dialling.pod} {alone}"
        for dialling in diallings
        if row_id not in dialling.results
    )


def how_of(diallings: Iterable[Dialling], matrix: Matrix) -> str:
    """The ways in, and that of the control."""
    ways = dict.fromkeys(dialling.how for dialling in diallings if dialling.how)
    return f"{'; '.join(ways)}; control: {matrix.control.how}"
