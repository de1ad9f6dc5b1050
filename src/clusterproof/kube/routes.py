"""Which HTTPRoute of a Gateway takes a request, and which backends it sends it to.

Restates Gateway API v1.3, apis/v1: `HTTPRouteSpec.Hostnames`, `HTTPRouteRule.Matches` (the order of
precedence), `HTTPRouteMatch`, `ParentReference`, `Listener.Hostname`, `AllowedRoutes`,
`HTTPBackendRef`, `RouteParentStatus`; and apis/v1beta1 `ReferenceGrant`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clusterproof.kube.ingress import is_within
from clusterproof.kube.objects import Json, labels_of, status_of
from clusterproof.kube.selectors import selects
from clusterproof.kube.services import spec_of

GROUP = "gateway.networking.k8s.io"
ROUTE, GATEWAY, GRANT = "HTTPRoute", "Gateway", "ReferenceGrant"
EXACT, PREFIX, PATTERN = "Exact", "PathPrefix", "RegularExpression"
ALL, SAME, SELECTOR = "All", "Same", "Selector"
_OF_HTTP = frozenset({"HTTP", "HTTPS"})
"""The protocols whose listeners take HTTPRoutes without naming them."""


@dataclass(frozen=True, slots=True)
class Request:
    """What decides where an HTTP request goes.

    Attributes:
        headers: Name, in whatever case, to value.
        query: Name of a query parameter to its value.
    """

    host: str
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Term:
    """One header or query parameter that a match asks for; a pattern's dialect is nobody's."""

    name: str
    value: str
    is_pattern: bool = False

    def holds(self, given: Mapping[str, str]) -> bool | None:
        """Whether the request has it; None where that is up to the implementation."""
        if self.name not in given:
            return False
        return None if self.is_pattern else given[self.name] == self.value


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a rule's `matches`: all of its parts must hold."""

    path: str = "/"
    path_type: str = PREFIX
    method: str = ""
    headers: tuple[Term, ...] = ()
    query: tuple[Term, ...] = ()

    def takes(self, request: Request) -> bool | None:
        """Whether it takes a request; None where that is up to the implementation."""
        headers = {name.lower(): text for name, text in request.headers.items()}
        parts = [
            self._takes_path(request.path),
            self.method in {"", request.method},
            *(term.holds(headers) for term in self.headers),
            *(term.holds(request.query) for term in self.query),
        ]
        if False in parts:
            return False
        return None if None in parts else True

    def _takes_path(self, path: str) -> bool | None:
        if self.path_type == EXACT:
            return path == self.path
        return is_within(path, self.path) if self.path_type == PREFIX else None

    @property
    def is_by_pattern(self) -> bool:
        """Whether its path is an expression, whose dialect is the implementation's."""
        return self.path_type not in {EXACT, PREFIX}

    @property
    def rank(self) -> tuple[object, ...]:
        """The smaller, the earlier it is tried."""
        return (
            self.path_type != EXACT,
            -len(self.path.rstrip("/")),
            not self.method,
            -len(self.headers),
            -len(self.query),
        )

    def __str__(self) -> str:
        """As in `GET PathPrefix /api, header x-track`."""
        named = [f"header {term.name}" for term in self.headers]
        named += [f"query {term.name}" for term in self.query]
        return ", ".join([f"{self.method} {self.path_type} {self.path}".strip(), *named])


@dataclass(frozen=True, slots=True)
class BackendRef:
    """Where a rule sends requests.

    Attributes:
        kind: Service, or `KIND.GROUP` of another.
        port: None where it names none, as those of other kinds may.
        weight: Its share of the requests is its weight in the sum of all.
    """

    kind: str
    namespace: str
    name: str
    port: int | None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of a Gateway.

    Attributes:
        hostname: "" takes every host.
        admits: From which namespaces: All, Same or Selector.
        kinds: The kinds of routes that it names; () for those of its protocol.
        certificates: The Secrets that it serves, as `namespace/name`.
    """

    name: str
    port: int
    protocol: str = "HTTP"
    hostname: str = ""
    admits: str = SAME
    selector: Mapping[str, Any] | None = None
    kinds: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()


class Obstacle(StrEnum):
    """Why a route is attached to no listener of a Gateway; the last is the closest to one."""

    NO_PARENT = "no parentRef names the Gateway"
    NO_LISTENER = "no listener has the sectionName and the port of a parentRef"
    REFUSED = "no such listener admits HTTPRoutes of this namespace"
    NO_HOSTNAME = "no hostname is both the route's and the listener's"


@dataclass(frozen=True, slots=True)
class Attached:
    """A route at a listener, by one of its hostnames.

    Attributes:
        hostname: As the route writes it; "" for a route without hostnames.
        host: What is both the route's and the listener's.
    """

    listener: Listener
    hostname: str
    host: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The rule that takes a request."""

    namespace: str
    route: str
    rule: int
    match: Match
    backends: tuple[BackendRef, ...]
    redirects: bool = False


