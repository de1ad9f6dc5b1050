"""What the kubelet gives a container as its environment, beside what `kube/env.py` says it gets.

Pods of the pause image on the running local cluster, whose processes this machine can see: each is
found by a variable of its own, and its environment read from /proc.
"""

import base64
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from clusterproof.kube.env import Variable, environment_of, values_of
from clusterproof.kube.objects import Json
from clusterproof.wait import wait_until
from testbed.cluster.topology import PAUSE_IMAGE
from tests.testbed_controllers.live import LiveCluster, is_up, live_cluster

needs_cluster = pytest.mark.skipif(
    os.geteuid() != 0 or not is_up(), reason="needs the local cluster"
)

SEED = 20261127
PODS, CONTAINERS, ENTRIES = 5, 10, 400
MARK = "CLUSTERPROOF_CONTAINER"
STARTED_WITHIN_S = 90.0
OTHERS = ("KUBERNETES_", "PATH", "HOSTNAME", "HOME", MARK)
"""Beginnings of the variables that a container has beside its own."""

KEYS = ("V1", "V2", "V3", "a.b", "x-y", "_z", "V400")
TEXTS = ("", "plain", "$(V1)", "$$(V2)", "two\nlines", "a=b", "é", "$", "$(", "  ")
REFERENCES = ("$(V{})", "$(V{})", "$$(V{})", "$(GONE{})", "x$(V{})y", "$(V{}", "$V{}", "")
NAMES = ("first", "second", "third")


@dataclass(frozen=True)
class Case:
    """ConfigMaps and Secrets, and the containers that get variables of them."""

    objects: Mapping[tuple[str, str], Json]
    containers: tuple[Json, ...]

    def expected(self, container: Json) -> Mapping[str, Variable]:
        """The variables that we say it has."""
        environment = environment_of(container, self.read)
        assert not environment.missing
        return environment.variables

    def read(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        """The keys of an object."""
        found = self.objects.get((kind, name))
        return None if found is None else values_of(kind, found)


def drawn(seed: int) -> Case:
    random = Random(seed)  # noqa: S311 - cases, no secrets
    objects: dict[tuple[str, str], Json] = {}
    for kind in ("ConfigMap", "Secret"):
        for name in NAMES:
            held = {key: random.choice(TEXTS) for key in KEYS if random.random() < 0.7}
            if kind == "Secret":
                held = {key: base64.b64encode(text.encode()).decode() for key, text in held.items()}
            objects[kind, name] = {"metadata": {"name": name}, "data": held}
    containers = tuple(
        {
            "name": f"c{number}",
            "image": PAUSE_IMAGE,
            "envFrom": [_source(random) for _ in range(random.randrange(5))],
            "env": [_entry(random, objects) for _ in range(ENTRIES)],
        }
        for number in range(PODS * CONTAINERS)
    )
    return Case(objects, containers)


def _source(random: Random) -> Json:
    field = random.choice(("configMapRef", "secretRef"))
    name = random.choice((*NAMES, "gone"))
    source: Json = {field: {"name": name}}
    if name == "gone" or random.random() < 0.5:
        source[field]["optional"] = True
    if random.random() < 0.5:
        source["prefix"] = random.choice(("V", "P_"))
    return source


def _entry(random: Random, objects: Mapping[tuple[str, str], Json]) -> Json:
    entry: Json = {"name": f"V{random.randrange(ENTRIES)}"}
    chance = random.random()
    if chance < 0.5:
        pieces = [
            random.choice(REFERENCES).format(random.randrange(ENTRIES))
            for _ in range(random.randrange(4))
        ]
        return {**entry, "value": "".join(pieces)}
    if chance < 0.55:
        return {**entry, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    kind, field = random.choice((("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")))
    name, key = random.choice((*NAMES, "gone")), random.choice(KEYS)
    chosen: Json = {"name": name, "key": key}
    held = objects.get((kind, name))
    if held is None or key not in held["data"] or random.random() < 0.5:
        chosen["optional"] = True
    return {**entry, "valueFrom": {field: chosen}}


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


def _key_of(field: str) -> Json:
    return {"name": "V1", "valueFrom": {field: {"name": "gone", "key": "V1"}}}


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
    differing: dict[tuple[str, str], tuple[bytes | None, bytes]] = {}
    for container in case.containers:
        expected, got = case.expected(container), given[container["name"]]
        own = {name for name in got if not name.startswith(OTHERS)}
        assert own == expected.keys()
        differing |= {
            (container["name"], name): (variable.value, got[name])
            for name, variable in expected.items()
            if variable.value not in {None, got[name]}
        }
    assert differing == {}


@pytest.mark.cluster
@needs_cluster
@pytest.mark.parametrize(
    "lacks",
    [
        {"envFrom": [{"configMapRef": {"name": "gone"}}]},
        {"envFrom": [{"secretRef": {"name": "gone"}}]},
        {"env": [_key_of("configMapKeyRef")]},
        {"env": [_key_of("secretKeyRef")]},
    ],
    ids=["ConfigMap", "Secret", "key of a ConfigMap", "key of a Secret"],
)
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
