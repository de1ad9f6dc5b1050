"""From the rights that a run used to the Roles that grant them, and nothing else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clusterproof.errors import SpecError

Json = dict[str, Any]

_RIGHT: Final = re.compile(
    r"^(?P<verb>[a-z]+) (?P<resource>[a-z]+(?:/[a-z]+)?)(?:\.(?P<group>[a-z0-9.-]+))?"
    r"(?: in (?P<namespace>[a-z0-9-]+))?$"
)
_RBAC: Final = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One verb on one resource; in one namespace, or in all with namespace ""."""

    namespace: str
    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        """As a run record has it."""
        group = f".{self.group}" if self.group else ""
        place = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{group}{place}"


def grants_of(rights: Iterable[str]) -> frozenset[Grant]:
    """The rights of a run record.

    Raises:
        SpecError: One is not written as `verb resource[/sub][.group][ in namespace]`.
    """
    return frozenset(_grant(right) for right in rights)


def _grant(right: str) -> Grant:
    match = _RIGHT.match(right)
    if match is None:
        raise SpecError(f"rights: expected `verb resource[.group][ in namespace]`, got {right!r}")
    return Grant(match["namespace"] or "", match["group"] or "", match["resource"], match["verb"])


def needed(grants: Iterable[Grant]) -> frozenset[Grant]:
    """Without those that a grant for all namespaces holds already."""
    distinct = frozenset(grants)
    return frozenset(
        grant
        for grant in distinct
        if not grant.namespace or Grant("", grant.group, grant.resource, grant.verb) not in distinct
    )


def roles(grants: Iterable[Grant], name: str, account: tuple[str, str]) -> list[Json]:
    """A Role for each namespace, or a ClusterRole, each bound to a ServiceAccount.

    Args:
        grants: What they grant.
        name: Theirs.
        account: Namespace and name of the ServiceAccount.
    """
    by_namespace: dict[str, list[Grant]] = {}
    for grant in sorted(grants):
        by_namespace.setdefault(grant.namespace, []).append(grant)
    made: list[Json] = []
    for namespace, in_namespace in by_namespace.items():
        kind = "Role" if namespace else "ClusterRole"
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        made += (
            {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata}
            | {"rules": _rules(in_namespace)},
            {"apiVersion": f"{_RBAC}/v1", "kind": f"{kind}Binding", "metadata": metadata}
            | {"roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name}}
            | {
                "subjects": [
                    {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}
                ]
            },
        )
    return made


def _rules(grants: Iterable[Grant]) -> list[Json]:
    """One rule for each group and set of verbs."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for grant in grants:
        verbs.setdefault((grant.group, grant.resource), []).append(grant.verb)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in verbs.items():
        alike.setdefault((group, tuple(sorted(allowed))), []).append(resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources), "verbs": list(allowed)}
        for (group, allowed), resources in sorted(alike.items())
    ]


def granted(manifests: Iterable[Mapping[str, Any]]) -> Iterator[Grant]:
    """What Roles and ClusterRoles grant; one grant for each verb on each resource."""
    for manifest in manifests:
        if manifest["kind"] not in {"Role", "ClusterRole"}:
            continue
        namespace = manifest["metadata"].get("namespace", "")
        for rule in manifest["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        yield Grant(namespace, group, resource, verb)
