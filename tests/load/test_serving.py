"""Ready Pods get requests, and Pods that go take none with them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from clusterproof.load.account import Account
from clusterproof.load.counters import Scrape, series
from clusterproof.load.finding import Finding, Link
from clusterproof.load.recording import Change, Recording, slimmed
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


SHARE = "expected every Ready pod serves its share, from 30 s after Ready on"


def _growing(name: str, rate: float, *, since: float = 0, until: float = 100) -> list[Scrape]:
    """A Pod that counts so many a second from a moment on, read every 2 s."""
    return _reads(
        name,
        *((at, 5 + max(0.0, min(at, until) - since) * rate) for at in range(0, int(until) + 1, 2)),
        other=1.0,
    )


def _judged(*scrapes: list[Scrape], changes: Sequence[Change] = (), **more: float) -> Finding:
    names = dict.fromkeys(scrape.pod for reads in scrapes for scrape in reads)
    recording = _recording(
        *(changes or [_pod(0, name) for name in names]),
        scrapes=[scrape for reads in scrapes for scrape in reads],
    )
    line = timeline(endpoints=values((0, 1), (5, 3), (9, 2)))
    finding = judge_service(recording, line, REQUESTS, "web", **more)
    assert finding is not None
    return finding


def test_what_a_pod_served_before_its_first_read_is_not_known() -> None:
    """An observer without a CPU reads a Pod late: it is not said to have served nothing."""
    late = _reads("late", (60, 459), (68, 459), other=1.0)
    others = [_growing(name, 20, until=60) for name in ("a", "b", "c")]
    finding = _judged(*others, late)
    assert finding.outcome is Outcome.PASSED
    assert "3 of 3 pods did" in finding.observed


def test_a_pod_that_could_not_be_read_is_not_said_to_have_served_nothing() -> None:
    """Its counter stood at 5 before it was Ready, and a minute later at more."""
    changes = [_pod(0, "a"), _pod(0, "b"), _pod(70, "late")]
    reads = _reads("late", (68, 5), (130, 405), (132, 445), (150, 805))
    others = [_growing(name, 20, until=150) for name in ("a", "b")]
    finding = _judged(*others, reads, changes=changes)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.observed == "counters were not read often enough to tell of 1 of 3"


def test_times_in_which_a_pod_could_not_be_read_say_nothing_of_shares() -> None:
    """Nor of those beside it: it was alone up to 60, and by even growth it had too much since."""
    alone = _reads("a", (0, 0), (20, 800), (110, 3400), (120, 3600), (200, 5200))
    changes = [_pod(0, "a"), _pod(60, "b")]
    found = _judged(alone, _growing("b", 20, since=60, until=200), changes=changes)
    assert found.outcome is Outcome.INCONCLUSIVE
    gaps = [_reads(name, *((at, 20 * at) for at in (0, 120, 300))) for name in ("a", "b")]
    finding = _judged(*gaps)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.observed == "counters were not read often enough to tell of 2 of 2"


def test_a_pod_that_has_served_nothing_is_named_however_seldom_it_was_read() -> None:
    """Though it was Ready from the beginning on, with the other."""
    busy = _reads("a", (0, 0), (31, 620), (60, 1200), (160, 3200))
    found = _judged(busy, _reads("b", (0, 0), (90, 0), (160, 0)))
    assert found.outcome is Outcome.FAILED
    assert any(line.startswith("b: ") for line in found.evidence)


def test_of_a_pod_that_was_too_busy_to_be_read_nothing_is_said_for_the_others_sake() -> None:
    """It has nearly all of the load; what the others have is theirs while one of them is away."""
    changes = [_pod(0, "a"), _pod(0, "b"), _pod(0, "c")]
    busy = _reads("a", *((at, 94 * at) for at in range(0, 61, 2)), (396, 37224))
    few = [_growing(name, 3, until=396) for name in ("b", "c")]
    assert _judged(busy, *few, changes=changes).outcome is Outcome.FAILED
    unseen = _reads("a", (0, 0), (4, 376), (396, 37224))
    found = _judged(unseen, *few, changes=changes)
    assert (found.outcome, found.observed) == (
        Outcome.INCONCLUSIVE,
        "counters were not read often enough to tell of 3 of 3",
    )


def test_the_only_pod_has_its_share_however_seldom_it_is_read() -> None:
    assert _judged(_reads("only", (0, 0), (200, 4000))).outcome is Outcome.PASSED


def test_a_pod_that_was_not_read_for_a_while_is_not_judged_by_the_edges_of_that_time() -> None:
    """By even growth over a minute it had much of the load before there was any."""
    changes = [_pod(0, "x"), _pod(0, "y")]
    at_rate = [(at, 500.0 * max(0, at - 84)) for at in range(0, 301, 2)]
    unread = [(at, count) for at, count in at_rate if not 30 < at < 90]
    found = _judged(_reads("x", *unread), _reads("y", *at_rate), changes=changes)
    assert found.outcome is Outcome.PASSED


def test_pods_that_are_gone_have_no_share_of_what_comes_later() -> None:
    """Ten that an earlier peak needed do not make the time of an idle one too short to tell."""
    gone = [f"gone-{number}" for number in range(10)]
    changes = [_pod(0, name) for name in ("keep", *gone)]
    changes += [_pod(200, name, kind="DELETED") for name in gone] + [_pod(300, "idle")]
    reads = [_reads(name, *((at, 2.0 * at) for at in range(0, 200, 2))) for name in gone]
    keep = _reads("keep", *((at, 2.0 * at) for at in range(0, 362, 2)))
    idle = _reads("idle", *((at, 1.0) for at in range(300, 362, 2)))
    found = _judged(keep, *reads, idle, changes=changes)
    assert (found.outcome, found.evidence) == (
        Outcome.FAILED,
        ("idle: no request for 60 s after it was Ready",),
    )


def test_a_counter_that_begins_anew_is_no_load() -> None:
    """A container that starts again; next to nothing was sent."""
    other = [(at, 5000.0 if at < 50 else 1.0 + 0.01 * (at - 50)) for at in range(0, 121, 2)]
    recording = _recording(
        *(_pod(0, name) for name in ("other", "idle")),
        scrapes=_reads("other", *other) + _reads("idle", *((at, 1.0) for at in range(0, 121, 2))),
    )
    assert judge_service(recording, timeline(), REQUESTS, "web") is None


@pytest.mark.parametrize(("age_s", "outcome"), [(5, Outcome.FAILED), (120, Outcome.PASSED)])
def test_a_new_pod_waits_for_callers_to_renew_their_connections(
    age_s: float, outcome: Outcome
) -> None:
    """It has its first request when they do, 115 s after it was Ready."""
    changes = [_pod(0, "old"), _pod(5, "new")]
    old = [(at, 100.0 * min(at, 120) + 50.0 * max(0, at - 120)) for at in range(0, 601, 2)]
    new = [(at, 1 + 50.0 * max(0, at - 120)) for at in range(6, 601, 2)]
    reads = (_reads("old", *old), _reads("new", *new))
    assert _judged(*reads, changes=changes, connection_s=age_s).outcome is outcome


def test_a_pod_whose_first_read_shows_nothing_has_served_nothing_since_its_birth() -> None:
    """For 200 s it could not be read."""
    first = replace(_pod(0, "a"), type="LISTED")
    late = [(300.0, 0.0), *((at, 10.0 * (at - 300)) for at in range(302, 401, 2))]
    scrapes = [Scrape(T0 + at, "late", "late", {series(REQUESTS, {}): count}) for at, count in late]
    busy = _reads("a", *((at, 20.0 * at - 10.0 * max(0, at - 300)) for at in range(0, 401, 2)))
    found = _judged(busy, scrapes, changes=[first, _pod(100, "late")])
    assert (found.outcome, found.evidence) == (
        Outcome.FAILED,
        ("late: no request for 200 s after it was Ready",),
    )


def test_a_pod_beside_one_that_is_too_young_to_be_judged_does_not_serve_alone() -> None:
    """Callers keep their connections for five minutes; two Pods have nothing for nine."""
    changes = [_pod(0, "a"), _pod(60, "b"), _pod(60, "c")]
    busy = _reads("a", *((at, 60.0 * at) for at in range(0, 641, 2)))
    none = [_reads(name, *((at, 1.0) for at in range(60, 641, 2))) for name in ("b", "c")]
    more = {"per_connection": 20.0, "connection_s": 300.0}
    found = _judged(busy, *none, changes=changes, **more)
    assert found.outcome is Outcome.INCONCLUSIVE


def test_a_pod_is_due_no_more_than_came_while_others_were_there() -> None:
    """Two that are deleted when the load ends took their share of it with them."""
    changes = [_pod(0, "a"), _pod(0, "b"), _pod(50, "c")]
    changes += [_pod(60, name, kind="DELETED") for name in ("a", "b")]
    gone = [_reads(name, *((at, 4.0 * at) for at in range(0, 61, 2))) for name in ("a", "b")]
    idle = _reads("c", *((at, 1.0) for at in range(50, 201, 2)))
    assert _judged(*gone, idle, changes=changes).outcome is Outcome.PASSED


def test_a_pod_beside_one_that_cannot_be_read_does_not_serve_alone() -> None:
    changes = [_pod(0, name) for name in ("read", "unread")]
    found = _judged(_reads("read", *((at, 20.0 * at) for at in range(0, 201, 2))), changes=changes)
    assert (found.outcome, found.observed) == (
        Outcome.INCONCLUSIVE,
        "counters were not read often enough to tell of 1 of 1",
    )


def test_a_pod_is_not_idle_while_it_is_not_ready() -> None:
    """It was Ready for half a minute, in which there was next to no load."""
    busy = _reads("a", *((at, 1.0 * at) for at in range(0, 41, 2)), (300, 5240))
    changes = [_pod(0, "a"), _pod(0, "b"), _pod(35, "b", ready="False", kind="MODIFIED")]
    recording = _recording(
        *changes, scrapes=[*busy, *_reads("b", *((at, 0) for at in range(0, 301, 2)))]
    )
    found = judge_service(recording, timeline(), REQUESTS, "web")
    assert found is None or found.outcome is not Outcome.FAILED


def test_what_was_due_to_a_pod_is_not_told_by_pods_that_were_not_read() -> None:
    """No load came before second 140: a's counter has not grown evenly."""
    late = _growing("b", 100, since=140, until=300)
    seldom = _reads("a", (0, 0), (60, 0), (300, 16000))
    assert (
        _judged(seldom, late, changes=[_pod(0, "a"), _pod(70, "b")]).outcome is not Outcome.FAILED
    )