def listeners_of(gateway: Mapping[str, Any]) -> tuple[Listener, ...]:
    """The listeners of a Gateway."""
    return tuple(_listener(gateway, entry) for entry in spec_of(gateway).get("listeners") or [])


def _listener(gateway: Mapping[str, Any], entry: Mapping[str, Any]) -> Listener:
    allowed = entry.get("allowedRoutes") or {}
    namespaces = allowed.get("namespaces") or {}
    home = gateway["metadata"]["namespace"]
    secrets = (entry.get("tls") or {}).get("certificateRefs") or []
    return Listener(
        name=entry["name"],
        port=entry["port"],
        protocol=entry.get("protocol", "HTTP"),
        hostname=(entry.get("hostname") or "").lower(),
        admits=namespaces.get("from") or SAME,
        selector=namespaces.get("selector"),
        kinds=tuple(
            kind["kind"] for kind in allowed.get("kinds") or [] if kind.get("group", GROUP) == GROUP
        ),
        certificates=tuple(f"{ref.get('namespace') or home}/{ref['name']}" for ref in secrets),
    )


def names_a_gateway(parent: Mapping[str, Any]) -> bool:
    """True where a parentRef means some Gateway, and not a mesh's Service, say."""
    return bool(parent.get("group", GROUP) == GROUP and parent.get("kind", GATEWAY) == GATEWAY)


def names_gateway(parent: Mapping[str, Any], route: Json, gateway: Json) -> bool:
    """True where a parentRef of a route, or of its status, means this Gateway."""
    home = route["metadata"]["namespace"]
    return bool(
        names_a_gateway(parent)
        and (parent.get("namespace") or home) == gateway["metadata"]["namespace"]
        and parent["name"] == gateway["metadata"]["name"]
    )


def attachments(
    route: Json, gateway: Json, namespaces: Mapping[str, Json]
) -> tuple[Attached, ...] | Obstacle:
    """Where a route is attached to a Gateway; why not, where it is not.

    Args:
        route: An HTTPRoute.
        gateway: The Gateway.
        namespaces: By name: a listener with a selector asks for their labels.
    """
    parents = [
        parent
        for parent in spec_of(route).get("parentRefs") or []
        if names_gateway(parent, route, gateway)
    ]
    if not parents:
        return Obstacle.NO_PARENT
    named = [
        listener
        for listener in listeners_of(gateway)
        if any(_is_section(parent, listener) for parent in parents)
    ]
    if not named:
        return Obstacle.NO_LISTENER
    admitting = [each for each in named if _admits(each, route, gateway, namespaces)]
    if not admitting:
        return Obstacle.REFUSED
    attached = tuple(
        Attached(listener, hostname, host)
        for listener in admitting
        for hostname in hostnames_of(route) or ("",)
        if (host := intersection(listener.hostname, hostname)) is not None
    )
    return attached or Obstacle.NO_HOSTNAME


def hostnames_of(route: Mapping[str, Any]) -> tuple[str, ...]:
    """The hostnames of a route; () takes every host."""
    return tuple(name.lower() for name in spec_of(route).get("hostnames") or [])


def _is_section(parent: Mapping[str, Any], listener: Listener) -> bool:
    section, port = parent.get("sectionName"), parent.get("port")
    return section in {None, "", listener.name} and port in {None, listener.port}


