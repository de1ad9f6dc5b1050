"""Services, Ingresses and references on other deployments than the reference: many shapes."""

from dataclasses import fields, replace
from typing import Any

import pytest

from clusterproof.checks import judge
from clusterproof.checks.dns import read_resolution
from clusterproof.checks.egress import destinations_of, read_reach
from clusterproof.checks.ingress import look as look_at_ingress
from clusterproof.checks.ingress_answer import read_ingress_answer
from clusterproof.checks.policy import look as look_at_policy
from clusterproof.checks.reference import look as look_at_reference
from clusterproof.checks.service import look as look_at_service
from clusterproof.errors import ObservationError
from clusterproof.judgement import Doubt, Failed, Passed
from clusterproof.observe.answers import dial_answers
from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Dialled, DialOutcome, Peer
from clusterproof.observe.matrix import EXTERNAL, OVER_TCP, Matrix
from clusterproof.observe.policy import HOST_NETWORK, ready_endpoints, service_reached
from clusterproof.spec.behaviour import EgressRow
from clusterproof.spec.row import ObjectRef
from tests.judge.rows import row
from tests.judging import at_cluster, differences, doubt
from tests.observe.cluster_objects import (
    cluster_of,
    deployment,
    endpoints,
    namespace,
    owned_by,
    pod,
    policy,
    service,
)
from tests.observe.loopback import Reply

read_ingress = at_cluster(look_at_ingress)
read_reference = at_cluster(look_at_reference)
read_service = at_cluster(look_at_service)
read_policies = at_cluster(look_at_policy)

Json = dict[str, Any]
WEB = {"app": "web"}
WORKLOAD = ObjectRef(kind="Deployment", namespace="shop", name="web")


def said(rule: Any, fact: object) -> list[str]:  # noqa: ANN401 - any row
    return [str(one) for one in differences(rule, fact)]


# --- Services


def service_says(*objects: Json, protocol: str = "TCP") -> list[str]:
    rule = row(
        "service",
        of="Service/shop/web",
        port=80,
        protocol=protocol,
        workload=str(WORKLOAD),
        target_port=8080,
    )
    with cluster_of(*objects) as cluster:
        return said(rule, read_service(cluster, rule).value)


def shop(front: Json, behind: Json, *pods: Json) -> list[Json]:
    return [deployment("web", "shop", WEB), front, behind, *pods]


READY = endpoints("web", "shop", 8080, {"web-1": "10.0.0.1"})


def test_a_port_of_another_protocol_is_named() -> None:
    udp = service("web", "shop", 80, 8080, WEB)
    udp["spec"]["ports"][0]["protocol"] = "UDP"
    pods = pod("web-1", "shop", WEB)
    assert service_says(*shop(udp, READY, pods)) == ["port 80: expected protocol TCP, observed UDP"]
    both = service("web", "shop", 80, 8080, WEB)
    both["spec"]["ports"].append({"name": "udp", "port": 80, "targetPort": 9, "protocol": "UDP"})
    assert service_says(*shop(both, READY, pods)) == []


def test_a_port_by_the_name_of_a_native_sidecars_is_known() -> None:
    meshed = pod("web-1", "shop", WEB)
    ports = [{"name": "http", "containerPort": 8080}]
    meshed["spec"]["initContainers"] = [
        {"name": "init", "ports": [{"name": "http", "containerPort": 1}]},
        {"name": "mesh", "restartPolicy": "Always", "ports": ports},
    ]
    assert service_says(*shop(service("web", "shop", 80, "http", WEB), READY, meshed)) == []


def test_an_endpoint_without_conditions_is_ready() -> None:
    bare = endpoints("web", "shop", 8080, {"web-1": "10.0.0.1"})
    del bare["endpoints"][0]["conditions"]
    front = service("web", "shop", 80, 8080, WEB)
    assert service_says(*shop(front, bare, pod("web-1", "shop", WEB))) == []


def test_a_pod_that_ends_may_still_be_an_endpoint() -> None:
    leaving = pod("web-2", "shop", WEB)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    behind = endpoints("web", "shop", 8080, {"web-1": "10.0.0.1", "web-2": "10.0.0.2"})
    front = service("web", "shop", 80, 8080, WEB)
    front["spec"]["publishNotReadyAddresses"] = True
    assert service_says(*shop(front, behind, pod("web-1", "shop", WEB), leaving)) == []


def test_a_pod_of_a_job_behind_the_service_is_named() -> None:
    """A migration with the workload's labels gets a share of the requests."""
    migration = pod("migrate-1", "shop", WEB, ip="10.0.0.2")
    migration["metadata"] |= owned_by("job", **WEB)
    behind = endpoints("web", "shop", 8080, {"web-1": "10.0.0.1", "migrate-1": "10.0.0.2"})
    front = service("web", "shop", 80, 8080, WEB)
    found = service_says(*shop(front, behind, pod("web-1", "shop", WEB), migration))
    assert len(found) == 1
    assert "migrate-1" in found[0]


def test_lists_of_two_moments_are_read_again() -> None:
    """A Pod came between the two lists: it is an endpoint, and not yet among the Pods."""
    front = service("web", "shop", 80, 8080, WEB)
    behind = endpoints("web", "shop", 8080, {"web-1": "10.0.0.1", "web-2": "10.0.0.2"})
    rule = row("service", of="Service/shop/web", port=80, workload=str(WORKLOAD), target_port=8080)
    both = [pod("web-1", "shop", WEB), pod("web-2", "shop", WEB)]
    with cluster_of(*shop(front, behind, *both)) as cluster:
        del cluster.objects("Pod", "shop")[1]
        assert said(rule, read_service(cluster, rule).value) == []


