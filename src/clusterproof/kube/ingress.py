"""Which backend an Ingress sends a request to, and which Secret serves its TLS.

Restates networking/v1 types.go (v1.35): `IngressRule.Host`, `HTTPIngressPath`, `PathType`,
`IngressSpec.DefaultBackend`; and Kubernetes docs, "Ingress", "Multiple matches": the longest path,
and Exact before Prefix. A precise host goes before a wildcard, and that before a rule without host.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clusterproof.kube.objects import annotations_of
from clusterproof.kube.services import spec_of

EXACT, IMPLEMENTATION_SPECIFIC = "Exact", "ImplementationSpecific"
_PATTERN = "*?+()[]{}|^$\\"
"""What a path has that a controller reads as a regular expression or a wildcard."""
_PRECISE, _WILDCARD, _EVERY = 3, 2, 1


@dataclass(frozen=True, slots=True)
class IngressPath:
    """One path of a rule, or the default backend.

    Attributes:
        host: "" is every host.
        path_type: Exact, Prefix or ImplementationSpecific, whose matching is up to the controller
            of the IngressClass.
        service: "" where the backend is another resource.
        port: As the Ingress writes it: `{number: N}` or `{name: N}`.
        resource: `Kind/name` of a backend that is no Service, or "".
    """

    host: str
    path: str
    path_type: str
    service: str
    port: Mapping[str, Any]
    resource: str = ""

    def takes(self, path: str) -> bool:
        """True for a request's path that it takes in every cluster.

        Exact and ImplementationSpecific: the same path; Prefix: whole elements of it.
        """
        if self.path_type in {EXACT, IMPLEMENTATION_SPECIFIC}:
            return path == self.path
        return is_within(path, self.path)

    def may_take(self, path: str) -> bool:
        """True for a request's path that it takes in some clusters: as a prefix, or a pattern."""
        if self.path_type != IMPLEMENTATION_SPECIFIC or path == self.path:
            return False
        return path.startswith(self.path.rstrip("/")) or not set(self.path).isdisjoint(_PATTERN)


def is_within(path: str, prefix: str) -> bool:
    """True for a path that begins with the whole elements of a prefix."""
    prefix = prefix.rstrip("/")
    return path == prefix or f"{path.rstrip('/')}/".startswith(f"{prefix}/")


def hosts_of(ingress: Mapping[str, Any]) -> tuple[str, ...]:
    """The hosts that an Ingress has rules for; "" is every host."""
    return tuple(rule.get("host") or "" for rule in spec_of(ingress).get("rules") or [])


def paths_for(ingress: Mapping[str, Any], host: str) -> tuple[IngressPath, ...]:
    """The paths of the rules that take a host; the default backend where no rule does."""
    ranked: dict[int, list[IngressPath]] = {}
    for rule in spec_of(ingress).get("rules") or []:
        rank = _rank(rule.get("host") or "", host)
        if rank:
            ranked.setdefault(rank, []).extend(_paths(rule))
    best = ranked[max(ranked)] if ranked else []
    return tuple(best or _default(ingress))


def path_for(ingress: Mapping[str, Any], host: str, path: str) -> IngressPath | None:
    """What takes a request to this host and path; None where nothing does."""
    taking = [entry for entry in paths_for(ingress, host) if entry.takes(path)]
    best = max(taking, key=precedence, default=None)
    return best or next(iter(_default(ingress)), None)


def precedence(entry: IngressPath) -> tuple[int, bool]:
    """Of two paths of a host that take a request, the one with more of it goes first."""
    return len(entry.path.rstrip("/")), entry.path_type == EXACT


@dataclass(frozen=True, slots=True)
class Rival:
    """What another Ingress does with a request that a path of this one takes.

    Attributes:
        ingress: Its name; `namespace/name` where it is of another namespace.
        path: What would take the request there; None where nothing does.
        is_certain: Whether it takes it under every controller.
    """

    ingress: str
    path: IngressPath | None
    is_certain: bool