@pytest.mark.parametrize("rate", range(21, 40))
def test_the_only_pod_has_the_whole_of_the_load(rate: int) -> None:
    """However its requests divide by those that go the same way together."""
    finding = _judged(_growing("only", rate), per_connection=5.2)
    assert finding.outcome is Outcome.PASSED


def test_each_ready_pod_served() -> None:
    """By its own counter; the most endpoints are shown."""
    assert said(_judged(_growing("a", 5), _growing("b", 6))).splitlines() == [
        "passed: service-spread of Service",
        SHARE,
        "observed 2 of 2 pods did; at most 3 ready endpoints",
    ]


def test_a_ready_pod_that_gets_nothing_is_named() -> None:
    """Though another of its counters grew; at most ten names, in order."""
    names = [f"idle-{number:02}" for number in range(12)]
    busy = [_growing(f"a-{number}", 60) for number in range(3)]
    found = _judged(*busy, *(_growing(name, 0) for name in reversed(names)))
    assert found.outcome is Outcome.FAILED
    assert [line for line in found.evidence if line.startswith("idle")] == [
        f"{name}: 0 requests of 12600, 840 were its share" for name in names[:7]
    ]
    assert len(found.evidence) == 10


@pytest.mark.parametrize(
    ("rates", "together", "outcome"),
    [
        ((99.98, 0.01, 0.01), 1, Outcome.FAILED),
        ((40, 30, 30), 1, Outcome.FAILED),
        ((40, 30, 30), 50, Outcome.PASSED),
        ((34, 33, 33), 1, Outcome.PASSED),
        ((10, 10, 25), 1, Outcome.FAILED),
    ],
    ids=["one-stray-each", "a-tenth-more", "long-connections", "by-chance", "one-has-too-many"],
)
def test_a_share_is_held_against_what_chance_allows(
    rates: tuple[float, ...], together: float, outcome: Outcome
) -> None:
    """Not "at least one": a rule that sends a stray request now and then is as broken as none."""
    pods = [_growing(f"p{number}", rate) for number, rate in enumerate(rates)]
    assert _judged(*pods, per_connection=together).outcome is outcome


