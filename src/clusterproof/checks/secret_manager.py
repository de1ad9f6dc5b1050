"""Rows `check: secret-manager`.

Source: docs of Sealed Secrets, External Secrets Operator and Vault (read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.objects import Json
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Row


class SecretManagerRow(Row):
    """Who manages a namespace's Secrets; none is a warning, not a failure."""

    check: Literal["secret-manager"]
    namespace: str
    secrets: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class SecretManager:
    """Secret to the tool that manages it, or ""."""

    managers: tuple[tuple[str, str], ...]
    absent: tuple[str, ...]


_MANAGERS_BY_OWNER = {"SealedSecret": "Sealed Secrets", "ExternalSecret": "External Secrets"}


_MANAGERS_BY_MARK = {
    "sealedsecrets.bitnami.com/": "Sealed Secrets",
    "reconcile.external-secrets.io/": "External Secrets",
    "vault.hashicorp.com/": "Vault",
    "secrets.hashicorp.com/": "Vault",
}


def look(row: SecretManagerRow, site: Site) -> Observed[SecretManager]:
    """The tool behind each Secret, by its owner reference, annotation or label."""
    cluster = site.cluster
    by_name = {item["metadata"]["name"]: item for item in cluster.objects("Secret", row.namespace)}
    managers = tuple((name, manager_of(by_name[name])) for name in row.secrets if name in by_name)
    absent = tuple(name for name in row.secrets if name not in by_name)
    evidence = tuple(
        f"{name}: {manager}"
        if manager
        else f"warning: {name} is managed by none of Sealed Secrets, External Secrets, Vault"
        for name, manager in managers
    )
    next_command = f"kubectl -n {row.namespace} describe secrets"
    where = f"namespace {row.namespace}"
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


def differences(row: SecretManagerRow, value: SecretManager) -> Iterator[Difference]:
    """The Secrets exist; that nothing manages them is a warning in the evidence."""
    for name in value.absent:
        yield Difference(f"Secret/{row.namespace}/{name}", "a Secret", "absent")


def judge(row: SecretManagerRow, fact: SecretManager) -> Judgement:
    """The Secrets exist; that nothing manages them is a warning in the evidence."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(SecretManagerRow, look, judge)
