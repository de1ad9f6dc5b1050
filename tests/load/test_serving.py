"""Ready Pods get requests, and Pods that go take none with them."""

from typing import Any

import pytest

from clusterproof.load.account import Account
from clusterproof.load.counters import Scrape, series
from clusterproof.load.finding import Finding, Link
from clusterproof.load.recording import Change, Recording
from clusterproof.load.serving import judge_service, judge_terminations
from clusterproof.outcome import Outcome
from tests.load.saying import said
from tests.load.scaling_parts import T0, timeline
from tests.load.scaling_parts import series as values

REQUESTS = "answers_total"
ANSWERS = Finding("answers", Link.ANSWERS, Outcome.FAILED, "none fails", "some failed")


def _pod(at: float, name: str, *, ready: str = "True", kind: str = "ADDED", **more: str) -> Change:
    """A Pod whose UID is its name."""
    item = {
        "metadata": {"name": name, "uid": name, **more},
        "spec": {"terminationGracePeriodSeconds": 30, "containers": [{"name": "c"}]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }
    return Change(T0 + at, "pod", kind, item)


def _reads(name: str, *counted: tuple[float, float], other: float = 0.0) -> list[Scrape]:
    """What a Pod's counter said, with another counter beside it, of two series together."""
    return [
        Scrape(
            T0 + at,
            name,
            name,
            {
                series(REQUESTS, {"code": "200"}): count - 1,
                series(REQUESTS, {"code": "500"}): 1.0,
                series("other_total", {}): other * at,
            },
        )
        for at, count in counted
    ]


def _recording(*changes: Change, scrapes: list[Scrape]) -> Recording:
    recording = Recording(T0, T0 + 100, list(changes))
    recording.scrapes = scrapes
    return recording


def test_each_ready_pod_served() -> None:
    """By its own counter, from the first read to the last; the most endpoints are shown."""
    recording = _recording(
        _pod(0, "a"),
        _pod(0, "b"),
        scrapes=[*_reads("a", (1, 5), (40, 9)), *_reads("b", (1, 7), (2, 8), (31, 8))],
    )
    line = timeline(endpoints=values((0, 1), (5, 3), (9, 2)))
    assert said(judge_service(recording, line, REQUESTS, "web")).splitlines() == [
        "passed: service-spread of Service",
        "expected every Ready pod serves within 30 s",
        "observed 2 of 2 pods served; at most 3 ready endpoints",
    ]


def test_a_ready_pod_that_gets_nothing_is_named() -> None:
    """Though another of its counters grew; at most ten names, in order."""
    names = [f"idle-{number:02}" for number in range(12)]
    changes = [_pod(0, name) for name in ("a", *names)]
    idle = [read for name in reversed(names) for read in _reads(name, (1, 5), (31, 5), other=1.0)]
    recording = _recording(*changes, scrapes=[*_reads("a", (1, 5), (31, 6)), *idle])
    assert said(judge_service(recording, timeline(), REQUESTS, "web")).splitlines() == [
        "failed: service-spread of Service",
        "expected every Ready pod serves within 30 s",
        "observed 1 of 13 pods served; at most 0 ready endpoints",
        *names[:10],
    ]


@pytest.mark.parametrize(
    ("change", "until", "judged"),
    [
        (_pod(0, "a"), 30, True),
        (_pod(0, "a"), 29.9, False),
        (_pod(1, "a"), 30, False),
        (_pod(0, "a", ready="False"), 60, False),
        (_pod(0, "a", deletionTimestamp="now"), 60, False),
        (_pod(0, "b"), 60, False),
    ],
)
def test_only_a_pod_that_was_ready_for_long_enough_is_judged(
    change: Change, until: float, *, judged: bool
) -> None:
    """Of none other it can be said that it should have served."""
    recording = _recording(change, scrapes=_reads("a", (0, 5), (until, 5)))
    found = judge_service(recording, timeline(), REQUESTS, "web")
    assert found.outcome is (Outcome.FAILED if judged else Outcome.INCONCLUSIVE)
    if not judged:
        assert said(found).splitlines() == [
            "inconclusive: service-spread of Service",
            "expected every Ready pod serves within 30 s",
            "observed no pod's counters were read for long enough",
        ]


def test_a_pod_that_is_not_judged_does_not_end_the_others() -> None:
    changes = [_pod(0, "a"), _pod(0, "b")]
    scrapes = [*_reads("a", (0, 5), (10, 5)), *_reads("b", (0, 5), (40, 5))]
    found = judge_service(_recording(*changes, scrapes=scrapes), timeline(), REQUESTS, "web")
    assert found.evidence == ("b",)


def test_a_pod_counts_from_when_it_was_first_ready() -> None:
    """Being not Ready for a while later does not start its time anew."""
    changes = [_pod(0, "a"), _pod(10, "a", ready="False"), _pod(20, "a")]
    recording = _recording(*changes, scrapes=_reads("a", (1, 5), (31, 5)))
    assert judge_service(recording, timeline(), REQUESTS, "web").outcome is Outcome.FAILED


def _service(name: str, **spec: object) -> Change:
    return Change(T0, "service", "LISTED", {"metadata": {"name": name}, "spec": spec})


@pytest.mark.parametrize(
    ("config", "seconds"), [({"clientIP": {"timeoutSeconds": 60}}, 60), (None, 10_800)]
)
def test_an_affinity_that_keeps_the_load_on_one_pod_is_named(
    config: dict[str, Any] | None, seconds: int
) -> None:
    """With the seconds after which an address may go elsewhere, by the API's default too."""
    service = _service("web", sessionAffinity="ClientIP", sessionAffinityConfig=config)
    scrapes = [*_reads("a", (1, 5), (40, 9)), *_reads("b", (1, 7), (40, 7))]
    recording = _recording(service, _pod(0, "a"), _pod(0, "b"), scrapes=scrapes)
    finding = judge_service(recording, timeline(), REQUESTS, "web")
    assert said(finding).splitlines() == [
        "failed: service-spread of Service",
        "expected every Ready pod serves within 30 s",
        "observed 1 of 2 pods served; at most 0 ready endpoints; Service web has sessionAffinity"
        f" ClientIP ({seconds} s): the load of one address stays on one Pod",
        "b",
    ]


@pytest.mark.parametrize(
    ("service", "grown"),
    [
        (_service("web", sessionAffinity="None"), 0),
        (_service("other", sessionAffinity="ClientIP"), 0),
        (_service("web", sessionAffinity="ClientIP"), 1),
    ],
    ids=["none", "anothers", "without-effect"],
)
def test_no_affinity_is_named_that_explains_nothing(service: Change, grown: float) -> None:
    scrapes = [*_reads("a", (1, 5), (40, 9)), *_reads("b", (1, 7), (40, 7 + grown))]
    recording = _recording(service, _pod(0, "a"), _pod(0, "b"), scrapes=scrapes)
    finding = judge_service(recording, timeline(), REQUESTS, "web")
    assert finding.outcome is (Outcome.PASSED if grown else Outcome.FAILED)
    assert "sessionAffinity" not in finding.observed


def _failing(*seconds: int) -> Account:
    """One wrong answer and one request without any, in each of these seconds of the run."""
    account = Account()
    for second in seconds:
        for answered in (True, False):
            account.begin(late_s=0, was_idle=True, at_s=second)
            account.end(
                "ask", latency_s=0.1, service_s=0.1, at_s=second, fault="x", answered=answered
            )
    return account


def _going(gone: float | None = 20) -> Recording:
    """A Pod that is deleted at 10 s and gone at `gone`, or still there at the end."""
    changes = [_pod(0, "a"), _pod(10, "a", kind="MODIFIED", deletionTimestamp="now")]
    if gone is not None:
        changes.append(_pod(gone, "a", kind="DELETED", deletionTimestamp="now"))
    return Recording(T0, T0 + 40, changes)


@pytest.mark.parametrize(
    ("seconds", "near", "gone"),
    [
        ((), 0, 20),
        ((8,), 0, 20),
        ((9,), 2, 20),
        ((15, 25), 4, 20),
        ((26,), 0, 20),
        ((3, 12, 30), 2, 20),
        ((39,), 2, None),
    ],
)
def test_requests_that_fail_while_a_pod_goes_are_its_own(
    seconds: tuple[int, ...], near: int, gone: float | None
) -> None:
    """From a second before its deletion was seen to five after it was gone."""
    given = [ANSWERS]
    found = judge_terminations(given, _going(gone), _failing(*seconds), T0)
    assert found[:-1] == [ANSWERS] == given
    assert said(found[-1]).splitlines() == [
        f"{'failed' if near else 'passed'}: terminations-clean of termination",
        "expected no failed request while a pod terminates",
        f"observed {near} failed during 1 terminations, {2 * len(seconds)} in all",
        "terminationGracePeriodSeconds 30, preStop none",
    ]


def test_the_seconds_of_the_run_begin_when_it_began() -> None:
    """Not when the recording did."""
    found = judge_terminations([], _going(), _failing(2), T0 + 10)
    assert found[-1].outcome is Outcome.FAILED


def test_without_a_pod_that_goes_nothing_is_said_of_it() -> None:
    assert judge_terminations([], Recording(T0, T0 + 40, [_pod(0, "a")]), _failing(5), T0) == []


def test_a_deletion_that_was_only_seen_at_its_end_is_one_too() -> None:
    """A Pod that is deleted by force has no time between the two."""
    recording = Recording(T0, T0 + 40, [_pod(0, "a"), _pod(10, "a", kind="DELETED")])
    found = judge_terminations([], recording, _failing(14), T0)
    assert found[-1].observed == "2 failed during 1 terminations, 2 in all"


def test_how_pods_are_told_to_end_is_shown() -> None:
    """Each way once."""
    hook = {"preStop": {"exec": {"command": ["sleep", "15"]}}}
    other = _pod(0, "b")
    other.object["spec"] = {"containers": [{"name": "c", "lifecycle": hook}]}
    changes = [_pod(0, "a"), other, _pod(1, "c"), _pod(5, "a", kind="DELETED")]
    found = judge_terminations([], Recording(T0, T0 + 40, changes), Account(), T0)
    assert found[-1].evidence == (
        "terminationGracePeriodSeconds 30, preStop none",
        f"terminationGracePeriodSeconds None, preStop {hook}",
    )