def test_a_pod_that_was_ready_long_ago_is_not_waited_for_as_an_endpoint() -> None:
    front = service("web", "shop", 80, 8080, WEB)
    rule = row("service", of="Service/shop/web", port=80, workload=str(WORKLOAD), target_port=8080)
    old = pod("web-2", "shop", WEB, ip="10.0.0.2")
    old["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    with cluster_of(*shop(front, READY, pod("web-1", "shop", WEB))) as cluster:
        read_service(cluster, rule)
        lists = cluster.lists_made
    with cluster_of(*shop(front, READY, pod("web-1", "shop", WEB), old)) as cluster:
        assert said(rule, read_service(cluster, rule).value) != []
        assert cluster.lists_made == lists + 2  # Pods and EndpointSlices, once more


# --- Ingresses


def path(route: str, name: str, kind: str = "Prefix", port: int = 80) -> Json:
    backend = {"service": {"name": name, "port": {"number": port}}}
    return {"path": route, "pathType": kind, "backend": backend}


def ingress(*rules: tuple[str, list[Json]], **spec: Any) -> Json:  # noqa: ANN401 - raw
    return {
        "kind": "Ingress",
        "metadata": {"name": "door", "namespace": "shop"},
        "spec": {
            "rules": [
                {"http": {"paths": paths}} | ({"host": host} if host else {})
                for host, paths in rules
            ],
            **spec,
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.80"}]}},
    }


SERVICES = [service(name, "shop", 80, 80, WEB) for name in ("web", "api", "udp")]
SERVICES[-1]["spec"]["ports"][0]["protocol"] = "UDP"
AT_WEB = ("a.b", "/", "web")
EXACT = path("/x", "api", "Exact")
TWO = [path("/api", "api"), path("/", "web")]


@pytest.mark.parametrize(
    ("door", "host", "asked", "name", "right"),
    [
        (ingress(("a.b", TWO)), "a.b", "", "web", True),
        (ingress(("a.b", TWO)), "a.b", "", "api", True),
        (ingress(("a.b", TWO)), "a.b", "/", "web", True),
        (ingress(("a.b", TWO)), "a.b", "/", "api", False),
        (ingress(("a.b", TWO)), "a.b", "/api", "api", True),
        (ingress(("a.b", TWO)), "a.b", "/api/", "api", True),
        (ingress(("a.b", TWO)), "a.b", "/api/v1", "api", True),
        (ingress(("a.b", TWO)), "a.b", "/apiary", "web", True),
        (ingress(("a.b", TWO)), "a.b", "/apiary", "api", False),
        (ingress(("a.b", [path("/api", "api", "Exact"), TWO[1]])), "a.b", "/api/v1", "web", True),
        (
            ingress(("a.b", [path("/x", "web"), path("/x", "api", "Exact")])),
            "a.b",
            "/x",
            "api",
            True,
        ),
        (ingress(("a.b", [TWO[0]])), "a.b", "/other", "api", False),
        (ingress(("*.b", TWO)), "a.b", "/", "web", True),
        (ingress(("*.b", TWO)), "*.b", "/", "web", True),
        (ingress(("*.b", TWO)), "x.a.b", "/", "web", False),
        (ingress(("*.b", TWO)), "b", "/", "web", False),
        (ingress(("*.b", [path("/", "api")]), ("a.b", TWO)), "a.b", "/", "web", True),
        (ingress(("", TWO)), "a.b", "/", "web", True),
        (ingress(("", [path("/", "api")]), ("*.b", TWO)), "a.b", "/", "web", True),
        (ingress(defaultBackend=TWO[1]["backend"]), "a.b", "/", "web", True),
        (ingress(("c.d", TWO), defaultBackend=TWO[1]["backend"]), "a.b", "/", "web", True),
        (ingress(("c.d", TWO)), "a.b", "/", "web", False),
        (ingress(("a.b", [path("/", "web", port=81)])), "a.b", "", "web", False),
        (ingress(("a.b", [path("/", "udp")])), "a.b", "/", "udp", False),
    ],
)
def test_an_ingress_sends_a_host_and_a_path(
    door: Json, host: str, asked: str, name: str, *, right: bool
) -> None:
    rule = row("ingress", of="Ingress/shop/door", host=host, path=asked, service=name, port=80)
    with cluster_of(door, *SERVICES) as cluster:
        assert (said(rule, read_ingress(cluster, rule).value) == []) is right


def test_the_class_of_an_ingress_may_be_an_annotation() -> None:
    door = ingress(("a.b", TWO), ingressClassName=None)
    door["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    rule = row("ingress", of="Ingress/shop/door", host="a.b", service="web", port=80)
    served = beside(TWO[1], metadata=door["metadata"])
    served["metadata"] |= {"name": "other"}
    with cluster_of({**door, "status": {}}, served, *SERVICES) as cluster:
        (only,) = said(rule, read_ingress(cluster, rule).value)
    why = "Ingress shop/other of class nginx has one"
    assert only.endswith(f"({why})")


NO_ADDRESS: Json = {"loadBalancer": {"ingress": [{}]}}
OF_CLASS = {"ingressClassName": "edge"}
EDGE = {"kind": "IngressClass", "metadata": {"name": "edge"}, "spec": {"controller": "a.b/c"}}


@pytest.mark.parametrize(
    ("spec", "others", "forbidden", "outcome"),
    [
        (OF_CLASS, [EDGE], (), Doubt),  # Traefik without publishedService
        (OF_CLASS, [], (), Failed),
        (OF_CLASS, [], ("IngressClass",), Doubt),
        ({}, [EDGE], (), Doubt),
        (OF_CLASS, [EDGE, "served"], (), Failed),
        (OF_CLASS, [EDGE, "elsewhere"], (), Failed),
        (OF_CLASS, [EDGE, "of-another-class"], (), Doubt),
    ],
)
def test_a_status_without_an_address_differs_only_where_a_controller_would_write_one(
    spec: Json, others: list[Any], forbidden: tuple[str, ...], outcome: type
) -> None:
    there = {
        "served": beside(path("/", "web"), host="c.d", spec=OF_CLASS),
        "elsewhere": beside(
            path("/", "web"), host="c.d", spec=OF_CLASS, metadata={"namespace": "bank"}
        ),
        "of-another-class": beside(
            path("/", "web"), host="c.d", spec={"ingressClassName": "inner"}
        ),
    }
    door = {**ingress(("a.b", TWO), **spec), "status": NO_ADDRESS}
    objects: list[Json] = [there[each] if isinstance(each, str) else each for each in others]
    rule = row("ingress", of="Ingress/shop/door", host="a.b", service="web", port=80)
    answer = row("ingress-answer", of="Ingress/shop/door", host="a.b", path="/")
    with cluster_of(door, *objects, *SERVICES, forbidden=forbidden) as cluster:
        judgement = judge(rule, read_ingress(cluster, rule).value)
        dialled = dial_answers(cluster, Control(), [answer])
    assert isinstance(judgement, outcome)
    assert (answer.id in dialled.failures) is (outcome is Doubt)
    if outcome is Failed:
        assert [each.code for each in judgement.differences] == ["address-missing"]
        assert dialled.ingresses[answer.id].code == "address-missing"


def by_controller(route: str, name: str) -> Json:
    return path(route, name, "ImplementationSpecific")


@pytest.mark.parametrize(
    ("paths", "asked", "outcome"),
    [
        ([by_controller("/", "web")], "/", Passed),
        ([by_controller("/", "web")], "/api", Doubt),
        ([by_controller("/api", "web")], "/apiary", Doubt),
        ([by_controller("/api/.*", "web")], "/api/v1", Doubt),
        ([by_controller("/api", "api"), path("/", "web")], "/api/v1", Doubt),
        ([by_controller("/api", "web"), path("/", "web")], "/api/v1", Passed),
        ([by_controller("/api", "api"), path("/", "web")], "/other", Passed),
        ([by_controller("/api", "api"), path("/", "api")], "/api/v1", Failed),
        ([by_controller("/api", "web")], "/other", Failed),
    ],
)
def test_what_a_path_of_the_controllers_own_type_takes_is_not_known(
    paths: list[Json], asked: str, outcome: type
) -> None:
    rule = row("ingress", of="Ingress/shop/door", host="a.b", path=asked, service="web", port=80)
    with cluster_of(ingress(("a.b", paths)), *SERVICES) as cluster:
        assert isinstance(judge(rule, read_ingress(cluster, rule).value), outcome)


def beside(*paths: Json, host: str = "a.b", **changed: Any) -> Json:  # noqa: ANN401 - raw
    """Another Ingress of the namespace."""
    other = ingress((host, list(paths)), **changed.pop("spec", {}))
    other["metadata"] |= {"name": "other", **changed.pop("metadata", {})}
    return other | changed


CANARY = "nginx.ingress.kubernetes.io/canary"
GROUP = {"annotations": {"alb.ingress.kubernetes.io/group.name": "shop"}}
ELSEWHERE = {"loadBalancer": {"ingress": [{"ip": "10.0.0.81"}]}}


def canary(**more: str) -> Json:
    return {"annotations": {CANARY: "true", **{f"{CANARY}-{k}": v for k, v in more.items()}}}


@pytest.mark.parametrize(
    ("other", "outcome"),
    [
        (beside(path("/api", "api")), Failed),
        (beside(path("/api", "web")), Passed),
        (beside(path("/api/v1", "api", "Exact")), Failed),
        (beside(path("/api/v1/x", "api")), Passed),
        (beside(path("/", "api")), Doubt),
        (beside(path("/", "web")), Passed),
        (beside(path("/api", "api"), host="*.b"), Passed),  # of a host that is less precise
        (beside(path("/api", "api"), metadata=GROUP), Doubt),  # by an order that is written
        (beside(path("/api", "api"), host="c.d"), Passed),
        (beside(path("/api", "api"), spec={"ingressClassName": "inner"}), Passed),
        (beside(path("/api", "api"), status=ELSEWHERE), Passed),
        (beside(path("/api", "api"), status={}), Passed),
        (beside(host="c.d", spec={"defaultBackend": path("/", "api")["backend"]}), Passed),
        (beside(path("/", "api"), metadata=canary(weight="0")), Passed),
        (beside(path("/api", "api"), metadata=canary(weight="10")), Passed),  # of no main path
        (beside(path("/", "api", "Exact"), metadata=canary(weight="10")), Passed),
        (beside(path("/", "api"), metadata=canary(weight="10")), Doubt),
        (beside(path("/", "api"), metadata=canary(**{"by-header": "X-Canary"})), Doubt),
    ],
)
def test_another_ingress_at_the_same_address_may_take_the_path(other: Json, outcome: type) -> None:
    rule = row(
        "ingress", of="Ingress/shop/door", host="a.b", path="/api/v1", service="web", port=80
    )
    with cluster_of(ingress(("a.b", [path("/", "web")])), other, *SERVICES) as cluster:
        judgement = judge(rule, read_ingress(cluster, rule).value)
    assert isinstance(judgement, outcome)
    if isinstance(judgement, Failed):
        assert "Ingress other takes it, by /api" in str(judgement.differences[0])


ELSEWHERE_TOO = {"namespace": "bank"}


@pytest.mark.parametrize(
    ("other", "outcome"),
    [
        (beside(path("/api", "web"), metadata=ELSEWHERE_TOO), Doubt),  # not our Service web
        (beside(path("/", "api"), metadata={**ELSEWHERE_TOO, "name": "door"}), Doubt),
        (beside(path("/other", "api"), metadata=ELSEWHERE_TOO), Passed),
        (beside(path("/api", "api"), host="c.d", metadata=ELSEWHERE_TOO), Passed),
        (beside(path("/api", "api"), status=ELSEWHERE, metadata=ELSEWHERE_TOO), Passed),
    ],
)
def test_an_ingress_of_another_namespace_may_take_the_path(other: Json, outcome: type) -> None:
    """Whether the controller joins them is its own; and where we may not look that is said."""
    rule = row(
        "ingress", of="Ingress/shop/door", host="a.b", path="/api/v1", service="web", port=80
    )
    objects = (ingress(("a.b", [path("/", "web")])), other, *SERVICES)
    with cluster_of(*objects) as cluster:
        observed = read_ingress(cluster, rule)
        assert ("GET", ALL_INGRESSES) in cluster.only_read_ahead
    judgement = judge(rule, observed.value)
    assert isinstance(judgement, outcome)
    if isinstance(judgement, Doubt):
        assert f"of Ingress bank/{other['metadata']['name']}" in judgement.reason
    assert not any("not looked at" in line for line in observed.evidence)
    with cluster_of(*objects, answers={ALL_INGRESSES: Reply(403, {})}) as cluster:
        observed = read_ingress(cluster, rule)
    assert isinstance(judge(rule, observed.value), Passed)
    assert "Ingresses of other namespaces may not be listed (403): not looked at" in (
        observed.evidence
    )


ALL_INGRESSES = "/apis/networking.k8s.io/v1/ingresses"


def test_controllers_differ_where_another_ingress_names_the_host_more_precisely() -> None:
    rule = row("ingress", of="Ingress/shop/door", host="a.b", path="/", service="web", port=80)
    own = ingress(("*.b", [path("/", "web")]))
    only = beside(path("/only", "api"))  # whose server has a default of its own
    every = beside(path("/", "api"), host="")
    rest = ingress(("a.b", [path("/x", "web")]), defaultBackend=path("/", "web")["backend"])
    for door, other in ((own, only), (own, beside(path("/", "api"))), (rest, every)):
        with cluster_of(door, other, *SERVICES) as cluster:
            doubt = judge(rule, read_ingress(cluster, rule).value)
        assert isinstance(doubt, Doubt)
        assert "is of Ingress other, at the same address" in doubt.reason
    with cluster_of(own, every, *SERVICES) as cluster:
        assert isinstance(judge(rule, read_ingress(cluster, rule).value), Passed)


class Control:
    """Dials nothing."""

    def dial_from_control(self, peers: Any) -> Dialling:  # noqa: ANN401 - as the protocol has it
        """What a Pod of our own sees: nothing."""
        self.asked = list(peers)
        return Dialling("shop/control")


@pytest.mark.parametrize("hosts", [["a.b"], ["*.b"], ["c.d", "*.b"], []])
def test_tls_may_be_by_a_wildcard_and_held_by_the_controller(hosts: list[str]) -> None:
    rule = row("ingress-answer", of="Ingress/shop/door", host="a.b", path="/")
    door = ingress(("a.b", TWO), tls=[{"hosts": hosts, "secretName": "crt"}])
    with cluster_of(door) as cluster:
        found = dial_answers(cluster, Control(), [rule])
    assert found.ingresses[rule.id].trouble == "Secret/shop/crt does not exist"
    del door["spec"]["tls"][0]["secretName"]
    with cluster_of(door) as cluster, pytest.raises(ObservationError, match="its controller holds"):
        read_ingress_answer(dial_answers(cluster, Control(), [rule]), rule)


@pytest.mark.parametrize(
    ("there", "code"),
    [
        ([], "ingress-missing"),
        ([ingress(("a.b", TWO))], "tls-missing"),
        ([ingress(("a.b", TWO), tls=[{"hosts": ["a.b"], "secretName": "crt"}])], "secret-missing"),
        (
            [
                ingress(("a.b", TWO), tls=[{"hosts": ["a.b"], "secretName": "crt"}]),
                {
                    "kind": "Secret",
                    "metadata": {"name": "crt", "namespace": "shop"},
                    "data": {"tls.crt": "bm9uZQ=="},
                },
            ],
            "certificate-unreadable",
        ),
    ],
)
def test_why_an_ingress_was_not_dialled_has_a_code_of_its_own(there: list[Json], code: str) -> None:
    rule = row("ingress-answer", of="Ingress/shop/door", host="a.b", path="/")
    with cluster_of(*there) as cluster:
        fact = read_ingress_answer(dial_answers(cluster, Control(), [rule]), rule).value
    assert [difference.code for difference in judge(rule, fact).differences] == [code]


# --- References


@pytest.mark.parametrize(
    ("data", "keys", "right"),
    [
        ({"A": "postgres-0.postgres.shop.svc.cluster.local", "P": "5432"}, "hp", True),
        ({"A": "postgres-0.postgres", "P": "5432"}, "hp", True),
        ({"A": "postgresql://me@postgres.shop/app"}, "u", True),
        ({"A": "postgresql+asyncpg://postgres/app"}, "u", True),
        ({"A": "jdbc:postgresql://postgres/app"}, "u", True),
        ({"A": "postgres:5432"}, "h", True),
        ({"A": "postgres"}, "h", True),
        ({"A": "postgres:5433"}, "h", False),
        ({"A": "postgres.shop.svc."}, "h", False),
        ({"A": "postgres.shop.svc.cluster.local."}, "h", True),
        ({"A": "postgres-0.postgres:5432,postgres-1.postgres:5432"}, "u", True),
        ({"A": "postgres-0.postgres:5432,other:5432"}, "u", False),
        ({"A": "redis://postgres/0"}, "u", False),
        ({"A": "other", "P": "5432"}, "hp", False),
        ({"A": "https://postgres"}, "u", False),
        ({"A": "postgres://postgres:5432,postgres://postgres-0.postgres:5432"}, "u", True),
        ({"A": "http://postgres:5432, http://other:5432"}, "u", False),
        ({"A": "postgres:5432 postgres:5432;postgres:5432"}, "u", True),
        ({"A": "pgsql://postgres"}, "u", True),
        ({"A": "jdbc:sqlserver://postgres:5432;databaseName=app"}, "u", True),
        ({"A": "sqlserver://postgres:5432;user=sa;password=a@b"}, "u", True),
        ({"A": "SQLServer://postgres:5432;user=sa;password=a@b"}, "u", True),
        ({"A": "mssql://postgres:5432;user=sa;pwd=P@ssw"}, "u", True),
        ({"A": "postgresql://me:4711;Zq8vT3@postgres:5432/"}, "u", True),
        ({"A": "postgresql://me:4711;Zq8vT3@other:5432/"}, "u", False),
        ({"A": "jdbc:oracle:thin:@//postgres:5432/XE"}, "u", True),
        ({"A": "jdbc:oracle:thin:@postgres:5432:XE"}, "u", True),
        ({"A": "me@tcp(postgres:5432)/app"}, "u", True),
        ({"A": "me@tcp(other:5432)/app"}, "u", False),
        ({"A": "dns:///postgres:5432"}, "u", True),
        ({"A": "dns://10.0.0.10/postgres:5432"}, "u", True),
        ({"A": "postgres:5432/0"}, "u", True),
        ({"A": "postgres/0"}, "u", False),
        ({"A": "unix:///postgres:5432"}, "u", False),
        ({"A": "host=postgres port=5432"}, "u", False),
    ],
)
def test_addresses_as_people_write_them(data: Json, keys: str, *, right: bool) -> None:
    fields = {"u": {"url_key": "A"}, "h": {"host_key": "A"}}
    chosen = fields.get(keys) or {"host_key": "A", "port_key": "P"}
    rule = row("reference", of="ConfigMap/shop/c", service="Service/shop/postgres", **chosen)
    item = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data}
    with cluster_of(item, service("postgres", "shop", 5432, 5432, {"app": "db"})) as cluster:
        assert (said(rule, read_reference(cluster, rule).value) == []) is right


def headless(port: int, target: int | str) -> Json:
    item = service("peers", "shop", port, target, {"app": "db"})
    item["spec"] |= {"clusterIP": "None", "clusterIPs": ["None"]}
    return item


@pytest.mark.parametrize("target", [6379, "main"])
@pytest.mark.parametrize(("port", "right"), [(80, False), (6379, True)])
def test_the_name_of_a_headless_service_leads_to_the_ports_of_its_pods(
    target: int | str, port: int, *, right: bool
) -> None:
    rule = row("reference", of="ConfigMap/shop/c", service="Service/shop/peers", url_key="A")
    data = {"A": f"redis://peers:{port}"}
    item = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data}
    slices = endpoints("peers", "shop", 6379, {"db-0": "10.0.0.7"})
    with cluster_of(item, headless(80, target), slices) as cluster:
        assert (said(rule, read_reference(cluster, rule).value) == []) is right


def test_a_headless_service_without_pods_does_not_tell_the_number_of_a_named_port() -> None:
    rule = row("reference", of="ConfigMap/shop/c", service="Service/shop/peers", url_key="A")
    data = {"A": "redis://peers:6379"}
    item = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data}
    mixed = headless(80, "main")
    mixed["spec"]["ports"].append({"name": "admin", "port": 9000, "targetPort": 9000})
    with cluster_of(item, mixed) as cluster, pytest.raises(ObservationError, match="no Pod behind"):
        read_reference(cluster, rule)


