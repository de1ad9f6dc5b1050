"""The Secrets of a namespace exist; which tool manages each stands in the evidence.

Source: docs of Sealed Secrets, External Secrets Operator and Vault (read 2026-11-23).
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.objects import Json
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Row

_MANAGERS_BY_OWNER = {"SealedSecret": "Sealed Secrets", "ExternalSecret": "External Secrets"}
_MANAGERS_BY_MARK = {
    "sealedsecrets.bitnami.com/": "Sealed Secrets",
    "reconcile.external-secrets.io/": "External Secrets",
    "vault.hashicorp.com/": "Vault",
    "secrets.hashicorp.com/": "Vault",
}


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


def look(row: SecretManagerRow, site: Site) -> Observed[SecretManager]:
    """The tool behind each Secret, by its owner reference, annotation or label."""
    secrets = site.cluster.objects("Secret", row.namespace)
    by_name = {secret["metadata"]["name"]: secret for secret in secrets}
    managers = tuple((name, _manager_of(by_name[name])) for name in row.secrets if name in by_name)
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


def _manager_of(secret: Json) -> str:
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


def judge(row: SecretManagerRow, fact: SecretManager) -> Judgement:
    """The Secrets exist; that nothing manages them is a warning in the evidence."""
    absent = (
        Difference(f"Secret/{row.namespace}/{name}", "a Secret", "absent", code="secret-absent")
        for name in fact.absent
    )
    return judged(absent, [f"Secret/{row.namespace}/{name}" for name, _ in fact.managers])


KIND = Kind(SecretManagerRow, look, judge, codes=("secret-absent",))
