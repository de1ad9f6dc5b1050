"""Ingresses and HTTPProxies on the running local cluster: asked from the load station, by Envoy."""

import base64
import os
import secrets
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPException

import pytest

from clusterproof.kube.objects import Json
from clusterproof.kube.routes import Request, takers
from clusterproof.load.gateway import tell_apart
from clusterproof.wait import wait_until
from testbed.certificates import self_signed
from testbed.cluster.topology import GATEWAY, INGRESS, INGRESS_CLASS, NODES
from tests.testbed_cluster.web import Answer, Caller, get, serving
from tests.testbed_controllers.live import LiveCluster, LivePod, is_up, live_cluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0 or not is_up(), reason="needs the local cluster"),
]

PORT = 8080
SERVED_WITHIN_S = 10.0
NETWORKING = "/apis/networking.k8s.io/v1/namespaces"
CONTOUR = "/apis/projectcontour.io/v1/namespaces"
OF_A_POD = "x-envoy-upstream-service-time"
"""Envoy's header on answers that came from a Pod, and on no others."""


@dataclass(frozen=True)
class Shop:
    """A Namespace with a Service of two Pods, and an Ingress for a host of its own."""

    cluster: LiveCluster
    namespace: str
    host: str
    pods: dict[str, LivePod]
    authority: ssl.SSLContext
    asked: Counter[str]

    def path(self, kind: str, name: str) -> str:
        """The path of one of the Namespace's objects."""
        group = f"{NETWORKING}/" if kind == "ingresses" else "/api/v1/namespaces/"
        return f"{group}{self.namespace}/{kind}/{name}"

    def read(self, kind: str, name: str) -> Json:
        """One of the Namespace's objects."""
        return self.cluster.api.get(self.path(kind, name))

    def write(self, kind: str, name: str, body: Json) -> None:
        """Put an object in the place of the one that there is."""
        body["metadata"].pop("resourceVersion", None)
        self.cluster.api.request("PUT", self.path(kind, name), body=body)

    def relabel(self, pod: str, app: str) -> None:
        """Take a Pod out of the Service, or into it."""
        body = self.read("pods", pod)
        body["metadata"]["labels"]["app"] = app
        self.write("pods", pod, body)

    def await_pods(self, *names: str) -> None:
        """Await that exactly these Pods answer: each of them, and for a while no other."""
        wait_until(
            lambda: {get(self.host, "/api").told["pod"] for _ in range(12)},
            lambda answering: answering == set(names),
            waiting_for=f"answers of {names}",
            within_s=SERVED_WITHIN_S,
            every_s=0.1,
        )


def rule(host: str, *paths: tuple[str, str]) -> Json:
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    return {
        "host": host,
        "http": {"paths": [{"path": p, "pathType": kind, "backend": backend} for p, kind in paths]},
    }


def tls_data(chain: bytes, key: bytes) -> Json:
    return {
        "tls.crt": base64.b64encode(chain).decode(),
        "tls.key": base64.b64encode(key).decode(),
    }


