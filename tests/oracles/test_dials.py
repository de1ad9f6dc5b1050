"""First packets between two network namespaces: what arrives, and what does not."""

import os
from collections.abc import Iterator

import pytest

from testbed.cluster.run import run
from testbed.oracles.policies.dials import Dial, Listeners, listening

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

NEAR, FAR, ADDRESS = "cpt-near", "cpt-far", "10.99.0.2"
DIALS = [
    Dial(NEAR, FAR, ADDRESS, "TCP", 8080),
    Dial(NEAR, FAR, ADDRESS, "UDP", 53),
    Dial(NEAR, FAR, ADDRESS, "SCTP", 9000),
    Dial(NEAR, FAR, ADDRESS, "ICMP", 0),
]


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    """Two namespaces with a link; the far one listens."""
    for name in (NEAR, FAR):
        run(["ip", "netns", "add", name])
    try:
        run(["ip", "-netns", NEAR, "link", "add", "v0", "type", "veth", "peer", "v1"])
        run(["ip", "-netns", NEAR, "link", "set", "v1", "netns", FAR])
        for name, link, address in ((NEAR, "v0", "10.99.0.1/24"), (FAR, "v1", f"{ADDRESS}/24")):
            run(["ip", "-netns", name, "address", "add", address, "dev", link])
            run(["ip", "-netns", name, "link", "set", link, "up"])
        with listening([FAR], {"TCP": [8080], "UDP": [53]}) as listeners:
            yield listeners
    finally:
        for name in (NEAR, FAR):
            run(["ip", "netns", "delete", name])


def filter_far(verdict: str) -> None:
    """What comes into the far namespace is answered with this verdict of nft."""
    table = f"add table ip t; add chain ip t i {{ type filter hook input priority 0 ; }}; {verdict}"
    run(["nsenter", f"--net=/run/netns/{FAR}", "nft", table])


def test_each_protocol_arrives(listeners: Listeners) -> None:
    assert listeners.arriving(DIALS) == frozenset(DIALS)
    assert listeners.arriving(DIALS) == frozenset(DIALS)


@pytest.mark.parametrize("verdict", ["drop", "reject"])
def test_what_is_dropped_or_rejected_does_not_arrive(listeners: Listeners, verdict: str) -> None:
    filter_far(f"add rule ip t i {verdict}")
    # Raw sockets hear a packet before the input hook decides.
    stopped = [dial for dial in DIALS if dial.protocol != "SCTP"]
    assert listeners.arriving(stopped) == frozenset()


def test_kernel_tracks_a_handmade_packet_of_sctp_as_valid(listeners: Listeners) -> None:
    filter_far("add rule ip t i ct state invalid drop; add rule ip t i ip protocol sctp counter")
    assert listeners.arriving(DIALS) == frozenset(DIALS)
    listed = run(["nsenter", f"--net=/run/netns/{FAR}", "nft", "list", "table", "ip", "t"])
    assert "counter packets 1" in listed


def test_port_that_nobody_listens_on_is_refused(listeners: Listeners) -> None:
    assert listeners.arriving([Dial(NEAR, FAR, ADDRESS, "TCP", 81)]) == frozenset()
