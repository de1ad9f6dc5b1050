"""What is no answer of an API server is never read as "there is none"."""

import time
from typing import Any

import httpx
import pytest

from clusterproof.errors import ObservationError
from clusterproof.kube import client as api_module
from clusterproof.kube.answer import as_items
from clusterproof.kube.patience import ATTEMPTS, LIMIT, REST_S, Patience
from tests.observe.loopback import Reply, Request, api_server, listed

PODS = "/api/v1/namespaces/n/pods"
POD = {"metadata": {"name": "a"}}


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"kind": "Status", "status": "Success"},
        {"kind": "PodList"},
        {"kind": "PodList", "items": {}},
        {"kind": "PodList", "items": [None]},
        {"kind": "PodList", "items": [{"metadata": {}}]},
        {"kind": "LeaseList", "items": []},
        {"kind": "List", "items": []},
    ],
)
def test_what_is_no_list_of_pods_is_refused(page: dict[str, Any]) -> None:
    with pytest.raises(ObservationError, match="expected"):
        as_items(page, PODS)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/v1/pods", "PodList"),
        ("/apis/networking.k8s.io/v1/ingresses", "IngressList"),
        ("/apis/networking.k8s.io/v1/networkpolicies", "NetworkPolicyList"),
        ("/apis/discovery.k8s.io/v1/endpointslices", "EndpointSliceList"),
        ("/apis/metrics.k8s.io/v1beta1/pods", "PodMetricsList"),
    ],
)
def test_each_collection_knows_its_own_list(path: str, kind: str) -> None:
    assert as_items({"kind": kind, "items": [POD]}, path) == [POD]
    assert as_items({"kind": kind, "items": None}, path) == []


def test_404_of_something_else_is_not_an_absence() -> None:
    with (
        api_server(lambda _: Reply(404, "<h1>404 page not found</h1>")) as api,
        pytest.raises(ObservationError, match="no API server") as refusal,
    ):
        api.find("/api/v1/namespaces/n/pods/a")
    assert refusal.value.status is None


def test_404_of_the_api_server_is_an_absence() -> None:
    with api_server(lambda _: Reply(404, {"kind": "Status", "message": "not found"})) as api:
        assert api.find("/api/v1/namespaces/n/pods/a") is None


def pages(expires: int) -> Any:  # noqa: ANN401 - a server
    """Two pages; the second one is expired so often."""
    left = [expires]

    def answer(request: Request) -> Reply:
        if "continue=" not in request.path:
            page = listed("Pod", POD)
            page["metadata"]["continue"] = "more"
            return Reply(body=page)
        if left[0]:
            left[0] -= 1
            return Reply(410, {"kind": "Status", "message": "too old"})
        return Reply(body=listed("Pod", {"metadata": {"name": "b"}}))

    return answer


def test_list_whose_snapshot_expires_is_begun_anew() -> None:
    with api_server(pages(expires=2)) as api:
        assert [one["metadata"]["name"] for one in api.list(PODS)] == ["a", "b"]


def test_list_whose_snapshot_always_expires_is_refused() -> None:
    with api_server(pages(expires=99)) as api, pytest.raises(ObservationError, match="410"):
        api.list(PODS)


def test_page_that_leads_to_itself_is_refused() -> None:
    page = listed("Pod", POD)
    page["metadata"]["continue"] = "again"
    with (
        api_server(lambda _: Reply(body=page)) as api,
        pytest.raises(ObservationError, match="the same page"),
    ):
        api.list(PODS)


def test_answer_that_drips_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "READ_TIMEOUT_S", 0.3)

    def drip(request: httpx.Request) -> httpx.Response:
        def pieces() -> Any:  # noqa: ANN401 - a stream
            for _ in range(100):
                time.sleep(0.05)
                yield b"x"

        return httpx.Response(200, content=pieces(), request=request)

    with api_server(lambda _: Reply(body={})) as api:
        dripping = httpx.Client(transport=httpx.MockTransport(drip), base_url="http://x")
        monkeypatch.setattr(api._transport, "_client_for", lambda _: dripping)
        began = time.monotonic()
        with pytest.raises(ObservationError, match="no end"):
            api.get("/version")
    assert time.monotonic() - began < 2


def test_refusal_that_asks_for_an_hour_is_not_waited_for() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        reply = {"kind": "Status", "message": "too many requests"}
        return Reply(429, reply, {"retry-after": "3600"})

    with api_server(answer) as api, pytest.raises(ObservationError, match="429"):
        api.get("/version")
    assert len(asked) == 1


def test_patience_ends_and_comes_back() -> None:
    now = [0.0]
    patience = Patience(now=lambda: now[0])
    for _ in range(LIMIT):
        assert patience.attempts("GET /x") == ATTEMPTS
        patience.unanswered()
    with pytest.raises(ObservationError, match=r"GET /x: not asked: .* none of the last 3"):
        patience.attempts("GET /x")
    now[0] = REST_S + 1
    assert patience.attempts("GET /x") == 1, "one caller asks, once"
    with pytest.raises(ObservationError):
        patience.attempts("GET /x")
    patience.answered()
    assert patience.attempts("GET /x") == ATTEMPTS


def test_after_refusals_each_call_is_made_once() -> None:
    patience = Patience()
    for _ in range(LIMIT):
        patience.refused()
    assert patience.attempts("GET /x") == 1
