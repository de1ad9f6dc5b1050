"""Through the API server's pod proxy: the Pod's answer, its silence, and our own blindness."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from clusterproof.checks.http import HttpRow
from clusterproof.checks.http import look as look_at_http
from clusterproof.checks.metric import MetricRow, MetricsPages, read_exposed
from clusterproof.errors import ObservationError
from clusterproof.kube.paths import Missing
from clusterproof.observe import proxy
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.metrics import page_of, total
from clusterproof.observe.proxy import Answer, ask_pod
from clusterproof.spec.row import Area, Expectation, ObjectRef
from tests.judging import at_cluster
from tests.observe.cluster_objects import owned_by
from tests.observe.loopback import Reply, Request, api_server, listed

read_answers = at_cluster(look_at_http)

WORKLOAD = ObjectRef(kind="Deployment", namespace="n", name="w")
HEALTH = HttpRow(
    id="h",
    area=Area.HEALTH,
    claim="it is healthy",
    source="test",
    check="http",
    workload=WORKLOAD,
    port=8080,
    path="/health",
    fields={"status": Expectation(equals="ok")},
)
METRIC = MetricRow(
    id="m",
    area=Area.METRICS,
    claim="it is exposed",
    source="test",
    check="metric",
    workload=WORKLOAD,
    port=9090,
    name="requests_total",
    type="counter",
)
PAGE = """# TYPE requests_total counter
requests_total{path="/a",code="200"} 3
requests_total{path="/b",code="200"} 4
# TYPE took_seconds histogram
took_seconds_bucket{le="+Inf"} 9
took_seconds_count 9
took_seconds_sum 1.5
# TYPE waiting gauge
waiting 2
"""


def _status(code: int, message: str) -> Reply:
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "message": message}
    return Reply(code, body)


def _unreached(why: str) -> Reply:
    return _status(503, f"error trying to reach service: {why}")


def _pod(name: str, *, ready: str = "True", phase: str = "Running") -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "n",
            "uid": f"uid-{name}",
            **owned_by("w"),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
    }


REFUSED = _unreached("dial tcp 10.244.1.5:1: connect: connection refused")


class _World:
    """An API server with one Deployment; a Pod's answers are looked up by `name:port` or `name`."""

    def __init__(self, pods: list[dict[str, Any]], replies: dict[str, Reply]) -> None:
        self.pods, self.replies = pods, replies
        self.asked: list[str] = []

    def answer(self, request: Request) -> Reply:
        self.asked.append(request.path)
        path = request.path.partition("?")[0]
        if path.endswith("/deployments"):
            selector = {"matchLabels": {"app": "w"}}
            spec = {"metadata": {"name": "w", "uid": "w"}, "spec": {"selector": selector}}
            return Reply(body=listed("Deployment", spec))
        if path.endswith("/replicasets"):
            return Reply(body=listed("ReplicaSet"))
        if path.endswith("/pods"):
            return Reply(body=listed("Pod", *self.pods))
        if path == "/version":
            return Reply(body={"gitVersion": "v1.35.4"})
        name, _, port = path.split("/")[6].partition(":")
        return self.replies.get(f"{name}:{port}") or self.replies[name]


def test_every_running_pod_is_asked_whether_ready_or_not() -> None:
    pods = [_pod("a"), _pod("b", ready="False"), _pod("c", phase="Pending", ready="False")]
    replies = {"a": Reply(body={"status": "ok"}), "b": Reply(503, {"status": "down"})}
    with api_server(_World(pods, replies).answer) as api:
        value = read_answers(Cluster(api), HEALTH).value
    assert [(one.pod, one.status, dict(one.fields)) for one in value] == [
        ("a", 200, {"status": "ok"}),
        ("b", 503, {"status": "down"}),
    ]


def test_an_answer_that_is_no_json_has_no_field() -> None:
    with api_server(_World([_pod("a")], {"a": Reply(body="fine")}).answer) as api:
        (answer,) = read_answers(Cluster(api), HEALTH).value
    assert answer.fields == (("status", Missing("JSON in the answer")),)


@pytest.mark.parametrize(
    ("apart_s", "words"),
    [
        (0, ""),
        (30, ""),
        (3700, "its clock was 3[67]\\d\\d s ahead of the API server's"),
        (-3700, "its clock was 3[67]\\d\\d s behind the API server's"),
    ],
)
def test_a_pod_whose_clock_is_off_is_named_beside_its_answer(apart_s: int, words: str) -> None:
    date = format_datetime(datetime.now(tz=UTC) + timedelta(seconds=apart_s), usegmt=True)
    answers = {"a": Reply(body={"status": "ok"}, headers={"date": date})}
    with api_server(_World([_pod("a")], answers).answer) as api:
        (line,) = read_answers(Cluster(api), HEALTH).evidence
    assert line.startswith("a: 200 in ")
    assert re.search(f"ms; {words}$" if words else "ms$", line)


