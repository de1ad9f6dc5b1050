"""What a Pod template takes its volumes and variables from, as plain fields; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clusterproof.generate.coverage import look_up_list
from clusterproof.generate.settings import HANDLERS, PROBES, is_default
from clusterproof.kube.containers import Container, ContainerKind, containers_of
from clusterproof.kube.objects import Json


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a template.

    Attributes:
        area: Of the report.
        row_id: Without the workload's name.
        path: In the object.
        expected: Its keys, without those that are as by default.
    """

    area: str
    row_id: str
    path: str
    expected: Json


def parts_of(template: Json, at: str) -> Iterator[Part]:
    """Every volume, mount, variable from elsewhere and request of a probe.

    Args:
        template: The Pod's spec.
        at: Its path.
    """
    for container in containers_of(template):
        place = "containers" if container.kind is ContainerKind.MAIN else "initContainers"
        yield from _of_container(container, f"{at}.{place}[name={container.name}]")
    for volume in look_up_list(template, "volumes"):
        for source, body in volume.items():
            if source == "name" or body is None:
                continue
            path, expected = f"{at}.volumes[name={volume['name']}]", set_by_somebody(body)
            row_id = f"volume-{volume['name']}"
            if isinstance(expected, dict) and expected:
                yield Part("storage", row_id, f"{path}.{source}", expected)
            elif isinstance(expected, dict):
                yield Part("storage", row_id, path, {source: {}})


def _of_container(container: Container, at: str) -> Iterator[Part]:
    yield from _mounts(container, at)
    yield from _variables(container, at)
    for probe in PROBES:
        for handler in HANDLERS:
            action = (container.spec.get(probe) or {}).get(handler) or {}
            rest = {key: body for key, body in action.items() if key not in {"path", "port"}}
            if expected := set_by_somebody(rest):
                path, row_id = f"{at}.{probe}.{handler}", f"{container.name}-{probe}-{handler}"
                yield Part("health", row_id, path, expected)


def _mounts(container: Container, at: str) -> Iterator[Part]:
    for mount in look_up_list(container.spec, "volumeMounts"):
        path = f"{at}.volumeMounts[mountPath={mount['mountPath']}]"
        if "]" not in mount["mountPath"]:
            row_id = f"{container.name}-mounts-{mount['name']}"
            yield Part("storage", row_id, path, set_by_somebody(mount))


def _variables(container: Container, at: str) -> Iterator[Part]:
    for variable in look_up_list(container.spec, "env"):
        for source, chosen in (variable.get("valueFrom") or {}).items():
            path = f"{at}.env[name={variable['name']}].valueFrom.{source}"
            row_id = f"{container.name}-{variable['name']}"
            yield Part("configuration", row_id, path, set_by_somebody(chosen))
    for variables in look_up_list(container.spec, "envFrom"):
        for source in ("configMapRef", "secretRef"):
            name = (variables.get(source) or {}).get("name")
            if name:
                path, row_id = (
                    f"{at}.envFrom[{source}.name={name}]",
                    f"{container.name}-from-{name}",
                )
                yield Part("configuration", row_id, path, set_by_somebody(variables))


def set_by_somebody(node: Any, of: str = "") -> Any:  # noqa: ANN401 - JSON
    """The same without what is as by default; `of` is its key."""
    if isinstance(node, dict):
        return {
            key: set_by_somebody(body, str(key))
            for key, body in node.items()
            if not is_default(key, body, of)
        }
    return [set_by_somebody(each) for each in node] if isinstance(node, list) else node
