"""The environment and the files that a container gets from ConfigMaps and Secrets.

Restates `makeEnvironmentVariables` (pkg/kubelet/kubelet_pods.go) and `Expand`
(third_party/forked/golang/expansion), v1.35: envFrom in its order, a later source over an earlier,
then env in its order over both; `$(NAME)` is what is known of NAME at that place. Since v1.34 any
key of a ConfigMap is a valid name; before, one that was no C identifier was passed over.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Read = Callable[[str, str], Mapping[str, bytes | None] | None]
"""(kind, name) to the keys of a ConfigMap or Secret of the Pod's namespace, or None for none.

A value of None is there, and not known."""

_SOURCES = {"configMapRef": "ConfigMap", "secretRef": "Secret"}
_KEY_SOURCES = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}


@dataclass(frozen=True, slots=True)
class Variable:
    """Where a variable's value comes from.

    Attributes:
        kind: ConfigMap or Secret; "" for a plain value and for what only a kubelet knows.
        key: Of that object.
        value: None where only a kubelet knows it (a field of the Pod, a resource).
        whole: It comes by `envFrom`, with every key of the object.
    """

    kind: str = ""
    name: str = ""
    key: str = ""
    value: bytes | None = None
    whole: bool = False

    def __str__(self) -> str:
        """As a report names it; never the value."""
        return f"{self.kind} {self.name} key {self.key}" if self.kind else "the container itself"


@dataclass(frozen=True, slots=True)
class MountedFile:
    """A key of a ConfigMap or Secret that a container gets as a file.

    Attributes:
        updated: False for a `subPath`, which keeps what it had when the container started.
    """

    kind: str
    name: str
    key: str
    path: str
    updated: bool = True


@dataclass(frozen=True, slots=True)
class Environment:
    """A container's variables.

    Attributes:
        missing: Objects and keys without which the container does not start.
    """

    variables: Mapping[str, Variable]
    missing: tuple[str, ...] = ()


def environment_of(container: Mapping[str, Any], read: Read) -> Environment:
    """The variables that a container is started with, beside Services' and its image's."""
    variables: dict[str, Variable] = {}
    missing: list[str] = []
    for source in container.get("envFrom") or []:
        for field, kind in _SOURCES.items():
            chosen = source.get(field)
            if not chosen:
                continue
            name = chosen.get("name", "")
            held = read(kind, name)
            if held is None:
                missing += [] if chosen.get("optional") else [f"{kind} {name}"]
                continue
            prefix = source.get("prefix") or ""
            variables |= {
                f"{prefix}{key}": Variable(kind, name, key, value, whole=True)
                for key, value in held.items()
            }
    for entry in container.get("env") or []:
        variable = _variable(entry, variables, read, missing)
        if variable is not None:
            variables[entry["name"]] = variable
    return Environment(variables, tuple(missing))


def _variable(
    entry: Mapping[str, Any], known: Mapping[str, Variable], read: Read, missing: list[str]
) -> Variable | None:
    if entry.get("value"):
        return Variable(value=_expanded(str(entry["value"]), known))
    for field, kind in _KEY_SOURCES.items():
        chosen = (entry.get("valueFrom") or {}).get(field)
        if chosen:
            name, key = chosen.get("name", ""), chosen["key"]
            held = read(kind, name)
            if held is not None and key in held:
                return Variable(kind, name, key, held[key])
            missing += [] if chosen.get("optional") else [f"{kind} {name} key {key}"]
            return None
    return Variable(value=None if entry.get("valueFrom") else b"")


def _expanded(text: str, known: Mapping[str, Variable]) -> bytes | None:
    """The text with its references replaced; None where one refers to what only a kubelet knows."""
    names = []

    def value_of(name: str) -> str:
        names.append(name)
        variable = known.get(name)
        if variable is None or variable.value is None:
            return f"$({name})"
        return variable.value.decode("utf-8", "surrogateescape")

    replaced = expand(text, value_of)
    unknown = any(known[name].value is None for name in names if name in known)
    return None if unknown else replaced.encode("utf-8", "surrogateescape")


def expand(text: str, value_of: Callable[[str], str]) -> str:
    """`$(NAME)` replaced by its value, `$$` by `$`; what is neither stays as it is."""
    parts, position = [], 0
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        if character != "$" or not following:
            parts.append(character)
            position += 1
        elif following == "$":
            parts.append("$")
            position += 2
        elif following == "(" and (end := text.find(")", position + 2)) >= 0:
            parts.append(value_of(text[position + 2 : end]))
            position = end + 1
        else:
            parts.append(text[position : position + 2])
            position += 2
    return "".join(parts)


def files_of(
    pod_spec: Mapping[str, Any], container: Mapping[str, Any], read: Read
) -> tuple[MountedFile, ...]:
    """The files that a container gets of ConfigMaps and Secrets, by volumes of any of their kinds.

    Restates `MakePayload` of pkg/volume/{configmap,secret,projected} (v1.35): `items` choose keys
    and name their files; a `subPath` is mounted once, and not updated.
    """
    volumes = {volume["name"]: volume for volume in pod_spec.get("volumes") or []}
    files = []
    for mount in container.get("volumeMounts") or []:
        for kind, name, key, file in _contents(volumes.get(mount["name"]) or {}, read):
            inner = mount.get("subPath") or mount.get("subPathExpr") or ""
            place = mount["mountPath"].rstrip("/")
            if not inner:
                files.append(MountedFile(kind, name, key, f"{place}/{file}"))
            elif inner == file:
                files.append(MountedFile(kind, name, key, place, updated=False))
            elif file.startswith(f"{inner}/"):
                path = f"{place}/{file.removeprefix(f'{inner}/')}"
                files.append(MountedFile(kind, name, key, path, updated=False))
    return tuple(files)


def _contents(volume: Mapping[str, Any], read: Read) -> Iterator[tuple[str, str, str, str]]:
    """(kind, name, key, file) of each file in a volume."""
    sources: list[tuple[str, str, Mapping[str, Any]]] = []
    if volume.get("configMap"):
        sources.append(("ConfigMap", volume["configMap"].get("name", ""), volume["configMap"]))
    if volume.get("secret"):
        sources.append(("Secret", volume["secret"].get("secretName", ""), volume["secret"]))
    for entry in (volume.get("projected") or {}).get("sources") or []:
        for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if entry.get(field):
                sources.append((kind, entry[field].get("name", ""), entry[field]))
    for kind, name, source in sources:
        held = read(kind, name) or {}
        items = source.get("items")
        chosen = (
            [(item["key"], item["path"]) for item in items] if items else [(k, k) for k in held]
        )
        yield from ((kind, name, key, path) for key, path in chosen if key in held)


def values_of(kind: str, item: Mapping[str, Any]) -> dict[str, bytes]:
    """The keys of a ConfigMap or Secret that a variable may be made of.

    `binaryData` of a ConfigMap is not among them, nor is what is no base64.
    """
    held = item.get("data") or {}
    if kind != "Secret":
        return {key: str(value or "").encode() for key, value in held.items()}
    return {key: value for key, text in held.items() if (value := decoded(text)) is not None}


def contents_of(kind: str, item: Mapping[str, Any]) -> dict[str, bytes]:
    """The keys that a volume has files of: `values_of`, and a ConfigMap's binaryData."""
    binary = (item.get("binaryData") or {}) if kind == "ConfigMap" else {}
    files = {key: value for key, text in binary.items() if (value := decoded(text)) is not None}
    return {**values_of(kind, item), **files}


def decoded(text: str | None) -> bytes | None:
    """Base64 decoded; None where it is absent or no base64."""
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