def test_a_pod_whose_first_request_comes_late_is_named() -> None:
    """Ready at second 10, and its share from second 60 on: too little in all to see it by that."""
    changes = [_pod(0, "a"), _pod(10, "b")]
    late = _growing("b", 3, since=60, until=300)
    found = _judged(_growing("a", 3, until=300), late, changes=changes)
    assert found.evidence == ("b: no request for 50 s after it was Ready",)
    slow = _growing("a", 1, until=300), _growing("b", 1, since=60, until=300)
    assert _judged(*slow, changes=changes).outcome is Outcome.PASSED


def test_of_too_few_requests_nothing_is_said() -> None:
    """Twenty requests over ten Pods leave one without any in four runs of five."""
    pods = [_growing(f"p{number}", 0.05 if number else 0) for number in range(10)]
    recording = _recording(
        *(_pod(0, f"p{number}") for number in range(10)),
        scrapes=[scrape for reads in pods for scrape in reads],
    )
    assert judge_service(recording, timeline(), REQUESTS, "web") is None


def test_shares_are_of_those_that_serve_at_the_same_time() -> None:
    """A Pod that comes late has less in all, and no less than its share."""
    changes = [_pod(0, "a"), _pod(100, "b")]
    found = _judged(
        [
            *_growing("a", 20, until=100),
            *_reads("a", *((t, 2005 + (t - 100) * 10) for t in range(102, 301, 2))),
        ],
        _reads("b", *((t, 5 + (t - 100) * 10) for t in range(100, 301, 2))),
        changes=changes,
    )
    assert found.outcome is Outcome.PASSED


