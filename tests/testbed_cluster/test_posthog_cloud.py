"""The limits and delays of PostHog Cloud, in front of a reference that is a function."""

import json

import pytest

from testbed.cluster import topology
from testbed.cluster.posthog_cloud import (
    HOSTS,
    LIMITS,
    OTHERS_EACH,
    Answered,
    Asked,
    Cloud,
    as_json,
)

QUERY = "/api/projects/1/query/"


class Reference:
    """Answers 200, and keeps what it was asked."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked: list[Asked] = []

    def __call__(self, asked: Asked) -> Answered:
        """One request."""
        self.asked.append(asked)
        return as_json(200, {"results": [[len(self.asked)]]})


@pytest.fixture
def reference() -> Reference:
    """What is behind it."""
    return Reference()


@pytest.fixture
def clock() -> list[float]:
    """The time, which a test moves."""
    return [1000.0]


@pytest.fixture
def cloud(reference: Reference, clock: list[float]) -> Cloud:
    """A cloud whose time stands still."""
    return Cloud(reference, clock=lambda: clock[0], pause=lambda _: None)


def _query(cloud: Cloud, refresh: str = "force_blocking") -> Answered:
    body = json.dumps({"query": {}, "refresh": refresh}).encode()
    return cloud.answer("us.posthog.com", Asked("POST", QUERY, {}, body))


def _statuses(cloud: Cloud, count: int, refresh: str = "force_blocking") -> list[int]:
    return [_query(cloud, refresh).status for _ in range(count)]


def test_the_clusters_names_lead_to_it() -> None:
    assert set(topology.OUTSIDE_HOSTS) >= HOSTS


def test_others_use_the_rate_up_now_and_then(cloud: Cloud) -> None:
    statuses = _statuses(cloud, 2 * OTHERS_EACH, "force_async")
    assert statuses.count(429) == 2
    assert statuses[:3] == [202, 429, 202]


def test_a_limit_names_the_wait_that_is_left(cloud: Cloud, clock: list[float]) -> None:
    seconds, most = LIMITS[0]
    assert _statuses(cloud, 2 * most, "force_async").count(202) == most
    clock[0] += 10
    limited = _query(cloud)
    assert (limited.status, limited.headers["retry-after"]) == (429, str(int(seconds) - 10 + 1))
    clock[0] += seconds
    assert _query(cloud, "force_async").status in {202, 429}


def test_a_gateway_gives_up_now_and_then(cloud: Cloud) -> None:
    statuses = _statuses(cloud, 12)
    assert statuses.count(504) == 2
    assert set(statuses) == {200, 429, 504}


def test_what_is_answered_later_is_polled(cloud: Cloud, clock: list[float]) -> None:
    begun = json.loads(_query(cloud, "force_async").body)["query_status"]
    poll = Asked("GET", f"{QUERY}{begun['id']}/", {}, b"")
    assert cloud.answer("us.posthog.com", poll).status == 202
    clock[0] += 5
    ended = json.loads(cloud.answer("us.posthog.com", poll).body)["query_status"]
    assert (ended["complete"], ended["results"]) == (True, {"results": [[1]]})
    assert cloud.answer("us.posthog.com", poll).status == 404


def test_an_ingestion_host_answers_no_query(cloud: Cloud) -> None:
    assert cloud.answer("us.i.posthog.com", Asked("POST", QUERY, {}, b"{}")).status == 404
    assert cloud.answer("us.i.posthog.com", Asked("POST", "/flags/?v=2", {}, b"{}")).status == 200


def test_events_of_others_come_with_ours(cloud: Cloud, reference: Reference) -> None:
    body = json.dumps({"api_key": "phc_x", "batch": [{}]}).encode()
    cloud.answer("us.i.posthog.com", Asked("POST", "/batch/", {}, body))
    ours, others = reference.asked
    assert ours.body == body
    assert {event["event"] for event in json.loads(others.body)["batch"]} == {"$pageview"}
