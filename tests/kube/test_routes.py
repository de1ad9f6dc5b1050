"""Which HTTPRoute takes a request: each criterion of Gateway API, and the order of all of them.

Source: Gateway API v1.3, apis/v1 (`HTTPRouteRule.Matches`, `HTTPRouteSpec.Hostnames`,
`ParentReference`, `Listener`) and apis/v1beta1 (`ReferenceGrant`).
"""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.kube.routes import (
    BackendRef,
    Condition,
    Obstacle,
    Request,
    Taken,
    attachments,
    backends_of,
    covers,
    gateway_conditions,
    intersection,
    is_granted,
    match_of,
    parent_conditions,
    takers,
)
from tests.kube.route_parts import gateway, header, listener, path, route, rule

Json = dict[str, Any]
HOST = "a.example.com"


def taken(request: Request, *routes: Json, at: Json | None = None) -> list[str]:
    """The Services that may get the request, the specification's first; "" for none."""
    found = takers(request, 80, routes, at or gateway(), {})
    return [each.backends[0].name if each else "" for each in found]


# --- one match


@pytest.mark.parametrize(
    ("match", "asked", "takes"),
    [
        ({}, "/any", True),
        (path("/api"), "/api", True),
        (path("/api"), "/api/", True),
        (path("/api"), "/api/v1", True),
        (path("/api"), "/apiary", False),
        (path("/api/"), "/api", True),
        (path("/api", "Exact"), "/api", True),
        (path("/api", "Exact"), "/api/", False),
        (path("/a.*", "RegularExpression"), "/api", None),
        (path("/a.*", "RegularExpression", method="POST"), "/api", False),
    ],
)
def test_path_is_taken_as_its_type_says(match: Json, asked: str, *, takes: bool | None) -> None:
    """Whole elements of a prefix; a regular expression is the implementation's."""
    assert match_of(match).takes(Request(HOST, asked)) is takes


@pytest.mark.parametrize(
    ("match", "takes"),
    [
        ({"method": "GET"}, True),
        ({"method": "POST"}, False),
        ({"headers": [header("X-Track", "canary")]}, True),
        ({"headers": [header("x-track", "Canary")]}, False),
        ({"headers": [header("x-track", "canary"), header("x-other", "1")]}, False),
        ({"headers": [header("x-track", "canary"), header("X-TRACK", "none")]}, True),
        ({"headers": [header("x-track", "c.*", type="RegularExpression")]}, None),
        ({"headers": [header("x-other", "c.*", type="RegularExpression")]}, False),
        ({"queryParams": [header("v", "2")]}, True),
        ({"queryParams": [header("V", "2")]}, False),
        ({"queryParams": [header("v", "2.", type="RegularExpression")]}, None),
    ],
)
def test_all_parts_of_a_match_must_hold(match: Json, *, takes: bool | None) -> None:
    """Names of headers in whatever case, the first of equal ones; all else to the letter."""
    request = Request(HOST, "/", "GET", {"X-TRACK": "canary"}, {"v": "2"})
    assert match_of(match).takes(request) is takes


# --- hostnames


@pytest.mark.parametrize(
    ("pattern", "host", "takes"),
    [
        ("", "a.b", True),
        ("a.b", "a.b", True),
        ("a.b", "x.a.b", False),
        ("*.b", "a.b", True),
        ("*.b", "x.a.b", True),
        ("*.b", "b", False),
        ("*.b", "ab", False),
        ("*.b", "*.b", True),
    ],
)
def test_wildcard_stands_for_one_or_more_labels(pattern: str, host: str, *, takes: bool) -> None:
    """Other than in an Ingress, where it is exactly one."""
    assert covers(pattern, host) is takes


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("", "", ""),
        ("", "a.b", "a.b"),
        ("a.b", "a.b", "a.b"),
        ("*.b", "a.b", "a.b"),
        ("*.b", "*.a.b", "*.a.b"),
        ("*.b", "*.b", "*.b"),
        ("a.b", "c.b", None),
        ("*.a.b", "*.c.b", None),
        ("*.b", "b", None),
    ],
)
def test_hostnames_of_listener_and_route_intersect(
    first: str, second: str, both: str | None
) -> None:
    """Whichever of the two is the listener's."""
    assert intersection(first, second) == both
    assert intersection(second, first) == both


LABELS = st.sampled_from(["a", "b", "x"])
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
HOSTNAMES = st.one_of(st.just(""), HOSTS, HOSTS.map("*.{}".format))


