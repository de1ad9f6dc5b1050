"""What is said of a run's cost before anything is sent."""

import pytest

from clusterproof.product.posthog.cost import cost, is_billed
from clusterproof.spec.settings import KeyRef, PosthogSettings, TrafficSettings

CLOUD = PosthogSettings(
    host="https://us.i.posthog.com",
    query_host="https://us.posthog.com",
    namespace="router",
    api_key=KeyRef(name="s", key="k"),
    personal_api_key=KeyRef(name="s", key="p"),
    events=50,
    queries=40,
)
TRAFFIC = TrafficSettings.model_validate({"workload": "Deployment/a/b", "service": "s"})


@pytest.mark.parametrize(
    ("host", "billed"),
    [
        ("https://us.i.posthog.com", True),
        ("https://posthog.example.com", True),
        ("http://posthog-web.posthog.svc.cluster.local:8000", False),
        ("http://posthog-web.posthog.svc:8000", False),
    ],
)
def test_only_what_is_outside_is_somebodys_bill(host: str, *, billed: bool) -> None:
    assert is_billed(CLOUD.model_copy(update={"host": host})) is billed


def test_no_posthog_costs_nothing() -> None:
    assert not is_billed(None)


def test_each_kind_of_row_has_its_part() -> None:
    said = cost(["ingestion", "ingestion", "exposure", "flag", "flag", "field"], CLOUD, TRAFFIC)
    assert said.startswith(
        "us.i.posthog.com is sent 50 events, 60 exposures by the router (at most 780), "
        "80 flag requests, and asked at most 80 queries; "
    )
    assert cost(["ingestion"], CLOUD, TRAFFIC).startswith(
        "us.i.posthog.com is sent 50 events, and asked at most 40 queries; "
    )
    assert "exposures" in cost(["metric-moves"], CLOUD, TRAFFIC)


def test_rows_that_send_nothing_cost_nothing() -> None:
    assert cost(["field", "dns"], CLOUD, TRAFFIC) == ""