@pytest.mark.parametrize(("again_at", "outcome"), [(160, Outcome.PASSED), (110, Outcome.FAILED)])
def test_a_pod_has_no_share_while_it_is_not_ready(again_at: float, outcome: Outcome) -> None:
    """Its endpoint is taken out from second 100 on, which is no fault of the Service.

    It gets its requests from second 160 on: too late where it was Ready long before.
    """
    changes = [_pod(0, "a"), _pod(0, "b"), _pod(100, "b", ready="False"), _pod(again_at, "b")]
    found = _judged(
        _reads("a", *((t, 5 + 20 * t + 20 * max(0, min(t, 160) - 100)) for t in range(0, 301, 2))),
        _reads("b", *((t, 5 + 20 * t - 20 * max(0, min(t, 160) - 100)) for t in range(0, 301, 2))),
        changes=changes,
    )
    assert found.outcome is outcome


@pytest.mark.parametrize(
    ("change", "until", "judged"),
    [
        (_pod(0, "a"), 30, True),
        (_pod(0, "a"), 29, False),
        (_pod(1, "a"), 30, False),
        (_pod(0, "a", ready="False"), 60, False),
        (_pod(0, "a", deletionTimestamp="now"), 60, False),
        (_pod(0, "b"), 60, False),
    ],
)
def test_only_a_pod_that_was_ready_for_long_enough_is_judged(
    change: Change, until: int, *, judged: bool
) -> None:
    """Of none other it can be said that it should have served."""
    recording = _recording(change, scrapes=_reads("a", (0, 5), (until, 5)))
    found = judge_service(recording, timeline(), REQUESTS, "web")
    if judged:
        assert found is None  # nothing went to any Pod
    else:
        assert found is not None
        assert said(found).splitlines() == [
            "inconclusive: service-spread of Service",
            SHARE,
            "observed no pod's counters were read for long enough",
        ]


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
    finding = _judged(
        _growing("a", 20), _growing("b", 0), changes=[service, _pod(0, "a"), _pod(0, "b")]
    )
    assert finding.outcome is Outcome.FAILED
    assert finding.observed == (
        "0 of 2 pods did; at most 3 ready endpoints; Service web has sessionAffinity"
        f" ClientIP ({seconds} s): the load of one address stays on one Pod"
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"externalTrafficPolicy": "Local"},
        {"internalTrafficPolicy": "Local"},
        {"trafficDistribution": "PreferSameNode"},
    ],
)
def test_a_policy_that_keeps_the_load_near_is_named(spec: dict[str, str]) -> None:
    """A Pod on another node, or in another zone, gets none of it."""
    changes = [_service("web", **spec), _pod(0, "a"), _pod(0, "b")]
    finding = _judged(_growing("a", 20), _growing("b", 0), changes=changes)
    assert finding.outcome is Outcome.FAILED
    assert f"Service web has {' '.join(*spec.items())}: load goes to Pods" in finding.observed
    other = {name: "Cluster" if "Policy" in name else "" for name in spec}
    changes[0] = _service("web", **other)
    finding = _judged(_growing("a", 20), _growing("b", 0), changes=changes)
    assert "Service web" not in finding.observed