def await_status(host: str, path: str, status: int) -> Answer:
    """The answer, once it has this status."""

    def asked() -> Answer | None:
        with suppress(OSError, HTTPException):
            return get(host, path)
        return None

    answer = wait_until(
        asked,
        lambda seen: seen is not None and seen.status == status,
        waiting_for=f"HTTP {status} of {host}{path}",
        within_s=SERVED_WITHIN_S,
        every_s=0.1,
    )
    assert answer
    return answer


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The shop, with both Pods serving."""
    host = f"{secrets.token_hex(4)}.example.com"
    chain, key = self_signed(host)
    authority = ssl.create_default_context(cadata=chain.decode())
    asked: Counter[str] = Counter()
    with live_cluster() as cluster, cluster.namespace() as namespace, ExitStack() as servers:
        labels = {"app": "web"}
        pods = cluster.start_pods(
            namespace,
            {
                "one": {"labels": {**labels, "pod": "one"}, "node": NODES[1].name},
                "two": {"labels": {**labels, "pod": "two"}, "node": NODES[-1].name},
            },
        )
        for pod in pods.values():
            servers.enter_context(serving(pod, PORT, asked))
        core, networking = f"/api/v1/namespaces/{namespace}", f"{NETWORKING}/{namespace}"
        cluster.create(
            f"{core}/services",
            {
                "metadata": {"name": "web"},
                "spec": {
                    "selector": labels,
                    "ports": [{"name": "http", "port": 80, "targetPort": PORT}],
                },
            },
        )
        cluster.create(
            f"{core}/secrets",
            {
                "metadata": {"name": "tls"},
                "type": "kubernetes.io/tls",
                "data": tls_data(chain, key),
            },
        )
        cluster.create(
            f"{networking}/ingresses",
            {
                "metadata": {
                    "name": "main",
                    "annotations": {
                        "projectcontour.io/retry-on": "connect-failure",
                        "projectcontour.io/num-retries": "2",
                    },
                },
                "spec": {
                    "ingressClassName": INGRESS_CLASS,
                    "tls": [{"hosts": [host], "secretName": "tls"}],
                    "rules": [rule(host, ("/api", "Prefix"), ("/only", "Exact"))],
                },
            },
        )
        shop = Shop(cluster, namespace, host, pods, authority, asked)
        await_status(host, "/api", 200)
        shop.await_pods("one", "two")
        yield shop


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api", 200),
        ("/api/v1?x=1", 200),
        ("/apiary", 404),
        ("/only", 200),
        ("/only/this", 404),
        ("/", 404),
    ],
)
def test_path_is_routed_as_its_type_says(shop: Shop, path: str, status: int) -> None:
    answer = get(shop.host, path)
    assert answer.status == status
    assert (OF_A_POD in answer.headers) == (status == 200)
    if status == 200:
        assert answer.told["path"] == path


def test_unknown_host_is_404(shop: Shop) -> None:
    assert get(f"not-{shop.host}", "/api").status == 404


def test_tls_is_served_by_name(shop: Shop) -> None:
    answer = get(shop.host, "/api", shop.authority)
    assert answer.status == 200
    assert answer.told["headers"]["x-forwarded-proto"] == "https"


def test_handshake_of_an_unknown_name_is_refused(shop: Shop) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        get(f"not-{shop.host}", "/api", shop.authority)


def test_pod_sees_who_asked_and_for_what(shop: Shop) -> None:
    headers = get(shop.host, "/api").told["headers"]
    assert headers["host"] == shop.host  # Envoy writes names in lower case
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-for"]
    assert headers["x-request-id"]


def test_status_carries_the_address(shop: Shop) -> None:
    ingress = wait_until(
        lambda: shop.read("ingresses", "main"),
        lambda seen: bool(seen["status"].get("loadBalancer")),
        waiting_for="the Ingress's address",
        within_s=5,
    )
    assert ingress["status"]["loadBalancer"]["ingress"] == [{"ip": str(INGRESS.address)}]


def test_new_certificate_is_served(shop: Shop) -> None:
    good = shop.read("secrets", "tls")
    chain, key = self_signed(shop.host)
    shop.write("secrets", "tls", {**good, "data": tls_data(chain, key)})
    renewed = ssl.create_default_context(cadata=chain.decode())

    def serves_the_new_certificate() -> bool:
        with suppress(OSError):
            return get(shop.host, "/api", renewed).status == 200
        return False

    try:
        wait_until(
            serves_the_new_certificate,
            bool,
            waiting_for="the new certificate",
            within_s=SERVED_WITHIN_S,
            every_s=0.1,
        )
    finally:
        shop.write("secrets", "tls", good)


def test_bad_ingress_takes_no_good_one_down(shop: Shop) -> None:
    unknown = {"service": {"name": "nobody", "port": {"number": 80}}}
    path = {"path": "/lost", "pathType": "Prefix", "backend": unknown}
    bad = rule(f"bad-{shop.host}", ("/fine", "Prefix"))
    bad["http"]["paths"].append(path)
    shop.cluster.create(
        f"{NETWORKING}/{shop.namespace}/ingresses",
        {
            "metadata": {"name": "bad"},
            "spec": {"ingressClassName": INGRESS_CLASS, "rules": [bad]},
        },
    )
    try:
        await_status(f"bad-{shop.host}", "/fine", 200)
        assert get(f"bad-{shop.host}", "/lost").status == 404
        assert get(shop.host, "/api").status == 200
    finally:
        shop.cluster.delete(shop.path("ingresses", "bad"))


def test_service_without_a_ready_pod_is_the_ingress_own_503(shop: Shop) -> None:
    shop.cluster.create(
        f"/api/v1/namespaces/{shop.namespace}/services",
        {
            "metadata": {"name": "empty"},
            "spec": {"selector": {"app": "nobody"}, "ports": [{"port": 80}]},
        },
    )
    empty = {"service": {"name": "empty", "port": {"number": 80}}}
    served = {"paths": [{"path": "/", "pathType": "Prefix", "backend": empty}]}
    host = f"empty-{shop.host}"
    shop.cluster.create(
        f"{NETWORKING}/{shop.namespace}/ingresses",
        {
            "metadata": {"name": "empty"},
            "spec": {"ingressClassName": INGRESS_CLASS, "rules": [{"host": host, "http": served}]},
        },
    )
    answer = await_status(host, "/", 503)
    assert OF_A_POD not in answer.headers


def test_limit_of_an_httpproxy_is_the_ingress_own_429(shop: Shop) -> None:
    """What Envoy answers itself is told from the Pods' answers by what the Pods counted."""
    host = f"limited-{shop.host}"
    limit = {"requests": 5, "unit": "hour"}
    shop.cluster.create(
        f"{CONTOUR}/{shop.namespace}/httpproxies",
        {
            "apiVersion": "projectcontour.io/v1",
            "kind": "HTTPProxy",
            "metadata": {"name": "limited"},
            "spec": {
                "ingressClassName": INGRESS_CLASS,
                "virtualhost": {"fqdn": host, "rateLimitPolicy": {"local": limit}},
                "routes": [{"services": [{"name": "web", "port": 80}]}],
            },
        },
    )
    await_status(host, "/limited", 200)
    answers = [get(host, "/limited") for _ in range(20)]
    statuses = Counter(str(answer.status) for answer in answers)
    statuses["200"] += 1  # the one that was awaited
    assert statuses == {"200": 5, "429": 16}
    assert all((OF_A_POD in answer.headers) == (answer.status == 200) for answer in answers)
    assert shop.asked["/limited"] == 5
    between = tell_apart(
        {"429": statuses["429"]}, {"200": shop.asked["/limited"]}, unseen=0, surplus=0, spare=0
    )
    assert between.answered == {"429": 16}


