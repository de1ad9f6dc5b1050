"""Targets as Prometheus tells them, through the API server's service proxy."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from clusterproof.checks import targets as module
from clusterproof.checks.targets import Target, TargetsRow, read_targets
from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import Connection
from clusterproof.kube.credentials import Credentials
from clusterproof.kube.tls import Tls
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.inside import Inside
from clusterproof.observe.prometheus import Prometheus
from clusterproof.observe.sources import source_of
from clusterproof.spec.row import Area, ObjectRef
from clusterproof.spec.settings import PrometheusSettings
from testbed import certificates
from testbed.certificates import issued
from testbed.oracles.kubeconfig.recorder import Recorder, recording
from tests.judging import doubt
from tests.observe.cluster_objects import owned_by
from tests.observe.loopback import Reply, Request, api_server, here, listed, served

ROW = TargetsRow(
    id="t",
    area=Area.METRICS,
    claim="it is scraped",
    source="test",
    check="targets",
    workload=ObjectRef(kind="Deployment", namespace="n", name="w"),
    port=9090,
)
NO_ENDPOINTS = {"kind": "Status", "message": 'services "prometheus" not found'}
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SETTINGS = PrometheusSettings(namespace="monitoring", service="prometheus")


def _series(pod: str, value: float, port: int = 9090) -> dict[str, Any]:
    metric = {"pod": pod, "namespace": "n", "instance": f"10.0.0.{ord(pod)}:{port}"}
    return {"metric": metric, "value": [0, str(value)]}


class _World:
    """Two Pods, a and b, and a Prometheus with these vectors; without targets, a store for some."""

    def __init__(
        self,
        up: list[Any],
        age: list[Any],
        others: list[Any],
        *,
        labelled: list[Any] | None = None,
        targets: list[Any] | None = None,
    ) -> None:
        clock = [{"metric": {}, "value": [0, str(NOW.timestamp())]}]
        self.vectors = {
            "up{": up,
            "time()": age,
            "count(up)": others,
            "count(up{": others if labelled is None else labelled,
            "vector(time())": clock,
        }
        self.targets = targets

    def answer(self, request: Request) -> Reply:
        parts = urlparse(request.path)
        if parts.path.endswith("/deployments"):
            selector = {"matchLabels": {"app": "w"}}
            return Reply(
                body=listed(
                    "Deployment",
                    {"metadata": {"name": "w", "uid": "w"}, "spec": {"selector": selector}},
                )
            )
        if parts.path.endswith("/replicasets"):
            return Reply(body=listed("ReplicaSet"))
        if parts.path.endswith("/pods"):
            return Reply(body=listed("Pod", self._pod("a"), self._pod("b")))
        api = "/api/v1/namespaces/monitoring/services/http:prometheus:9090/proxy/api/v1"
        if parts.path == f"{api}/targets":
            if self.targets is None:
                return Reply(404, "404 page not found")
            assert parts.query == "state=active"
            return Reply(body={"status": "success", "data": {"activeTargets": self.targets}})
        assert parts.path == f"{api}/query"
        query = parse_qs(parts.query)["query"][0]
        found = next(vector for start, vector in self.vectors.items() if query.startswith(start))
        return Reply(body={"status": "success", "data": {"resultType": "vector", "result": found}})

    @staticmethod
    def _pod(name: str) -> dict[str, Any]:
        status = {
            "podIP": f"10.0.0.{ord(name)}",
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        return {"metadata": {"name": name, "namespace": "n", **owned_by("w")}, "status": status}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_WITHIN_S", 0.0)


def _no_pod() -> Inside:
    raise ObservationError("no Pod may be made")


def _targets(world: _World) -> tuple[Target, ...]:
    with api_server(world.answer) as api:
        return read_targets(Prometheus(api, SETTINGS, _no_pod), Cluster(api), ROW).value


def _active(pod: str, ago_s: float, url: str = "", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A target that relabelling has left no label of its Pod."""
    return {
        "discoveredLabels": more.pop("discovered", {}),
        "labels": {"instance": "relabelled", "kubernetes_pod_name": pod},
        "scrapeUrl": url or f"http://10.0.0.{ord(pod)}:9090/metrics",
        "lastError": "",
        "lastScrape": (NOW - timedelta(seconds=ago_s)).isoformat(),
        "health": "up",
        "scrapeInterval": "1m",
        **more,
    }