@pytest.mark.parametrize("port", [80, 6379])
def test_a_pod_is_behind_a_headless_service_on_whatever_port(port: int) -> None:
    slices = endpoints("peers", "shop", 6379, {"db-0": "10.0.0.7"})
    ref = ObjectRef(kind="Service", namespace="shop", name="peers")
    with cluster_of(headless(80, 6379), slices) as cluster:
        behind = ready_endpoints(cluster, ref, port, "TCP")
    assert [(each.label, each.address, each.port) for each in behind] == [
        ("shop/db-0", "10.0.0.7", port)
    ]


def outside() -> Json:
    return {
        "kind": "Service",
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"type": "ExternalName", "externalName": "db.example.com"},
    }


def test_an_external_name_has_no_ports_of_its_own() -> None:
    data = {"A": "postgres://db/app"}
    rule = row("reference", of="ConfigMap/shop/c", service="Service/shop/db", url_key="A")
    item = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data}
    with cluster_of(item, outside()) as cluster:
        assert said(rule, read_reference(cluster, rule).value) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pg.store.svc.cluster.local", "and no Service store/pg"),
        ("pg.store.svc.cluster.local.", "and no Service store/pg"),
        ("web.shop.svc.cluster.local", ""),
        ("pg.store.svc.clusterset.local", ""),
        ("pg.store", ""),
    ],
)
def test_an_external_name_of_this_cluster_means_a_service_that_is_there(
    name: str, words: str
) -> None:
    stands = outside()
    stands["spec"]["externalName"] = name
    rule = row("reference", of="ConfigMap/shop/c", service="Service/shop/db", url_key="A")
    item = {
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "shop"},
        "data": {"A": "postgres://db/app"},
    }
    web = service("web", "shop", 80, 80, {"app": "web"})
    with cluster_of(item, stands, web) as cluster:
        heard = said(rule, read_reference(cluster, rule).value)
    assert [words in sentence for sentence in heard] == ([True] if words else [])


