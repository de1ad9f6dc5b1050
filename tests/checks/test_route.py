"""Rows of kind route: a pass, a failure for each code, and what the implementation decides."""

from typing import Any

import pytest

from clusterproof.checks import judge
from clusterproof.checks.route import look as look_at_route
from clusterproof.doctor.rights import rights_of_row
from clusterproof.errors import ObservationError
from clusterproof.judgement import Doubt, Judgement, Passed
from clusterproof.nightly.rights import Grant
from clusterproof.spec import Settings
from tests.judge.rows import row
from tests.judging import at_cluster
from tests.kube.route_parts import gateway, listener, path, route, rule
from tests.observe.cluster_objects import cluster_of, namespace, service

Json = dict[str, Any]
HOST = "a.example.com"
read_route = at_cluster(look_at_route)


def claimed(*backends: tuple[str, int, int], **fields: Any) -> Any:  # noqa: ANN401 - any row
    """A row about `shop/web`; backends are name or `namespace/name`, port and weight."""
    named = backends or (("web", 80, 1),)
    return row(
        "route",
        of="HTTPRoute/shop/web",
        gateway="Gateway/infra/edge",
        backends=[
            {
                "service": f"Service/{name if '/' in name else f'shop/{name}'}",
                "port": port,
                "weight": weight,
            }
            for name, port, weight in named
        ],
        **{"host": HOST, **fields},
    )


def services(*places: str) -> list[Json]:
    return [
        service(place.rpartition("/")[2], place.partition("/")[0], 80, 8080, {"app": "x"})
        for place in places
    ]


SERVICES = ("shop/web", "shop/api", "shop/canary", "warehouse/pay")


def judged(rule_: Any, *objects: Json, there: tuple[str, ...] = SERVICES) -> Judgement:  # noqa: ANN401 - any row
    with cluster_of(*objects, *services(*there)) as cluster:
        return judge(rule_, read_route(cluster, rule_).value)


def codes(rule_: Any, *objects: Json, there: tuple[str, ...] = SERVICES) -> list[str]:  # noqa: ANN401 - any row
    return [each.code for each in judged(rule_, *objects, there=there).differences]


WEB = route("web", rule("web"), rule("api", path("/api")), hostnames=(HOST,))


def test_route_as_claimed_passes_by_what_was_compared() -> None:
    assert judged(claimed(), gateway(), WEB) == Passed(f"{HOST}/ at port 80", "status.parents")
    assert isinstance(judged(claimed(("api", 80, 1), path="/api/v1"), gateway(), WEB), Passed)


@pytest.mark.parametrize("weights", [(9, 1), (90, 10)])
def test_weights_are_shares(weights: tuple[int, int]) -> None:
    split = rule("web")
    split["backendRefs"] = [
        {"name": "web", "port": 80, "weight": 90},
        {"name": "canary", "port": 80, "weight": 10},
        {"name": "api", "port": 80, "weight": 0},
    ]
    row_ = claimed(("web", 80, weights[0]), ("canary", 80, weights[1]))
    assert isinstance(judged(row_, gateway(), route("web", split)), Passed)
    even = claimed(("web", 80, 1), ("canary", 80, 1))
    (difference,) = judged(even, gateway(), route("web", split)).differences
    assert (difference.code, difference.observed) == (
        "weight-differs",
        "Service/shop/canary:80 0.1, Service/shop/web:80 0.9",
    )


def not_accepted(kind: str, **fields: Any) -> Json:  # noqa: ANN401 - fields of a condition
    item = route("web", rule("web"), hostnames=(HOST,))
    for condition in item["status"]["parents"][0]["conditions"]:
        if condition["type"] == kind:
            condition.update(fields)
    return item


def not_said() -> Json:
    return {**route("web", rule("web"), hostnames=(HOST,)), "status": {}}


def half_said() -> Json:
    item = route("web", rule("web"), hostnames=(HOST,))
    item["status"]["parents"][0]["conditions"].pop()
    return item


STALE = {"conditions": [{"type": "Programmed", "status": "True", "observedGeneration": 0}]}
UNPROGRAMMED = {"conditions": [{"type": "Programmed", "status": "False", "reason": "Pending"}]}
FAR = rule("web", backendRefs=[{"name": "pay", "namespace": "warehouse", "port": 80}])


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([gateway()], ["route-missing"]),
        ([WEB], ["gateway-missing"]),
        ([gateway(), route("web", parent={"name": "x"})], ["parent-missing"]),
        ([gateway(), route("web", parent={"sectionName": "x"})], ["listener-missing"]),
        ([gateway(listener(allowedRoutes={})), WEB], ["route-refused"]),
        ([gateway(listener(hostname="b.example.com")), WEB], ["hostname-unmatched"]),
        ([gateway(), route("web", hostnames=("b.example.com",))], ["rule-missing"]),
        ([gateway(), route("web", rule("web", path("/only")))], ["rule-missing"]),
        ([gateway(), route("web", rule("api"))], ["backend-differs"]),
        ([gateway(), route("web", rule("web", backendRefs=[]))], ["backend-differs"]),
        (
            [gateway(), WEB, route("a", rule("web"), hostnames=(HOST,), created="2025")],
            ["route-differs"],
        ),
        (
            [gateway(), WEB, route("a", rule("api"), hostnames=(HOST,), created="2025")],
            ["route-differs", "backend-differs"],
        ),
        ([gateway(), not_said()], ["status-missing", "status-missing"]),
        ([gateway(), half_said()], ["status-missing"]),
        ([gateway(), not_accepted("Accepted", status="False")], ["route-not-accepted"]),
        ([gateway(), not_accepted("ResolvedRefs", status="False")], ["refs-not-resolved"]),
        ([gateway(), not_accepted("Accepted", observedGeneration=0)], ["generation-not-observed"]),
        ([gateway(status=UNPROGRAMMED), WEB], ["gateway-not-programmed"]),
        ([gateway(status={}), WEB], ["gateway-not-programmed"]),
        ([gateway(status=STALE), WEB], ["generation-not-observed"]),
    ],
)
def test_each_fault_has_its_code(objects: list[Json], expected: list[str]) -> None:
    assert codes(claimed(), *objects) == expected