COUNT = [{"metric": {}, "value": [0, "7"]}]


def test_each_ready_pod_is_a_target_with_its_age() -> None:
    world = _World([_series("a", 1), _series("b", 0)], [_series("a", 2), _series("b", 3)], COUNT)
    assert _targets(world) == (Target("a", 1.0, 2.0), Target("b", 0.0, 3.0))


def test_a_target_on_another_port_of_the_pod_is_not_the_one() -> None:
    world = _World([_series("a", 1), _series("b", 1, port=8080)], [_series("a", 2)], COUNT)
    assert _targets(world) == (Target("a", 1.0, 2.0), Target("b", None, 0.0))


def test_a_prometheus_without_any_data_is_no_finding() -> None:
    with pytest.raises(ObservationError, match="no data at all"):
        _targets(_World([], [], []))


def _of(*targets: dict[str, Any]) -> tuple[Target, ...]:
    return _targets(_World([], [], COUNT, targets=list(targets)))


def test_a_target_is_known_by_where_it_is_scraped_whatever_its_labels() -> None:
    later = {"scrapeInterval": "5m0s", "health": "down", "lastError": "refused\n it"}
    assert _of(_active("a", 2), _active("b", 290, **later)) == (
        Target("a", 1.0, 2.0, 60.0),
        Target("b", 0.0, 290.0, 300.0, "refused it"),
    )


def test_a_target_that_is_scraped_by_a_name_is_known_by_what_discovery_says() -> None:
    meta = "__meta_kubernetes"
    discovered = {f"{meta}_namespace": "n", f"{meta}_pod_container_port_number": "9090"}
    by_name = [
        _active(
            pod,
            1,
            f"https://{pod}.mesh:443/metrics",
            discovered=discovered | {f"{meta}_pod_name": pod},
        )
        for pod in "ab"
    ]
    assert [target.up for target in _of(*by_name)] == [1.0, 1.0]


def test_of_two_targets_of_a_pod_the_one_that_is_down_counts() -> None:
    other = _active("a", 1, "http://10.0.0.97:9090/other", health="down")
    assert [target.up for target in _of(_active("a", 1), other, _active("b", 1))] == [0.0, 1.0]


def test_a_target_on_another_port_or_of_another_pod_is_none_of_this_pod() -> None:
    targets = (_active("a", 1, "http://10.0.0.97:8080/metrics"), _active("c", 1))
    assert _of(*targets) == (Target("a", None), Target("b", None))


def test_a_target_that_was_not_scraped_yet_is_no_finding() -> None:
    waiting = _active(
        "b", 1, health="unknown", scrapeInterval="5m", lastScrape="0001-01-01T00:00:00Z"
    )
    fact = _of(_active("a", 1), waiting)
    assert doubt(ROW, fact) == "target b:9090: not scraped yet, and is every 5m"


def test_a_store_without_targets_whose_labels_are_named_otherwise_is_no_finding() -> None:
    with pytest.raises(ObservationError, match='no series `up` has namespace="n"'):
        _targets(_World([], [], COUNT, labelled=[]))
    absent = (Target("a", None), Target("b", None))
    assert _targets(_World([], [], COUNT, labelled=COUNT)) == absent


@pytest.mark.parametrize("instance", ["a", "node-1", "a:9090"])
def test_a_store_whose_instance_is_no_address_does_not_tell_the_port(instance: str) -> None:
    relabelled = _series("a", 1)
    relabelled["metric"]["instance"] = instance
    with pytest.raises(ObservationError, match=f"is {instance}, which is no address of theirs"):
        _targets(_World([relabelled], [relabelled], COUNT))


