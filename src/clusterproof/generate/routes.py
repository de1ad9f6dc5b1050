"""What the HTTPRoutes of a source send where, one request for each match; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from clusterproof.generate.sources import Source, namespace_of
from clusterproof.kube.objects import Json
from clusterproof.kube.routes import (
    ALL,
    GATEWAY,
    ROUTE,
    BackendRef,
    Match,
    Obstacle,
    Request,
    Taken,
    attachments,
    backends_of,
    match_of,
    names_a_gateway,
    names_gateway,
    takers,
)
from clusterproof.kube.services import ports_of, spec_of

_ANY_PORT = 80
"""Of a listener that nobody described: which it is changes nothing."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request and where it goes.

    Attributes:
        words: The request.
        backends: Those that get a share of the requests.
        why: Why nothing can be said of it, or "".
    """

    request: Request
    words: str
    backends: tuple[BackendRef, ...] = ()
    why: str = ""


def gateways_of(route: Json, source: Source) -> tuple[Json, ...]:
    """The Gateways that a route names, each once.

    One that is not of the source is taken to have the listeners that the source's routes name, for
    routes of every namespace.
    """
    known = {(namespace_of(item), item["metadata"]["name"]): item for _, item in source.of(GATEWAY)}
    gateways: dict[tuple[str, str], Json] = {}
    for parent in spec_of(route).get("parentRefs") or []:
        if names_a_gateway(parent):
            place = parent.get("namespace") or namespace_of(route), parent["name"]
            gateways[place] = known.get(place) or _supposed(*place, source)
    return tuple(gateways.values())


def _supposed(namespace: str, name: str, source: Source) -> Json:
    gateway: Json = {"metadata": {"namespace": namespace, "name": name}}
    named = dict.fromkeys(
        (str(parent.get("sectionName") or ""), int(parent.get("port") or 0))
        for _, route in source.of(ROUTE)
        for parent in spec_of(route).get("parentRefs") or []
        if names_gateway(parent, route, gateway)
    )
    precise = [each for each in named if any(each)] or [("", 0)]
    listeners = [
        {
            "name": section or f"port-{number}",
            "port": port or _ANY_PORT + number,
            "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": ALL}},
        }
        for number, (section, port) in enumerate(precise)
    ]
    return {**gateway, "spec": {"listeners": listeners}}


def sent_by(route: Json, gateway: Json, source: Source) -> Iterator[Sent]:
    """Each match of a route, by each of its hostnames at a Gateway."""
    attached = attachments(route, gateway, {})
    if isinstance(attached, Obstacle):
        yield Sent(Request(""), f"Gateway {gateway['metadata']['name']}", why=str(attached))
        return
    routes = [item for _, item in source.of(ROUTE)]
    ports: dict[str, list[int]] = {}
    for each in attached:
        ports.setdefault(each.host, []).append(each.listener.port)
    for host, numbers in ports.items():
        for index, rule in enumerate(spec_of(route).get("rules") or [{}]):
            backends = tuple(each for each in backends_of(rule, namespace_of(route)) if each.weight)
            for entry in rule.get("matches") or [{}]:
                match = match_of(entry)
                request = _request(host, match)
                words = _words(request, match)
                if _is_pattern(match):
                    yield Sent(request, words, why="as its pattern is the implementation's")
                    continue
                taken_by = {
                    taken
                    for number in numbers
                    for taken in takers(request, number, routes, gateway, {})
                }
                why = _why_not(route, index, taken_by) or _why_unknown(backends, source)
                yield Sent(request, words, backends, why)


def _request(host: str, match: Match) -> Request:
    return Request(
        host,
        match.path,
        match.method or "GET",
        {term.name: term.value for term in match.headers},
        {term.name: term.value for term in match.query},
    )


def _words(request: Request, match: Match) -> str:
    method = f"{request.method} " if match.method else ""
    named = [f"header {name}" for name in request.headers]
    named += [f"parameter {name}" for name in request.query]
    more = f" with {' and '.join(named)}" if named else ""
    return f"{method}{request.host or 'every host'}{request.path}{more}"


def _is_pattern(match: Match) -> bool:
    terms = (*match.headers, *match.query)
    return match.is_by_pattern or any(term.is_pattern for term in terms)


def _why_not(route: Json, rule: int, taken_by: set[Taken | None]) -> str:
    """Why the rule may not get a request that is its own."""
    own = (namespace_of(route), route["metadata"]["name"], rule)
    others = {each for each in taken_by if each and (each.namespace, each.route, each.rule) != own}
    if others or None in taken_by:
        names = sorted(f"{each.namespace}/{each.route}" for each in others)
        return f"which another rule may take: {', '.join(names) or 'none surely does'}"
    return "which is redirected" if any(each and each.redirects for each in taken_by) else ""


def _why_unknown(backends: tuple[BackendRef, ...], source: Source) -> str:
    """Why of these backends no row can be made."""
    if not backends:
        return "which leads to no backend"
    ports = {
        (namespace_of(item), item["metadata"]["name"]): {entry.port for entry in ports_of(item)}
        for _, item in source.of("Service")
    }
    unknown = [
        each
        for each in backends
        if each.kind != "Service" or each.port not in ports.get((each.namespace, each.name), set())
    ]
    names = ", ".join(f"{each.namespace}/{each.name}:{each.port}" for each in unknown)
    return f"which leads to a port of no Service here ({names})" if unknown else ""
