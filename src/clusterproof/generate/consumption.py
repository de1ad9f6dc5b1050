"""What the containers of a workload get of ConfigMaps and Secrets, for the rows about it; pure.

No Secret is read: of one that is taken as a whole, nobody knows here which keys it has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterproof.generate.sources import Source, namespace_of
from clusterproof.kube.containers import Container, lasting_containers
from clusterproof.kube.env import Read, Variable, contents_of, environment_of, files_of
from clusterproof.kube.objects import Json


@dataclass(slots=True)
class Consumption:
    """What the containers get.

    Attributes:
        config_maps: (container, ConfigMap) to the keys that it gets, with their variables or files.
        secret_keys: (Secret, key) of those without which a container does not start.
        left_out: What nothing can be said of.
    """

    config_maps: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    secret_keys: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class _Unknown(dict[str, bytes | None]):
    """A Secret, or a ConfigMap of elsewhere: it has each key that a container cannot do without."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> None:
        return None


def consumption_of(pod_spec: Json, source: Source, namespace: str) -> Consumption:
    """What the lasting containers of a Pod spec get."""
    read = _reader(source, namespace)
    consumption = Consumption()
    for container in lasting_containers(pod_spec):
        _add(consumption, pod_spec, container, read)
    return consumption


def _reader(source: Source, namespace: str) -> Read:
    held = {
        item["metadata"]["name"]: contents_of("ConfigMap", item)
        for _, item in source.of("ConfigMap")
        if namespace_of(item) == namespace
    }

    def read(kind: str, name: str) -> Mapping[str, bytes | None] | None:
        return dict(held[name]) if kind == "ConfigMap" and name in held else _Unknown()

    return read


def _add(consumption: Consumption, pod_spec: Json, container: Container, read: Read) -> None:
    name = container.name
    variables = environment_of(container.spec, read).variables
    optional = {
        entry["name"]
        for entry in container.spec.get("env") or []
        for chosen in [(entry.get("valueFrom") or {}).get("configMapKeyRef") or {}]
        if chosen.get("optional") and isinstance(read("ConfigMap", chosen["name"]), _Unknown)
    }
    for variable, source in variables.items():
        if variable in optional:
            continue
        if source.kind == "ConfigMap" and _is_named_so(variable, source, variables):
            keys = consumption.config_maps.setdefault((name, source.name), {})
            keys[source.key] = variable
    for file in files_of(pod_spec, container.spec, read):
        if file.kind == "ConfigMap":
            keys = consumption.config_maps.setdefault((name, file.name), {})
            keys.setdefault(file.key, file.path)
    for entry in container.spec.get("env") or []:
        chosen = (entry.get("valueFrom") or {}).get("secretKeyRef")
        if chosen and not chosen.get("optional"):
            pair = (chosen["name"], chosen["key"])
            consumption.secret_keys += [] if pair in consumption.secret_keys else [pair]
    for entry in container.spec.get("envFrom") or []:
        secret = (entry.get("secretRef") or {}).get("name")
        if secret:
            said = f"Secret {secret}, of which {name} gets every key: it is not read"
            consumption.left_out.append(said)


def _is_named_so(variable: str, source: Variable, variables: Mapping[str, Variable]) -> bool:
    """True for the variable by which a row names the key: of its own name, where it has one."""
    own = variables.get(source.key)
    if own is None or variable == source.key:
        return True
    return (own.kind, own.name, own.key) != (source.kind, source.name, source.key)