def test_the_script_in_our_own_pod_lists_targets_too() -> None:
    def answer(request: Request) -> Reply:
        assert request.path == "/api/v1/targets?state=active"
        return Reply(body={"data": {"activeTargets": [_active("a", 1)]}})

    with served(answer) as url:
        ask = {"url": url, "queries": [], "targets": True}
        answered = json.loads(here([source_of("promql"), json.dumps(ask)], 10.0))
    assert answered == {"vectors": [], "targets": [_active("a", 1)], "error": ""}


def test_a_prometheus_that_is_not_reached_is_no_finding() -> None:
    with api_server(lambda _: Reply(404, json.dumps(NO_ENDPOINTS))) as api:
        prometheus = Prometheus(api, SETTINGS, _no_pod)
        for _ in range(2):  # each row that asks is told both reasons
            with pytest.raises(ObservationError, match=r"not found.*and then: no Pod may be made"):
                prometheus.query("up")


def test_a_service_that_the_api_server_cannot_proxy_to_is_asked_from_our_own_pod() -> None:
    asked = []

    def run(arguments: list[str], _within_s: float) -> str:
        asked.append(json.loads(arguments[1]))
        return json.dumps({"vectors": [[_series("a", 1)]], "error": ""})

    with api_server(lambda _: Reply(404, json.dumps(NO_ENDPOINTS))) as api:
        prometheus = Prometheus(api, SETTINGS, lambda: Inside(run, "n/own", "our own Pod"))
        assert prometheus.query("up") == [[_series("a", 1)]]
    url = "http://prometheus.monitoring.svc:9090"
    assert asked == [{"url": url, "queries": ["up"], "targets": False}]
    assert prometheus.how == "our own Pod"


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorder, Path]]:
    """An API server over TLS, and its certificates."""
    folder = tmp_path_factory.mktemp("pki")
    authority = issued("the authority", is_authority=True)
    certificates.write(folder, "ca", authority)
    certificates.write(folder, "server", issued("s", ("alt.test",), issuer=authority))
    paths = (str(folder / "server.crt"), str(folder / "server.key"), str(folder / "ca.crt"))
    with recording(*paths) as servers:
        yield servers, folder


@pytest.mark.parametrize("way", ["insecure", "tls-server-name", "proxy-url", "impersonated"])
def test_prometheus_is_asked_through_the_runs_own_connection(
    recorder: tuple[Recorder, Path], way: str
) -> None:
    servers, folder = recorder
    servers.log.clear()
    tls = Tls((folder / "ca.crt").read_bytes(), server_name="alt.test")
    groups = (("Impersonate-User", "jane"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    connection = Connection(
        server=f"https://127.0.0.1:{servers.ports['https-1']}",
        tls_settings=Tls(insecure=True) if way == "insecure" else tls,
        credentials=Credentials("Bearer t", impersonated=groups if way == "impersonated" else ()),
        proxy=f"http://127.0.0.1:{servers.ports['http-proxy']}" if way == "proxy-url" else None,
    )
    with closing(KubeApi(connection)) as api, pytest.raises(ObservationError):
        # What answers is no Prometheus; that it was asked, and how, is the point.
        Prometheus(api, SETTINGS, own_pod=lambda: None).query("up")  # type: ignore[arg-type, return-value]
    (asked,) = servers.log.asked
    assert "/services/" in asked.path
    assert ("authorization", "Bearer t") in asked.headers
    assert bool(asked.proxies) == (way == "proxy-url")
    impersonated = [text for name, text in asked.headers if name.startswith("impersonate-")]
    assert impersonated == (["a", "b", "jane"] if way == "impersonated" else [])


def test_cause_of_a_silence_is_not_cut_off(recorder: tuple[Recorder, Path]) -> None:
    server = f"https://127.0.0.1:{recorder[0].ports['https-1']}"
    with closing(KubeApi(Connection(server))) as api:
        prometheus = Prometheus(api, SETTINGS, own_pod=lambda: None)  # type: ignore[arg-type, return-value]
        with pytest.raises(ObservationError, match="CERTIFICATE_VERIFY_FAILED"):
            prometheus.query("up{" + "x" * 900 + "}")