@pytest.mark.parametrize(
    ("service", "status", "resolved"), [("web", 200, "True"), ("nobody", 500, "False")]
)
def test_httproute_is_served_and_its_status_says_so(
    shop: Shop, service: str, status: int, resolved: str
) -> None:
    host = f"{service}-route-{shop.host}"
    routes = f"/apis/gateway.networking.k8s.io/v1/namespaces/{shop.namespace}/httproutes"
    shop.cluster.create(
        routes,
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": service},
            "spec": {
                "parentRefs": [{"namespace": GATEWAY, "name": GATEWAY}],
                "hostnames": [host],
                "rules": [{"backendRefs": [{"name": service, "port": 80}]}],
            },
        },
    )
    answer = await_status(host, "/", status)
    assert (OF_A_POD in answer.headers) == (status == 200)
    route = shop.cluster.await_object(
        f"{routes}/{service}",
        lambda seen: bool(seen and (seen.get("status") or {}).get("parents")),
        "the status of the HTTPRoute",
        SERVED_WITHIN_S,
    )
    assert route
    [parent] = route["status"]["parents"]
    conditions = {each["type"]: each["status"] for each in parent["conditions"]}
    assert conditions["ResolvedRefs"] == resolved
    assert conditions["Accepted"] == "True"


TRACK = [{"name": "x-track", "value": "canary"}]
USER = {"name": "x-user", "value": "1"}
RULES: dict[str, list[list[Json]]] = {
    "older": [
        [{"path": {"type": "PathPrefix", "value": "/"}}],
        [{"path": {"type": "PathPrefix", "value": "/api"}, "headers": TRACK}],
        [{"path": {"type": "Exact", "value": "/api/v1"}}],
        [{"path": {"type": "PathPrefix", "value": "/same"}}],
    ],
    "younger": [
        [{"path": {"type": "PathPrefix", "value": "/api"}}],
        [{"path": {"type": "PathPrefix", "value": "/api"}, "headers": [*TRACK, USER]}],
        [{"path": {"type": "PathPrefix", "value": "/api"}, "method": "POST"}],
        [{"path": {"type": "PathPrefix", "value": "/api/v1"}}],
        [{"path": {"type": "PathPrefix", "value": "/same"}}],
    ],
}
"""Rules of two HTTPRoutes of one host: of the older to Pod one, of the younger to Pod two."""
REQUESTS = [
    Request("", "/"),
    Request("", "/api"),
    Request("", "/apiary"),
    Request("", "/api", "GET", {"x-track": "canary"}),
    Request("", "/api", "GET", {"x-track": "canary", "x-user": "1"}),
    Request("", "/api", "POST", {"x-track": "canary"}),
    Request("", "/api/v1"),
    Request("", "/api/v1/x", "GET", {"x-track": "canary"}),
    Request("", "/same"),
    Request("", "/same/x", "POST"),
]


