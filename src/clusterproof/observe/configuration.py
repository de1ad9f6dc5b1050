"""Configuration as it reaches containers: keys, ages, placeholders, and the shape of secrets.

A Secret's value is compared here and dropped: what is brought back is its length and yes or no.
"""

import base64
import binascii
import json
from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.containers import container_named
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

_SCANNED = ("ConfigMap", "Secret", "Deployment", "StatefulSet", "Ingress")
_PEM = "-----BEGIN"


@dataclass(frozen=True, slots=True)
class Consumed:
    """Keys that the object holds, and those that the container gets from it."""

    object_exists: bool
    container_exists: bool
    held: frozenset[str]
    consumed: frozenset[str]


@dataclass(frozen=True, slots=True)
class SecretShape:
    """A value by its shape."""

    present: bool
    length: int = 0
    prefix_right: bool = False
    placeholder: bool = False


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


def read_consumed(cluster: Cluster, rule: ConsumedRow) -> Observed[Consumed]:
    """The keys that a container gets by envFrom or env from a ConfigMap or Secret."""
    workload = cluster.find(rule.workload)
    container = container_named(pod_spec_of(workload), rule.container) if workload else None
    item = cluster.find(rule.of)
    held = frozenset((item or {}).get("data") or {})
    consumed: set[str] = set()
    if container is not None:
        consumed = set(consumed_keys(container.spec, rule.of, item))
    value = Consumed(item is not None, container is not None, held, frozenset(consumed))
    evidence = (f"gets {', '.join(sorted(consumed)) or 'nothing'} from {rule.of}",)
    return Observed(
        value,
        f"{rule.workload} {rule.container}",
        evidence,
        f"kubectl describe {rule.workload.kubectl}",
    )


def consumed_keys(container: Json, of: ObjectRef, item: Json | None) -> dict[str, str]:
    """Environment variable to the key of the ConfigMap or Secret that it is set from."""
    whole, single = _env_sources(of.kind)
    held = (item or {}).get("data") or {}
    consumed: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        if (source.get(whole) or {}).get("name") == of.name:
            consumed |= {f"{source.get('prefix', '')}{key}": key for key in held}
    for variable in container.get("env") or []:
        reference = (variable.get("valueFrom") or {}).get(single) or {}
        if reference.get("name") == of.name and reference.get("key") in held:
            consumed[variable["name"]] = reference["key"]
        else:
            consumed.pop(variable["name"], None)  # a plain value wins over envFrom
    return consumed


def _env_sources(kind: str) -> tuple[str, str]:
    sources = {
        "ConfigMap": ("configMapRef", "configMapKeyRef"),
        "Secret": ("secretRef", "secretKeyRef"),
    }
    if kind not in sources:
        raise ObservationError(f"expected a ConfigMap or a Secret, got {kind}")
    return sources[kind]


def read_secret_shape(cluster: Cluster, rule: SecretShapeRow) -> Observed[SecretShape]:
    """Length, prefix and placeholder of one key of a Secret; takes the right `list secrets`."""
    next_command = f"kubectl describe {rule.of.kubectl}"
    where = f"{rule.of} {rule.key}"
    item = cluster.find(rule.of)
    text = decoded(((item or {}).get("data") or {}).get(rule.key))
    if text is None:
        absent = SecretShape(present=False)
        return Observed(absent, where, ("absent",), next_command, _SECRET_RIGHT)
    value = SecretShape(
        present=True,
        length=len(text),
        prefix_right=text.startswith(rule.prefix),
        placeholder=text.strip() in rule.placeholders,
    )
    prefix = f", prefix {rule.prefix} {'right' if value.prefix_right else 'wrong'}"
    evidence = (f"{value.length} characters{prefix if rule.prefix else ''}",)
    return Observed(value, where, evidence, next_command, _SECRET_RIGHT)


_SECRET_RIGHT = "API read (list secrets); the value was not kept"  # noqa: S105 - a right, no secret


def decoded(data: str | None) -> str | None:
    """A Secret's value as text, or None when it is absent or no text."""
    if data is None:
        return None
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def read_placeholders(cluster: Cluster, rule: PlaceholdersRow) -> Observed[Placeholders]:
    """Every place of a namespace that still holds a placeholder; Secrets by key only."""
    found, scanned = [], 0
    for kind in _SCANNED:
        for item in cluster.objects(kind, rule.namespace):
            scanned += 1
            for place, text in _texts(kind, item):
                found += [(place, one) for one in rule.placeholders if _holds(text, one)]
    evidence = (f"{scanned} objects of {', '.join(_SCANNED)} read", *(place for place, _ in found))
    next_command = f"kubectl -n {rule.namespace} get {','.join(_SCANNED).lower()}"
    return Observed(
        Placeholders(tuple(found), scanned), f"namespace {rule.namespace}", evidence, next_command
    )


def _texts(kind: str, item: Json) -> list[tuple[str, str]]:
    name = f"{kind}/{item['metadata']['name']}"
    if kind == "ConfigMap":
        return [(f"{name} {key}", text) for key, text in (item.get("data") or {}).items()]
    if kind == "Secret":
        return [
            (f"{name} {key}", text)
            for key, data in (item.get("data") or {}).items()
            if (text := decoded(data)) is not None and _PEM not in text
        ]
    return [(name, json.dumps(item["spec"]))]


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