# --- Names and egress


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("redis-0.redis", None),
        ("redis-1.redis", "Service/redis/redis-1"),
        ("web.shop", "Service/shop/web"),
        ("redis", "Service/redis/redis"),
        ("redis-0.redis.redis.svc", None),
        ("203.0.113.9", None),
    ],
)
def test_a_name_that_is_an_endpoints_names_no_service(host: str, named: str | None) -> None:
    slice_ = endpoints("redis", "redis", 6379, {"redis-0": "10.0.0.7"})
    slice_["endpoints"][0]["hostname"] = "redis-0"
    with cluster_of(service("redis", "redis", 6379, 6379, {}), slice_) as cluster:
        ref = service_reached(cluster, host, "redis")
    assert (None if ref is None else str(ref)) == named


@pytest.mark.parametrize("kind", ["EndpointSlice", "Service"])
def test_whether_a_name_is_an_endpoints_is_in_doubt_where_that_may_not_be_read(kind: str) -> None:
    objects = (service("redis", "redis", 6379, 6379, {}),)
    rule = row("egress", **{**DNS, "host": "redis-0.redis"}, expected="allowed")
    with cluster_of(*objects, forbidden=(kind,)) as cluster:
        with pytest.raises(ObservationError):
            service_reached(cluster, "redis-0.redis", "redis")
        assert destinations_of(cluster, rule, "redis", "TCP", ["10.0.0.7"]) == ()


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("db.svcx", ["10.0.0.7"]), ("db.shop.svcx.example", ["10.0.0.7"]), ("db.shop.svc", [])],
)
def test_a_name_is_a_services_by_the_label_svc(host: str, addresses: list[str]) -> None:
    """It is no part of a label: what is no Service's name leads to the address that is dialled."""
    rule = row("egress", **{**DNS, "host": host}, expected="allowed")
    with cluster_of() as cluster:
        to = destinations_of(cluster, rule, "shop", "TCP", ["10.0.0.7"])
    assert [each.address for each in to] == addresses