@pytest.mark.parametrize(
    ("annotations", "named"),
    [
        ({"topology-mode": "Auto"}, "topology-mode Auto"),
        ({"topology-aware-hints": "auto"}, "topology-aware-hints auto"),
        ({"topology-aware-hints": "Disabled", "topology-mode": "Auto"}, ""),
        ({"topology-mode": "Disabled"}, ""),
    ],
    ids=["mode", "older", "the-older-one-counts", "off"],
)
def test_an_annotation_that_keeps_the_load_in_its_zone_is_named(
    annotations: dict[str, str], named: str
) -> None:
    """A recording holds it, and no other."""
    written = {f"service.kubernetes.io/{name}": text for name, text in annotations.items()}
    metadata = {"name": "web", "annotations": {**written, "note": "mine"}}
    service = slimmed("service", {"metadata": metadata, "spec": {}})
    assert service["metadata"]["annotations"] == written
    changes = [Change(T0, "service", "LISTED", service), _pod(0, "a"), _pod(0, "b")]
    finding = _judged(_growing("a", 20), _growing("b", 0), changes=changes)
    near = f"Service web has service.kubernetes.io/{named}: load goes to Pods of the zone"
    assert finding.outcome is Outcome.FAILED
    assert (near in finding.observed) is bool(named)
    assert ("Service web" in finding.observed) is bool(named)


@pytest.mark.parametrize(
    ("service", "rate"),
    [
        (_service("web", sessionAffinity="None"), 0),
        (_service("other", sessionAffinity="ClientIP"), 0),
        (_service("web", sessionAffinity="ClientIP"), 20),
    ],
    ids=["none", "anothers", "without-effect"],
)
def test_no_affinity_is_named_that_explains_nothing(service: Change, rate: float) -> None:
    changes = [service, _pod(0, "a"), _pod(0, "b")]
    finding = _judged(_growing("a", 20), _growing("b", rate), changes=changes)
    assert finding.outcome is (Outcome.PASSED if rate else Outcome.FAILED)
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
        ((9,), 2, 20),
        ((15, 25), 4, 20),
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
        "expected no more failed requests while a pod terminates than at other times",
        f"observed {near} of {near} failed during 1 terminations, 0 of 0 at other times",
        "terminationGracePeriodSeconds 30, preStop none",
    ]


@pytest.mark.parametrize(
    ("sent", "service_s", "outcome"),
    [
        (24, 10, Outcome.FAILED),
        (24, 12, Outcome.FAILED),
        (26, 10, Outcome.PASSED),
        (29, 0.1, Outcome.PASSED),
        (24, 8.5, Outcome.PASSED),
    ],
    ids=["given-up", "late", "sent-after", "refused-after", "reset-after"],
)
def test_a_request_that_waits_for_a_pod_that_is_gone_is_of_its_termination(
    sent: int, service_s: float, outcome: Outcome
) -> None:
    """Nobody answers for an address that is gone: it is given up a timeout later."""
    account, timeout_s = _mostly_right(near=0, away=0), 10.0
    for _ in range(9):
        account.begin(late_s=0, was_idle=True, at_s=sent)
        account.end(
            "ask",
            latency_s=service_s,
            service_s=service_s,
            at_s=sent + service_s,
            fault="x",
            answered=False,
        )
    found = judge_terminations([], _going(), account, T0, timeout_s=timeout_s)
    assert found[-1].outcome is outcome


@pytest.mark.parametrize("second", [8, 26])
def test_what_fails_at_other_times_is_nobodys_termination(second: int) -> None:
    found = judge_terminations([], _going(), _failing(second), T0)
    assert found[-1].outcome is Outcome.PASSED
    assert found[-1].observed.endswith("2 of 2 at other times")


def _mostly_right(*, near: int, away: int) -> Account:
    """A hundred requests a second; so many of them fail in each second of a termination, or not."""
    account = Account()
    for second in range(40):
        failed = near if 9 <= second <= 25 else away
        for number in range(100):
            account.begin(late_s=0, was_idle=True, at_s=second)
            fault = "HTTP 500" if number < failed else ""
            account.end(
                "ask", latency_s=0.1, service_s=0.1, at_s=second, fault=fault, answered=True
            )
    return account


@pytest.mark.parametrize(
    ("near", "away", "allowed", "outcome"),
    [
        (1, 1, 0.0, Outcome.PASSED),
        (8, 1, 0.0, Outcome.FAILED),
        (1, 0, 0.0, Outcome.FAILED),
        (1, 0, 0.02, Outcome.PASSED),
        (8, 0, 0.02, Outcome.FAILED),
    ],
    ids=["all-the-time", "more-then", "only-then", "allowed", "more-than-allowed"],
)
def test_errors_that_come_all_the_time_or_may_come_are_no_termination(
    near: int, away: int, allowed: float, outcome: Outcome
) -> None:
    """The answers are judged by themselves."""
    account = _mostly_right(near=near, away=away)
    found = judge_terminations([], _going(), account, T0, allowed)
    assert found[-1].outcome is outcome


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
    assert found[-1].observed == "2 of 2 failed during 1 terminations, 0 of 0 at other times"


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
