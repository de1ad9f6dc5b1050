"""A store that refuses what is written is named, from PostHog's answers and logs."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusterproof.checks import ingestion, posthog_status, shared
from clusterproof.checks.shared import Arrival, arrival, events
from clusterproof.checks.site import Site
from clusterproof.judgement import Failed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import recent_lines
from clusterproof.product.posthog.ingestion import EventBatch, EventFate, Reading
from clusterproof.product.posthog.status import StatusPage
from clusterproof.product.posthog.stores import refusals, store_named
from clusterproof.spec import Settings, Spec
from clusterproof.spec.row import ObjectRef
from clusterproof.spec.settings import KeyRef, PosthogSettings
from tests.judge.rows import row
from tests.observe.cluster_objects import adopted, deployment
from tests.observe.loopback import Reply, Request, api_server, listed

FULL = "OutOfMemoryError: command not allowed when used memory > 'maxmemory'."


@pytest.mark.parametrize(
    ("line", "store", "why"),
    [
        (f"heartbeat not written: {FULL}", "redis", "it is full"),
        ("queue: You can't write against a read only replica.", "redis", "a read-only replica"),
        ("MISCONF Redis is configured to save RDB snapshots", "redis", "its own files"),
        (
            "not stored, trying again: Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not "
            "enough space. (NOT_ENOUGH_SPACE)",
            "clickhouse",
            "it has no space left",
        ),
        (
            "Code: 164. DB::Exception: default: Cannot execute query in readonly mode. (READONLY)",
            "clickhouse",
            "its user may only read",
        ),
        (
            "moved to the dead letters: Code: 164, e.displayText() = DB::Exception: Cannot insert "
            "into table in readonly mode, e.what() = DB::Exception",
            "clickhouse",
            "its user may only read",
        ),
        (
            "Code: 242. DB::Exception: Table is in readonly mode (TABLE_IS_READ_ONLY)",
            "clickhouse",
            "its table is read-only",
        ),
        ("Code: 252. DB::Exception: Too many parts (300)", "clickhouse", "too many parts"),
        (
            "INSERT INTO events: Code: 241. DB::Exception: Memory limit (total)",
            "clickhouse",
            "its memory is used up",
        ),
        (
            "DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED) (in query: insert into "
            "events SELECT * FROM kafka_events)",
            "clickhouse",
            "its memory is used up",
        ),
        (
            "ERROR:  cannot execute INSERT in a read-only transaction",
            "postgres",
            "it is read-only",
        ),
        (
            'ERROR:  could not extend file "base/1/2": No space left on device',
            "postgres",
            "it has no space left",
        ),
    ],
)
def test_each_store_is_known_by_its_words(line: str, store: str, why: str) -> None:
    (sentence,) = refusals([("log of a", line), ("log of b", line)])
    assert store_named(sentence) == store
    assert why in sentence
    assert "(log of a)" in sentence


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Code: 2432. DB::Exception: another code",
        "GET /flags 200 in read mode",
        "queue: Connection refused",
        "entry 1-0 moved to the dead letters: KeyError",
        "Code: 241. DB::Exception: Memory limit (for query) exceeded: would use 9 GiB."
        " (MEMORY_LIMIT_EXCEEDED) (in query: SELECT count() FROM events)",
        "Code: 243. DB::Exception: no space for a sort. (NOT_ENOUGH_SPACE) (in query: SELECT 1)",
        "Code: 164. DB::Exception: bi: Cannot modify 'max_threads' setting in readonly mode."
        " (READONLY)",
        "ERROR:  cannot execute UPDATE in a read-only transaction",
        'ERROR:  could not write to file "base/pgsql_tmp/1.0": No space left on device',
        "process exited, Exit Code: 243",
        "postal Code: 242",
    ],
)
def test_no_store_is_accused_by_other_words(line: str) -> None:
    assert list(refusals([("log of a", line)])) == []
    assert store_named(line) == ""


MEMORY = ("INSERT INTO events VALUES: Code: 241.", "DB::Exception: Memory limit (total) exceeded")
TWO_LINES = [
    (("ServerException: Code: 252.", "DB::Exception: Too many parts (300)."), "too many parts"),
    (("Code: 243.  ", "  DB::Exception: Cannot reserve 1 MiB"), "no space left"),
    (MEMORY, "its memory is used up"),
    (("Code: 241.", "DB::Exception: Memory limit (in query: INSERT INTO e)"), "its memory"),
    (("Code: 164.", "DB::Exception: u: Cannot execute query in readonly mode"), "may only read"),
    (("Code: 164.", "DB::Exception: u: no rights (in query: INSERT INTO e)"), "may only read"),
]


@pytest.mark.parametrize(("lines", "why"), TWO_LINES)
@pytest.mark.parametrize("end", [None, "\n", "\\n", "\\\\n"])
def test_an_exception_that_is_printed_over_two_lines_is_known(
    lines: tuple[str, str], why: str, end: str | None
) -> None:
    texts = lines if end is None else (end.join(lines),)
    (sentence,) = refusals([("log of a", line) for line in ("up", *texts, "up")])
    assert store_named(sentence) == "clickhouse"
    assert why in sentence


@pytest.mark.parametrize(
    "lines",
    [
        ("Code: 241.", "DB::Exception: Memory limit (in query: SELECT 1)"),
        ("query: SELECT 1: Code: 243.", "DB::Exception: no space for a sort"),
        ("Code: 164.", "DB::Exception: bi: Cannot modify 'max_threads' in readonly mode"),
        ("Code: 60.", "DB::Exception: Table events does not exist"),
        ("Code: 252.", "up", "DB::Exception: another"),
        ("INSERT INTO events", "Code: 241.", "DB::Exception: Memory limit"),
    ],
)
def test_no_store_is_accused_by_two_lines_of_other_words(lines: tuple[str, ...]) -> None:
    assert list(refusals([("log of a", line) for line in lines])) == []


def test_lines_of_two_logs_are_not_joined() -> None:
    texts = [("log of a", "Code: 252."), ("log of b", "DB::Exception: another")]
    assert list(refusals(texts)) == []


GONE = EventBatch((EventFate("u1"),), Reading(answered=3), took_s=45.0)
WRONG_KEY = replace(GONE, events=(EventFate("u1", error="APIError: 401 (no such key)"),))
BUSY = replace(GONE, events=(EventFate("u1", error="APIError: 503 (busy)"),))
BACK = replace(GONE, events=(EventFate("u1", lag_s=1.0, stored=1),))


def _pod(name: str, phase: str = "Running") -> dict[str, Any]:
    running = {"name": "main", "state": {"running": {}}, "ready": True}
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "posthog",
            "uid": name,
            "labels": {"app": name.rpartition("-")[0]},
        },
        "spec": {"containers": [{"name": "main"}]},
        "status": {"phase": phase, "containerStatuses": [running]},
    }


def _batch(monkeypatch: pytest.MonkeyPatch, sent: EventBatch, log: Reply, host: str) -> EventBatch:
    asked: list[str] = []
    names = ("worker", "web", "redis", "bi")
    there: list[dict[str, Any]] = [
        *(deployment(name, "posthog", {"app": name}) for name in names),
        *(_pod(f"{name}-1", "Pending" if name == "web" else "Running") for name in names),
    ]
    there += adopted(tuple(there))
    rows = [
        row(
            "starts", id=name, workload=f"Deployment/posthog/{name}", restarts_at_most=0, within_s=9
        )
        for name in names[:3]
    ]

    def answer(request: Request) -> Reply:
        if request.path.partition("?")[0].endswith("/log"):
            asked.append(request.path)
            return log
        kind = {"deployments": "Deployment", "replicasets": "ReplicaSet"}.get(
            request.path.partition("?")[0].rpartition("/")[2], "Pod"
        )
        return Reply(body=listed(kind, *(each for each in there if each["kind"] == kind)))

    monkeypatch.setattr(shared, "posthog_pod", lambda _: None)
    monkeypatch.setattr(shared, "send_events", lambda *_: sent)
    key = KeyRef(name="s", key="k")
    posthog = PosthogSettings(
        host=host, query_host=host, namespace="posthog", api_key=key, personal_api_key=key
    )
    settings = Settings(posthog=posthog)
    with api_server(answer) as api:
        spec = Spec("test", "test", Path("spec.yaml"), {}, settings, tuple(rows), {})
        batch = events(Site(Cluster(api), spec, "20260101-000000-abcdef", ()))
    assert all("sinceSeconds=46" in path and "worker-1" in path for path in asked)
    return replace(batch, where=f"asked {len(asked)}")


IN_CLUSTER = "http://posthog-web.posthog.svc:8000"


@pytest.mark.parametrize(
    ("sent", "log", "host", "refused", "asked"),
    [
        (GONE, Reply(body=f"up\nheartbeat not written: {FULL}\n"), IN_CLUSTER, True, 1),
        (GONE, Reply(body="up\n"), IN_CLUSTER, False, 1),
        (GONE, Reply(403, {"kind": "Status", "code": 403}), IN_CLUSTER, False, 1),
        (GONE, Reply(body=FULL), "https://app.posthog.com", False, 0),
        (BACK, Reply(body=FULL), IN_CLUSTER, False, 0),
        (WRONG_KEY, Reply(body=FULL), IN_CLUSTER, False, 0),
        (BUSY, Reply(body=FULL), IN_CLUSTER, True, 1),
    ],
    ids=["refuses", "nothing", "forbidden", "outside", "all came back", "wrong key", "503"],
)
def test_logs_are_read_where_events_are_missing(
    monkeypatch: pytest.MonkeyPatch,
    sent: EventBatch,
    log: Reply,
    host: str,
    *,
    refused: bool,
    asked: int,
) -> None:
    batch = _batch(monkeypatch, sent, log, host)
    assert batch.where == f"asked {asked}"
    expected = ("Redis refuses what is written: it is full (log of worker-1/main)",)
    assert batch.refusals == (expected if refused else ())
    evidence = ingestion.look(row("ingestion", figure="lost", expect={"equals": 0}), _Site(batch))
    assert set(batch.refusals) <= set(evidence.evidence)
    unread = [line for line in evidence.evidence if line.startswith("logs of ")]
    assert [line.partition(": ")[0] for line in unread] == (
        ["logs of worker-1/main not read"] if log.status == 403 else []
    )


def test_workloads_whose_pods_cannot_be_listed_have_logs_that_are_not_read() -> None:
    refs = (ObjectRef(kind="Deployment", namespace="n", name=name) for name in ("a", "b"))
    with api_server(lambda _: Reply(403, {"kind": "Status", "code": 403})) as api:
        logs = recent_lines(Cluster(api), refs, 9.0)
    assert logs.lines == ()
    assert logs.unread.startswith("logs of Deployment/n/a, Deployment/n/b not read: ")


@pytest.mark.parametrize("ahead_s", [0.0, 5000.0, -5000.0])
def test_the_sending_pods_clock_is_compared_with_the_api_servers(
    monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    sent = replace(BACK, began_at=time.time() + ahead_s, took_s=0.0)
    batch = _batch(monkeypatch, sent, Reply(), IN_CLUSTER)
    assert batch.sender_s == pytest.approx(ahead_s, abs=30.0)


def test_a_batch_of_no_known_time_says_nothing_of_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _batch(monkeypatch, BACK, Reply(), IN_CLUSTER).sender_s is None


class _Site(Site):
    """A run whose events came to what a test says."""

    def __init__(self, batch: EventBatch) -> None:
        self._batch = batch

    def ended(self, _look: Any) -> bool:  # noqa: ANN401 - any look
        """They were sent."""
        return True

    def shared(self, _look: Any) -> Any:  # noqa: ANN401 - any look
        """What became of them."""
        return self._batch


@pytest.mark.parametrize(
    ("alive", "code"), [(True, "figure-contradicted"), (False, "figure-differs")]
)
def test_a_store_that_refuses_is_said_beside_what_was_measured_of_a_worker(
    code: str, *, alive: bool
) -> None:
    refused = replace(GONE, refusals=("Redis refuses what is written: it is full (log of w)",))
    arrived = arrival(_Site(refused))
    assert arrived == Arrival(refused=refused.refusals[0], nothing=True)
    claim = row("posthog-status", figure="worker_alive", expect={"equals": True})
    page = StatusPage({"plugin_sever_alive": alive})
    figure = posthog_status.read_figure(page, claim, capacity=None, arrived=arrived).value
    judgement = posthog_status.judge(claim, figure)
    assert isinstance(judgement, Failed)
    (difference,) = judgement.differences
    assert (difference.code, refused.refusals[0] in difference.reason) == (code, True)
