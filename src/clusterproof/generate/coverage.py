"""Which fields of an object its rows compare, and which are left; pure.

A field is a leaf: a text, a number, true, false, or an empty mapping or list. What is null is none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from clusterproof.generate.settings import GRACE_PERIOD, PROBES, TEMPLATES, is_default
from clusterproof.kube.kinds import group_version
from clusterproof.kube.objects import Json
from clusterproof.kube.paths import children, filters_of, look_up, node_at, positions

Place = tuple[str | int, ...]

NO_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "status"})
_BY_CONTROLLERS: Final = {"Job": ("spec.selector", "spec.template.metadata.labels")}
"""Kind to what a controller writes into its objects."""
_PLACES: Final = ("containers", "initContainers")


@dataclass(frozen=True, slots=True)
class Unread:
    """What of an object no row compares.

    Attributes:
        declared: What somebody set. A part of which nothing is compared is one place.
        by_default: What is at the default of the API server, or set by it.
    """

    declared: tuple[Place, ...] = ()
    by_default: tuple[Place, ...] = ()


def unread(
    kind: str, item: Json, rows: Iterable[Json], named: Iterable[str | Place] = ()
) -> Unread:
    """The fields of an object that none of its rows compares.

    Args:
        kind: Of the object.
        item: As it was read.
        rows: Those about the object.
        named: Paths and places that are named elsewhere.
    """
    read = {place for row in rows for place in places_read(kind, item, row)}
    for each in (*named, *_BY_CONTROLLERS.get(kind, ())):
        read |= set(positions(item, each)) if isinstance(each, str) else {each}
    known = group_version(kind) is None
    declared: list[Place] = []
    by_default: list[Place] = []
    for key, node in item.items():
        if key not in NO_FIELDS:
            part = _part(node, (key,), read, known=known)
            declared += part.declared
            by_default += part.by_default
    return Unread(tuple(declared), tuple(by_default))


def is_read(kind: str, item: Json, path: str, rows: Iterable[Json]) -> bool:
    """Whether the rows compare each field below a path that somebody set."""
    read = {place for row in rows for place in places_read(kind, item, row)}
    return not any(
        _part(node_at(item, place), place, read, known=True).declared
        for place in positions(item, path)
    )


def _part(node: Any, place: Place, read: set[Place], *, known: bool) -> Unread:  # noqa: ANN401 - JSON
    """Of one part of an object.

    Args:
        node: The part.
        place: Where it is.
        read: What is compared, each with all that is below it.
        known: Whether its kind is one of Kubernetes', whose defaults are known.
    """
    if node is None or place in read:
        return Unread()
    if known and _is_default(place, node):
        return Unread(by_default=(place,))
    inner = children(node)
    if not inner:
        return Unread(declared=(place,))
    parts = [_part(child, (*place, key), read, known=known) for key, child in inner]
    declared = tuple(each for part in parts for each in part.declared)
    by_default = tuple(each for part in parts for each in part.by_default)
    untouched = not any(each[: len(place)] == place for each in read)
    if declared and untouched and len(place) > 1:
        return Unread(declared=(place,))
    return Unread(declared, by_default)


def _is_default(place: Place, node: object) -> bool:
    key = place[-1]
    of_container = key == "restartPolicy" and "initContainers" in place
    of_probe = key == GRACE_PERIOD and any(part in PROBES for part in place)
    return (
        not of_container and not of_probe and is_default(key, node, place[-2] if place[1:] else "")
    )


def places_read(kind: str, item: Json, row: Json) -> Iterator[Place]:
    """What of an object a row compares: each place with all that is below it."""
    check = row["check"]
    if check == "field":
        yield from _of_field(item, row)
    elif check == "replicas":
        yield ("spec", "replicas")
    elif check == "service":
        yield from _of_service(item, row)
    elif check == "ingress":
        yield from _of_ingress(item, row)
    elif check == "route":
        yield from _of_route(item)
    elif check in {"quantity", "probe", "consumed"}:
        for place in _PLACES:
            container = f"{TEMPLATES[kind]}.spec.{place}[name={row['container']}]"
            yield from _of_container(kind, item, row, container)


def _of_field(item: Json, row: Json) -> Iterator[Place]:
    path, contains = row["path"], row["expect"].get("contains")
    for before, key, _ in filters_of(path):  # under another name there is no such element
        yield from ((*place, *key.split(".")) for place in positions(item, before))
    if path.startswith("spec.metrics["):  # autoscaling/v1 has its one metric elsewhere
        yield from positions(item, "spec.targetCPUUtilizationPercentage")
    if "absent" in row["expect"]:  # compares that there is nothing in what was written empty
        yield from _empty_parents(item, path)
    for place in positions(item, path):
        yield from _compared(contains, place) if isinstance(contains, dict) else (place,)


def _empty_parents(item: Json, path: str) -> Iterator[Place]:
    while path := path.rpartition("[" if path.endswith("]") else ".")[0]:
        yield from (place for place in positions(item, path) if not node_at(item, place))


def _compared(expected: object, place: Place) -> Iterator[Place]:
    if isinstance(expected, dict) and expected:
        for key, inner in expected.items():
            yield from _compared(inner, (*place, key))
    else:
        yield place


def _of_route(item: Json) -> Iterator[Place]:
    yield from (("spec", "parentRefs"), ("spec", "hostnames"))
    for number in range(len(item["spec"].get("rules") or [])):
        for part in ("matches", "backendRefs"):
            yield ("spec", "rules", number, part)


def _of_service(item: Json, row: Json) -> Iterator[Place]:
    yield ("spec", "selector")
    for index, port in enumerate(item["spec"].get("ports") or []):
        same = port.get("protocol", "TCP") == row.get("protocol", "TCP")
        if same and port.get("port") == row["port"]:
            yield from (("spec", "ports", index, key) for key in ("port", "targetPort", "protocol"))


def _of_ingress(item: Json, row: Json) -> Iterator[Place]:
    if not row["host"]:
        yield ("spec", "defaultBackend")
    for place in positions(item, "spec.rules[*]"):
        rule = node_at(item, place)
        if (rule.get("host") or "") != row["host"]:
            continue
        yield (*place, "host")
        for index, path in enumerate((rule.get("http") or {}).get("paths") or []):
            if (path.get("path") or "/") == row["path"]:
                at = (*place, "http", "paths", index)
                yield from ((*at, "path"), (*at, "backend"))


def _of_container(kind: str, item: Json, row: Json, container: str) -> Iterator[Place]:
    if row["check"] == "quantity":
        yield from positions(item, f"{container}.resources.{row['bound']}['{row['resource']}']")
    elif row["check"] == "probe":
        handler = f"{container}.{row['probe']}.{row['handler']}"
        yield from (
            place
            for part in ("path", "port")
            if part in row
            for place in positions(item, f"{handler}.{part}")
        )
    elif row["of"].startswith("ConfigMap/"):
        name = row["of"].rpartition("/")[2]
        yield from _variables(item, row, container, name)
        yield from _files(item, f"{TEMPLATES[kind]}.spec", container, name)


def _variables(item: Json, row: Json, container: str, name: str) -> Iterator[Place]:
    for place in positions(item, f"{container}.envFrom[*]"):
        if (node_at(item, place).get("configMapRef") or {}).get("name") == name:
            yield from ((*place, "configMapRef", "name"), (*place, "prefix"))
    for place in positions(item, f"{container}.env[*]"):
        chosen = (node_at(item, place).get("valueFrom") or {}).get("configMapKeyRef") or {}
        if chosen.get("name") == name and chosen.get("key") in row["keys"]:
            yield (*place, "name")
            yield from ((*place, "valueFrom", "configMapKeyRef", key) for key in ("name", "key"))


def _files(item: Json, spec: str, container: str, name: str) -> Iterator[Place]:
    """The volumes that hold this ConfigMap, and where the container has them."""
    for at in positions(item, f"{spec}.volumes[*]"):
        volume = node_at(item, at)
        sources = [((*at, "configMap"), volume.get("configMap"))]
        projected = (volume.get("projected") or {}).get("sources") or []
        sources += [
            ((*at, "projected", "sources", index, "configMap"), source.get("configMap"))
            for index, source in enumerate(projected)
        ]
        own = [place for place, chosen in sources if chosen and chosen.get("name") == name]
        mounts = [
            place
            for place in positions(item, f"{container}.volumeMounts[*]")
            if own and node_at(item, place).get("name") == volume["name"]
        ]
        for place in mounts:
            yield from ((*place, key) for key in ("name", "mountPath", "subPath"))
        if mounts:
            yield (*at, "name")
            yield from ((*place, "name") for place in own)
            yield from (
                (*place, "items", index, key)
                for place in own
                for index, _ in enumerate(node_at(item, place).get("items") or [])
                for key in ("key", "path")
            )


def look_up_list(item: Json, path: str) -> list[Json]:
    """The list at this path; none where there is none."""
    node = look_up(item, path)
    return node if isinstance(node, list) else []
