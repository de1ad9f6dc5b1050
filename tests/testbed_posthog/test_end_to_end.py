"""The reference with its real servers on loopback: what is accepted can be read back.

Needs the Debian packages redis-server, postgresql-15 and clickhouse-server; hence `cluster`.
"""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
import redis
from posthog import Posthog

from clusterproof.wait import wait_until
from tests.testbed_posthog.servers import (
    DB_PASSWORD,
    PERSONAL_KEY,
    TOKEN,
    Stack,
    running_stack,
)

pytestmark = pytest.mark.cluster
BEARER = {"Authorization": f"Bearer {PERSONAL_KEY}"}
ODD_TEXTS = (
    "it's", 'a "quote"', "back\\slash", "new\nline", "tab\t", "\x00zero", "\x1f", "é", "😀", "{x}",
    "' OR 1=1 --", "\\'", "%_", "-- ", "/*", "`", "$", "\u2028", "null", "true", "1", "",
)  # fmt: skip


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The running reference, shared: every test reads only events of its own name."""
    with running_stack() as running:
        yield running


@pytest.fixture
def name() -> str:
    """An event name that no other test uses."""
    return f"event {uuid.uuid4()}"


@pytest.fixture
def queue(stack: Stack) -> Iterator["redis.Redis"]:
    """Redis, as the reference uses it."""
    with redis.Redis(port=stack.ports["redis"]) as client:
        yield client


def known_uuids(name: str, count: int) -> list[str]:
    return [str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{n}")) for n in range(count)]


def post(stack: Stack, name: str, ids: list[str], **more: Any) -> httpx.Response:  # noqa: ANN401 - JSON
    batch = [{"event": name, "uuid": uuid, "distinct_id": f"user-{uuid}"} for uuid in ids]
    body = {"api_key": TOKEN, "batch": batch, **more}
    return httpx.post(f"{stack.url}/batch/", json=body, timeout=15)


def stored(stack: Stack, ids: list[str]) -> tuple[int, int]:
    ((rows, distinct),) = stack.rows(
        "SELECT count(), count(DISTINCT uuid) FROM events WHERE uuid IN {ids}", ids=ids
    )
    return rows, distinct


def wait_for_all(stack: Stack, ids: list[str], within_s: float = 30) -> int:
    """Wait until every uuid can be read back; how many rows they have."""
    rows, _ = wait_until(
        lambda: stored(stack, ids),
        lambda found: found[1] == len(ids),
        waiting_for=f"{len(ids)} uuids in HogQL",
        within_s=within_s,
        every_s=0.2,
    )
    return rows


def status_rows(stack: Stack) -> dict[str, Any]:
    answer = httpx.get(f"{stack.url}/api/instance_status", headers=BEARER, timeout=10)
    overview = answer.raise_for_status().json()["results"]["overview"]
    return {row["key"]: row["value"] for row in overview if "key" in row}


def test_the_sdks_events_are_read_back_though_a_worker_dies_with_a_batch_in_hand(
    stack: Stack, name: str, queue: "redis.Redis"
) -> None:
    ids = known_uuids(name, 1000)
    client = Posthog(TOKEN, host=stack.url, flush_at=50, flush_interval=0.1)
    clickhouse, worker = stack.parts["clickhouse"], stack.parts["worker-1"]
    for number, known in enumerate(ids):
        if number == 300:
            client.flush()
            # Inserts hang from here on, so the worker surely holds a batch when it is killed.
            clickhouse.popen.send_signal(signal.SIGSTOP)
        client.capture(name, distinct_id=f"user-{number}", uuid=known, properties={"n": number})
    client.shutdown()
    wait_until(
        lambda: queue.xpending_range("posthog:events", "ingestion", "-", "+", 1, "worker-1"),
        bool,
        waiting_for="entries in the hand of worker-1",
        within_s=15,
        every_s=0.1,
    )
    worker.end(signal.SIGKILL)
    clickhouse.popen.send_signal(signal.SIGCONT)
    rows = wait_for_all(stack, ids)
    assert rows >= 1000
    stack.start_worker(1)


def test_events_in_the_queue_survive_a_killed_redis(stack: Stack, name: str) -> None:
    for number in (1, 2):
        assert stack.parts[f"worker-{number}"].end() == 0
    ids = known_uuids(name, 500)
    assert post(stack, name, ids).status_code == 200
    stack.parts["redis"].end(signal.SIGKILL)
    assert post(stack, name, ids[:1]).status_code == 503
    stack.start_redis()
    for number in (1, 2):
        stack.start_worker(number)
    assert wait_for_all(stack, ids) == 500


def test_without_a_queue_nothing_is_accepted(stack: Stack, name: str) -> None:
    stack.parts["redis"].end()
    try:
        (known,) = known_uuids(name, 1)
        refused = post(stack, name, [known])
        assert (refused.status_code, refused.text) == (503, "transient error, please retry")
        verdict = httpx.post(
            f"{stack.url}/i/v1/analytics/events",
            headers={"Authorization": f"Bearer {TOKEN}", "PostHog-Sdk-Info": "test/1"},
            json={
                "created_at": "2026-11-23T00:00:00Z",
                "batch": [
                    {
                        "event": name,
                        "uuid": known,
                        "distinct_id": "a",
                        "timestamp": "2026-11-23T00:00:00Z",
                        "options": {},
                        "properties": {},
                    }
                ],
            },
            timeout=15,
        )
        assert verdict.json() == {"results": {known: {"result": "retry"}}}
        ready = httpx.get(f"{stack.url}/_readyz?role=web", timeout=15)
        assert (ready.status_code, ready.json()["cache"]) == (503, False)
        assert httpx.get(f"{stack.url}/_livez", timeout=15).status_code == 200
        assert status_rows(stack)["redis_alive"] is False
    finally:
        stack.start_redis()
    wait_until(
        lambda: httpx.get(f"{stack.url}/_readyz", timeout=15).status_code,
        lambda status: status == 200,
        waiting_for="web ready again",
        within_s=10,
    )


def test_while_clickhouse_is_away_events_wait(stack: Stack, name: str) -> None:
    stack.parts["clickhouse"].end()
    try:
        ids = known_uuids(name, 100)
        assert post(stack, name, ids).status_code == 200
        every = httpx.get(f"{stack.url}/_readyz", timeout=15)
        assert (every.status_code, every.json()["clickhouse"]) == (503, False)
        assert httpx.get(f"{stack.url}/_readyz?role=web", timeout=15).status_code == 200
        worker = httpx.get(f"http://127.0.0.1:{stack.ports['worker-1']}/_readyz", timeout=15)
        assert (worker.status_code, worker.json()["clickhouse"]) == (503, False)
        asked = stack.query("SELECT count() FROM events")
        assert asked.status_code == 503
        assert status_rows(stack)["clickhouse_alive"] is False
    finally:
        stack.start_clickhouse()
    assert wait_for_all(stack, ids) == 100


def test_while_postgres_is_away_events_wait_and_flags_say_so(stack: Stack, name: str) -> None:
    stack.parts["postgres"].end(signal.SIGINT)
    # Answers of PostgreSQL are used again for 5 s; a token of its own was never asked for.
    flags = {"api_key": f"phc_{uuid.uuid4()}", "distinct_id": "a"}
    try:
        refused = httpx.post(f"{stack.url}/flags/?v=2", json=flags, timeout=15)
        assert (refused.status_code, "database service" in refused.text) == (503, True)
        ready = httpx.get(f"{stack.url}/_readyz?role=web", timeout=15)
        assert (ready.status_code, ready.json()["postgres"]) == (503, False)
        assert httpx.get(f"{stack.url}/_health", timeout=15).status_code == 503
        ids = known_uuids(name, 20)
        assert post(stack, name, ids).status_code == 200
    finally:
        stack.start_postgres()
    assert wait_for_all(stack, ids) == 20
    assert httpx.post(f"{stack.url}/flags/?v=2", json=flags, timeout=15).status_code == 401
    assert status_rows(stack)["db_alive"] is True


def test_an_unreadable_entry_goes_to_the_dead_letters_and_holds_nobody_up(
    stack: Stack, name: str, queue: "redis.Redis"
) -> None:
    queue.delete("posthog:events:dead_letter")
    queue.xadd("posthog:events", {"event": "{not json"})
    ids = known_uuids(name, 10)
    assert post(stack, name, ids).status_code == 200
    wait_for_all(stack, ids)
    assert status_rows(stack)["dead_letter_queue_size"] == 1
    queue.delete("posthog:events:dead_letter")


def test_an_unknown_token_is_answered_200_and_stores_nothing(stack: Stack, name: str) -> None:
    lost, kept = known_uuids(name, 2)
    assert post(stack, name, [lost], api_key="phc_nobodys").status_code == 200
    assert post(stack, name, [kept]).status_code == 200
    wait_for_all(stack, [kept])
    assert stored(stack, [lost]) == (0, 0)


def test_a_batch_with_one_bad_event_stores_none_of_it(stack: Stack, name: str) -> None:
    good, later = known_uuids(name, 2)
    batch = [{"event": name, "uuid": good, "distinct_id": "a"}, {"event": name}]
    refused = httpx.post(f"{stack.url}/batch/", json={"api_key": TOKEN, "batch": batch}, timeout=15)
    assert refused.status_code == 400
    post(stack, name, [later])
    wait_for_all(stack, [later])
    assert stored(stack, [good]) == (0, 0)


@pytest.mark.parametrize("path", ["/capture/", "/e/", "/i/v0/e/", "/i/v0/e", "/track", "/engage"])
def test_every_capture_route_takes_a_single_event(stack: Stack, name: str, path: str) -> None:
    (known,) = known_uuids(name + path, 1)
    event = {"api_key": TOKEN, "event": name, "uuid": known, "distinct_id": "someone"}
    assert httpx.post(stack.url + path, json=event, timeout=15).status_code == 200
    wait_for_all(stack, [known])


def test_a_body_over_the_limit_is_refused_before_it_is_read(stack: Stack) -> None:
    answer = httpx.post(f"{stack.url}/e/", content=b"x" * (2 * 1024 * 1024 + 1), timeout=15)
    assert answer.status_code == 413


def test_capture_v1_of_the_sdk_is_stored(stack: Stack, name: str) -> None:
    errors: list[object] = []
    client = Posthog(
        TOKEN, host=stack.url, capture_mode="v1", on_error=lambda error, _: errors.append(error)
    )
    known = client.capture(name, distinct_id="someone", properties={"a": 1})
    client.shutdown()
    assert known
    wait_for_all(stack, [known])
    assert not errors
    assert stack.rows("SELECT properties.a FROM events WHERE uuid = {id}", id=known) == [["1"]]


def test_the_sdks_flag_is_evaluated_and_its_exposure_arrives_with_the_variant(
    stack: Stack, name: str
) -> None:
    client = Posthog(TOKEN, host=stack.url)
    seen = {}
    for number in range(20):
        user = f"{name}-{number}"
        variant = client.evaluate_flags(user).get_flag("model-router-experiment")
        assert variant in {"control", "treatment"}
        assert client.evaluate_flags(user).get_flag("model-router-experiment") == variant
        seen[user] = variant
    client.shutdown()
    assert set(seen.values()) == {"control", "treatment"}
    text = (
        "SELECT distinct_id, properties.$feature_flag_response FROM events"
        " WHERE event = '$feature_flag_called' AND distinct_id IN {users}"
    )
    exposures = wait_until(
        lambda: stack.rows(text, users=list(seen)),
        lambda rows: len(rows) >= len(seen),
        waiting_for="exposures",
        within_s=20,
    )
    assert dict(exposures) == seen


@pytest.mark.parametrize("change", [{"api_key": "phc_nobodys"}, {"api_key": None}])
def test_flags_need_a_known_token(stack: Stack, change: dict[str, Any]) -> None:
    body = {"api_key": TOKEN, "distinct_id": "a", **change}
    assert httpx.post(f"{stack.url}/flags/?v=2", json=body, timeout=15).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "not_authenticated"),
        ({"Authorization": "Bearer phx_wrong"}, 401, "authentication_failed"),
        ({"Authorization": "Bearer phx_flags_only"}, 403, "permission_denied"),
        ({"Authorization": "Bearer phx_query_elsewhere"}, 403, "permission_denied"),
    ],
)
def test_queries_need_a_key_with_the_scope_and_the_project(
    stack: Stack, headers: dict[str, str], status: int, code: str
) -> None:
    with psycopg.connect(
        host="127.0.0.1", port=stack.ports["postgres"], user="posthog", password=DB_PASSWORD
    ) as connection:
        connection.execute(
            "INSERT INTO posthog_personalapikey (label, secure_value, scopes, project_ids) VALUES"
            " ('flags', 'sha256$' || encode(sha256('phx_flags_only'), 'hex'),"
            "  '{feature_flag:read}', '{1}'),"
            " ('other', 'sha256$' || encode(sha256('phx_query_elsewhere'), 'hex'),"
            "  '{query:read}', '{2}') ON CONFLICT DO NOTHING"
        )
    for path in ("/api/projects/1/query/", "/api/environments/1/query/"):
        body = {"query": {"kind": "HogQLQuery", "query": "SELECT count() FROM events"}}
        answer = httpx.post(stack.url + path, json=body, headers=headers, timeout=15)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/api/instance_status", "/api/projects/1/"])
def test_the_private_api_answers_nobody_without_a_key(stack: Stack, path: str) -> None:
    assert httpx.get(stack.url + path, timeout=15).status_code == 401
    assert httpx.get(stack.url + path, headers=BEARER, timeout=15).status_code == 200


def test_blocking_may_answer_from_the_cache_and_force_blocking_does_not(
    stack: Stack, name: str
) -> None:
    text = f"SELECT count() FROM events WHERE event = '{name}'"  # noqa: S608 - HogQL
    first = stack.query(text, refresh="blocking").json()
    assert (first["results"], first["is_cached"]) == ([[0]], False)
    ids = known_uuids(name, 3)
    post(stack, name, ids)
    wait_for_all(stack, ids)
    again = stack.query(text, refresh="blocking").json()
    assert (again["results"], again["is_cached"]) == ([[0]], True)
    fresh = stack.query(text, refresh="force_blocking").json()
    assert (fresh["results"], fresh["is_cached"]) == ([[3]], False)


def test_odd_texts_come_back_and_compare_as_they_were_sent(stack: Stack, name: str) -> None:
    ids = known_uuids(name, len(ODD_TEXTS))
    batch = [
        {
            "event": name,
            "uuid": known,
            "distinct_id": "a" + text,
            "properties": {"x": text, text: 1},
        }
        for known, text in zip(ids, ODD_TEXTS, strict=True)
    ]
    sent = httpx.post(f"{stack.url}/batch/", json={"api_key": TOKEN, "batch": batch}, timeout=15)
    assert sent.status_code == 200
    wait_for_all(stack, ids)
    for known, text in zip(ids, ODD_TEXTS, strict=True):
        found = stack.rows(
            "SELECT uuid FROM events WHERE event = {event} AND properties.x = {text}",
            event=name,
            text=text,
        )
        assert found == [[known]], text
        back = stack.rows("SELECT properties.x FROM events WHERE uuid = {id}", id=known)
        assert back == [[text]]


def test_ten_thousand_uuids_are_read_back_in_one_query(stack: Stack, name: str) -> None:
    ids = known_uuids(name, 10_000)
    for start in range(0, len(ids), 1000):
        assert post(stack, name, ids[start : start + 1000]).status_code == 200
    assert wait_for_all(stack, ids) == 10_000


def test_system_status_says_what_is_there(stack: Stack, name: str) -> None:
    ids = known_uuids(name, 60)
    post(stack, name, ids)
    wait_for_all(stack, ids)
    rows = status_rows(stack)
    alive = ("plugin_sever_alive", "db_alive", "redis_alive", "clickhouse_alive")
    assert {key: rows[key] for key in alive} == dict.fromkeys(alive, True)
    assert rows["worker_status"] == 2
    assert rows["queue_depth"] == 0
    assert rows["event_ingestion_rate"] >= 1
    assert rows["clickhouse_disk_used_bytes"] > 1000
    assert 0 < rows["query_latency_p95_ms"] < 5000


def test_metrics_count_what_was_sent(stack: Stack, name: str) -> None:
    def read() -> float:
        text = httpx.get(f"{stack.url}/metrics", timeout=15).text
        lines = [line for line in text.splitlines() if line.startswith("capture_events_ingested")]
        return float(lines[0].split()[1])

    before = read()
    post(stack, name, known_uuids(name, 7))
    assert read() - before == 7


def test_web_finishes_what_it_accepted_when_it_is_told_to_stop(stack: Stack, name: str) -> None:
    ids = known_uuids(name, 200)
    accepted: list[str] = []

    def send(known: str) -> None:
        try:
            if post(stack, name, [known]).status_code == 200:
                accepted.append(known)
        except httpx.TransportError:
            return  # refused or cut before an answer: not accepted

    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send, known) for known in ids]
        wait_until(lambda: len(accepted), lambda n: n > 20, waiting_for="some", within_s=15,
                   every_s=0.01)  # fmt: skip
        assert stack.parts["web"].end() == 0
        for future in sending:
            future.result()
    stack.start_web()
    assert len(accepted) > 20
    wait_for_all(stack, accepted)


def test_a_worker_told_to_stop_ends_soon_and_says_goodbye(stack: Stack) -> None:
    started = time.monotonic()
    assert stack.parts["worker-2"].end() == 0
    assert time.monotonic() - started < 5
    assert status_rows(stack)["worker_status"] == 1
    stack.start_worker(2)


def test_a_worker_that_is_stopped_dead_loses_its_heartbeat(stack: Stack) -> None:
    for number in (1, 2):
        stack.parts[f"worker-{number}"].popen.send_signal(signal.SIGSTOP)
    try:
        wait_until(
            lambda: status_rows(stack)["plugin_sever_alive"],
            lambda alive: alive is False,
            waiting_for="plugin_sever_alive false",
            within_s=25,
        )
    finally:
        for number in (1, 2):
            stack.parts[f"worker-{number}"].popen.send_signal(signal.SIGCONT)


def test_migrations_run_again_and_side_by_side(stack: Stack) -> None:
    argv = [sys.executable, "-m", "posthog_reference", "migrate"]
    started = [
        subprocess.Popen(argv, env=stack.environment(), cwd=stack.base)  # noqa: S603 - our own
        for _ in range(3)
    ]
    assert [process.wait(60) for process in started] == [0, 0, 0]
