"""Every fault does what its description says, on the running reference."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from clusterproof.wait import wait_until
from tests.testbed_posthog.servers import PERSONAL_KEY, TOKEN, Stack, running_stack

pytestmark = pytest.mark.cluster
COUNT = "SELECT count(), count(DISTINCT uuid) FROM events WHERE uuid IN {ids}"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The running reference; each test puts a faulty part in the place of a sound one."""
    with running_stack() as running:
        yield running


@contextmanager
def faulty_web(stack: Stack, fault: str) -> Iterator[None]:
    stack.parts["web"].end()
    stack.start_web(POSTHOG_FAULT=fault)
    yield
    stack.parts["web"].end()
    stack.start_web()


@contextmanager
def faulty_workers(stack: Stack, fault: str) -> Iterator[None]:
    for number in (1, 2):
        stack.parts[f"worker-{number}"].end()
        stack.start_worker(number, POSTHOG_FAULT=fault)
    yield
    for number in (1, 2):
        stack.parts[f"worker-{number}"].end()
        stack.start_worker(number)


def send(stack: Stack, count: int, **properties: object) -> list[str]:
    ids = [str(uuid.uuid4()) for _ in range(count)]
    batch = [
        {"event": "faulty", "uuid": known, "distinct_id": known, "properties": properties}
        for known in ids
    ]
    answer = httpx.post(f"{stack.url}/batch/", json={"api_key": TOKEN, "batch": batch}, timeout=15)
    assert answer.status_code == 200
    return ids


def settle(stack: Stack, ids: list[str], wanted: int) -> list[Any]:
    rows = wait_until(
        lambda: stack.rows(COUNT, ids=ids),
        lambda found: found[0][1] >= wanted,
        waiting_for=f"{wanted} of {len(ids)} uuids",
        within_s=20,
        every_s=0.2,
    )
    return rows[0]


def variants(stack: Stack, users: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    for number in range(users):
        body = {"api_key": TOKEN, "distinct_id": f"user-{number % 20}"}
        answer = httpx.post(f"{stack.url}/flags/?v=2", json=body, timeout=15).json()
        seen[answer["flags"]["model-router-experiment"]["variant"]] += 1
    return seen


def test_accept_and_drop(stack: Stack) -> None:
    with faulty_web(stack, "accept_and_drop:0.2"):
        ids = send(stack, 1000)
    sound = send(stack, 1)
    settle(stack, sound, 1)
    _, distinct = settle(stack, ids, 700)
    assert 740 <= distinct <= 860


def test_duplicate(stack: Stack) -> None:
    with faulty_workers(stack, "duplicate:0.1"):
        ids = send(stack, 500)
        rows, distinct = settle(stack, ids, 500)
    assert distinct == 500
    assert 520 <= rows <= 590


def test_late(stack: Stack) -> None:
    with faulty_workers(stack, "late:3"):
        ids = send(stack, 10)
        settle(stack, ids, 10)
    text = (
        "SELECT min(dateDiff('millisecond', _timestamp, inserted_at)) FROM events"
        " WHERE uuid IN {ids}"
    )
    assert stack.rows(text, ids=ids)[0][0] >= 3000


def test_reject(stack: Stack) -> None:
    with faulty_web(stack, "reject:0.5"):
        body = {"api_key": TOKEN, "event": "faulty", "distinct_id": "a"}
        seen = Counter(
            httpx.post(f"{stack.url}/e/", json=body, timeout=15).status_code for _ in range(60)
        )
    assert set(seen) == {200, 503}


def test_wrong_variant_makes_users_change_sides(stack: Stack) -> None:
    sound = variants(stack, 20)
    with faulty_web(stack, "wrong_variant"):
        turned = variants(stack, 20)
    assert (turned["control"], turned["treatment"]) == (sound["treatment"], sound["control"])


def test_variant_skew(stack: Stack) -> None:
    with faulty_web(stack, "variant_skew"):
        assert variants(stack, 20) == {"control": 20}


def test_mangle_properties(stack: Stack) -> None:
    with faulty_workers(stack, "mangle_properties"):
        ids = send(stack, 5, **{"$feature/model-router-experiment": "control", "kept": 1})
        settle(stack, ids, 5)
    text = (
        "SELECT properties.kept, properties['$feature/model-router-experiment'] FROM events"
        " WHERE uuid = {id}"
    )
    assert stack.rows(text, id=ids[0]) == [["1", None]]


def test_lying_health(stack: Stack) -> None:
    with faulty_web(stack, "lying_health"):
        stack.parts["clickhouse"].end()
        try:
            answer = httpx.get(f"{stack.url}/_readyz", timeout=15)
        finally:
            stack.start_clickhouse()
    assert (answer.status_code, answer.json()["clickhouse"]) == (200, True)


def _health(stack: Stack) -> tuple[int, bool]:
    worker = httpx.get(f"http://127.0.0.1:{stack.ports['worker-1']}/_livez", timeout=15)
    page = httpx.get(
        f"{stack.url}/api/instance_status",
        headers={"Authorization": f"Bearer {PERSONAL_KEY}"},
        timeout=15,
    ).json()["results"]["overview"]
    alive = next(row["value"] for row in page if row.get("key") == "plugin_sever_alive")
    return worker.status_code, bool(alive)


@pytest.mark.parametrize(
    ("fault", "health"), [("stalled_worker", (503, False)), ("lying_worker", (200, True))]
)
def test_a_worker_that_consumes_nothing(stack: Stack, fault: str, health: tuple[int, bool]) -> None:
    with faulty_workers(stack, fault):
        ids = send(stack, 3)
        wait_until(
            lambda: _health(stack),
            lambda found: found == health,
            waiting_for=f"health {health}",
            within_s=10,
        )
        assert stack.rows(COUNT, ids=ids) == [[0, 0]]
    settle(stack, ids, 3)


def test_stale_query(stack: Stack) -> None:
    with faulty_web(stack, "stale_query"):
        text = f"SELECT count() FROM events WHERE event = '{uuid.uuid4()}'"  # noqa: S608 - HogQL
        assert stack.query(text).json()["is_cached"] is False
        assert stack.query(text).json()["is_cached"] is True


def test_open_query(stack: Stack) -> None:
    with faulty_web(stack, "open_query"):
        body = {"query": {"kind": "HogQLQuery", "query": "SELECT count() FROM events"}}
        answer = httpx.post(f"{stack.url}/api/projects/1/query/", json=body, timeout=15)
    assert answer.status_code == 200