def test_no_running_pod_is_no_finding() -> None:
    world = _World([_pod("a", phase="Pending", ready="False")], {})
    with api_server(world.answer) as api, pytest.raises(ObservationError, match="no running Pod"):
        read_answers(Cluster(api), HEALTH)


def test_a_refused_connection_is_the_pods_silence() -> None:
    reply = _unreached("dial tcp 10.244.1.5:8080: connect: connection refused")
    with api_server(lambda _: reply) as api:
        answer = ask_pod(api, "n", "a", 8080, "/health")
    assert answer == Answer(
        "a", None, reason="dial tcp 10.244.1.5:8080: connect: connection refused"
    )


def test_a_pod_that_is_gone_is_left_out() -> None:
    with api_server(lambda _: _status(404, 'pods "a" not found')) as api:
        assert ask_pod(api, "n", "a", 8080, "/health") is None


def test_a_404_of_the_pod_itself_is_an_answer() -> None:
    with api_server(lambda _: Reply(404, "no such page")) as api:
        answer = ask_pod(api, "n", "a", 8080, "/health")
    assert answer is not None
    assert answer.status == 404


@pytest.mark.parametrize(
    "reply",
    [
        _status(403, 'pods "a:8080" is forbidden: cannot get resource "pods/proxy"'),
        _unreached("dial tcp 10.244.1.5:8080: i/o timeout"),
        _unreached("dial tcp 10.244.1.5:8080: connect: no route to host"),
        _status(429, "too many requests"),
    ],
)
def test_what_the_api_server_cannot_do_is_no_finding(reply: Reply) -> None:
    with api_server(lambda _: reply) as api, pytest.raises(ObservationError, match="pod proxy"):
        ask_pod(api, "n", "a", 8080, "/health")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test can wait for."""
    monkeypatch.setattr(proxy, "ANSWER_WITHIN_S", 0.1)
    monkeypatch.setattr(proxy, "CONTROL_WITHIN_S", 0.8)


LATE = Reply(after_s=0.4)
TOO_LATE = Reply(after_s=1.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("control", "said"),
    [
        (REFUSED, "dial tcp 10.244.1.5:1: connect: connection refused"),
        (Reply(404, "no such page"), "HTTP 404"),
    ],
)
def test_a_pod_that_takes_too_long_is_silent(control: Reply, said: str) -> None:
    with api_server(_World([], {"a:8080": LATE, "a:1": control}).answer) as api:
        answer = ask_pod(api, "n", "a", 8080, "/health")
    control_said = f"its port 1, asked the same way, answered at once ({said})"
    assert answer == Answer("a", None, reason=f"no answer within 0.1 s; {control_said}")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "control",
    [
        TOO_LATE,
        _unreached("dial tcp 10.244.1.5:1: i/o timeout"),
        _unreached("EOF"),
        _status(403, 'pods "a:1" is forbidden: cannot get resource "pods/proxy"'),
        _status(503, "apiserver not ready"),
    ],
)
def test_a_way_that_is_not_seen_to_work_is_no_silence_of_the_pod(control: Reply) -> None:
    with (
        api_server(_World([], {"a:8080": LATE, "a:1": control}).answer) as api,
        pytest.raises(ObservationError, match="whether the Pod is silent or the way to it"),
    ):
        ask_pod(api, "n", "a", 8080, "/health")


@pytest.mark.usefixtures("impatient")
def test_a_silent_pod_that_went_away_is_left_out() -> None:
    gone = _status(404, 'pods "a" not found')
    with api_server(_World([], {"a:8080": LATE, "a:1": gone}).answer) as api:
        assert ask_pod(api, "n", "a", 8080, "/health") is None


@pytest.mark.usefixtures("impatient")
def test_many_silent_pods_are_each_found_silent() -> None:
    names = [f"p{number}" for number in range(30)]
    replies = {f"{name}:8080": LATE for name in names}
    replies |= {f"{name}:1": REFUSED for name in names}
    with api_server(_World([_pod(name) for name in names], replies).answer) as api:
        value = read_answers(Cluster(api), HEALTH).value
        assert api.get("/version")["gitVersion"], "no patience with the API server was lost"
    assert {one.status for one in value} == {None}
    assert all("connection refused" in one.reason for one in value)


@pytest.mark.usefixtures("impatient")
def test_a_proxy_that_hangs_is_not_waited_for_by_each_row_anew() -> None:
    world = _World([_pod(name) for name in "abcd"], dict.fromkeys("abcd", TOO_LATE))
    with api_server(world.answer) as api:
        with pytest.raises(ObservationError, match="the way to it is broken"):
            read_answers(Cluster(api), HEALTH)
        asked = len(world.asked)
        with pytest.raises(ObservationError, match="not asked: the pod proxy of the API server"):
            ask_pod(api, "n", "a", 8080, "/health")
        assert len(world.asked) == asked
        assert api.get("/version")["gitVersion"], "what is not proxied is asked as before"


def test_pages_are_read_once_for_all_rows() -> None:
    world = _World([_pod("a"), _pod("b")], {"a": Reply(body=PAGE), "b": Reply(500, "broken")})
    with api_server(world.answer) as api:
        pages = MetricsPages(Cluster(api))
        value = read_exposed(pages, METRIC).value
        read_exposed(pages, METRIC)
    assert [(one.pod, one.type, one.reason) for one in value] == [
        ("a", "counter", ""),
        ("b", None, "its metrics page answers 500"),
    ]
    assert sum("/proxy/metrics" in path for path in world.asked) == 2


def test_a_page_that_is_refused_as_json_is_read_as_prometheus_reads_it() -> None:
    """As Quarkus and Spring Boot do; the API server itself is asked for JSON all the same."""
    world = _World([_pod("a")], {"a": Reply(body=PAGE)})

    def picky(request: Request) -> Reply:
        accepted = request.headers["accept"]
        if "/proxy/" not in request.path:
            assert accepted == "application/json"
        elif not accepted.startswith("text/plain;version=0.0.4"):
            return Reply(406, "")
        return world.answer(request)

    with api_server(picky) as api:
        (exposed,) = read_exposed(MetricsPages(Cluster(api)), METRIC).value
    assert (exposed.type, exposed.reason) == ("counter", "")


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("requests_total", {}, 7.0),
        ("requests_total", {"path": "/a"}, 3.0),
        ("requests_total", {"path": "/a", "code": "500"}, 0.0),
        ("took_seconds", {}, 9.0),
        ("waiting", {}, 2.0),
        ("nothing_total", {}, None),
    ],
)
def test_a_total_counts_the_samples_with_these_labels(
    name: str, labels: dict[str, str], expected: float | None
) -> None:
    assert total(page_of(Answer("a", 200, "text/plain", PAGE)), name, labels) == expected


def test_openmetrics_are_read_as_well() -> None:
    text = "# TYPE requests counter\nrequests_total 5.0\n# EOF\n"
    page = page_of(Answer("a", 200, "application/openmetrics-text; version=1.0.0", text))
    assert total(page, "requests_total", {}) == 5.0


def test_a_page_in_another_format_says_so() -> None:
    page = page_of(Answer("a", 200, "text/html", "<html>hello there</html>"))
    assert page.reason.startswith("its metrics page is not in Prometheus' format")


ISTIO = {"sidecar.istio.io/status": "{}"}
AMBIENT = {"ambient.istio.io/redirection": "enabled"}


@pytest.mark.parametrize("annotations", [ISTIO, AMBIENT])
@pytest.mark.parametrize("why", ["EOF", "read tcp 10.0.0.9:4->10.0.0.1:8080: connection reset"])
def test_a_mesh_that_takes_mutual_tls_only_hides_what_the_program_answers(
    annotations: dict[str, str], why: str
) -> None:
    pod = _pod("a")
    pod["metadata"]["annotations"] = annotations
    world = _World([pod], {"a": _unreached(why)})
    with api_server(world.answer) as api:
        with pytest.raises(ObservationError, match="closes what is no mutual TLS"):
            read_answers(Cluster(api), HEALTH)
        with pytest.raises(ObservationError, match="closes what is no mutual TLS"):
            read_exposed(MetricsPages(Cluster(api)), METRIC)


def test_a_pod_without_a_mesh_that_closes_the_connection_does_not_answer() -> None:
    with api_server(_World([_pod("a")], {"a": _unreached("EOF")}).answer) as api:
        (answer,) = read_answers(Cluster(api), HEALTH).value
    assert (answer.status, answer.reason) == (None, "EOF")
