"""What the containers of a workload get of ConfigMaps and Secrets, for the rows about it; pure.

No Secret is read: of one that is taken as a whole, nobody knows here which keys it has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clusterproof.generate.sources import Source, namespace_of
from clusterproof.kube.containers import Container, lasting_containers
from clusterproof.kube.env import Read, contents_of, environment_of, files_of
from clusterproof.kube.objects import Json


@dataclass(slots=True)
class Consumption:
    """What the containers get.

    Attributes:
        config_maps: (container, ConfigMap) to the keys that it gets, with their variables or files;
            a key that it gets twice is in the next mapping again.
        secret_keys: (Secret, key) of those without which a container does not start.
        left_out: What nothing can be said of.
    """

    config_maps: dict[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)
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
        item["metadata"]["name"]: item
        for _, item in source.of("ConfigMap")
        if namespace_of(item) == namespace
    }

    def read(kind: str, name: str) -> Mapping[str, bytes | None] | None:
        if kind != "ConfigMap" or name not in held:
            return _Unknown()
        try:
            return contents_of("ConfigMap", held[name])
        except (AttributeError, TypeError, ValueError):  # it is none: its own line says so
            return _Unknown()

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
    own_name_first = sorted(variables.items(), key=lambda pair: pair[0] != pair[1].key)
    for variable, source in own_name_first:
        if source.kind == "ConfigMap" and variable not in optional:
            _get(consumption, (name, source.name), source.key, variable)
    for file in files_of(pod_spec, container.spec, read):
        if file.kind == "ConfigMap":
            _get(consumption, (name, file.name), file.key, file.path)
    for pair in _secret_keys(pod_spec, container):
        consumption.secret_keys += [] if pair in consumption.secret_keys else [pair]
    mounted = {mount["name"] for mount in container.spec.get("volumeMounts") or []}
    for whole, volume in _secrets_as_a_whole(pod_spec):
        if volume not in mounted:
            continue
        sentence = f"Secret {whole}, of which {name} mounts every key: it is not read"
        consumption.left_out += [] if sentence in consumption.left_out else [sentence]
    for entry in container.spec.get("envFrom") or []:
        secret = (entry.get("secretRef") or {}).get("name")
        if secret:
            sentence = f"Secret {secret}, of which {name} gets every key: it is not read"
            consumption.left_out.append(sentence)


def _secrets_as_a_whole(pod_spec: Json) -> Iterator[tuple[str, str]]:
    """(Secret, volume) of those whose keys are not listed."""
    for volume in pod_spec.get("volumes") or []:
        sources = (volume.get("projected") or {}).get("sources") or []
        for chosen in (volume.get("secret") or {}, *(each.get("secret") or {} for each in sources)):
            secret = chosen.get("secretName") or chosen.get("name")
            if secret and not chosen.get("items"):
                yield secret, volume["name"]


def _secret_keys(pod_spec: Json, container: Container) -> Iterator[tuple[str, str]]:
    """(Secret, key) of what a container does not start without."""
    for entry in container.spec.get("env") or []:
        chosen = (entry.get("valueFrom") or {}).get("secretKeyRef")
        if chosen and not chosen.get("optional"):
            yield chosen["name"], chosen["key"]
    mounted = {mount["name"] for mount in container.spec.get("volumeMounts") or []}
    for volume in pod_spec.get("volumes") or []:
        if volume["name"] in mounted:
            yield from _needed_files(volume)


def _needed_files(volume: Json) -> Iterator[tuple[str, str]]:
    """(Secret, key) of the files without which the volume is not mounted."""
    sources = (volume.get("projected") or {}).get("sources") or []
    secret = volume.get("secret") or {}
    for chosen, name in (
        (secret, secret.get("secretName")),
        *(
            (source["secret"], source["secret"].get("name"))
            for source in sources
            if source.get("secret")
        ),
    ):
        if name and not chosen.get("optional"):
            yield from ((name, entry["key"]) for entry in chosen.get("items") or [])


def _get(consumption: Consumption, of: tuple[str, str], key: str, place: str) -> None:
    rows = consumption.config_maps.setdefault(of, [])
    free = next((keys for keys in rows if key not in keys), None)
    if free is None:
        rows.append(free := {})
    free[key] = place