def rivals_of(
    ingress: Mapping[str, Any],
    own: IngressPath,
    others: Iterable[Mapping[str, Any]],
    host: str,
    path: str,
) -> Iterator[Rival]:
    """The Ingresses at the same address that take a request instead, or may.

    Controllers that join the Ingresses of their class have one address for all of them; one that
    makes a load balancer for each has others.

    Args:
        ingress: Of whose paths `own` takes the request.
        own: That path.
        others: The Ingresses of its namespace, or of all. What one of another namespace takes is
            never certain: most controllers merge hosts over all, OpenShift's gives a host to one.
        host: Of the request.
        path: Of the request.
    """
    for other in others:
        name = str(other["metadata"]["name"])
        is_beside = _namespace(other) == _namespace(ingress)
        if (
            (not is_beside or name != ingress["metadata"]["name"])
            and class_of(ingress) == class_of(other)
            and not set(addresses_of(ingress)).isdisjoint(addresses_of(other))
        ):
            for rival in _rivals_in(other, name, own, host, path):
                elsewhere = f"{_namespace(other)}/{name}"
                yield rival if is_beside else Rival(elsewhere, rival.path, is_certain=False)


def _rivals_in(
    other: Mapping[str, Any], name: str, own: IngressPath, host: str, path: str
) -> Iterator[Rival]:
    """The one path of another Ingress that counts, or none where the request stays with `own`.

    Of rules for the same host the longest path takes it, and of two that are alike nobody knows
    which. Where hosts are not alike, or a default backend is, controllers differ (ingress-nginx,
    createServers: each host is a server, with a default of its own). Groups of the AWS Load
    Balancer Controller are in an order that is written, or that of their names.
    """
    entries = [entry for entry in paths_for(other, host) if entry.path_type]
    takers = [entry for entry in entries if entry.takes(path)]
    if is_canary(other):
        alike = () if _is_idle(other) else (each for each in takers if _is_same_rule(each, own))
        yield from (Rival(name, entry, is_certain=False) for entry in alike)
        return
    best = max(takers, key=precedence, default=None)
    rank = max((_rank(entry.host, host) for entry in entries), default=0)
    own_rank = _rank(own.host, host) if own.path_type else 0
    if rank and rank > own_rank:
        yield Rival(name, best, is_certain=False)
    elif rank and rank == own_rank and best is not None:
        if _is_in_a_group(other):
            yield Rival(name, best, is_certain=False)
        elif precedence(best) >= precedence(own):
            yield Rival(name, best, is_certain=precedence(best) > precedence(own))


def is_canary(ingress: Mapping[str, Any]) -> bool:
    """Whether it gives a share of the requests of another Ingress to its own backends.

    It stands for nothing by itself (ingress-nginx, createServers, mergeAlternativeBackends).
    """
    return _canary(ingress).get("canary") == "true"


def _is_idle(canary: Mapping[str, Any]) -> bool:
    """Source: ingress-nginx docs, "Annotations", Canary: by no weight and no header it rests."""
    ways = _canary(canary)
    by_header = any(name.startswith("canary-by-") for name in ways)
    return ways.get("canary-weight", "0") == "0" and not by_header


def _canary(ingress: Mapping[str, Any]) -> dict[str, str]:
    """Its annotations about that, by the name behind the controller's."""
    names = ((name.rpartition("/")[2], text) for name, text in annotations_of(ingress).items())
    return {name: text for name, text in names if name.startswith("canary")}


def _is_same_rule(entry: IngressPath, other: IngressPath) -> bool:
    return (entry.host.lower(), entry.path, entry.path_type) == (
        other.host.lower(),
        other.path,
        other.path_type,
    )


def _is_in_a_group(ingress: Mapping[str, Any]) -> bool:
    return "alb.ingress.kubernetes.io/group.name" in annotations_of(ingress)