@pytest.fixture(scope="module")
def two_routes(shop: Shop) -> tuple[str, list[Json], Json]:
    """The host, both HTTPRoutes as the API server has them, and their Gateway."""
    host = f"routes-{shop.host}"
    api = "/apis/gateway.networking.k8s.io/v1/namespaces"
    routes = f"{api}/{shop.namespace}/httproutes"
    for name, pod in (("older", "one"), ("younger", "two")):
        shop.cluster.create(
            f"/api/v1/namespaces/{shop.namespace}/services",
            {
                "metadata": {"name": name},
                "spec": {"selector": {"pod": pod}, "ports": [{"port": 80, "targetPort": PORT}]},
            },
        )
        sent = [{"name": name, "port": 80}]
        shop.cluster.create(
            routes,
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": name},
                "spec": {
                    "parentRefs": [{"namespace": GATEWAY, "name": GATEWAY}],
                    "hostnames": [host],
                    "rules": [{"matches": each, "backendRefs": sent} for each in RULES[name]],
                },
            },
        )
        time.sleep(1.1)  # their age is written in seconds
    await_status(host, "/api", 200)
    items = [shop.cluster.api.get(f"{routes}/{name}") for name in RULES]
    return host, items, shop.cluster.api.get(f"{api}/{GATEWAY}/gateways/{GATEWAY}")


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_request_is_taken_by_the_rule_that_we_say(
    two_routes: tuple[str, list[Json], Json], request_: Request
) -> None:
    """Contour and Envoy beside `kube.routes`."""
    host, routes, gateway = two_routes
    (expected,) = takers(replace(request_, host=host), 80, routes, gateway, {})
    assert expected is not None
    pod = {"older": "one", "younger": "two"}[expected.route]
    caller = Caller(host)
    try:
        answer = caller.ask(request_.path, request_.method, more=request_.headers)
    finally:
        caller.close()
    assert (answer.status, answer.told["pod"]) == (200, pod)


@dataclass
class Load:
    """Callers at a bounded rate, and what became of each request."""

    shop: Shop
    method: str
    outcomes: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def call(self) -> None:
        """Ask every 10 ms, by a connection of its own, until told to stop; at most for 60 s."""
        until = time.monotonic() + 60
        while not self.stop.wait(0.01) and time.monotonic() < until:
            caller = Caller(self.shop.host)
            try:
                answer: Answer = caller.ask("/api", self.method, b"x")
                self.outcomes[f"HTTP {answer.status}"] += 1
            except (HTTPException, OSError) as error:
                self.outcomes[type(error).__name__] += 1
            finally:
                caller.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_request_is_lost_while_endpoints_change(shop: Shop, method: str) -> None:
    """Six changes under four callers: each request is answered by a Pod."""
    load = Load(shop, method)
    callers = [threading.Thread(target=load.call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(3):
            shop.relabel("two", "away")
            shop.await_pods("one")
            shop.relabel("two", "web")
            shop.await_pods("one", "two")
    finally:
        load.stop.set()
        for caller in callers:
            caller.join()
    assert set(load.outcomes) == {"HTTP 200"}, load.outcomes
    assert load.outcomes["HTTP 200"] > 200


def test_pod_that_is_gone_costs_no_request(shop: Shop) -> None:
    """A Pod on whose port nobody listens: the Ingress has another tried, POST too."""
    three = shop.cluster.start_pods(
        shop.namespace, {"three": {"labels": {"app": "web"}, "node": NODES[1].name}}
    )["three"]
    with serving(three, PORT, shop.asked):
        shop.await_pods("one", "two", "three")
        load = Load(shop, "POST")
        callers = [threading.Thread(target=load.call) for _ in range(2)]
    for caller in callers:
        caller.start()
    wait_until(load.outcomes.total, lambda n: n > 100, waiting_for="100 requests", within_s=45)
    shop.cluster.delete(shop.path("pods", "three"))
    shop.await_pods("one", "two")
    load.stop.set()
    for caller in callers:
        caller.join()
    assert set(load.outcomes) == {"HTTP 200"}, load.outcomes