@given(HOSTNAMES, HOSTNAMES, HOSTS)
def test_a_host_is_in_the_intersection_when_both_take_it(
    first: str, second: str, host: str
) -> None:
    """And in none when one does not."""
    both = intersection(first, second)
    taken_by_both = covers(first, host) and covers(second, host)
    assert (both is not None and covers(both, host)) is taken_by_both


# --- attaching


@pytest.mark.parametrize(
    ("parent", "outcome"),
    [
        ({}, ["http", "https"]),
        ({"sectionName": "https"}, ["https"]),
        ({"port": 80}, ["http"]),
        ({"sectionName": "https", "port": 80}, Obstacle.NO_LISTENER),
        ({"sectionName": "other"}, Obstacle.NO_LISTENER),
        ({"name": "other"}, Obstacle.NO_PARENT),
        ({"namespace": None}, Obstacle.NO_PARENT),
        ({"kind": "Service", "group": ""}, Obstacle.NO_PARENT),
    ],
)
def test_parent_ref_names_all_listeners_one_or_a_port(parent: Json, outcome: object) -> None:
    """Without a namespace it is a Gateway beside the route."""
    both = gateway(listener(), listener("https", 443, protocol="HTTPS"))
    found = attachments(route(parent=parent), both, {})
    assert (found if isinstance(found, Obstacle) else [each.listener.name for each in found]) == (
        outcome
    )


TEAM = {"matchLabels": {"team": "shop"}}


@pytest.mark.parametrize(
    ("allowed", "protocol", "labels", "attached"),
    [
        ({"namespaces": {"from": "All"}}, "HTTP", {}, True),
        ({"namespaces": {"from": "Same"}}, "HTTP", {}, False),
        ({}, "HTTP", {}, False),
        ({"namespaces": {"from": "Selector", "selector": TEAM}}, "HTTP", {"team": "shop"}, True),
        ({"namespaces": {"from": "Selector", "selector": TEAM}}, "HTTP", {"team": "x"}, False),
        ({"namespaces": {"from": "All"}}, "TLS", {}, False),
        ({"namespaces": {"from": "All"}, "kinds": [{"kind": "GRPCRoute"}]}, "HTTP", {}, False),
        ({"namespaces": {"from": "All"}, "kinds": [{"kind": "HTTPRoute"}]}, "HTTPS", {}, True),
        (
            {"namespaces": {"from": "All"}, "kinds": [{"group": "x.y", "kind": "HTTPRoute"}]},
            "TLS",
            {},
            False,
        ),
    ],
)
def test_listener_admits_kinds_and_namespaces(
    allowed: Json, protocol: str, labels: Json, *, attached: bool
) -> None:
    """By default HTTPRoutes of the Gateway's own namespace."""
    at = gateway(listener(allowedRoutes=allowed, protocol=protocol))
    found = attachments(route(), at, {"shop": {"metadata": {"labels": labels}}})
    assert (found != Obstacle.REFUSED) is attached


def test_route_of_the_gateways_own_namespace_is_admitted_by_default() -> None:
    found = attachments(route(namespace="infra"), gateway(listener(allowedRoutes=None)), {})
    assert not isinstance(found, Obstacle)


def test_route_without_a_hostname_of_the_listener_is_attached_to_none() -> None:
    at = gateway(listener(hostname="*.example.com"))
    assert attachments(route(hostnames=("a.example.org",)), at, {}) is Obstacle.NO_HOSTNAME
    found = attachments(route(hostnames=("a.example.org", "A.example.com")), at, {})
    assert not isinstance(found, Obstacle)
    assert [each.host for each in found] == ["a.example.com"]


# --- precedence

CANARY = Request(HOST, "/api/v1", "GET", {"x-track": "canary", "x-user": "1"}, {"v": "2"})
TRACK, USER = header("x-track", "canary"), header("x-user", "1")
BY_RANK = [
    path("/api/v1", "Exact"),
    path("/api/v1", method="GET", headers=[TRACK]),
    path("/api/v1", method="GET"),
    path("/api/v1", headers=[TRACK, USER]),
    path("/api/v1", headers=[TRACK], queryParams=[header("v", "2")]),
    path("/api/v1", headers=[TRACK]),
    path("/api/v1", queryParams=[header("v", "2")]),
    path("/api/v1"),
    path("/api", method="GET", headers=[TRACK, USER]),
    path("/"),
]
"""Each of these goes before those after it."""


