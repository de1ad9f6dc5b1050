"""What a run asks the API server and Prometheus: addresses, labels, and answers that are none."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from clusterproof.errors import ObservationError
from clusterproof.load.evidence import ask_prometheus, service_url
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.recording import Recording
from clusterproof.load.sections import ServiceRef
from tests.observe.loopback import Reply, Request, api_server, served

T0 = 1_800_000_000.0
SERVICE = ServiceRef(namespace="shop", name="router", port=8080)


@pytest.mark.parametrize(
    ("spec", "url"),
    [
        ({"clusterIP": "10.0.0.7"}, "http://10.0.0.7:8080"),
        ({"clusterIP": "fd00::7"}, "http://[fd00::7]:8080"),
    ],
)
def test_a_service_is_found_by_its_cluster_ip(spec: dict[str, str], url: str) -> None:
    with api_server(lambda _: Reply(body={"spec": spec})) as api:
        assert service_url(api, SERVICE) == url


@pytest.mark.parametrize(
    "spec",
    [{"clusterIP": "None"}, {"type": "ExternalName", "externalName": "db.example"}],
    ids=["headless", "ExternalName"],
)
def test_a_service_without_a_cluster_ip_says_what_to_do(spec: dict[str, str]) -> None:
    with (
        api_server(lambda _: Reply(body={"spec": spec})) as api,
        pytest.raises(ObservationError, match=r"router has no cluster IP .* with --host$"),
    ):
        service_url(api, SERVICE)


def _spec(prometheus: str, **evidence: object) -> LoadSpec:
    shapes = {"steady": [{"rate": 40, "for_s": 120}]}
    return LoadSpec.model_validate(
        {
            "scenarios": {"router": {"target": str(SERVICE), "shapes": shapes}},
            "metrics": {"port": 9090, "requests": "answers_total", "where": {"route": "/api"}},
            "evidence": {"prometheus": prometheus, "scrape_s": 5, **evidence},
        }
    )


def _increase(value: str) -> Any:  # noqa: ANN401 - JSON
    return {"data": {"result": [{"metric": {}, "value": [T0, value]}]}}


def _asked(answer: Reply, **evidence: object) -> tuple[float | None, str]:
    """What Prometheus at a URL of its own said, and what it was asked."""
    queries: list[str] = []

    def reply(request: Request) -> Reply:
        queries.append(parse_qs(urlsplit(request.path).query)["query"][0])
        return answer

    recording = Recording(T0, T0 + 110)
    with served(reply) as url, api_server(lambda _: Reply()) as api:
        window = ask_prometheus(api, _spec(url, **evidence), recording, "shop", since=T0)
    return None if window is None else window.increase, queries[0]


def test_the_series_are_those_of_the_services_namespace_with_the_labels_of_the_metrics() -> None:
    increase, query = _asked(Reply(body=_increase("4800.5")))
    assert increase == 4800.5
    assert query == 'sum by (pod) (increase(answers_total{namespace="shop",route="/api"}[120s]))'


def test_other_labels_of_prometheus_choose_its_series() -> None:
    """A Pod that two jobs scrape counts twice in a sum; not everybody names the namespace so."""
    labels = {"kubernetes_namespace": "shop", "job": "router"}
    _, query = _asked(Reply(body=_increase("1")), prometheus_where=labels)
    chosen = 'kubernetes_namespace="shop",job="router",route="/api"'
    assert query == f"sum by (pod) (increase(answers_total{{{chosen}}}[120s]))"


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, "<html>Sign in</html>"),
        Reply(401, "no"),
        Reply(200, {"data": {"result": [{}]}}),
        Reply(200, {"data": {"result": [{"value": []}]}}),
        Reply(200, {"data": {"result": [{"metric": "up", "value": [T0, "1"]}]}}),
        Reply(200, {"data": []}),
        Reply(200, _increase("NaN")),
        Reply(200, {"data": {"result": []}}),
    ],
    ids=["a page", "refused", "no value", "empty value", "a text", "a list", "NaN", "no series"],
)
def test_an_answer_that_is_none_of_prometheus_is_no_increase(answer: Reply) -> None:
    assert _asked(answer)[0] is None
