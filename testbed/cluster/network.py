"""The cluster's networks: a namespace per station, on one bridge that has no way out.

Only the namespaces of NETNS_NAMES are changed. The host's own links, routes, rules and forwarding
are not touched, so no packet of the cluster can leave the machine.
"""

from contextlib import suppress
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.mounts import mount_points
from testbed.cluster.netns import NETNS
from testbed.cluster.run import run
from testbed.cluster.topology import (
    BRIDGE,
    BRIDGE_CIDR,
    BRIDGE_GATEWAY,
    NETNS_NAMES,
    NETNS_PREFIX,
    NODES,
    OUTSIDE_CIDR,
    OUTSIDE_GATEWAY,
    ROUTER_NETNS,
    SERVICE_CIDR,
    STATIONS,
    Station,
)

FOLDER_IS_OURS = paths.STATE / "netns-folder"
"""There when the first `ip netns add` made NETNS a mount point, which it never undoes."""

_FORWARDING = "net.ipv4.ip_forward=1"


def create() -> None:
    """Make every namespace that is missing, with its links, addresses and routes."""
    there = existing()
    if not _is_mounted(NETNS):
        FOLDER_IS_OURS.touch()
    if ROUTER_NETNS not in there:
        run(["ip", "netns", "add", ROUTER_NETNS])
        _batch(ROUTER_NETNS, router_commands())
        _sysctl(ROUTER_NETNS, _FORWARDING)
    for station in STATIONS:
        if station.netns not in there:
            _create_station(station)


def existing() -> frozenset[str]:
    """Names of our namespaces; `cp-vpn` of somebody else is none."""
    return frozenset(name for name in NETNS_NAMES if (NETNS / name).exists())


def processes() -> frozenset[int]:
    """Processes in our namespaces, a load generator that was started with `enter` for one."""
    ours = {(NETNS / name).stat().st_ino for name in existing()}
    if not ours:
        return frozenset()
    ids = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        with suppress(OSError):  # ended meanwhile
            if link.stat().st_ino in ours:
                ids.add(int(link.parts[2]))
    return frozenset(ids)


def router_commands() -> list[str]:
    """What `ip` is told in the router's namespace before any station is plugged in."""
    return [
        "link set lo up",
        f"link add {BRIDGE} type bridge",
        f"link set {BRIDGE} up",
        f"address add {BRIDGE_GATEWAY}/{BRIDGE_CIDR.prefixlen} dev {BRIDGE}",
        f"address add {OUTSIDE_GATEWAY}/{OUTSIDE_CIDR.prefixlen} dev {BRIDGE}",
        *(f"route add {node.pod_cidr} via {node.station.address}" for node in NODES),
        # A station that is no node reaches Services through the first node's kube-proxy.
        f"route add {SERVICE_CIDR} via {NODES[0].station.address}",
    ]


def station_commands(station: Station) -> list[str]:
    """What `ip` is told in a station's namespace once its link is there."""
    own_pods = [node.pod_cidr for node in NODES if node.station == station]
    commands = [
        "link set lo up",
        "link set eth0 up",
        f"address add {station.address}/{station.prefix} dev eth0",
        f"route add default via {station.gateway}",
    ]
    if own_pods:
        commands += [
            f"route add {node.pod_cidr} via {node.station.address}"
            for node in NODES
            if node.pod_cidr not in own_pods
        ]
    return commands


def rules(station: Station) -> str:
    """What nft is told in a station's namespace: where its ports lead."""
    lines = [f"tcp dport {asked} dnat to {station.address}:{port}" for asked, port in station.ports]
    chain = "type nat hook prerouting priority dstnat; policy accept;"
    return "\n".join(["table ip ports {", f"chain incoming {{ {chain}", *lines, "}", "}", ""])


def remove() -> tuple[str, ...]:
    """Delete our namespaces and with them every link, route and rule inside. Returns names."""
    names = tuple(sorted(existing()))
    for name in names:
        run(["ip", "netns", "delete", name])
    if FOLDER_IS_OURS.exists() and _is_mounted(NETNS) and not any(NETNS.iterdir()):
        run(["umount", str(NETNS)])
        NETNS.rmdir()
    return names


def _is_mounted(folder: Path) -> bool:
    return folder in mount_points([folder])


def _create_station(station: Station) -> None:
    port = f"to-{station.netns.removeprefix(NETNS_PREFIX)}"
    run(["ip", "netns", "add", station.netns])
    _batch(
        ROUTER_NETNS,
        [
            f"link add {port} type veth peer name eth0 netns {station.netns}",
            f"link set {port} master {BRIDGE} up",
        ],
    )
    _batch(station.netns, station_commands(station))
    if station.ports:
        run(["nsenter", f"--net={NETNS / station.netns}", "nft", "-f", "-"], stdin=rules(station))
    if any(node.station == station for node in NODES):
        _sysctl(station.netns, _FORWARDING)


def _batch(netns: str, commands: list[str]) -> None:
    run(["ip", "-netns", netns, "-batch", "-"], stdin="\n".join(commands) + "\n")


def _sysctl(netns: str, assignment: str) -> None:
    # Not `ip netns exec`: it mounts a fresh /sys and would hide the control groups.
    name, value = assignment.split("=")
    path = "/proc/sys/" + name.replace(".", "/")
    run(["nsenter", f"--net={NETNS / netns}", "tee", path], stdin=value)