def _admits(listener: Listener, route: Json, gateway: Json, namespaces: Mapping[str, Json]) -> bool:
    if not (ROUTE in listener.kinds if listener.kinds else listener.protocol in _OF_HTTP):
        return False
    home = route["metadata"]["namespace"]
    if listener.admits == SELECTOR:
        return selects(listener.selector, labels_of(namespaces.get(home) or {}))
    return listener.admits == ALL or home == gateway["metadata"]["namespace"]


def covers(pattern: str, host: str) -> bool:
    """True where a hostname takes a host; a wildcard stands for one or more labels."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) >= len(pattern)
    return pattern in {"", host}


def intersection(first: str, second: str) -> str | None:
    """The hostname that is both; "" is every host, None is none."""
    if not second or covers(second, first):
        return first
    return second if covers(first, second) else None


def takers(
    request: Request,
    port: int,
    routes: Iterable[Json],
    gateway: Json,
    namespaces: Mapping[str, Json],
) -> tuple[Taken | None, ...]:
    """What takes a request at a port: first by the letter of the specification.

    More than one where implementations may differ: by a regular expression, in whether a request
    goes on to a listener or a virtual host that is less specific.

    Args:
        request: Of a client.
        port: Of the Gateway's listeners.
        routes: All that may be attached to the Gateway.
        gateway: The Gateway.
        namespaces: By name, for listeners with a selector.
    """
    host = request.host.lower()
    hostnames = [each.hostname for each in listeners_of(gateway) if each.port == port]
    nearest = max((_specificity(name) for name in hostnames if covers(name, host)), default=(0, 0))
    everywhere = [
        (route, attached)
        for route in routes
        for attached in _attached_at(route, gateway, namespaces, port)
        if covers(attached.host, host)
    ]
    alone = [each for each in everywhere if _specificity(each[1].listener.hostname) == nearest]
    taken: dict[Taken | None, None] = {}
    for group in (alone, everywhere):
        served = max((attached.host for _, attached in group), key=_specificity, default="")
        virtual_host = [each for each in group if each[1].host == served]
        for reading in (group, virtual_host):
            taken |= dict.fromkeys(_first_of(_entries(request, reading)))
    return tuple(taken)


def _entries(request: Request, attached: Iterable[tuple[Json, Attached]]) -> "list[_Entry]":
    return [
        _Entry(where.hostname, taken, verdict, _age(route))
        for route, where in attached
        for taken in _rules(route)
        if (verdict := taken.match.takes(request)) is not False
    ]


@dataclass(frozen=True, slots=True)
class _Entry:
    hostname: str
    taken: Taken
    verdict: bool | None
    age: tuple[str, str]

    @property
    def rank(self) -> tuple[Any, ...]:
        precise, length = _specificity(self.hostname)
        order = (*self.age, self.taken.rule)
        return (-precise, -length, *self.taken.match.rank, *order)


def _first_of(entries: Sequence[_Entry]) -> Iterator[Taken | None]:
    """The first that surely takes it, and those that may do so before it."""
    sure = min((each for each in entries if each.verdict), key=lambda each: each.rank, default=None)
    yield sure.taken if sure else None
    for entry in entries:
        is_first = sure is None or entry.taken.match.is_by_pattern or entry.rank < sure.rank
        if entry.verdict is None and is_first:
            yield entry.taken


def _specificity(hostname: str) -> tuple[int, int]:
    """More characters of a precise name, then more of any."""
    return (0 if hostname.startswith("*") else len(hostname), len(hostname))


def _attached_at(
    route: Json, gateway: Json, namespaces: Mapping[str, Json], port: int
) -> tuple[Attached, ...]:
    attached = attachments(route, gateway, namespaces)
    if isinstance(attached, Obstacle):
        return ()
    return tuple(each for each in attached if each.listener.port == port)


def _age(route: Json) -> tuple[str, str]:
    """The oldest is the first, then the first by name."""
    meta = route["metadata"]
    return str(meta.get("creationTimestamp") or ""), f"{meta['namespace']}/{meta['name']}"


def _rules(route: Json) -> Iterator[Taken]:
    """Each match of each rule, with where it leads."""
    meta = route["metadata"]
    for number, rule in enumerate(spec_of(route).get("rules") or [{}]):
        filters = rule.get("filters") or []
        for match in rule.get("matches") or [{}]:
            yield Taken(
                namespace=meta["namespace"],
                route=meta["name"],
                rule=number,
                match=match_of(match),
                backends=backends_of(rule, meta["namespace"]),
                redirects=any(each.get("type") == "RequestRedirect" for each in filters),
            )


def match_of(entry: Mapping[str, Any]) -> Match:
    """One entry of `matches`, with the API's defaults."""
    path = entry.get("path") or {}
    return Match(
        path=path.get("value") or "/",
        path_type=path.get("type") or PREFIX,
        method=entry.get("method") or "",
        headers=_terms(
            {**term, "name": term["name"].lower()} for term in entry.get("headers") or []
        ),
        query=_terms(entry.get("queryParams") or []),
    )