def paths_that_may_take(
    ingress: Mapping[str, Any], host: str, path: str
) -> tuple[IngressPath, ...]:
    """The paths of type ImplementationSpecific that a controller may send a request to instead."""
    return tuple(entry for entry in paths_for(ingress, host) if entry.may_take(path))


def host_covers(pattern: str, host: str) -> bool:
    """True where a rule's or a certificate's host takes a request's host.

    A wildcard stands for one whole label, the first.
    """
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if pattern.startswith("*."):
        label, _, rest = host.partition(".")
        return pattern == host or (bool(label) and rest == pattern[2:])
    return pattern == host


def tls_entry(ingress: Mapping[str, Any], host: str) -> Mapping[str, Any] | None:
    """The entry of `spec.tls` for a host: one that names it, precisely or by a wildcard, first.

    One without hosts is for whatever the controller's default is.
    """
    best: tuple[int, Mapping[str, Any]] | None = None
    for entry in spec_of(ingress).get("tls") or []:
        hosts = entry.get("hosts") or [""]
        rank = max(_rank(name, host) for name in hosts)
        if rank and (best is None or rank > best[0]):
            best = rank, entry
    return best[1] if best else None


def addresses_of(ingress: Mapping[str, Any]) -> tuple[str, ...]:
    """Addresses (or names) at which the Ingress is served; an entry may have neither."""
    entries = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    addresses = (entry.get("ip") or entry.get("hostname") for entry in entries)
    return tuple(filter(None, addresses))


def address_due(
    ingress: Mapping[str, Any],
    others: Iterable[Mapping[str, Any]],
    classes: Iterable[str] | None,
) -> str:
    """Why an Ingress should have an address in its status, or ""; it is optional.

    Traefik writes none without `publishedService`, nor do others behind a proxy of their own.
    Source: networking/v1 types.go, `IngressStatus` and `IngressSpec.IngressClassName` (controller
    to IngressClass to Ingress).

    Args:
        ingress: Without an address.
        others: Ingresses of its namespace, or of all.
        classes: The names of the IngressClasses; None where they are not known.
    """
    name = class_of(ingress)
    alike = (other for other in others if name and class_of(other) == name and addresses_of(other))
    for other in alike:
        return f"Ingress {_namespace(other)}/{other['metadata']['name']} of class {name} has one"
    if classes is not None and (wanted := spec_of(ingress).get("ingressClassName")):
        return "" if wanted in set(classes) else f"there is no IngressClass {wanted}"
    return ""


def _namespace(ingress: Mapping[str, Any]) -> str:
    return str(ingress["metadata"].get("namespace") or "default")


def class_of(ingress: Mapping[str, Any]) -> str:
    """The name of its class, also by the annotation that stood for it before v1.18; or ""."""
    annotation = annotations_of(ingress).get("kubernetes.io/ingress.class", "")
    return str(spec_of(ingress).get("ingressClassName") or annotation)


def _rank(pattern: str, host: str) -> int:
    if not pattern:
        return _EVERY
    if pattern.lower() == host.lower():
        return _PRECISE
    return _WILDCARD if host_covers(pattern, host) else 0


def _paths(rule: Mapping[str, Any]) -> Iterator[IngressPath]:
    for entry in (rule.get("http") or {}).get("paths") or []:
        yield _entry(
            rule.get("host") or "",
            entry.get("path") or "/",
            entry.get("backend") or {},
            entry.get("pathType") or IMPLEMENTATION_SPECIFIC,
        )


def _default(ingress: Mapping[str, Any]) -> Iterator[IngressPath]:
    backend = spec_of(ingress).get("defaultBackend")
    if backend:
        yield _entry("", "/", backend, "")


def _entry(host: str, path: str, backend: Mapping[str, Any], path_type: str) -> IngressPath:
    service, resource = backend.get("service") or {}, backend.get("resource") or {}
    named = f"{resource.get('kind', '')}/{resource.get('name', '')}" if resource else ""
    return IngressPath(
        host, path, path_type, service.get("name", ""), service.get("port") or {}, named
    )
