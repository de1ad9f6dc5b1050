"""The table of cases, dialled through real nftables rulesets in network namespaces of our own.

Each refused dial is paired with the same dial without policies, which must be answered: a listener
that is not there refuses nobody.
"""

import os
from collections.abc import Iterator

import pytest

from testbed.controllers.netpol import read_namespace, read_pod, read_policy
from testbed.controllers.nft import ruleset
from testbed.controllers.policy import Tables
from tests.testbed_controllers.netlab import DIAL_TIMEOUT_S, Lab, open_socket, running_lab
from tests.testbed_controllers.policy_world import Case, read_cases, read_world

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two nodes with three Pods each, an outside host, and listeners on all of them."""
    with running_lab(read_world()) as lab:
        yield lab


@pytest.fixture
def tables() -> Iterator[Tables]:
    """The enforcer's own tables, in the lab's nodes; removed after each test."""
    tables = Tables("cpt-{node}")
    yield tables
    tables.remove()


def enforce(lab: Lab, tables: Tables, policies: tuple[str, ...]) -> None:
    world = lab.world
    facts = [read_policy(world.policies[name]) for name in policies]
    namespaces = [read_namespace(raw) for raw in world.namespaces]
    pods = [pod for raw in world.pods if (pod := read_pod(raw))]
    for node in world.nodes:
        tables.load(node, ruleset(facts, namespaces, pods, node))


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.id)
def test_dial_goes_as_the_table_says(lab: Lab, tables: Tables, case: Case) -> None:
    service = lab.world.services.get(case.destination)
    answerer = service["pod"] if service else case.destination
    assert lab.dial(case) == answerer, "the control dial, without any policy"
    enforce(lab, tables, case.policies)
    assert lab.dial(case) == (answerer if case.expect == "allowed" else "")


def test_open_connection_outlives_a_policy(lab: Lab, tables: Tables) -> None:
    address = str(lab.world.address("web-2"))
    listener = open_socket("cpt-web-2", address, 1)
    with listener, open_socket("cpt-db-1", address, 1) as dialler:
        listener.bind((address, 7000))
        listener.listen()
        dialler.connect((address, 7000))
        answering, _ = listener.accept()
        with answering:
            answering.settimeout(DIAL_TIMEOUT_S)
            enforce(lab, tables, ("shop-deny-both",))
            dialler.sendall(b"still")
            assert answering.recv(16) == b"still"
            answering.sendall(b"here")
            assert dialler.recv(16) == b"here"


def test_removal_leaves_no_table(lab: Lab, tables: Tables) -> None:
    refused = next(case for case in read_cases() if case.id == "deny-ingress-across-nodes")
    enforce(lab, tables, refused.policies)
    assert lab.dial(refused) == ""
    tables.remove()
    assert lab.dial(refused) == "web-2"
    assert tables.nodes == ()


def test_only_what_differs_is_loaded(lab: Lab, tables: Tables) -> None:
    assert tables.load("node-1", ruleset((), (), (), "node-1"))
    assert not tables.load("node-1", ruleset((), (), (), "node-1"))
    assert not tables.load("simulated", ruleset((), (), (), "simulated"))
    assert lab.world.nodes == ("node-1", "node-2")