@pytest.mark.parametrize("first", range(len(BY_RANK) - 1))
def test_each_criterion_decides_before_the_next(first: int) -> None:
    """Exact, the longest prefix, a method, more headers, more query parameters."""
    for second in range(first + 1, len(BY_RANK)):
        rules = [rule("late", BY_RANK[second]), rule("early", BY_RANK[first])]
        assert taken(CANARY, route("web", *rules)) == ["early"]


def test_hostname_decides_before_the_path() -> None:
    """A route with a longer precise hostname, then with a longer one."""
    exact = rule("exact", path("/api/v1", "Exact"))
    by_name = route("named", rule("named"), hostnames=(HOST,))
    wild = route("wild", exact, hostnames=("*.example.com",))
    assert taken(CANARY, wild, by_name) == ["named"]
    wider = route("wider", exact, hostnames=("*.com",))
    narrower = route("narrower", rule("narrower"), hostnames=("*.example.com",))
    assert taken(CANARY, wider, narrower) == ["narrower"]


def test_ties_go_to_the_oldest_then_by_name_then_to_the_first_rule() -> None:
    old = route("z", rule("old"), created="2025-01-01T00:00:00Z")
    assert taken(CANARY, route("a", rule("young")), old) == ["old"]
    assert taken(CANARY, route("b", rule("second")), route("a", rule("first"))) == ["first"]
    other = route("a", rule("other"), namespace="warehouse")
    assert taken(CANARY, other, route("z", rule("shop"))) == ["shop"]
    assert taken(CANARY, route("web", rule("first"), rule("second"))) == ["first"]


MATCHES = st.builds(
    lambda value, kind, method, headers, query: path(
        value,
        kind,
        **({"method": method} if method else {}),
        headers=headers,
        queryParams=query,
    ),
    st.sampled_from(["/", "/api", "/api/v1", "/other"]),
    st.sampled_from(["Exact", "PathPrefix"]),
    st.sampled_from(["", "GET", "POST"]),
    st.lists(st.sampled_from([TRACK, USER]), unique_by=lambda term: term["name"]),
    st.lists(st.just(header("v", "2")), max_size=1),
)
ROUTES = st.lists(
    st.tuples(st.lists(MATCHES, min_size=1, max_size=3), st.sampled_from(["2025", "2026"])),
    min_size=1,
    max_size=4,
).map(
    lambda drawn: [
        route(f"r{number}", rule(f"r{number}", *matches), created=f"{year}-01-01T00:00:00Z")
        for number, (matches, year) in enumerate(drawn)
    ]
)


def by_the_letter(match: Json, number: int, created: str) -> tuple[object, ...]:
    """The criteria as the specification lists them, written a second time."""
    return (
        0 if match["path"]["type"] == "Exact" else 1,
        -len(match["path"]["value"].rstrip("/")),
        0 if "method" in match else 1,
        -len(match["headers"]),
        -len(match["queryParams"]),
        created,
        number,
    )


@given(ROUTES)
def test_first_by_all_criteria_takes_the_request(routes: list[Json]) -> None:
    """Whatever the order in which the API server lists the routes."""
    candidates = [
        (by_the_letter(match, number, each["metadata"]["creationTimestamp"]), f"r{number}")
        for number, each in enumerate(routes)
        for match in each["spec"]["rules"][0]["matches"]
        if match_of(match).takes(CANARY)
    ]
    expected = min(candidates)[1] if candidates else ""
    for order in list(permutations(routes))[:6]:
        assert taken(CANARY, *order) == [expected]


@given(ROUTES, ROUTES)
def test_route_that_does_not_take_it_changes_nothing(routes: list[Json], more: list[Json]) -> None:
    for each in more:
        each["spec"]["hostnames"] = ["b.example.org"]
    assert taken(CANARY, *routes, *more) == taken(CANARY, *routes)


# --- what the specification leaves open


def test_regular_expression_may_go_before_everything() -> None:
    pattern = route("pattern", rule("pattern", path("/api/v[0-9]", "RegularExpression")))
    exact = route("exact", rule("exact", path("/api/v1", "Exact")))
    assert taken(CANARY, exact, pattern) == ["exact", "pattern"]
    assert taken(CANARY, pattern) == ["", "pattern"]


def test_pattern_of_a_header_counts_only_where_it_could_be_first() -> None:
    by_pattern = path("/api", headers=[header("x-track", "c.*", type="RegularExpression")])
    longer, shorter = rule("longer", path("/api/v1")), rule("shorter", path("/"))
    assert taken(CANARY, route("web", rule("pattern", by_pattern), longer)) == ["longer"]
    assert taken(CANARY, route("web", rule("pattern", by_pattern), shorter)) == [
        "shorter",
        "pattern",
    ]


