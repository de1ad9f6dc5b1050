"""Configuration as it reaches containers: keys, ages, placeholders, and the shape of secrets.

A Secret's value is compared here and dropped: what is brought back is its length and yes or no.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.containers import container_named
from clusterproof.kube.env import (
    MountedFile,
    Read,
    Variable,
    contents_of,
    decoded,
    environment_of,
    files_of,
    values_of,
)
from clusterproof.kube.objects import Json, controller_of
from clusterproof.kube.workloads import pod_spec_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.desired import (
    ConsumedRow,
    PlaceholdersRow,
    SecretManagerRow,
    SecretShapeRow,
)
from clusterproof.spec.row import ObjectRef

_SCANNED = (
    "ConfigMap",
    "Secret",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Job",
    "Ingress",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_PEM = "-----BEGIN"


@dataclass(frozen=True, slots=True)
class Consumed:
    """Keys that the object holds, and those of the row that the container gets from it.

    Attributes:
        instead: Key to what is there in its place, for each of the row's keys that it does not get.
    """

    object_exists: bool
    container_exists: bool
    held: frozenset[str]
    consumed: frozenset[str]
    instead: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SecretShape:
    """A value by its shape.

    Attributes:
        length: In characters; in bytes for what is no text.
        flaw: What is wrong with the value by itself, or "".
    """

    present: bool
    length: int = 0
    prefix_right: bool = False
    placeholder: bool = False
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Where a placeholder was found: (place, placeholder)."""

    found: tuple[tuple[str, str], ...]
    scanned: int


@dataclass(frozen=True, slots=True)
class SecretManager:
    """Secret to the tool that manages it, or ""."""

    managers: tuple[tuple[str, str], ...]
    absent: tuple[str, ...]


class Unread(dict[str, bytes | None]):
    """The keys of a Secret that may not be read: whatever is asked for may be among them."""

    def __contains__(self, key: object) -> bool:
        """True: a container that runs has the key."""
        return True

    def __missing__(self, key: str) -> None:
        """Not known."""


def reader_of(
    cluster: Cluster,
    of: ObjectRef,
    *containers: Json,
    contents: Callable[[str, Json], Mapping[str, bytes]],
) -> Read:
    """Reads the keys of the ConfigMaps and Secrets of a namespace.

    `contents` is `values_of` for variables, which are never made of binaryData (kubelet_pods.go,
    makeEnvironmentVariables), and `contents_of` for files.

    Secrets are listed only for a row about one, or where a container takes one as a whole: what a
    variable is set from is said by its reference.
    """
    listed = of.kind == "Secret" or any(
        source.get("secretRef")
        for container in containers
        for source in container.get("envFrom") or []
    )

    def read(kind: str, name: str) -> Mapping[str, bytes | None] | None:
        if kind == "Secret" and not listed:
            return Unread()
        try:
            item = cluster.find(ObjectRef(kind=kind, namespace=of.namespace, name=name))
        except ObservationError:
            return Unread()
        return None if item is None else dict(contents(kind, item))

    return read


def read_consumed(cluster: Cluster, rule: ConsumedRow) -> Observed[Consumed]:
    """The keys that a container gets from a ConfigMap or Secret, as a variable or as a file.

    Raises:
        ObservationError: A source that goes over it may not be read.
    """
    if rule.of.kind not in {"ConfigMap", "Secret"}:
        raise ObservationError(f"expected a ConfigMap or a Secret, got {rule.of.kind}")
    workload = cluster.find(rule.workload)
    spec = pod_spec_of(workload) if workload else {}
    container = container_named(spec, rule.container)
    item = cluster.find(rule.of)
    next_command = f"kubectl describe {rule.workload.kubectl}"
    where = f"{rule.workload} {rule.container}"
    if item is None or container is None or rule.workload.namespace != rule.of.namespace:
        there = item is not None and rule.workload.namespace == rule.of.namespace
        nothing: frozenset[str] = frozenset()
        absent = Consumed(there, container is not None, nothing, nothing)
        return Observed(absent, where, ("gets nothing from it",), next_command)
    read = reader_of(cluster, rule.of, container.spec, contents=values_of)
    _refuse_unread(container.spec, rule, read)
    variables = environment_of(container.spec, read).variables
    files = files_of(
        spec, container.spec, reader_of(cluster, rule.of, container.spec, contents=contents_of)
    )
    instead: list[tuple[str, str]] = []
    consumed: list[str] = []
    for key in rule.keys:
        why = _why_not(key, rule, variables, files)
        if why is None:
            consumed.append(key)
        else:
            instead.append((key, why))
    held = frozenset(contents_of(rule.of.kind, item))
    value = Consumed(True, True, held, frozenset(consumed), tuple(instead))  # noqa: FBT003 - as named
    evidence = (
        f"gets {', '.join(sorted(consumed)) or 'none of these keys'} from {rule.of}",
        *(f"{key}: {why}" for key, why in instead),
    )
    return Observed(value, where, evidence, next_command)


