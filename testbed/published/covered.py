"""How much of what a person wrote is read by the rows of a spec; pure, and not init's own account.

A field is a leaf of the object as it was written: a text, a number, true, false, or an empty
mapping or list. Those of `metadata` and `status` and the object's `apiVersion` and `kind` are no
fields, nor is what is null. A default that was written out is a field like any other.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clusterproof.kube.paths import filters_of, node_at, positions
from testbed.published.sets import Json, ManifestSet, reference

Place = tuple[str | int, ...]
Field = tuple[str, Place]
"""The object's reference, and the place in it."""

_NO_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "status"})
_TEMPLATES: Final = {"CronJob": "spec.jobTemplate.spec.template"}
_PLACES: Final = ("containers", "initContainers")
_ONE_PATH: Final = r"(?:[A-Za-z0-9_.=-]|\['[^']+'\]|\[[^\]']*\])+(?:\{[A-Za-z0-9_, -]+\})?"
_PATHS: Final = re.compile(rf"{_ONE_PATH}(?:, {_ONE_PATH})*")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one set.

    Attributes:
        fields: All that were written.
        read: Those that a row reads.
        unnamed: Those that no row reads and no line of init names.
        silent: The objects that no row is about and no line names.
    """

    fields: frozenset[Field]
    read: frozenset[Field]
    unnamed: frozenset[Field]
    silent: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of the fields that are read, from 0 to 1."""
        return len(self.read) / len(self.fields)


def coverage(
    of: ManifestSet, rows: list[Json], lines: list[str], held: Mapping[str, Json] | None = None
) -> Coverage:
    """What of a set is read, and what is named.

    Args:
        of: The set.
        rows: Of the spec, each namespace in place of its alias.
        lines: What init said that there is no row for.
        held: Reference to the object as the API server holds it. An empty value that it dropped is
            no field: nobody can tell it from one that was not written.
    """
    objects = {reference(each): each for each in of.objects}
    fields = frozenset(
        (ref, place)
        for ref, each in objects.items()
        for place in _written(each, ())
        if not _is_dropped(each, place, (held or {}).get(ref))
    )
    reached = {(ref, place) for row in rows for ref, place in _reads(row, objects)}
    around = {(ref, place[:end]) for ref, place in reached for end in range(len(place))}
    read = frozenset(
        (ref, place)
        for ref, place in fields
        if _under((ref, place), reached)
        or ((ref, place) in around and node_at(objects[ref], place) == {})  # defaults are in it
    )
    named = {field for line in lines for field in _named(line, objects)}
    unnamed = frozenset(field for field in fields - read if not _under(field, named))
    spoken_of = {ref for ref, _ in reached | named}
    return Coverage(fields, read, unnamed, tuple(ref for ref in objects if ref not in spoken_of))


def _written(node: Any, place: Place) -> Iterator[Place]:  # noqa: ANN401 - JSON
    inner = _children(node)
    if node is None or (len(place) == 1 and place[0] in _NO_FIELDS):
        return
    if not inner:
        yield place
    for key, child in inner:
        yield from _written(child, (*place, key))


def _is_dropped(written: Json, place: Place, held: Json | None) -> bool:
    if held is None or node_at(written, place):
        return False
    try:
        return node_at(held, place) is None
    except (KeyError, IndexError, TypeError):
        return True


def _children(node: Any) -> list[tuple[str | int, Any]]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def _under(field: Field, reached: set[Field]) -> bool:
    ref, place = field
    return any((ref, place[:end]) in reached for end in range(len(place) + 1))


def _reads(row: Json, objects: Mapping[str, Json]) -> Iterator[Field]:
    """The places that a row of this kind compares."""
    check = row["check"]
    ref = str(row.get("workload") or row.get("of"))
    if check == "service":
        yield from _of_service(row, objects)
        return
    if check == "consumed":
        yield from _of_consumed(row, objects)
        return
    if check == "secret-shape":
        yield from ((row["of"], (part, row["key"])) for part in ("data", "stringData"))
        return
    if ref not in objects:
        return
    yield from ((ref, place) for place in _places(row, objects[ref]))


def _places(row: Json, written: Json) -> Iterator[Place]:
    check = row["check"]
    if check == "field":
        yield from _of_field(row, written)
    elif check == "replicas":
        yield ("spec", "replicas")
    elif check == "ingress":
        yield from _of_ingress(row, written)
    elif check == "images":
        for place in _PLACES:
            yield from positions(written, f"{_template(written)}.{place}[*].image")
    elif check == "quantity":
        at = f"resources.{row['bound']}['{row['resource']}']"
        yield from _in_container(row["container"], at, written)
    elif check == "probe":
        for field in ("path", "port"):
            if field in row:
                at = f"{row['probe']}.{row['handler']}.{field}"
                yield from _in_container(row["container"], at, written)


def _of_field(row: Json, written: Json) -> Iterator[Place]:
    expect = row["expect"]
    if "absent" in expect:  # reads that there is nothing more in what was written empty
        parent = row["path"]
        while parent := parent.rpartition("[" if parent.endswith("]") else ".")[0]:
            yield from (
                place for place in positions(written, parent) if node_at(written, place) == {}
            )
        return
    yield from _filtered(row["path"], written)
    for place in positions(written, row["path"]):
        if isinstance(expect.get("contains"), dict):
            yield from _compared(expect["contains"], place)
        else:
            yield place