def test_less_specific_host_may_or_may_not_be_asked() -> None:
    """Envoy's virtual hosts do not fall back; the specification's list of criteria does."""
    named = route("named", rule("named", path("/only")), hostnames=(HOST,))
    wild = route("wild", rule("wild"), hostnames=("*.example.com",))
    assert taken(CANARY, named, wild) == ["wild", ""]
    assert taken(Request(HOST, "/only"), named, wild) == ["named"]


def test_less_specific_listener_may_or_may_not_be_asked() -> None:
    """Listeners are isolated where the implementation says so."""
    at = gateway(listener("all"), listener("named", hostname=HOST))
    here = route("here", rule("here", path("/here")), parent={"sectionName": "named"})
    everywhere = route("everywhere", rule("everywhere"), parent={"sectionName": "all"})
    assert taken(CANARY, here, everywhere, at=at)[0] == ""
    assert "everywhere" in taken(CANARY, here, everywhere, at=at)
    assert taken(Request(HOST, "/here"), here, everywhere, at=at)[0] == "here"


def test_route_at_another_port_takes_nothing_here() -> None:
    at = gateway(listener(), listener("admin", 8080))
    assert taken(CANARY, route(parent={"sectionName": "admin"}), at=at) == [""]


# --- backends, grants, conditions


def test_backends_have_the_apis_defaults() -> None:
    refs = [
        {"name": "web", "port": 80},
        {"name": "pay", "namespace": "warehouse", "port": 81, "weight": 0},
        {"group": "x.io", "kind": "Bucket", "name": "files"},
    ]
    assert backends_of({"backendRefs": refs}, "shop") == (
        BackendRef("Service", "shop", "web", 80, 1),
        BackendRef("Service", "warehouse", "pay", 81, 0),
        BackendRef("Bucket.x.io", "shop", "files", None, 1),
    )


def test_redirect_is_told_from_a_backend() -> None:
    rules = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
    (found,) = takers(Request(HOST), 80, [route("web", rules)], gateway(), {})
    assert isinstance(found, Taken)
    assert (found.redirects, found.backends) == (True, ())


def grant(origin: Json | None = None, target: Json | None = None, home: str = "warehouse") -> Json:
    origin = {
        "group": "gateway.networking.k8s.io",
        "kind": "HTTPRoute",
        "namespace": "shop",
        **(origin or {}),
    }
    return {
        "metadata": {"name": "g", "namespace": home},
        "spec": {"from": [origin], "to": [{"group": "", "kind": "Service", **(target or {})}]},
    }


PAY = BackendRef("Service", "warehouse", "pay", 80)


@pytest.mark.parametrize(
    ("grants", "granted"),
    [
        ([], False),
        ([grant()], True),
        ([grant(target={"name": "pay"})], True),
        ([grant(target={"name": "other"})], False),
        ([grant(target={"kind": "Secret"})], False),
        ([grant(target={"group": "x.io"})], False),
        ([grant(origin={"namespace": "other"})], False),
        ([grant(origin={"kind": "GRPCRoute"})], False),
        ([grant(origin={"group": ""})], False),
        ([grant(home="shop")], False),
        ([grant(target={"name": "other"}), grant()], True),
    ],
)
def test_other_namespace_takes_a_grant_of_its_own(grants: list[Json], *, granted: bool) -> None:
    assert is_granted(grants, "shop", PAY) is granted
    assert is_granted(grants, "warehouse", PAY)


def test_conditions_are_of_this_gateway_and_say_whether_they_are_current() -> None:
    web = route()
    (parent,) = web["status"]["parents"]
    other = {**parent, "parentRef": {"name": "other", "namespace": "infra"}}
    web["status"]["parents"] = [other, {**parent, "conditions": parent["conditions"][:1]}]
    assert parent_conditions(web, gateway()) == (Condition("Accepted", "True"),)
    web["metadata"]["generation"] = 2
    assert parent_conditions(web, gateway()) == (Condition("Accepted", "True", is_current=False),)


def test_conditions_of_a_gateway_are_its_own_and_its_listeners() -> None:
    at = gateway()
    at["status"]["listeners"] = [
        {"name": "http", "conditions": [{"type": "Programmed", "status": "False", "reason": "No"}]}
    ]
    assert gateway_conditions(at) == (
        Condition("Programmed", "True"),
        Condition("Programmed", "False", "No", "http"),
    )
