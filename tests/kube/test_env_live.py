"""What the kubelet gives a container as its environment, beside what `kube/env.py` says it gets.

Pods of the pause image on the running local cluster, whose processes this machine can see: each is
found by a variable of its own, and its environment read from /proc.
"""

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from clusterproof.kube.env import environment_of
from clusterproof.kube.objects import Json
from clusterproof.wait import wait_until
from testbed.cluster.topology import PAUSE_IMAGE
from testbed.oracles.environment import (
    CONTAINERS,
    FEATURES,
    LACKING,
    PODS,
    SEED,
    drawn,
    features_of,
)
from tests.testbed_controllers.live import LiveCluster, is_up, live_cluster

needs_cluster = pytest.mark.skipif(
    os.geteuid() != 0 or not is_up(), reason="needs the local cluster"
)

MARK = "CLUSTERPROOF_CONTAINER"
STARTED_WITHIN_S = 90.0
RARE = 30
"""A pair of features in fewer variables than this has hardly been tried."""
OTHERS = ("KUBERNETES_", "PATH", "HOSTNAME", "HOME", MARK)
"""Beginnings of the variables that a container has beside its own."""


def test_what_is_drawn_has_every_kind_of_variable() -> None:
    case = drawn(SEED)
    variables = [
        variable for container in case.containers for variable in case.expected(container).values()
    ]
    assert len(variables) >= 10_000
    of_kinds = {(each.kind, each.whole, each.value is None) for each in variables}
    assert of_kinds == {
        ("", False, False),
        ("", False, True),
        *((kind, whole, False) for kind in ("ConfigMap", "Secret") for whole in (False, True)),
    }


def test_what_decides_about_a_variable_is_drawn_in_pairs() -> None:
    case = drawn(SEED)
    pairs: Counter[tuple[str, ...]] = Counter()
    for container in case.containers:
        for features in features_of(case, container):
            pairs.update(combinations(sorted(features), 2))
    possible = set(combinations(sorted(FEATURES), 2))
    assert {pair: pairs[pair] for pair in possible if pairs[pair] < RARE} == {}


@pytest.fixture(scope="module")
def live() -> Iterator[tuple[LiveCluster, str]]:
    with live_cluster() as running, running.namespace() as namespace:
        yield running, namespace


@pytest.mark.cluster
@needs_cluster
def test_each_container_gets_what_we_say_it_gets(live: tuple[LiveCluster, str]) -> None:
    running, namespace = live
    case, token = drawn(SEED), secrets.token_hex(8)
    for (kind, _), body in case.objects.items():
        running.create(f"/api/v1/namespaces/{namespace}/{kind.lower()}s", body)
    marked = [
        {**each, "env": [*each["env"], {"name": MARK, "value": f"{token}-{each['name']}"}]}
        for each in case.containers
    ]
    pods = {
        f"p{number}": {
            "spec": {
                "containers": marked[number * CONTAINERS : (number + 1) * CONTAINERS],
                "enableServiceLinks": False,
            }
        }
        for number in range(PODS)
    }
    running.start_pods(namespace, pods)
    given = wait_until(
        lambda: environments(token),
        lambda found: len(found) == len(case.containers),
        waiting_for="a process of each container",
        within_s=STARTED_WITHIN_S,
    )
    differing = {
        container["name"]: apart
        for container in case.containers
        if (apart := case.differing(container, _own(given[container["name"]])))
    }
    assert differing == {}


def _own(given: dict[str, bytes]) -> dict[str, bytes | None]:
    return {name: text for name, text in given.items() if not name.startswith(OTHERS)}


@pytest.mark.cluster
@needs_cluster
@pytest.mark.parametrize("lacks", LACKING.values(), ids=LACKING)
def test_what_we_call_missing_keeps_a_container_from_starting(
    live: tuple[LiveCluster, str], lacks: Json
) -> None:
    running, namespace = live
    assert environment_of(lacks, lambda _kind, _name: None).missing
    path = f"/api/v1/namespaces/{namespace}/pods"
    name = f"lacks-{secrets.token_hex(3)}"
    container = {"name": "main", "image": PAUSE_IMAGE, **lacks}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    running.create(path, {"metadata": {"name": name}, "spec": spec})
    running.await_object(
        f"{path}/{name}",
        lambda pod: waits_for(pod) == "CreateContainerConfigError",
        f"{name} waiting for what it lacks",
        STARTED_WITHIN_S,
    )


def waits_for(pod: Json | None) -> str:
    """Why its only container waits, or ""."""
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or [{}]
    waiting = (statuses[0].get("state") or {}).get("waiting") or {}
    return str(waiting.get("reason", ""))


def environments(token: str) -> dict[str, dict[str, bytes]]:
    """The environment of each process with our mark, by the container's name."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            entries = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        held = {name.decode(): text for name, _, text in (each.partition(b"=") for each in entries)}
        mark = held.get(MARK, b"").decode()
        if mark.startswith(f"{token}-"):
            found[mark.removeprefix(f"{token}-")] = {name: held[name] for name in held if name}
    return found
