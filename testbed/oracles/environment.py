"""What a container's environment is made of, drawn from a seed: the cases that a kubelet is given.

Restates nothing: `tests/kube/test_env_live.py` starts the containers and reads what they got, and
`testbed/oracles/mutants.py` tries mutants of `environment_of` on the same cases.
"""

# ruff: noqa: PLR2004 - shares of what is drawn

import base64
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from clusterproof.kube.env import Variable, environment_of, values_of
from clusterproof.kube.objects import Json
from testbed.cluster.topology import PAUSE_IMAGE

SEED = 20261127
PODS, CONTAINERS, ENTRIES = 5, 10, 400

KEYS = (*(f"V{number}" for number in range(80)), "a.b", "x-y", "_z", "V400")
"""Some are the names of variables, and with the prefix V of others."""
TEXTS = ("", "plain", "$(V1)", "$$(V2)", "two\nlines", "a=b", "é", "$", "$(", "  ")
REFERENCES = ("$(V{})", "$(V{})", "$$(V{})", "$(GONE{})", "x$(V{})y", "$(V{}", "$V{}", "")
NAMES = ("first", "second", "third")


def _key_of(field: str) -> Json:
    return {"name": "V1", "valueFrom": {field: {"name": "gone", "key": "V1"}}}


LACKING: Mapping[str, Json] = {
    "ConfigMap": {"envFrom": [{"configMapRef": {"name": "gone"}}]},
    "Secret": {"envFrom": [{"secretRef": {"name": "gone"}}]},
    "key of a ConfigMap": {"env": [_key_of("configMapKeyRef")]},
    "key of a Secret": {"env": [_key_of("secretKeyRef")]},
}
"""Containers that lack something without which they do not start."""


@dataclass(frozen=True)
class Case:
    """ConfigMaps and Secrets, and the containers that get variables of them."""

    objects: Mapping[tuple[str, str], Json]
    containers: tuple[Json, ...]

    def expected(self, container: Json) -> Mapping[str, Variable]:
        """The variables that we say it has.

        Raises:
            ValueError: We say that it does not start.
        """
        environment = environment_of(container, self.read)
        if environment.missing:
            raise ValueError(f"expected all objects to be there, missing {environment.missing}")
        return environment.variables

    def differing(
        self, container: Json, given: Mapping[str, bytes | None]
    ) -> dict[str, tuple[bytes | None, bytes | None]]:
        """Variable to our value and the one that the container was given, where they differ.

        A value that only a kubelet knows is ours whatever it is.
        """
        ours = self.expected(container)
        return {
            name: (ours[name].value if name in ours else None, given.get(name))
            for name in ours.keys() | given.keys()
            if name not in ours or name not in given or ours[name].value not in {None, given[name]}
        }

    def read(self, kind: str, name: str) -> Mapping[str, bytes] | None:
        """The keys of an object."""
        found = self.objects.get((kind, name))
        return None if found is None else values_of(kind, found)


def drawn(seed: int) -> Case:
    """The case of a seed."""
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


FEATURES = (
    *("value", "fieldRef", "configMapKeyRef", "secretKeyRef", "optional", "object gone"),
    *("key lacking", "to one before", "to one behind", "to nothing", "escaped", "unclosed"),
    *("name comes again", "configMapRef", "secretRef", "prefix", "in several sources"),
)
"""What decides about a variable: the entries of its name, and the sources that have it."""
_REFERENCE = re.compile(r"(\$?)\$\((\w+)(\)?)")


def features_of(case: Case, container: Json) -> Iterator[frozenset[str]]:
    """The features of each name that a container's environment may have."""
    names: dict[str, set[str]] = {}
    for source in container["envFrom"]:
        field = "configMapRef" if "configMapRef" in source else "secretRef"
        kind = "ConfigMap" if field == "configMapRef" else "Secret"
        for key in case.read(kind, source[field]["name"]) or ():
            features = names.setdefault(source.get("prefix", "") + key, set())
            if features & {"configMapRef", "secretRef"}:
                features.add("in several sources")
            features |= {field, *(("prefix",) if "prefix" in source else ())}
    from_sources, entered = frozenset(names), set[str]()
    for entry in container["env"]:
        features = names.setdefault(entry["name"], set())
        if entry["name"] in entered:
            features.add("name comes again")
        before = from_sources | entered
        features |= _of_value(entry["value"], before) if "value" in entry else _of(case, entry)
        entered.add(entry["name"])
    return map(frozenset, names.values())


def _of_value(text: str, before: Container[str]) -> set[str]:
    features = {"value"}
    for escape, name, end in _REFERENCE.findall(text):
        if escape:
            features.add("escaped")
        elif not end:
            features.add("unclosed")
        elif name in before:
            features.add("to one before")
        else:
            features.add("to nothing" if name.startswith("GONE") else "to one behind")
    return features


def _of(case: Case, entry: Json) -> set[str]:
    ((field, chosen),) = entry["valueFrom"].items()
    if field == "fieldRef":
        return {field}
    held = case.read("ConfigMap" if field == "configMapKeyRef" else "Secret", chosen["name"])
    features = {field, "optional"} if chosen.get("optional") else {field}
    if held is None:
        features.add("object gone")
    elif chosen["key"] not in held:
        features.add("key lacking")
    return features


def _entry(random: Random, objects: Mapping[tuple[str, str], Json]) -> Json:
    first = random.choice(("V", "V", "VV"))
    entry: Json = {"name": f"{first}{random.randrange(ENTRIES if first == 'V' else 80)}"}
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
