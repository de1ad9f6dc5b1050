"""Whom the Pods of a workload dial where a Service may lead them to themselves."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from clusterproof.checks.egress import read_reach
from clusterproof.errors import ObservationError
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.dialler import Dialler, Dialling
from clusterproof.observe.dialling import Dialled, DialOutcome, Peer
from clusterproof.observe.matrix import Matrix, dial_matrix
from clusterproof.spec.behaviour import EgressRow
from clusterproof.spec.row import Area
from tests.observe.cluster_objects import (
    cluster_of,
    deployment,
    endpoints,
    namespace,
    pod,
    service,
)

CONNECTED = Dialled(DialOutcome.CONNECTED, ("10.96.0.50",), "10.96.0.50", 3.0, 1)
LABELS = {"app": "web"}
WORLD = (
    namespace("shop"),
    deployment("web", "shop", LABELS),
    pod("web-1", "shop", LABELS, ip="10.0.0.1"),
    pod("web-2", "shop", LABELS, ip="10.0.0.2"),
    service("web", "shop", 80, "http", LABELS),
    endpoints("web", "shop", 8080, {"web-1": "10.0.0.1", "web-2": "10.0.0.2"}),
)


class Connected:
    """Stands for the dialler: every dial is answered, and who dialled whom is kept."""

    def __init__(self) -> None:
        """Nothing was dialled."""
        self.peers: dict[str, list[Peer]] = {}

    def dial_from_control(self, peers: Iterable[Peer]) -> Dialling:
        """The control reaches all of them."""
        return Dialling("shop/control", {peer.id: CONNECTED for peer in peers}, "ours")

    def dial_from_each(
        self, pods: Iterable[dict[str, Any]], peers_of: Callable[[dict[str, Any]], list[Peer]]
    ) -> tuple[Dialling, ...]:
        """Each Pod reaches all of its own."""
        self.peers = {one["metadata"]["name"]: peers_of(one) for one in pods}
        return tuple(
            Dialling(name, {peer.id: CONNECTED for peer in peers}, "exec")
            for name, peers in self.peers.items()
        )


def row(host: str) -> EgressRow:
    return EgressRow.model_validate(
        {
            "id": f"to-{host.partition('.')[0]}",
            "area": Area.NETWORK_POLICY,
            "claim": "Who may reach whom",
            "source": "the contract",
            "check": "egress",
            "workload": "Deployment/shop/web",
            "host": host,
            "port": 80,
            "protocol": "TCP",
            "expected": "allowed",
        }
    )


ITSELF = row("web.shop.svc.cluster.local")
ELSEWHERE = row("db.data.svc.cluster.local")


def dialled(cluster: Cluster) -> tuple[Matrix, dict[str, list[tuple[str, str]]]]:
    dialler = Connected()
    matrix = dial_matrix(cluster, cast("Dialler", dialler), [ITSELF, ELSEWHERE])
    return matrix, {
        name: [(peer.id, peer.host) for peer in peers] for name, peers in dialler.peers.items()
    }


@pytest.mark.parametrize("forbidden", [(), ("Namespace",), ("NetworkPolicy", "Namespace")])
def test_a_pod_behind_the_service_dials_the_other_one(forbidden: tuple[str, ...]) -> None:
    with cluster_of(*WORLD, forbidden=forbidden) as cluster:
        matrix, peers = dialled(cluster)
        assert read_reach(cluster, matrix, ITSELF).value.pods
    assert peers["web-1"] == [("to-web", "10.0.0.2"), ("to-db", ELSEWHERE.host)]
    assert peers["web-2"] == [("to-web", "10.0.0.1"), ("to-db", ELSEWHERE.host)]


@pytest.mark.parametrize("forbidden", ["EndpointSlice", "Service"])
def test_without_knowing_who_is_behind_the_service_its_row_has_no_verdict(forbidden: str) -> None:
    with cluster_of(*WORLD, forbidden=(forbidden,)) as cluster:
        matrix, peers = dialled(cluster)
        with pytest.raises(ObservationError, match="forbidden"):
            read_reach(cluster, matrix, ITSELF)
        assert read_reach(cluster, matrix, ELSEWHERE).value.pods
    assert peers["web-1"] == [("to-db", ELSEWHERE.host)]