def _why_not(
    key: str,
    rule: ConsumedRow,
    variables: Mapping[str, Variable],
    files: tuple[MountedFile, ...],
) -> str | None:
    """Where the key does not get to the container as the row says: what is there instead."""
    source, name = (rule.of.kind, rule.of.name, key), rule.as_.get(key, key)
    if name.startswith("/"):
        at = [(file.kind, file.name, file.key) for file in files if file.path == name]
        return None if source in at else f"no file {name} of it"
    variable = variables.get(name)
    if variable is not None:
        is_it = (variable.kind, variable.name, variable.key) == source
        return None if is_it else f"{name} comes from {variable}"
    if key in rule.as_:
        return f"no variable {name}"
    if any((one.kind, one.name, one.key) == source for one in variables.values()):
        return None
    paths = [file.path for file in files if (file.kind, file.name, file.key) == source]
    return f"as the file {paths[0]} alone; say so by `as`" if paths else "not set from it"


def _refuse_unread(container: Json, rule: ConsumedRow, read: Read) -> None:
    """Nothing, unless a whole Secret that may not be read goes over the row's own source."""
    field = "configMapRef" if rule.of.kind == "ConfigMap" else "secretRef"
    ours = False
    for source in container.get("envFrom") or []:
        ours = ours or (source.get(field) or {}).get("name") == rule.of.name
        secret = (source.get("secretRef") or {}).get("name", "")
        if ours and secret and isinstance(read("Secret", secret), Unread):
            raise ObservationError(
                f"Secret {secret} is a later source of the environment, and may not be read: it"
                f" cannot be told whether it sets {', '.join(rule.keys)} anew",
                next_command=f"kubectl auth can-i list secrets -n {rule.of.namespace}",
            )


def read_secret_shape(cluster: Cluster, rule: SecretShapeRow) -> Observed[SecretShape]:
    """Length, prefix and placeholder of one key of a Secret; takes the right `list secrets`."""
    next_command = f"kubectl describe {rule.of.kubectl}"
    where = f"{rule.of} {rule.key}"
    item = cluster.find(rule.of)
    data = decoded(((item or {}).get("data") or {}).get(rule.key))
    if data is None:
        absent = SecretShape(present=False)
        return Observed(absent, where, ("absent",), next_command, _SECRET_RIGHT)
    text = _text_of(data)
    value = SecretShape(
        present=True,
        length=len(data if text is None else text),
        prefix_right=data.startswith(rule.prefix.encode()),
        placeholder=text is not None and text.strip() in rule.placeholders,
        flaw="" if text is None else _flaw(text),
    )
    prefix = f", prefix {rule.prefix} {'right' if value.prefix_right else 'wrong'}"
    unit = "bytes that are no text" if text is None else "characters"
    evidence = [f"{value.length} {unit}{prefix if rule.prefix else ''}"]
    if value.flaw:
        evidence.append(f"its value is {value.flaw}")
    return Observed(value, where, tuple(evidence), next_command, _SECRET_RIGHT)


_SECRET_RIGHT = "API read (list secrets); the value was not kept"  # noqa: S105 - a right, no secret
_FEW_BITS = 1.5
"""Of a character, on the average: under this are two or three characters over and over. A random
hexadecimal text has 3 and more. Our choice."""


