"""The cluster as data: no two things share an address, and every node has its own range."""

import itertools
from pathlib import Path

import pytest

from testbed.cluster import network
from testbed.cluster.network import router_commands, station_commands
from testbed.cluster.size import MOST, NODE_COUNT
from testbed.cluster.topology import (
    API_SERVICE_IP,
    BRIDGE_CIDR,
    CONTROL,
    DNS_SERVICE_IP,
    FORWARDS,
    INGRESS,
    NETNS_NAMES,
    NETNS_PREFIX,
    NODES,
    OUTSIDE_CIDR,
    POD_CIDR,
    SERVICE_CIDR,
    STATIONS,
)


def test_networks_do_not_overlap() -> None:
    networks = (POD_CIDR, SERVICE_CIDR, BRIDGE_CIDR, OUTSIDE_CIDR)
    assert not [pair for pair in itertools.combinations(networks, 2) if pair[0].overlaps(pair[1])]


def test_every_station_has_a_name_and_an_address_of_its_own() -> None:
    assert len({station.netns for station in STATIONS}) == len(STATIONS)
    assert len({station.address for station in STATIONS}) == len(STATIONS)


def test_every_namespace_has_the_prefix_that_its_port_is_named_without() -> None:
    assert all(station.netns.startswith(NETNS_PREFIX) for station in STATIONS)


def test_only_namespaces_that_we_make_are_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a number of nodes that is not today's, as another NODES left them."""
    made = {"cp-net", "cp-control", "cp-ingress", "cp-load", "cp-outside", "cp-node-1"}
    made |= {f"cp-node-{MOST}"}
    strangers = {"cp-vpn", "cp-", "cp-node-0", f"cp-node-{MOST + 1}", "cp-node-1-old", "cni-1"}
    for name in made | strangers:
        (tmp_path / name).touch()
    monkeypatch.setattr(network, "NETNS", tmp_path)
    assert network.existing() == made
    assert {*(station.netns for station in STATIONS)} <= NETNS_NAMES


def test_node_n_has_pod_range_n() -> None:
    assert [str(node.pod_cidr) for node in NODES] == [
        f"10.244.{number}.0/24" for number in range(1, NODE_COUNT + 1)
    ]


def test_service_addresses_lie_in_the_service_range() -> None:
    assert API_SERVICE_IP in SERVICE_CIDR
    assert DNS_SERVICE_IP in SERVICE_CIDR


def test_forwards_have_ports_of_their_own() -> None:
    assert len({forward.port for forward in FORWARDS}) == len(FORWARDS)


def test_router_leads_to_every_node_and_nowhere_else() -> None:
    commands = router_commands()
    routes = [command for command in commands if command.startswith("route add")]
    assert len(routes) == NODE_COUNT + 1
    assert not [route for route in routes if "default" in route]


def test_a_node_has_a_route_to_every_other_nodes_pods_and_none_to_its_own() -> None:
    node = NODES[1]
    commands = station_commands(node.station)
    routes = [command for command in commands if "10.244." in command]
    assert len(routes) == NODE_COUNT - 1
    assert not [route for route in routes if str(node.pod_cidr) in route]


def test_another_station_has_only_the_default_route() -> None:
    assert station_commands(CONTROL)[-1] == "route add default via 10.200.0.1"


def test_ports_of_the_ingress_lead_to_those_of_envoy() -> None:
    lines = [line for line in network.rules(INGRESS).splitlines() if "dnat" in line]
    assert lines == [
        "tcp dport 80 dnat to 10.200.0.80:8080",
        "tcp dport 443 dnat to 10.200.0.80:8443",
    ]


def test_the_folder_of_namespaces_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ip netns add` makes it a mount point: undone, where it was not one already."""
    folder = tmp_path / "netns"
    monkeypatch.setattr(network, "NETNS", folder)
    monkeypatch.setattr(network, "FOLDER_IS_OURS", tmp_path / "ours")
    mounted = False
    commands: list[str] = []

    def ip(argv: list[str], **_: object) -> str:
        nonlocal mounted
        commands.append(" ".join(argv))
        match argv:
            case ["ip", "netns", "add", name]:
                folder.mkdir(exist_ok=True)
                (folder / name).touch()
                mounted = True
            case ["ip", "netns", "delete", name]:
                (folder / name).unlink()
            case ["umount", _]:
                mounted = False
        return ""

    monkeypatch.setattr(network, "run", ip)
    monkeypatch.setattr(network, "_is_mounted", lambda _: mounted)
    network.create()
    assert len(network.remove()) == len(STATIONS) + 1
    assert commands[-1] == f"umount {folder}"
    assert not folder.exists()

    folder.mkdir()
    (tmp_path / "ours").unlink()
    mounted = True  # another program's
    network.create()
    network.remove()
    assert mounted
    assert folder.exists()