@pytest.mark.parametrize("host", ["redis-0.redis", "redis-0.redis.redis.svc.cluster.local"])
def test_the_name_of_an_endpoint_leads_to_its_pod(host: str) -> None:
    """A policy sees the labels of the Pod, and not an address that no rule names."""
    slice_ = endpoints("redis", "redis", 6379, {"redis-0": "10.0.0.7", "redis-1": "10.0.0.8"})
    slice_["endpoints"][0]["hostname"] = "redis-0"
    pods = [pod(name, "redis", {"app": "redis"}) for name in ("redis-0", "redis-1")]
    headless = service("redis", "redis", 6379, 6379, {"app": "redis"})
    headless["spec"]["clusterIP"] = "None"
    objects = (headless, slice_, *pods)
    rule = row("egress", **{**DNS, "host": host}, expected="allowed")
    with cluster_of(*objects) as cluster:
        to = destinations_of(cluster, rule, "redis", "TCP", ["10.0.0.7"])
    assert [(each.label, each.labels) for each in to] == [("redis/redis-0", {"app": "redis"})]


def test_the_name_of_an_endpoint_that_is_not_there_is_not_read_as_an_address() -> None:
    rule = row("egress", **{**DNS, "host": "redis-0.redis.redis.svc"}, expected="allowed")
    with cluster_of() as cluster:
        assert destinations_of(cluster, rule, "shop", "TCP", ["10.0.0.7"]) == ()