def _text_of(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _flaw(text: str) -> str:
    """What is wrong with a value by itself, without a word of it; or ""."""
    bare = text.strip("\ufeff \t\r\n\v\f")
    if not bare:
        return WHITE_SPACE
    if bare != text and "\n" not in bare:  # a file of several lines ends in one
        return IN_WHITE_SPACE
    shares = [count / len(bare) for count in Counter(bare).values()]
    if len(shares) == 1:
        return REPEATED
    return WEAK if -sum(share * log2(share) for share in shares) < _FEW_BITS else ""


WHITE_SPACE = "only white space"
IN_WHITE_SPACE = "between white space (a newline at its end?)"
REPEATED = "one character repeated"
WEAK = "two or three characters over and over"


def read_placeholders(cluster: Cluster, rule: PlaceholdersRow) -> Observed[Placeholders]:
    """Every place of a namespace that still holds a placeholder; Secrets by key only."""
    found, scanned = [], 0
    for kind in _SCANNED:
        for item in cluster.objects(kind, rule.namespace):
            if controller_of(item) is not None:
                continue  # its owner has the text, and gives it the next one
            scanned += 1
            for place, text in _texts(kind, item):
                found += [(place, one) for one in rule.placeholders if _holds(text, one)]
    evidence = (f"{scanned} objects of {', '.join(_SCANNED)} read", *(place for place, _ in found))
    next_command = f"kubectl -n {rule.namespace} get {','.join(_SCANNED).lower()} -o name"
    return Observed(
        Placeholders(tuple(found), scanned), f"namespace {rule.namespace}", evidence, next_command
    )


def _texts(kind: str, item: Json) -> Iterator[tuple[str, str]]:
    """Every text of an object with its place: what somebody wrote, and no copy of it."""
    name, metadata = f"{kind}/{item['metadata']['name']}", item["metadata"]
    for part in ("labels", "annotations"):
        for key, text in (metadata.get(part) or {}).items():
            if key != _LAST_APPLIED:
                yield f"{name} metadata.{part}['{key}']", text
    if kind in {"ConfigMap", "Secret"}:
        for key, data in contents_of(kind, item).items():
            text = _text_of(data)
            if text is not None and not (kind == "Secret" and _PEM in text):
                yield f"{name} {key}", text
    else:
        yield from _strings(f"{name} spec", item.get("spec"))


def _strings(place: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(f"{place}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            named = inner.get("name") if isinstance(inner, dict) else None
            at = f"[name={named}]" if named else f"[{index}]"
            yield from _strings(f"{place}{at}", inner)


def _holds(text: str, placeholder: str) -> bool:
    """One such as `sk-...` counts as the whole value only: real ones begin like it."""
    return text.strip() == placeholder if placeholder.endswith("...") else placeholder in text


_MANAGERS_BY_OWNER = {"SealedSecret": "Sealed Secrets", "ExternalSecret": "External Secrets"}
_MANAGERS_BY_MARK = {
    "sealedsecrets.bitnami.com/": "Sealed Secrets",
    "reconcile.external-secrets.io/": "External Secrets",
    "vault.hashicorp.com/": "Vault",
    "secrets.hashicorp.com/": "Vault",
}


def read_secret_manager(cluster: Cluster, rule: SecretManagerRow) -> Observed[SecretManager]:
    """The tool behind each Secret, by its owner reference, annotation or label."""
    by_name = {item["metadata"]["name"]: item for item in cluster.objects("Secret", rule.namespace)}
    managers = tuple((name, manager_of(by_name[name])) for name in rule.secrets if name in by_name)
    absent = tuple(name for name in rule.secrets if name not in by_name)
    evidence = tuple(
        f"{name}: {manager}"
        if manager
        else f"warning: {name} is managed by none of Sealed Secrets, External Secrets, Vault"
        for name, manager in managers
    )
    next_command = f"kubectl -n {rule.namespace} describe secrets"
    where = f"namespace {rule.namespace}"
    return Observed(SecretManager(managers, absent), where, evidence, next_command)


def manager_of(secret: Json) -> str:
    """The name of the tool that manages a Secret, or ""."""
    metadata = secret["metadata"]
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("kind") in _MANAGERS_BY_OWNER:
            return _MANAGERS_BY_OWNER[owner["kind"]]
    for mark in [*(metadata.get("annotations") or {}), *(metadata.get("labels") or {})]:
        for prefix, tool in _MANAGERS_BY_MARK.items():
            if mark.startswith(prefix):
                return tool
    return ""