def _terms(entries: Iterable[Mapping[str, Any]]) -> tuple[Term, ...]:
    """Each name once: only the first of several entries counts."""
    terms: dict[str, Term] = {}
    for entry in entries:
        is_pattern = entry.get("type", EXACT) != EXACT
        terms.setdefault(entry["name"], Term(entry["name"], entry["value"], is_pattern))
    return tuple(terms.values())


def backends_of(rule: Mapping[str, Any], namespace: str) -> tuple[BackendRef, ...]:
    """Where a rule of a route of this namespace sends requests."""
    return tuple(
        BackendRef(
            kind=_kind(entry),
            namespace=entry.get("namespace") or namespace,
            name=entry["name"],
            port=entry.get("port"),
            weight=1 if entry.get("weight") is None else entry["weight"],
        )
        for entry in rule.get("backendRefs") or []
    )


def _kind(entry: Mapping[str, Any]) -> str:
    group, kind = entry.get("group") or "", entry.get("kind") or "Service"
    return f"{kind}.{group}" if group else kind


def is_granted(grants: Iterable[Json], namespace: str, backend: BackendRef) -> bool:
    """True where a route of this namespace may refer to a backend.

    Args:
        grants: The ReferenceGrants of the backend's namespace.
        namespace: Of the route.
        backend: What it refers to.
    """
    if backend.namespace == namespace:
        return True
    kind, _, group = backend.kind.partition(".")
    return any(
        grant["metadata"]["namespace"] == backend.namespace
        and any(
            (origin.get("group"), origin.get("kind"), origin.get("namespace"))
            == (GROUP, ROUTE, namespace)
            for origin in spec_of(grant).get("from") or []
        )
        and any(
            (target.get("group") or "", target.get("kind")) == (group, kind)
            and target.get("name") in {None, "", backend.name}
            for target in spec_of(grant).get("to") or []
        )
        for grant in grants
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """What a controller says of an object.

    Attributes:
        subject: What it is about: a parentRef's section, a listener, or "".
        is_current: Whether it was said of the object as it is now.
    """

    kind: str
    status: str
    reason: str = ""
    subject: str = ""
    is_current: bool = True


def parent_conditions(route: Json, gateway: Json) -> tuple[Condition, ...]:
    """What controllers say of a route at this Gateway; () where none has said anything."""
    return tuple(
        condition
        for parent in status_of(route).get("parents") or []
        if names_gateway(parent["parentRef"], route, gateway)
        for condition in _conditions(
            parent, route, str(parent["parentRef"].get("sectionName") or "")
        )
    )


def gateway_conditions(gateway: Json) -> tuple[Condition, ...]:
    """What its controller says of a Gateway, and of each of its listeners."""
    status = status_of(gateway)
    conditions = [*_conditions(status, gateway, "")]
    for listener in status.get("listeners") or []:
        conditions += _conditions(listener, gateway, listener["name"])
    return tuple(conditions)


def _conditions(holder: Mapping[str, Any], of: Json, subject: str) -> Iterator[Condition]:
    generation = of["metadata"].get("generation", 0)
    for entry in holder.get("conditions") or []:
        yield Condition(
            kind=str(entry.get("type")),
            status=str(entry.get("status")),
            reason=str(entry.get("reason") or ""),
            subject=subject,
            is_current=entry.get("observedGeneration", generation) >= generation,
        )


def gateway_addresses(gateway: Json) -> tuple[str, ...]:
    """Where a Gateway is served."""
    return tuple(str(entry["value"]) for entry in status_of(gateway).get("addresses") or [])
