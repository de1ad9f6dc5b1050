"""What of an object no row speaks of, to be said line by line; pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from clusterproof.generate.settings import TEMPLATES, is_default
from clusterproof.kube.objects import Json
from clusterproof.kube.paths import look_up, positions

Place = tuple[str | int, ...]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_NOT_SPOKEN_OF: Final = frozenset({"apiVersion", "kind", "metadata", "status", "description"})
_LOOKED_AT: Final = {
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector", "spec.strategy.rollingUpdate"),
    "Job": ("spec.selector",),
    "NetworkPolicy": ("spec.podSelector", "spec.policyTypes"),
    "StatefulSet": ("spec.selector",),
}
"""Kind to what its own rows hang on: the Pods of another selector are not those of the workload."""


def passed_over(kind: str, item: Json, rows: Iterable[Json], more: Iterable[str] = ()) -> list[str]:
    """The fields of an object that no row speaks of, each by its path.

    A part of which nothing is spoken of is one line. What the API server would have so without a
    word is none.

    Args:
        kind: Of the object.
        item: As it was read.
        rows: Those about the object.
        more: Paths that rows about another object speak of.
    """
    paths = [*_LOOKED_AT.get(kind, ()), *more]
    for row in rows:
        paths += _spoken_of(kind, item, row)
    covered = {place for path in paths for place in positions(item, path)}
    body = {key: inner for key, inner in item.items() if key not in _NOT_SPOKEN_OF}
    return [_shown(body, place) for place in _rest(body, (), covered)]


def _rest(node: Any, place: Place, covered: set[Place]) -> list[Place]:  # noqa: ANN401 - JSON
    if place in covered or (place and is_default(place[-1], node)):
        return []
    inner = _children(node)
    if not inner:
        return [place] if place and place[-1] != "name" else []
    rest = [found for key, child in inner for found in _rest(child, (*place, key), covered)]
    untouched = not any(each[: len(place)] == place for each in covered)
    return [place] if rest and untouched and len(place) > 1 else rest


def _children(node: Any) -> list[tuple[str | int, Any]]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def _shown(item: Json, place: Place) -> str:
    text, node = "", item
    for key in place:
        node = dict(_children(node))[key]
        if isinstance(key, int):
            named = isinstance(node, dict) and node.get("name")
            text += f"[name={node['name']}]" if named else f"[{key}]"
        else:
            text += f".{key}" if _PLAIN.fullmatch(key) else f"['{key}']"
    return text.removeprefix(".")


def _spoken_of(kind: str, item: Json, row: Json) -> Iterator[str]:
    """The paths of what a row is about."""
    check = row["check"]
    if check == "field" and isinstance(row["expect"].get("contains"), dict):
        yield from (f"{row['path']}['{key}']" for key in row["expect"]["contains"])
    elif check == "field":
        yield row["path"]
    elif check == "replicas":
        yield "spec.replicas"
    elif check == "service":
        yield "spec.selector"
        yield from _service_port(item, row)
    elif check == "ingress":
        yield from ("spec.rules", "spec.defaultBackend")
    elif check == "route":
        yield from ("spec.parentRefs", "spec.hostnames")
        for number in range(len(look_up_list(item, "spec.rules"))):
            yield from (f"spec.rules[{number}].matches", f"spec.rules[{number}].backendRefs")
    elif check in {"quantity", "probe", "consumed"}:
        yield from _of_container(kind, item, row)


def _service_port(item: Json, row: Json) -> Iterator[str]:
    for index, port in enumerate(item["spec"].get("ports") or []):
        same = port.get("protocol", "TCP") == row.get("protocol", "TCP")
        if same and port.get("port") == row["port"]:
            yield f"spec.ports[{index}]"


def _of_container(kind: str, item: Json, row: Json) -> Iterator[str]:
    spec = f"{TEMPLATES[kind]}.spec"
    for place in ("containers", "initContainers"):
        container = f"{spec}.{place}[name={row['container']}]"
        if row["check"] == "quantity":
            yield f"{container}.resources.{row['bound']}.{row['resource']}"
        elif row["check"] == "probe":
            handler = f"{container}.{row['probe']}.{row['handler']}"
            yield from (f"{handler}.path", f"{handler}.port")
            if row["handler"] == "exec":
                yield handler
        else:
            name = row["of"].rpartition("/")[2]
            yield f"{container}.envFrom[configMapRef.name={name}]"
            for key in row["keys"]:
                yield f"{container}.env[name={(row.get('as') or {}).get(key, key)}]"
            yield from _files(item, spec, container, name)


def _files(item: Json, spec: str, container: str, name: str) -> Iterator[str]:
    """The volumes that hold this ConfigMap, and where the container has them."""
    for index, volume in enumerate(look_up_list(item, f"{spec}.volumes")):
        sources = (volume.get("projected") or {}).get("sources") or []
        own = (volume.get("configMap") or {}).get("name") == name
        if own:
            yield f"{spec}.volumes[{index}]"
        for number, source in enumerate(sources):
            if (source.get("configMap") or {}).get("name") == name:
                own = True
                yield f"{spec}.volumes[{index}].projected.sources[{number}]"
        for number, mount in enumerate(look_up_list(item, f"{container}.volumeMounts")):
            if own and mount.get("name") == volume["name"]:
                yield f"{container}.volumeMounts[{number}]"


def look_up_list(item: Json, path: str) -> list[Json]:
    """The list at this path; none where there is none."""
    node = look_up(item, path)
    return node if isinstance(node, list) else []
