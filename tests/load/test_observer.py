"""What the observer did not see is INCONCLUSIVE: never zero, and never the router's fault."""

import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from clusterproof.load.account import Account
from clusterproof.load.analysis import Inputs, analyse
from clusterproof.load.counters import PROCESS_START, Scrape, series
from clusterproof.load.finding import Finding, Link, judge_run
from clusterproof.load.objectives import read_objectives
from clusterproof.load.observer import doubt, judge_observer, resolution_s, unread_pods
from clusterproof.load.recording import ClockRead, Gap, Recording, Unread, UsageRead
from clusterproof.load.watches import AGAIN_AFTER_S, Watch
from clusterproof.outcome import Outcome
from tests.load.scaling_parts import T0, hpa, pod, recording
from tests.observe.loopback import Reply, Request, api_server, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/v1/namespaces/ns/pods"
SPEC = read_objectives()


def _object(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


def _events(*events: tuple[str, str, int], broken: bool = False) -> Reply:
    lines = [json.dumps({"type": kind, "object": _object(name, v)}) for kind, name, v in events]
    return Reply(200, "\n".join([*lines, *(["{"] if broken else []), ""]))


def _list(version: int, *objects: dict[str, Any]) -> Reply:
    return Reply(200, {**listed("Pod", *objects), "metadata": {"resourceVersion": str(version)}})


GONE = Reply(200, json.dumps({"type": "ERROR", "object": {"code": 410, "message": "expired"}}))


def _watched(lists: list[Reply], watches: list[Reply]) -> tuple[list[Any], list[Gap], list[str]]:
    """What was kept, the gaps, and the versions that watches began at, until they are used up."""
    kept: list[Any] = []
    versions: list[str] = []
    stop = threading.Event()
    listing: Iterator[Reply] = iter(lists)
    watching: Iterator[Reply] = iter(watches)

    def answer(request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        if "watch" not in query:
            return next(listing)
        reply = next(watching, None)
        if reply is None:
            stop.set()
            return _events()
        versions.append(query["resourceVersion"][0])
        return reply

    with api_server(answer) as api:
        watch = Watch(
            api,
            PATH,
            "",
            kind="pod",
            keep=lambda kind, item: kept.append((kind, item["metadata"]["name"])),
        )
        watch.relist()
        watch.follow(stop)
    return kept, watch.gaps(), versions


def test_a_watch_that_breaks_off_is_resumed_where_it_was() -> None:
    """Nothing is listed again, so no object between two states is missed."""
    kept, gaps, versions = _watched(
        [_list(1, _object("a", 1))],
        [
            _events(("ADDED", "b", 2), broken=True),
            _events(("MODIFIED", "b", 3), ("DELETED", "a", 4)),
        ],
    )
    assert versions == ["1", "2"]
    assert kept == [("LISTED", "a"), ("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]
    (gap,) = gaps
    assert (gap.kind, gap.changes) == ("pod", 2)
    assert AGAIN_AFTER_S <= gap.until - gap.since < 5
    assert "broke off" in gap.why


def test_an_expired_version_is_listed_again_and_what_went_is_deleted() -> None:
    kept, gaps, versions = _watched(
        [_list(1, _object("a", 1), _object("b", 1)), _list(9, _object("b", 1), _object("c", 7))],
        [GONE, _events()],
    )
    assert versions == ["1", "9"]
    assert kept == [("LISTED", "a"), ("LISTED", "b"), ("DELETED", "a"), ("LISTED", "c")]
    assert [gap.changes for gap in gaps] == [2]


def test_a_watch_that_only_ends_has_no_gap() -> None:
    """The API server ends each after its timeout."""
    _, gaps, versions = _watched(
        [_list(1)], [_events(("BOOKMARK", "", 5)), _events(("ADDED", "a", 6))]
    )
    assert (gaps, versions) == ([], ["1", "5"])


def test_a_refusal_is_asked_again_ever_more_seldom_and_the_gap_is_one() -> None:
    refused = Reply(403, {"kind": "Status", "message": "forbidden"})
    _, gaps, versions = _watched([_list(1)], [refused, refused, _events(("ADDED", "a", 2))])
    assert versions == ["1", "1", "1"]
    (gap,) = gaps
    assert gap.changes == 1
    assert gap.until - gap.since >= 3 * AGAIN_AFTER_S


def _of(row: str, found: Recording) -> Finding:
    (claim,) = [claim for claim in judge_observer(found) if claim.id == row]
    assert claim.link is Link.OBSERVER
    return claim


@pytest.mark.parametrize(
    ("seconds", "changes", "outcome"),
    [
        (5, 3, Outcome.PASSED),
        (60, 0, Outcome.PASSED),
        (6, 1, Outcome.INCONCLUSIVE),
        (6, None, Outcome.INCONCLUSIVE),
    ],
    ids=["short", "nothing-happened", "a-change-came-late", "never-seen-again"],
)
def test_a_gap_matters_when_something_happened_in_it(
    seconds: float, changes: int | None, outcome: Outcome
) -> None:
    found = recording(hpa(0))
    found.gaps = [Gap("pod", T0, T0 + seconds, changes, "reset by peer")]
    assert _of("observer-watches", found).outcome is outcome


def _read(name: str, *times: float) -> list[Scrape]:
    return [Scrape(T0 + at, name, name, {}) for at in times]


@pytest.mark.parametrize(
    ("reads", "going", "blind"),
    [
        ((), None, ["web-1"]),
        ((50, 95), None, []),
        ((50, 89), None, ["web-1"]),
        ((50,), 55, []),
        ((50,), 61, ["web-1"]),
    ],
    ids=["never", "to-the-end", "not-to-the-end", "gone-soon-after", "gone-long-after"],
)
def test_each_ready_pod_is_read_until_it_goes(
    reads: tuple[float, ...], going: float | None, blind: list[str]
) -> None:
    changes = [pod(0), *([pod(going, deleting=True)] if going else [])]
    for change in changes:
        change.object["metadata"]["uid"] = "web-1"
    found = recording(*changes)
    found.scrapes = _read("web-1", *reads)
    found.unread = [Unread(T0 + 96, "web-1", "web-1", "HTTP 403: forbidden")]
    assert unread_pods(found) == dict.fromkeys(blind, "HTTP 403: forbidden")


@pytest.mark.parametrize(
    ("status", "outcome"), [(403, Outcome.INCONCLUSIVE), (None, Outcome.INCONCLUSIVE), (503, None)]
)
def test_usage_that_we_may_not_read_is_no_finding_about_the_cluster(
    status: int | None, outcome: Outcome | None
) -> None:
    """A metrics API that is not there is one: the HPA asks the same."""
    found = recording(hpa(0))
    found.usage = [UsageRead(read.at, {}, "no", status) for read in found.usage]
    assert _of("observer-usage", found).outcome is (outcome or Outcome.PASSED)


def test_the_resolution_of_the_metrics_is_what_was_seen() -> None:
    found = recording(hpa(0))
    found.usage = [
        UsageRead(T0 + at, {"web-0": {"timestamp": T0 + at // 15 * 15}}) for at in range(0, 90, 2)
    ]
    assert resolution_s(found) == 15
    assert "new figures every 15 s" in _of("observer-usage", found).observed


@pytest.mark.parametrize(
    ("last", "outcome"),
    [((29.5, 30.5), Outcome.PASSED), ((33.5, 34.0), Outcome.INCONCLUSIVE)],
    ids=["far-and-steady", "it-was-set"],
)
def test_a_clock_may_be_far_but_not_move(last: tuple[float, float], outcome: Outcome) -> None:
    found = recording(hpa(0))
    found.clock = [ClockRead(T0, 29.8, 30.8), ClockRead(T0 + 90, *last)]
    assert _of("observer-clock", found).outcome is outcome


def _run(found: Recording) -> Inputs:
    """Ten requests to Pods that count them."""
    account = Account()
    for number in range(10):
        account.begin(late_s=0, was_idle=True, at_s=number)
        account.end("ask", latency_s=0.1, service_s=0.1, at_s=number, fault="", answered=True)
    stages = {"scenario": "router", "started_at": T0 + 1, "stages": [[1, 1, 40]], "findings": []}
    return Inputs(stages, account, found, {}, None)


def _counts(name: str, *counted: tuple[float, float]) -> list[Scrape]:
    metrics = SPEC.metrics
    assert metrics is not None
    return [
        Scrape(
            T0 + at,
            name,
            name,
            {
                series(metrics.requests, {}): count,
                series(metrics.durations_count, {}): count,
                series(metrics.durations_sum, {}): count / 20,
                series(PROCESS_START, {}): T0 - 60,
            },
        )
        for at, count in counted
    ]


@pytest.mark.parametrize(
    ("counted", "outcome", "link"),
    [
        ([], Outcome.INCONCLUSIVE, Link.OBSERVER),
        ([(0, 0), (95, 4)], Outcome.INCONCLUSIVE, Link.OBSERVER),
        ([(0, 0), (95, 12)], Outcome.FAILED, Link.REQUEST_COUNTER),
    ],
    ids=["no-pod", "one-of-two", "more-than-was-sent"],
)
def test_pods_that_could_not_be_read_are_no_router_that_counts_wrongly(
    counted: list[tuple[float, float]], outcome: Outcome, link: Link
) -> None:
    """403 of pods/proxy: all counters "grew by 0". What was counted too much stays too much."""
    changes = [pod(0, "web-0"), pod(0, "web-1")]
    for change in changes:
        change.object["metadata"]["uid"] = change.name
        change.object["spec"] = {}
    found = recording(*changes)
    found.scrapes = _counts("web-0", *counted)
    claims = {claim.id: claim for claim in analyse(_run(found), SPEC).verdict.findings}
    assert claims["observer-pods"].outcome is Outcome.INCONCLUSIVE
    assert (claims["count-requests"].outcome, claims["count-requests"].link) == (outcome, link)


def test_the_observer_comes_before_what_it_did_not_see_and_not_before_what_callers_saw() -> None:
    blind = Finding("observer-watches", Link.OBSERVER, Outcome.INCONCLUSIVE, "all", "little")
    late = Finding("ceiling", Link.HPA_DECISION, Outcome.FAILED, "10", "3")
    bounds = Finding("hpa-bounds", Link.HPA_BOUNDS, Outcome.FAILED, "10", "6")
    wrong = Finding("answers", Link.ANSWERS, Outcome.FAILED, "none", "all")

    def judged(*findings: Finding) -> tuple[Outcome, Link | None]:
        verdict = judge_run([blind, *doubt(findings, [blind])])
        return verdict.outcome, verdict.broken

    assert judged(late) == (Outcome.INCONCLUSIVE, Link.OBSERVER)
    assert judged(late, bounds) == (Outcome.FAILED, Link.HPA_BOUNDS)
    assert judged(late, wrong) == (Outcome.FAILED, Link.ANSWERS)
    assert judged() == (Outcome.INCONCLUSIVE, Link.OBSERVER)