def resolved(*addresses: str) -> Dialled:
    return Dialled(DialOutcome.CONNECTED, addresses)


def matrix(control: dict[str, Dialled], seen: dict[str, Dialled]) -> Matrix:
    return Matrix(
        Dialling("shop/control", control, "our own"), {WORKLOAD: (Dialling("web-1", seen),)}, {}
    )


@pytest.mark.parametrize(
    ("seen", "words"),
    [(("198.51.100.7",), []), (("198.51.100.7", "198.51.100.8"), [])],
)
def test_an_external_name_resolves_to_what_it_stands_for(
    seen: tuple[str, ...], words: list[str]
) -> None:
    rule = row("dns", workload=str(WORKLOAD), name="db.shop.svc", service="Service/shop/db")
    control = {rule.id: resolved(*seen), f"{rule.id}{EXTERNAL}": resolved("198.51.100.7")}
    with cluster_of(outside()) as cluster:
        found = read_resolution(cluster, matrix(control, {rule.id: resolved(*seen)}), rule)
        assert said(rule, found.value) == words
        apart = read_resolution(cluster, matrix(control, {rule.id: resolved("10.0.0.1")}), rule)
        assert "has other addresses in web-1 (10.0.0.1) than in our" in doubt(rule, apart.value)
        nowhere = Dialled(DialOutcome.DNS_FAILURE, (), "Name or service not known")
        control[f"{rule.id}{EXTERNAL}"] = nowhere
        found = read_resolution(cluster, matrix(control, {rule.id: resolved(*seen)}), rule)
        assert "than in our own Pod (where it does not resolve)" in doubt(rule, found.value)
        found = read_resolution(cluster, matrix(control, {rule.id: nowhere}), rule)
        (only,) = said(rule, found.value)
        assert only.startswith("web-1: expected the addresses of Service/shop/db, observed ")
        del control[f"{rule.id}{EXTERNAL}"]
        with pytest.raises(ObservationError, match="our own Pod was not asked for"):
            read_resolution(cluster, matrix(control, {rule.id: resolved(*seen)}), rule)


