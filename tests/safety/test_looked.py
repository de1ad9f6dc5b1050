"""What a row's verdict rests on, by the requests that were made for it."""

import pytest

from clusterproof.observe.cluster import RUN_LABEL
from testbed.faultproxy.server import _place
from tests.observe.loopback import Reply, Request, api_server
from tests.safety.looked import Looked, _noting

PODS = "/api/v1/namespaces/n/pods"


@pytest.mark.parametrize(("selector", "rests_on"), [("", {f"GET {PODS}"}), (RUN_LABEL, set())])
def test_no_row_rests_on_the_list_of_what_runs_left_behind(
    monkeypatch: pytest.MonkeyPatch, selector: str, rests_on: set[str]
) -> None:
    """It has the path of the list of all Pods, of which it is told apart, in both records."""
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(f"{request.method} {_place(request.path)}")
        return Reply(body={"kind": "PodList", "metadata": {}, "items": []})

    noted: set[str] = set()
    with api_server(answer) as api:
        Looked(monkeypatch)
        assert _noting(noted, api.list, PODS, label_selector=selector) == []
    assert noted == rests_on
    assert (f"GET {PODS}" in asked) is bool(rests_on)