def test_service_and_its_port_have_to_be_there() -> None:
    assert codes(claimed(), gateway(), WEB, there=()) == ["service-missing"]
    other = rule("web", backendRefs=[{"name": "web", "port": 81}])
    assert codes(claimed(("web", 81, 1)), gateway(), route("web", other)) == [
        "service-port-missing"
    ]


def test_service_of_another_namespace_takes_a_grant() -> None:
    row_ = claimed(("warehouse/pay", 80, 1))
    assert codes(row_, gateway(), route("web", FAR)) == ["grant-missing"]
    grant = {
        "kind": "ReferenceGrant",
        "metadata": {"name": "shop", "namespace": "warehouse"},
        "spec": {
            "from": [
                {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}
            ],
            "to": [{"group": "", "kind": "Service"}],
        },
    }
    assert isinstance(judged(row_, gateway(), route("web", FAR), grant), Passed)


def test_redirect_is_no_backend() -> None:
    away = rule("web", backendRefs=[], filters=[{"type": "RequestRedirect"}])
    (difference,) = judged(claimed(), gateway(), route("web", away)).differences
    assert (difference.code, difference.observed) == ("backend-differs", "a redirect")


def test_listener_is_one_of_several_or_each() -> None:
    """A redirect on port 80 and the route on 443, as HTTPS is often served."""
    both = gateway(listener(), listener("https", 443, protocol="HTTPS"))
    secure = route("web", rule("web"), parent={"sectionName": "https"})
    plain = route("redirect", rule("api"), parent={"sectionName": "http"})
    assert isinstance(judged(claimed(), both, secure, plain), Passed)
    everywhere = route("web", rule("web"), created="2027")
    assert codes(claimed(), both, everywhere, plain) == ["route-differs", "backend-differs"]
    assert isinstance(judged(claimed(listener="https"), both, everywhere, plain), Passed)
    assert codes(claimed(listener="other"), both, everywhere) == ["listener-missing"]


def test_what_is_said_of_another_listener_is_not_the_rows() -> None:
    both = gateway(listener(), listener("https", 443, protocol="HTTPS"))
    item = route("web", rule("web"), parent={"sectionName": "https"})
    other = {"parentRef": {"namespace": "infra", "name": "edge", "sectionName": "http"}}
    refused = [{"type": "Accepted", "status": "False"}]
    item["status"]["parents"].append({**other, "conditions": refused})
    assert codes(claimed(), both, item) == ["route-not-accepted"]
    assert isinstance(judged(claimed(listener="https"), both, item), Passed)


def test_listener_that_chooses_namespaces_is_asked_with_their_labels() -> None:
    chosen = {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}}
    at = gateway(listener(allowedRoutes=chosen))
    assert isinstance(judged(claimed(), at, WEB, namespace("shop", team="shop")), Passed)
    assert codes(claimed(), at, WEB, namespace("shop", team="other")) == ["route-refused"]


@pytest.mark.parametrize(
    ("other", "outcome"),
    [("api", Doubt), ("web", Passed)],
)
def test_what_the_implementation_decides_is_a_doubt_where_it_matters(
    other: str, outcome: type
) -> None:
    """A regular expression that leads to the same Service changes nothing."""
    pattern = rule(other, path("/v[0-9]", "RegularExpression"))
    item = route("web", rule("web"), pattern, hostnames=(HOST,))
    judgement = judged(claimed(path="/v1"), gateway(), item)
    assert isinstance(judgement, outcome)
    if isinstance(judgement, Doubt):
        assert "RegularExpression /v[0-9]" in judgement.reason
        assert "ingress-answer" in judgement.reason


def test_doubt_does_not_hide_a_difference() -> None:
    pattern = rule("api", path("/v[0-9]", "RegularExpression"))
    item = not_accepted("Accepted", status="False")
    item["spec"]["rules"].append(pattern)
    assert codes(claimed(path="/v1"), gateway(), item) == ["route-not-accepted"]


@pytest.mark.parametrize("kind", ["HTTPRoute", "Gateway", "Service", "Namespace"])
def test_what_may_not_be_listed_says_nothing_of_the_route(kind: str) -> None:
    """Another route could take the request first."""
    chosen = {"namespaces": {"from": "Selector", "selector": {}}}
    objects = [
        gateway(listener(allowedRoutes=chosen)),
        WEB,
        namespace("shop"),
        *services("shop/web"),
    ]
    with (
        cluster_of(*objects, forbidden=(kind,)) as cluster,
        pytest.raises(ObservationError, match="forbidden"),
    ):
        read_route(cluster, claimed())


def test_rights_are_those_of_its_lists() -> None:
    group = "gateway.networking.k8s.io"
    row_ = claimed(("web", 80, 1), ("warehouse/pay", 80, 1))
    assert rights_of_row(row_, Settings()) == {
        Grant("shop", group, "httproutes", "list"),
        Grant("", group, "httproutes", "list"),
        Grant("infra", group, "gateways", "list"),
        Grant("shop", "", "services", "list"),
        Grant("warehouse", "", "services", "list"),
        Grant("warehouse", group, "referencegrants", "list"),
    }