def _filtered(path: str, written: Json) -> Iterator[Place]:
    """The names by which a path finds an element: under another name there is none."""
    for before, key, _ in filters_of(path):
        for place in positions(written, before):
            yield (*place, *key.split("."))


def _compared(expected: Any, place: Place) -> Iterator[Place]:  # noqa: ANN401 - JSON
    if isinstance(expected, dict) and expected:
        for key, inner in expected.items():
            yield from _compared(inner, (*place, key))
    else:
        yield place


def _template(written: Json) -> str:
    return _TEMPLATES.get(written["kind"], "spec.template") + ".spec"


def _in_container(name: str, at: str, written: Json) -> Iterator[Place]:
    for place in _PLACES:
        yield from positions(written, f"{_template(written)}.{place}[name={name}].{at}")


def _of_service(row: Json, objects: Mapping[str, Json]) -> Iterator[Field]:
    ref = row["of"]
    written = objects.get(ref)
    if written is None:
        return
    yield ref, ("spec", "selector")
    protocol = row.get("protocol", "TCP")
    for number, port in enumerate(written["spec"].get("ports") or []):
        if (port["port"], port.get("protocol", "TCP")) == (row["port"], protocol):
            for key in ("port", "targetPort", "protocol"):
                yield ref, ("spec", "ports", number, key)


def _of_ingress(row: Json, written: Json) -> Iterator[Place]:
    for place in positions(written, "spec.rules[*]"):
        rule = node_at(written, place)
        if rule.get("host", "") != row["host"]:
            continue
        yield (*place, "host")
        for number, path in enumerate(rule["http"]["paths"]):
            if path.get("path", "/") == row["path"]:
                at = (*place, "http", "paths", number)
                yield from ((*at, "path"), (*at, "backend"))


def _of_consumed(row: Json, objects: Mapping[str, Json]) -> Iterator[Field]:
    """Where the container takes the ConfigMap or Secret; the keys themselves are compared too."""
    ref, of = row["workload"], row["of"]
    written, name = objects.get(ref), of.rpartition("/")[2]
    if written is None:
        return
    template = _template(written)
    for kind, chosen, volume in (
        ("configMapKeyRef", "configMapRef", "configMap"),
        ("secretKeyRef", "secretRef", "secret"),
    ):
        if not of.startswith("ConfigMap" if volume == "configMap" else "Secret"):
            continue
        for place in _in_container(row["container"], "env[*]", written):
            source = (node_at(written, place).get("valueFrom") or {}).get(kind) or {}
            if source.get("name") == name and source.get("key") in row["keys"]:
                yield from (
                    (ref, (*place, *inner))
                    for inner in (
                        ("name",),
                        ("valueFrom", kind, "name"),
                        ("valueFrom", kind, "key"),
                    )
                )
        for place in _in_container(row["container"], "envFrom[*]", written):
            if (node_at(written, place).get(chosen) or {}).get("name") == name:
                yield ref, (*place, chosen, "name")
        yield from ((ref, place) for place in _mounted(row, written, template, name))


def _mounted(row: Json, written: Json, template: str, name: str) -> Iterator[Place]:
    for at in positions(written, f"{template}.volumes[*]"):
        volume = node_at(written, at)
        whole = [volume, *((volume.get("projected") or {}).get("sources") or [])]
        if not any((each.get("configMap") or {}).get("name") == name for each in whole):
            continue
        for place in _in_container(row["container"], "volumeMounts[*]", written):
            mount = node_at(written, place)
            if mount["name"] == volume["name"]:
                yield from ((*place, key) for key in ("name", "mountPath", "subPath"))
                yield from (
                    (*at, *inner)
                    for inner in (("name",), ("configMap", "name"), ("configMap", "items"))
                )


def _named(line: str, objects: Mapping[str, Json]) -> Iterator[Field]:
    """What a line of init speaks of: paths of an object or a kind, a key, or all of it."""
    name, _, words = line.partition(": ")
    secret = re.search(r"\bSecret (?P<name>[a-z0-9.-]+)[, ]", words)
    if secret:
        yield f"Secret/{name.split('/')[1]}/{secret['name']}", ()
    of_kind = name.partition(" (")[0]
    spoken_of = [ref for ref in objects if ref == name or ref.partition("/")[0] == of_kind]
    if not spoken_of:
        yield from (
            (known, ()) for known in objects if line.startswith(f"{known} ") or line == known
        )
    for ref in spoken_of:
        yield from ((ref, place) for place in _places_named(words, objects[ref]))


def _places_named(words: str, written: Json) -> Iterator[Place]:
    for path in paths_in(words) or [words.partition(", ")[0]]:
        yield from positions(written, path)
    for part in ("data", "binaryData", "stringData"):
        keys = words.rpartition(", ")[0].split(", ")
        yield from ((part, key) for key in written.get(part) or {} if key in keys)
    if words.startswith(("there is no kind of row", "it ", "none is read")):
        yield ()


def paths_in(words: str) -> list[str]:
    """The paths of `a.b, c.{d, e}`; none where the words are something else."""
    if not _PATHS.fullmatch(words):
        return []
    paths = []
    for match in re.finditer(_ONE_PATH, words):
        parent, _, last = match[0].partition("{")
        paths += [f"{parent}{key}" for key in last.rstrip("}").split(", ")]
    return paths