def test_a_member_of_a_headless_service_has_its_own_address() -> None:
    headless = service("db", "shop", 5432, 5432, {"app": "db"})
    headless["spec"] |= {"clusterIP": "None", "clusterIPs": ["None"]}
    behind = endpoints("db", "shop", 5432, {"db-0": "10.0.0.1", "db-1": "10.0.0.2"})
    for one in behind["endpoints"]:
        one["hostname"] = one["targetRef"]["name"]
    rule = row("dns", workload=str(WORKLOAD), name="db-1.db", service="Service/shop/db")
    both = row("dns", workload=str(WORKLOAD), name="db", service="Service/shop/db")
    with cluster_of(headless, behind) as cluster:
        one = {rule.id: resolved("10.0.0.2")}
        two = {both.id: resolved("10.0.0.1", "10.0.0.2")}
        assert said(rule, read_resolution(cluster, matrix(one, one), rule).value) == []
        assert said(both, read_resolution(cluster, matrix(two, two), both).value) == []
        assert said(rule, read_resolution(cluster, matrix(two, two), rule).value) != []


TIMEOUT = Dialled(DialOutcome.TIMEOUT, ("10.96.0.10",), "10.96.0.10", 4000.0, 2, "no answer in 2 s")
DNS = {"workload": str(WORKLOAD), "host": "kube-dns.kube-system.svc.cluster.local", "port": 53}


def reach_says(
    rule: EgressRow, control: dict[str, Dialled], seen: dict[str, Dialled], *objects: Json
) -> list[str]:
    with cluster_of(deployment("web", "shop", WEB), *objects) as cluster:
        return said(rule, read_reach(cluster, matrix(control, seen), rule).value)


def test_dns_is_asked_over_tcp_as_well() -> None:
    rule = row("egress", **DNS, protocol="DNS", expected="allowed")
    tcp = f"{rule.id}{OVER_TCP}"
    good = {rule.id: resolved("10.96.0.10"), tcp: resolved("10.96.0.10")}
    assert reach_says(rule, good, good) == []
    (only,) = reach_says(rule, good, {**good, tcp: TIMEOUT})
    assert only.startswith("DNS over TCP, 1 of 1 Pods: expected allowed, observed timeout")
    # A resolver that speaks no TCP to anybody is no policy's doing.
    assert reach_says(rule, {**good, tcp: TIMEOUT}, {**good, tcp: TIMEOUT}) == []


def test_a_refusal_in_the_controls_own_namespace_is_named() -> None:
    deny = policy("default-deny", "shop", policyTypes=["Egress"])
    rule = row("egress", **{**DNS, "host": "203.0.113.9"}, expected="allowed")
    (only,) = reach_says(rule, {rule.id: TIMEOUT}, {rule.id: TIMEOUT}, deny, namespace("shop"))
    assert "NetworkPolicy default-deny: none of 0 egress rules allows it" in only
    assert "the control peer is refused as well, by its own namespace" in only
    assert "not a policy" not in only


def test_a_pod_in_its_hosts_network_is_beyond_every_policy() -> None:
    hosted = pod("web-1", "shop", WEB)
    hosted["spec"]["hostNetwork"] = True
    objects = [
        deployment("web", "shop", WEB),
        hosted,
        namespace("shop"),
        policy("p", "shop", policyTypes=["Egress"]),
    ]
    rule = row("policy", of="NetworkPolicy/shop/p", workload=str(WORKLOAD), aspect="selects")
    with cluster_of(*objects) as cluster:
        (only,) = said(rule, read_policies(cluster, rule).value)
    assert HOST_NETWORK in only
    dialled = row("egress", **{**DNS, "host": "203.0.113.9"}, expected="refused")
    seen = {dialled.id: resolved("203.0.113.9")}
    (reached,) = reach_says(dialled, seen, seen, *objects[1:])
    assert HOST_NETWORK in reached


# --- A policy and nothing else

NEEDS = {
    "DNS": "kube-system/k8s-app=kube-dns:53/UDP",
    "PostHog": "posthog/*:*/*",
    "HTTPS": "0.0.0.0/0:443/TCP",
}
KUBE_DNS: Json = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
PORTS: Json = {"ports": [{"protocol": "UDP", "port": 53}]}
GOOD: list[Json] = [
    {"to": [KUBE_DNS], **PORTS},
    {"to": [{"namespaceSelector": {"matchLabels": {"name": "posthog"}}}]},
    {
        "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}],
        "ports": [{"port": 443}],
    },
]


@pytest.mark.parametrize(
    ("more", "beyond"),
    [
        ([], 0),
        ([{"to": [{"namespaceSelector": KUBE_DNS["namespaceSelector"]}], **PORTS}], 1),
        ([{"to": [{"podSelector": KUBE_DNS["podSelector"]}], **PORTS}], 1),
        ([{"to": [{"namespaceSelector": {}}], "ports": [{"port": 5432}]}], 1),
        ([{"ports": [{"protocol": "UDP"}]}], 1),
        ([{}], 1),
        ([{"to": [KUBE_DNS]}], 1),
        ([{"to": [KUBE_DNS], "ports": [{"protocol": "UDP", "port": 53, "endPort": 60}]}], 1),
        ([{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 80}]}], 1),
        ([{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443}]}], 0),
    ],
)
def test_a_policy_allows_the_needs_and_nothing_else(more: list[Json], beyond: int) -> None:
    rule = row(
        "policy",
        of="NetworkPolicy/shop/p",
        workload=str(WORKLOAD),
        aspect="only",
        needs=NEEDS,
    )
    objects = [
        deployment("web", "shop", WEB),
        pod("web-1", "shop", WEB),
        namespace("shop"),
        namespace("kube-system"),
        namespace("posthog", name="posthog"),
        policy("p", "shop", policyTypes=["Egress"], egress=[*GOOD, *more]),
        policy("other", "shop", podSelector={"matchLabels": {"app": "x"}}, egress=[{}]),
    ]
    with cluster_of(*objects) as cluster:
        assert len(said(rule, read_policies(cluster, rule).value)) == beyond


