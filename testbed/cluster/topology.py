"""The local cluster as data: nodes, networks, addresses and ports, all in this file.

Everything the cluster makes on the machine carries one of the names below, so that a teardown can
find it again and nothing else.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from testbed.cluster.size import MOST, NODE_COUNT

CLUSTER_NAME = "testbed"
CLUSTER_DOMAIN = "cluster.local"

POD_CIDR = IPv4Network("10.244.0.0/16")
SERVICE_CIDR = IPv4Network("10.96.0.0/16")
API_SERVICE_IP = IPv4Address("10.96.0.1")
CLOUD_SERVICE_IP = IPv4Address("10.96.0.43")
"""Of the reference that plays PostHog Cloud (testbed/manifests/overlays/posthog-cloud)."""
CLOUD_PORT = 8000
DNS_SERVICE_IP = IPv4Address("10.96.0.10")

BRIDGE_CIDR = IPv4Network("10.200.0.0/24")
OUTSIDE_CIDR = IPv4Network("203.0.113.0/24")
"""TEST-NET-3 (RFC 5737): plays the internet, and can never be a real destination."""

BRIDGE_GATEWAY = IPv4Address("10.200.0.1")
OUTSIDE_GATEWAY = IPv4Address("203.0.113.1")

BRIDGE = "cp-bridge"
NETNS_PREFIX = "cp-"
ROUTER_NETNS = "cp-net"
"""Holds the bridge and routes between its networks; has no way out of the machine."""

CNI_NETWORK = "clusterproof-testbed"
CGROUP = "clusterproof-testbed"
CGROUP_WEIGHT = 20
"""The weight of all Pods together, in times that of one process beside the cluster: with 1, any
build on the same machine leaves them nothing."""

ZONES = ("zone-a", "zone-b", "zone-c")
MAX_PODS_PER_NODE = 250


@dataclass(frozen=True, slots=True)
class Station:
    """One network namespace on the bridge.

    Attributes:
        netns: Name of the namespace.
        address: Its address on the bridge.
        gateway: Its default route: the router's address in the same network.
        prefix: Length of the network's prefix.
        ports: Ports that are dialled, and the ports that they lead to.
    """

    netns: str
    address: IPv4Address
    gateway: IPv4Address = BRIDGE_GATEWAY
    prefix: int = BRIDGE_CIDR.prefixlen
    ports: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One Kubernetes node.

    Attributes:
        number: 1 to NODE_COUNT; its name, addresses and zone follow from it.
    """

    number: int

    @property
    def name(self) -> str:
        """Its name in the API."""
        return f"node-{self.number}"

    @property
    def zone(self) -> str:
        """Its value of topology.kubernetes.io/zone."""
        return ZONES[(self.number - 1) % len(ZONES)]

    @property
    def pod_cidr(self) -> IPv4Network:
        """The addresses of its Pods."""
        return list(POD_CIDR.subnets(new_prefix=24))[self.number]

    @property
    def station(self) -> Station:
        """Its place on the bridge."""
        return Station(f"{NETNS_PREFIX}{self.name}", BRIDGE_CIDR.network_address + 10 + self.number)


NODES = tuple(Node(number) for number in range(1, NODE_COUNT + 1))

CONTROL = Station("cp-control", IPv4Address("10.200.0.2"))
INGRESS = Station(
    "cp-ingress",
    IPv4Address("10.200.0.80"),
    ports=((80, 8080), (443, 8443)),  # as a Service before Envoy has them: port + 8000
)
LOAD = Station("cp-load", IPv4Address("10.200.0.90"))
OUTSIDE = Station(
    "cp-outside", IPv4Address("203.0.113.10"), OUTSIDE_GATEWAY, OUTSIDE_CIDR.prefixlen
)

STATIONS = (CONTROL, INGRESS, LOAD, OUTSIDE, *(node.station for node in NODES))

NETNS_NAMES = frozenset(
    {
        ROUTER_NETNS,
        *(station.netns for station in STATIONS),
        *(Node(number).station.netns for number in range(1, MOST + 1)),
    }
)
"""Every name that a namespace of ours can have, whatever NODES was when it was made."""

OUTSIDE_HOSTS = (
    "api.openai.com",
    "api.anthropic.com",
    "app.posthog.com",
    "us.i.posthog.com",  # where the PostHog SDK really sends what is meant for the one above
    "us.posthog.com",
    "eu.i.posthog.com",
    "eu.posthog.com",
)
"""Names that the cluster's DNS answers with the address of OUTSIDE."""

API_PORT = 6443
PROMETHEUS_PORT = 9090
METRICS_SERVER_PORT = 4443
PROMETHEUS_ADAPTER_PORT = 4444
INGRESS_CLASS = "nginx"
"""The class that the reference and the shop ask for; Contour serves it here."""
GATEWAY = "ingress"
"""The one Gateway that Contour serves, and its namespace."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A loopback port of the host that leads to one address on the bridge.

    Attributes:
        name: What it leads to.
        port: The port on 127.0.0.1.
        station: Where its connections come out.
        target: Address dialled from there.
        target_port: Port dialled there.
    """

    name: str
    port: int
    station: Station
    target: IPv4Address
    target_port: int


API_FORWARD = Forward("apiserver", 16443, CONTROL, CONTROL.address, API_PORT)
FORWARDS = (
    API_FORWARD,
    Forward("prometheus", 19090, CONTROL, CONTROL.address, PROMETHEUS_PORT),
    Forward("ingress", 18443, CONTROL, INGRESS.address, 443),
)

PAUSE_IMAGE = "clusterproof.dev/pause:3.10"
COREDNS_IMAGE = "clusterproof.dev/coredns:1.14.5"
