"""Rows `check: route`: an HTTPRoute sends a host and a path of a Gateway to its Services.

Source: Gateway API v1.3, `HTTPRoute`, `Gateway`, `ReferenceGrant` (read 2026-11-27).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.routes import (
    BackendRef,
    Condition,
    Listener,
    Obstacle,
    Request,
    Taken,
    attachments,
    gateway_conditions,
    is_granted,
    parent_conditions,
    takers,
)
from clusterproof.kube.services import ports_of
from clusterproof.observe.cluster import Cluster, namespaces_of
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Frozen, ObjectRef, Ref, Row


class RouteBackend(Frozen):
    """A Service that takes a share of the requests.

    Attributes:
        weight: Its share is its weight in the sum of all: 90 and 10 are 9 and 1.
    """

    service: Ref
    port: int
    weight: int = Field(default=1, ge=1)


class RouteRow(Row):
    """An HTTPRoute of a Gateway sends a host and a path to ports of Services, by their weights.

    Attributes:
        gateway: Whose listeners the route is attached to.
        host: "" for a request to a host that no route and no listener names.
        headers: That the request has, by name.
        query: The parameters that it has.
        listener: Only by this listener; without it, by each that the route is attached to.
    """

    check: Literal["route"]
    of: Ref
    gateway: Ref
    host: str
    path: str = Field(default="/", pattern="^/")
    method: str = Field(default="GET", pattern="^[A-Z]+$")
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict)
    listener: str = ""
    backends: tuple[RouteBackend, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a rule sends requests, and what is there.

    Attributes:
        place: `Service/namespace/name`, or another kind.
        ports: Of the Service; None where there is none.
        is_granted: Whether the route may refer to it.
    """

    place: str
    port: int | None
    weight: int
    ports: tuple[int, ...] | None
    is_granted: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that takes the row's request."""

    route: str
    words: str
    backends: tuple[Backend, ...]
    redirects: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """What takes the row's request at a port of the Gateway.

    Attributes:
        rule: By the letter of the specification; None where nothing does.
        others: What may take it instead, as the implementation has it.
    """

    number: int
    listeners: tuple[str, ...]
    rule: Rule | None
    others: tuple[Rule | None, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteView:
    """What a Gateway does with a request.

    Attributes:
        obstacle: Why the route is attached to no listener; None where it is.
        ports: Those of the listeners that the route is attached to.
        said: Of the route, by the controllers of this Gateway.
        of_gateway: What its controller says of the Gateway and of these listeners.
    """

    exists: bool
    gateway_exists: bool = True
    obstacle: Obstacle | None = None
    ports: tuple[Port, ...] = ()
    said: tuple[Condition, ...] = ()
    of_gateway: tuple[Condition, ...] = ()


def look(row: RouteRow, site: Site) -> Observed[RouteView]:
    """Which rule of all routes of the Gateway takes the request, and what is said of the route."""
    cluster = site.cluster
    next_command = f"kubectl describe {row.of.kubectl}"
    route, gateway = cluster.find(row.of), cluster.find(row.gateway)
    if route is None or gateway is None:
        absent = row.of if route is None else row.gateway
        view = RouteView(exists=route is not None, gateway_exists=gateway is not None)
        return Observed(view, str(row.of), (f"no such {absent.kind}",), next_command)
    namespaces = namespaces_of(cluster, gateway)
    attached = attachments(route, gateway, namespaces)
    of_gateway = gateway_conditions(gateway)
    if isinstance(attached, Obstacle):
        listeners: list[Listener] = []
        obstacle: Obstacle | None = attached
    else:
        named = {each.listener.name: each.listener for each in attached}
        listeners = [each for name, each in named.items() if row.listener in {"", name}]
        obstacle = None if listeners else Obstacle.NO_LISTENER
    routes = cluster.objects("HTTPRoute", CLUSTER_WIDE) if listeners else []
    request = Request(row.host, row.path, row.method, row.headers, row.query)
    ports = []
    for number in dict.fromkeys(listener.port for listener in listeners):
        first, *others = [
            _rule(cluster, taken) for taken in takers(request, number, routes, gateway, namespaces)
        ]
        names = tuple(each.name for each in listeners if each.port == number)
        ports.append(Port(number, names, first, tuple(others)))
    chosen = {"", *(name for port in ports for name in port.listeners)}
    view = RouteView(
        exists=True,
        obstacle=obstacle,
        ports=tuple(ports),
        said=tuple(
            each
            for each in parent_conditions(route, gateway)
            if not row.listener or each.subject in {"", row.listener}
        ),
        of_gateway=tuple(each for each in of_gateway if each.subject in chosen),
    )
    return Observed(view, str(row.of), tuple(_evidence(row, view)), next_command)


def _rule(cluster: Cluster, taken: Taken | None) -> Rule | None:
    if taken is None:
        return None
    return Rule(
        f"{taken.namespace}/{taken.route}",
        f"rule {taken.rule}, {taken.match}",
        tuple(_backend(cluster, taken.namespace, each) for each in taken.backends),
        taken.redirects,
    )


def _backend(cluster: Cluster, namespace: str, backend: BackendRef) -> Backend:
    place = f"{backend.kind}/{backend.namespace}/{backend.name}"
    grants = []
    if backend.namespace != namespace:
        grants = cluster.objects("ReferenceGrant", backend.namespace)
    ports: tuple[int, ...] | None = None
    if backend.kind == "Service":
        ref = ObjectRef(kind="Service", namespace=backend.namespace, name=backend.name)
        service = cluster.find(ref)
        ports = tuple(entry.port for entry in ports_of(service)) if service else None
    granted = is_granted(grants, namespace, backend)
    return Backend(place, backend.port, backend.weight, ports, granted)


def _evidence(row: RouteRow, view: RouteView) -> Iterator[str]:
    for port in view.ports:
        rule = port.rule
        taken = f"{rule.route} ({rule.words}), to {_shown(rule)}" if rule else "nothing"
        where = f"listener {', '.join(port.listeners)}, port {port.number}"
        yield f"{where}: {row.method} {row.host or '(every host)'}{row.path} is taken by {taken}"
    conditions = [f"{each.kind} {each.status}" for each in view.said]
    yield f"said of the route: {', '.join(conditions) or 'nothing'}"


def judge(row: RouteRow, fact: RouteView) -> Judgement:
    """The request is sent to the row's Services, and the controller has accepted the route."""
    if not fact.exists:
        return Failed(Difference(str(row.of), "an HTTPRoute", "absent", code="route-missing"))
    if not fact.gateway_exists:
        return Failed(Difference(str(row.gateway), "a Gateway", "absent", code="gateway-missing"))
    undecided = [port for port in fact.ports if _is_undecided(row, port)]
    differences = [
        *_attachment(row, fact),
        *(
            difference
            for port in fact.ports
            if port not in undecided
            for difference in _routing(row, port, port.rule)
        ),
        *_targets(row, fact),
        *_statuses(row, fact),
    ]
    if undecided and not differences:
        rules = (undecided[0].rule, *undecided[0].others)
        words = " or ".join(dict.fromkeys(_taker(rule) for rule in rules))
        return Doubt(
            f"{row.host or '(every host)'}{row.path} is taken by {words}: that is up to the"
            f" implementation of {row.gateway}; an `ingress-answer` row asks it"
        )
    names = [f"{row.host or '(every host)'}{row.path} at port {each.number}" for each in fact.ports]
    return judged(differences, (*names, "status.parents"))


_OBSTACLES: Final[Mapping[Obstacle, str]] = MappingProxyType(
    {
        Obstacle.NO_PARENT: "parent-missing",
        Obstacle.NO_LISTENER: "listener-missing",
        Obstacle.REFUSED: "route-refused",
        Obstacle.NO_HOSTNAME: "hostname-unmatched",
    }
)


def _attachment(row: RouteRow, fact: RouteView) -> Iterator[Difference]:
    if fact.obstacle is not None:
        where = f"listener {row.listener} of {row.gateway}" if row.listener else str(row.gateway)
        expected, code = f"attached to {where}", _OBSTACLES[fact.obstacle]
        yield Difference("spec.parentRefs", expected, str(fact.obstacle), code=code)


def _is_undecided(row: RouteRow, port: Port) -> bool:
    """True where the row is met or not as the implementation will have it."""
    rules = (port.rule, *port.others)
    return len({not list(_routing(row, port, rule)) for rule in rules}) > 1


def _routing(row: RouteRow, port: Port, rule: Rule | None) -> Iterator[Difference]:
    """The request is taken by the route, and goes to the row's Services by their weights."""
    place = f"{row.host or '(every host)'}{row.path} at port {port.number}"
    expected = _of_row(row)
    own = f"{row.of.namespace}/{row.of.name}"
    if rule is None:
        yield Difference(place, own, "no rule takes it", code="rule-missing")
        return
    if rule.route != own:
        yield Difference(place, own, f"{rule.route} ({rule.words})", code="route-differs")
    if rule.redirects:
        yield Difference(place, _words(expected), "a redirect", rule.words, code="backend-differs")
        return
    observed = _shares((each.place, each.port, each.weight) for each in rule.backends)
    if observed.keys() != expected.keys():
        words = _words(observed)
        yield Difference(place, _words(expected), words, rule.words, code="backend-differs")
    elif observed != expected:
        words = _words(observed)
        yield Difference(place, _words(expected), words, rule.words, code="weight-differs")


_Shares = Mapping[tuple[str, int | None], Fraction]


def _shares(backends: Iterable[tuple[str, int | None, int]]) -> _Shares:
    """Each backend that gets requests, with its share of them."""
    weights: dict[tuple[str, int | None], int] = {}
    for place, port, weight in backends:
        if weight:
            weights[place, port] = weights.get((place, port), 0) + weight
    total = sum(weights.values())
    return {backend: Fraction(weight, total) for backend, weight in weights.items()}


def _of_row(row: RouteRow) -> _Shares:
    return _shares((str(each.service), each.port, each.weight) for each in row.backends)


def _words(shares: _Shares) -> str:
    if len(shares) < 2:  # noqa: PLR2004 - a share of all is not said
        return next((f"{place}:{port}" for place, port in shares), "no backend")
    return ", ".join(
        f"{place}:{port} {float(share):.4g}" for (place, port), share in sorted(shares.items())
    )


def _shown(rule: Rule) -> str:
    if rule.redirects:
        return "a redirect"
    return _words(_shares((each.place, each.port, each.weight) for each in rule.backends))


def _taker(rule: Rule | None) -> str:
    return f"{rule.route} ({rule.words})" if rule else "nothing"


def _targets(row: RouteRow, fact: RouteView) -> Iterator[Difference]:
    """Each Service of the row that the route sends to is there, has the port, and is granted."""
    expected = _of_row(row)
    backends = dict.fromkeys(
        (each.place, each.port, each.ports, each.is_granted)
        for port in fact.ports
        if port.rule
        for each in port.rule.backends
        if (each.place, each.port) in expected
    )
    for place, number, ports, granted in backends:
        if ports is None:
            yield Difference(place, "a Service", "absent", code="service-missing")
        elif number not in ports:
            words = f"{list(ports)}"
            yield Difference(place, f"port {number}", words, code="service-port-missing")
        if not granted:
            expected_grant = f"a ReferenceGrant for HTTPRoutes of {row.of.namespace}"
            yield Difference(place, expected_grant, "none", code="grant-missing")


_SAID_OF_ROUTES: Final[Mapping[str, str]] = MappingProxyType(
    {"Accepted": "route-not-accepted", "ResolvedRefs": "refs-not-resolved"}
)


def _statuses(row: RouteRow, fact: RouteView) -> Iterator[Difference]:
    """What the controllers say of the route and of the Gateway, as both are now."""
    for kind, code in _SAID_OF_ROUTES.items():
        conditions = [each for each in fact.said if each.kind == kind]
        for each in conditions:
            yield from _statement(f"{row.of}", each, code)
        if not conditions and fact.obstacle is None:
            expected = f"{kind}, by the controller of {row.gateway}"
            yield Difference("status.parents", expected, "nothing", code="status-missing")
    programmed = [each for each in fact.of_gateway if each.kind == "Programmed"]
    for each in programmed:
        yield from _statement(f"{row.gateway}", each, "gateway-not-programmed")
    if not programmed:
        what = f"{row.gateway}: Programmed"
        yield Difference(what, "True", "nothing", code="gateway-not-programmed")


def _statement(of: str, condition: Condition, code: str) -> Iterator[Difference]:
    what = f"{of}{f', {condition.subject}' if condition.subject else ''}: {condition.kind}"
    if condition.status != "True":
        yield Difference(what, "True", condition.status, condition.reason, code=code)
    if not condition.is_current:
        expected = "of the object as it is now"
        yield Difference(what, expected, "of one before", code="generation-not-observed")


KIND = Kind(
    RouteRow,
    look,
    judge,
    codes=(
        "backend-differs",
        "gateway-missing",
        "gateway-not-programmed",
        "generation-not-observed",
        "grant-missing",
        "hostname-unmatched",
        "listener-missing",
        "parent-missing",
        "refs-not-resolved",
        "route-differs",
        "route-missing",
        "route-not-accepted",
        "route-refused",
        "rule-missing",
        "service-missing",
        "service-port-missing",
        "status-missing",
        "weight-differs",
    ),
)