def test_a_need_in_its_hosts_network_is_an_address() -> None:
    hosted = pod("db-0", "shop", {"app": "db"})
    hosted["spec"]["hostNetwork"] = True
    rule = row(
        "policy",
        of="NetworkPolicy/shop/p",
        workload=str(WORKLOAD),
        aspect="allows",
        needs={"database": "shop/app=db:5432/TCP"},
    )
    to_database = {"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}
    objects = [
        deployment("web", "shop", WEB),
        pod("web-1", "shop", WEB),
        hosted,
        namespace("shop"),
        policy("p", "shop", policyTypes=["Egress"], egress=[to_database]),
    ]
    with cluster_of(*objects) as cluster:
        (only,) = said(rule, read_policies(cluster, rule).value)
    assert only.endswith("(its Pods are in their hosts' network: only an ipBlock can select them)")


@pytest.mark.parametrize(
    ("port", "beyond"),
    [
        ({"port": 5432}, 0),
        ({"port": 5432, "endPort": 5432}, 0),
        ({"port": 5432, "endPort": 5433}, 1),
        ({"port": "pg"}, 0),
        ({"port": "pg", "protocol": "UDP"}, 1),
        ({"port": "admin"}, 1),
        ({"port": "nobody"}, 1),
    ],
)
def test_a_port_of_a_policy_is_the_needs_by_number_range_or_name(port: Json, beyond: int) -> None:
    rule = row(
        "policy",
        of="NetworkPolicy/shop/p",
        workload=str(WORKLOAD),
        aspect="only",
        needs={"database": "shop/app=db:5432/TCP"},
    )
    database: Json = {"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}
    objects = [
        deployment("web", "shop", WEB),
        pod("web-1", "shop", WEB),
        pod("db-0", "shop", {"app": "db"}, ports={"pg": 5432, "admin": 9999}),
        namespace("shop"),
        policy(
            "p",
            "shop",
            podSelector={"matchLabels": WEB},
            policyTypes=["Egress"],
            egress=[{**database, "ports": [{"port": 5432}]}, {**database, "ports": [port]}],
        ),
    ]
    with cluster_of(*objects) as cluster:
        assert len(said(rule, read_policies(cluster, rule).value)) == beyond


def test_what_is_beyond_the_needs_is_judged_by_what_was_seen_alone() -> None:
    """The look brings the policies; a need that is taken from the fact is missed at once."""
    rule = row(
        "policy", of="NetworkPolicy/shop/p", workload=str(WORKLOAD), aspect="only", needs=NEEDS
    )
    objects = [
        deployment("web", "shop", WEB),
        pod("web-1", "shop", WEB),
        namespace("shop"),
        namespace("kube-system"),
        namespace("posthog", name="posthog"),
        policy("p", "shop", policyTypes=["Egress"], egress=GOOD),
    ]
    with cluster_of(*objects) as cluster:
        fact = read_policies(cluster, rule).value
    assert said(rule, fact) == []
    without = replace(fact, needs=tuple(view for view in fact.needs if view.need.name != "HTTPS"))
    (found,) = said(rule, without)
    assert "443" in found
    assert "beyond" not in {field.name for field in fields(fact)}


@pytest.mark.parametrize(
    "changed",
    [{"podSelector": {"matchLabels": {"app": "x"}}}, {"policyTypes": ["Ingress"], "ingress": []}],
    ids=["selects-another", "of-the-other-direction"],
)
def test_pods_that_no_policy_holds_back_are_allowed_everything(changed: Json) -> None:
    rule = row(
        "policy",
        of="NetworkPolicy/shop/p",
        workload=str(WORKLOAD),
        aspect="only",
        needs=NEEDS,
    )
    fields = {"policyTypes": ["Egress"], "egress": GOOD, **changed}
    objects = [
        deployment("web", "shop", WEB),
        pod("web-1", "shop", WEB),
        *(namespace(name) for name in ("shop", "kube-system")),
        namespace("posthog", name="posthog"),
        policy("p", "shop", **fields),
    ]
    with cluster_of(*objects) as cluster:
        (words,) = said(rule, read_policies(cluster, rule).value)
    assert "everything, from web-1" in words


def test_peers_of_a_row_about_dns_are_two() -> None:
    from clusterproof.observe.matrix import peers_of  # noqa: PLC0415 - beside its test

    rule = row("egress", **DNS, protocol="DNS", expected="allowed")
    control = Dialling("c", {rule.id: resolved("1.1.1.1"), f"{rule.id}{OVER_TCP}": resolved()})
    web = pod("web-1", "shop", WEB)
    found = peers_of(web, [rule], {}, control)
    assert [(peer.id, peer.protocol) for peer in found] == [
        (rule.id, "DNS"),
        (f"{rule.id}{OVER_TCP}", "DNS over TCP"),
    ]
    assert all(isinstance(peer, Peer) and peer.known == ("1.1.1.1",) for peer in found)


def test_endpoints_that_change_while_a_name_is_asked_for_are_no_verdict() -> None:
    """The name was asked for at one time, and the EndpointSlices were listed at another."""
    headless = service("db", "shop", 5432, 5432, {"app": "db"})
    headless["spec"] |= {"clusterIP": "None", "clusterIPs": ["None"]}
    behind = endpoints("db", "shop", 5432, {"db-0": "10.0.0.1"})
    rule = row("dns", workload=str(WORKLOAD), name="db", service="Service/shop/db")
    asked = {rule.id: resolved("10.0.0.1", "10.0.0.2")}
    with cluster_of(headless, behind) as cluster:
        assert said(rule, read_resolution(cluster, matrix(asked, asked), rule).value)
        behind["endpoints"] += endpoints("db", "shop", 5432, {"db-1": "10.0.0.2"})["endpoints"]
        with pytest.raises(ObservationError, match="changed while the name was asked for"):
            read_resolution(cluster, matrix(asked, asked), rule)
