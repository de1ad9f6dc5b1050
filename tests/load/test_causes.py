"""What keeps replicas from coming: each link, to the letter, at its patience and one past it."""

from dataclasses import replace

import pytest

from clusterproof.load.asked import judge_spec_bounds
from clusterproof.load.causes import find_cause, judge_metrics
from clusterproof.load.finding import Link
from clusterproof.load.recording import Change, Gap, Recording, UsageRead
from tests.load.saying import said
from tests.load.scaling_parts import SCALING, T0, deployment, hpa, pod, recording

METRICS = "expected the HPA reads its metrics (ScalingActive)"


@pytest.mark.parametrize(
    ("changes", "outcome", "observed"),
    [
        ([hpa(0)], "passed", "longest gap 0 s"),
        ([hpa(0), hpa(10, active="False"), hpa(55)], "passed", "longest gap 45 s"),
        (
            [hpa(0), hpa(10, active="False"), hpa(30, active="False"), hpa(56)],
            "failed",
            "not for 46 s: Failed: no cpu",
        ),
        ([hpa(0), hpa(54, active="False")], "failed", "not for 46 s: Failed: no cpu"),
        (
            [hpa(0, active="False"), hpa(30), hpa(31, active="False"), hpa(61)],
            "passed",
            "longest gap 30 s",
        ),
        (
            [hpa(0), hpa(0, active="False", name="another-hpa")],
            "passed",
            "longest gap 0 s",
        ),
    ],
    ids=["never", "patience", "past-it", "until-the-end", "twice", "anothers"],
)
def test_metrics_may_fail_for_three_sync_periods(
    changes: list[Change], outcome: str, observed: str
) -> None:
    """45 s on end; two short gaps are not one long one."""
    lines = said(judge_metrics(recording(*changes), SCALING)).splitlines()
    evidence = ["metrics.k8s.io gave us no usage for 0 s on end"] if outcome == "failed" else []
    assert lines == [
        f"{outcome}: hpa-metrics of metrics",
        METRICS,
        f"observed {observed}",
        *evidence,
    ]


def unread(found: Recording, *gaps: tuple[int, int]) -> Recording:
    """The recording, without what was read of usage from one second to the other."""
    found.usage = [
        UsageRead(read.at, {} if any(a <= read.at - T0 <= b for a, b in gaps) else read.pods)
        for read in found.usage
    ]
    return found


@pytest.mark.parametrize(
    ("blind", "outcome"), [((10, 55), "passed"), ((10, 60), "failed"), ((0, 40), "passed")]
)
def test_usage_may_be_unread_as_long(blind: tuple[int, int], outcome: str) -> None:
    """An answer without Pods is no answer; the HPA itself need not have said so."""
    found = unread(recording(hpa(0)), blind)
    lines = said(judge_metrics(found, SCALING)).splitlines()
    length = blind[1] - blind[0]
    if outcome == "failed":
        evidence = [f"metrics.k8s.io gave us no usage for {length} s on end"]
        assert lines[2:] == ["observed it was not seen to fail", *evidence]
    else:
        assert lines[2:] == [f"observed longest gap {length} s"]
    assert lines[0] == f"{outcome}: hpa-metrics of metrics"


@pytest.mark.parametrize(
    ("at", "active", "outcome"),
    [
        (30, "True", "inconclusive"),
        (60, "True", "inconclusive"),
        (30, "False", "failed"),
        (10, "True", "failed"),
        (61, "True", "failed"),
    ],
    ids=["meanwhile", "at-the-end", "blind-itself", "just-before", "afterwards"],
)
def test_usage_that_the_hpa_read_and_we_did_not_is_no_finding_about_the_cluster(
    at: float, active: str, outcome: str
) -> None:
    """We could not look."""
    found = unread(recording(hpa(0), hpa(at, active=active), hpa(62)), (10, 60))
    assert said(judge_metrics(found, SCALING)).startswith(f"{outcome}: hpa-metrics of metrics")


@pytest.mark.parametrize(("status", "outcome"), [(403, "inconclusive"), (503, "failed")])
def test_usage_that_we_may_not_read_is_not_what_the_hpa_may_not_read(
    status: int, outcome: str
) -> None:
    """Its status does not change while it is content: nothing of it is seen meanwhile."""
    found = recording(hpa(0))
    found.usage = [UsageRead(read.at, {}, "refused", status) for read in found.usage]
    assert said(judge_metrics(found, SCALING)).startswith(f"{outcome}: hpa-metrics of metrics")


def unread_during(*gaps: tuple[int, int], reads_at: float) -> str:
    """What is said of a run in which we read no usage then, and the HPA did at one moment."""
    found = recording(hpa(0), hpa(reads_at), hpa(190), until=200)
    return said(judge_metrics(unread(found, *gaps), SCALING))


def test_the_longest_time_without_usage_counts() -> None:
    """Not the last one; of two alike the first."""
    assert unread_during((10, 60), (70, 80), reads_at=30).startswith("inconclusive")
    assert unread_during((10, 60), (70, 120), reads_at=30).startswith("inconclusive")
    assert unread_during((10, 60), (70, 120), reads_at=90).startswith("failed")
    assert unread_during((10, 60), (70, 125), reads_at=90).startswith("inconclusive")


@pytest.mark.parametrize(("until", "outcome"), [(65, "inconclusive"), (66, "failed")])
def test_the_hpas_own_blindness_has_the_same_limit(until: float, outcome: str) -> None:
    """Of 45 s nothing is said, beside our own that was longer; 46 s are a finding."""
    changes = [hpa(0), hpa(20, active="False"), hpa(until)]
    found = unread(recording(*changes, until=100), (0, 100))
    assert said(judge_metrics(found, SCALING)).startswith(f"{outcome}: hpa-metrics of metrics")


def warning(at: float, count: int = 1, *, name: str = "web-hpa", reason: str = "FailedX") -> Change:
    """One of the controller's own about an HPA, for the `count`th time."""
    about = {"kind": "HorizontalPodAutoscaler", "name": name}
    item = {
        "metadata": {"name": f"{name}.{reason}"},
        "involvedObject": about,
        "reason": reason,
        "count": count,
    }
    return Change(T0 + at, "event", "MODIFIED", item)


BLIND = "not for 100 s: Failed: no cpu"
EVENTS_GAP = Gap("event", T0 + 1, T0 + 2, 0, "410")


@pytest.mark.parametrize(
    ("events", "link"),
    [
        ([], "HPA decision"),
        ([warning(5), warning(20, 2)], "HPA decision"),
        ([warning(20), warning(39)], "HPA decision"),
        ([warning(20), warning(41)], "metrics"),
        ([warning(41, name="another-hpa")], "HPA decision"),
        ([warning(at, n + 1) for n, at in enumerate(range(5, 100, 15))], "metrics"),
        ([warning(5, 12)], "HPA decision"),
        ([warning(5, 13)], "metrics"),
        ([warning(5, 6), warning(6, 7, reason="FailedY")], "metrics"),
        ([warning(5, 6), warning(20, 7), warning(6, 5, reason="FailedY")], "HPA decision"),
        ([warning(5), replace(warning(90), type="DELETED")], "HPA decision"),
    ],
)
def test_a_controller_that_stands_still_is_not_the_metrics_fault(
    events: list[Change], link: str
) -> None:
    """Its last word is that it could not read them; one that lives says so every 15 s."""
    said_so = hpa(0, active="False")
    said_so.object["status"]["conditions"][0]["lastTransitionTime"] = "1970-01-01T00:16:40Z"
    assert blamed(said_so, events) == link


def blamed(said_so: Change, events: list[Change], *gaps: Gap) -> str:
    """The first line of what is said of an HPA that is blind in all of the run."""
    found = recording(said_so, *sorted(events, key=lambda change: change.at))
    found.gaps = list(gaps)
    lines = said(judge_metrics(found, SCALING)).splitlines()
    assert lines[2] == f"observed {BLIND}"
    return lines[0].removeprefix("failed: hpa-metrics of ")


def test_what_events_cannot_show_is_not_held_against_the_controller() -> None:
    """Too many before the run, a watch that broke, metrics that nobody else read."""
    for began, link in (("15:41", "HPA decision"), ("15:39", "metrics")):
        long = hpa(0, active="False")
        long.object["status"]["conditions"][0]["lastTransitionTime"] = f"1970-01-01T00:{began}Z"
        assert blamed(long, []) == link
    assert blamed(hpa(0, active="False"), []) == "HPA decision"
    assert blamed(hpa(0, active="False"), [], EVENTS_GAP) == "metrics"
    others = [{"type": "External"}]
    assert blamed(hpa(0, active="False", metrics=others), []) == "metrics"
    unseen = unread(recording(hpa(0, active="False")), (0, 100))
    assert said(judge_metrics(unseen, SCALING)).startswith("failed: hpa-metrics of metrics")


def test_what_the_hpa_said_meanwhile_is_told() -> None:
    """Though it was too short to be a finding of its own."""
    changes = [hpa(0), hpa(20, active="False"), hpa(40)]
    found = unread(recording(*changes, until=100), (0, 100))
    assert said(judge_metrics(found, SCALING)).splitlines() == [
        "inconclusive: hpa-metrics of metrics",
        METRICS,
        "observed not for 20 s: Failed: no cpu",
        "metrics.k8s.io gave us no usage for 95 s on end",
    ]


@pytest.mark.parametrize(
    ("gaps", "observed"),
    [
        ([(0, 50, "first"), (60, 70, "second")], "not for 50 s: Failed: first"),
        ([(0, 50, "first"), (60, 110, "second")], "not for 50 s: Failed: first"),
        ([(0, 50, "first"), (60, 111, "second")], "not for 51 s: Failed: second"),
    ],
)
def test_the_longest_gap_is_told_with_its_reason(
    gaps: list[tuple[int, int, str]], observed: str
) -> None:
    """Of two that are as long, the first."""
    changes = []
    for since, until, why in gaps:
        blind = hpa(since, active="False")
        blind.object["status"]["conditions"][0]["message"] = why
        changes += [blind, hpa(until)]
    assert judge_metrics(recording(*changes, until=150), SCALING).observed == observed


def test_a_missing_request_is_another_link() -> None:
    """The metrics are well, and cannot be used."""
    change = hpa(0, active="False")
    change.object["status"]["conditions"][0]["message"] = "missing request for cpu"
    assert judge_metrics(recording(change), SCALING).link is Link.CPU_REQUEST


def test_pods_that_are_not_ready_are_not_the_metrics_fault() -> None:
    """A router that fails under its load has usage, of which the controller takes none."""
    change = hpa(0, active="False")
    why = "did not receive metrics for targeted pods (pods might be unready)"
    change.object["status"]["conditions"][0]["message"] = why
    assert judge_metrics(recording(change), SCALING).link is Link.READINESS


def test_at_no_replicas_the_autoscaler_reads_nothing() -> None:
    """It says so by the same condition; there is no usage of no Pods either."""
    idle = unread(recording(disabled(0, by="keda-operator"), hpa(90)), (0, 90))
    assert said(judge_metrics(idle, SCALING)).splitlines()[0] == "passed: hpa-metrics of metrics"


@pytest.mark.parametrize(
    ("least", "outcome"), [(0, "passed"), (1, "failed")], ids=["may", "may-not"]
)
def test_an_autoscaler_that_may_go_to_none_reads_its_other_metrics_there(
    least: int, outcome: str
) -> None:
    """It goes by a queue as well as by the CPU, of which no Pods have none."""
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}
    queue = {"type": "External", "external": {"metric": {"name": "q"}, "target": {"value": "5"}}}
    changes = [deployment(0), deployment(60)]
    for change, replicas in zip(changes, (0, 2), strict=True):
        change.object["spec"]["replicas"] = replicas
    idle = recording(hpa(0, metrics=[cpu, queue], minReplicas=least), *changes)
    idle.usage = [UsageRead(r.at, {} if r.at < T0 + 60 else r.pods) for r in idle.usage]
    assert judge_metrics(idle, SCALING).outcome == outcome


def disabled(at: float, by: str) -> Change:
    """An autoscaler whose target is at 0."""
    off = hpa(at, active="False")
    off.object["metadata"]["labels"] = {"app.kubernetes.io/managed-by": by}
    why = "scaling is disabled since the replica count of the target is zero"
    off.object["status"]["conditions"][0].update(reason="ScalingDisabled", message=why)
    return off


def test_an_autoscaler_that_is_switched_off_reads_no_metrics() -> None:
    """Nothing brings its target back: whoever took it to 0 left the HPA's bounds."""
    found = judge_metrics(recording(hpa(0), disabled(1, by="Helm")), SCALING)
    assert said(found).splitlines()[0] == "failed: hpa-metrics of HPA bounds"
    assert found.observed.startswith("not for 99 s: ScalingDisabled: ")


def test_an_autoscaler_that_never_said_so_has_not_read_its_metrics() -> None:
    """KEDA left the target at 0, the run was short, or nobody wrote a status."""
    silent = hpa(0)
    silent.object["status"] = {}
    for found in (
        recording(disabled(0, by="keda-operator"), until=900),
        recording(hpa(0, active="False"), until=40),
        recording(silent),
    ):
        assert said(judge_metrics(found, SCALING)).splitlines() == [
            "inconclusive: hpa-metrics of metrics",
            METRICS,
            "observed ScalingActive was never seen to be True",
        ]


def test_a_cluster_without_metrics_server_may_scale_by_external_metrics() -> None:
    """As KEDA does: nobody has to answer for metrics.k8s.io."""
    queue = {"type": "External", "external": {"metric": {"name": "q"}, "target": {"value": "5"}}}
    found = unread(recording(hpa(0, metrics=[queue])), (0, 100))
    assert said(judge_metrics(found, SCALING)).splitlines()[0] == "passed: hpa-metrics of metrics"


def test_no_autoscaler_reads_no_metrics_and_has_no_bounds() -> None:
    """Said by both claims."""
    nothing = Recording(T0, T0 + 100)
    assert said(judge_metrics(nothing, SCALING)).splitlines() == [
        "failed: hpa-metrics of metrics",
        METRICS,
        "observed there is no HPA",
    ]
    assert said(judge_spec_bounds(nothing, SCALING)).splitlines() == [
        "failed: hpa-bounds of HPA bounds",
        "expected HPA bounds 3 to 10",
        "observed no HPA",
    ]


@pytest.mark.parametrize(
    ("changes", "outcome", "observed"),
    [
        ([hpa(0), hpa(10)], "passed", "3 to 10"),
        ([hpa(0), hpa(10, maxReplicas=6)], "failed", "3 to 6, 3 to 10"),
        ([hpa(0, minReplicas=2)], "failed", "2 to 10"),
        ([hpa(0), hpa(0, name="another-hpa", maxReplicas=2)], "passed", "3 to 10"),
    ],
)
def test_the_bounds_are_the_specs_all_the_time(
    changes: list[Change], outcome: str, observed: str
) -> None:
    """Every pair that was seen is said."""
    assert said(judge_spec_bounds(recording(*changes), SCALING)).splitlines() == [
        f"{outcome}: hpa-bounds of HPA bounds",
        "expected HPA bounds 3 to 10",
        f"observed {observed}",
    ]


def test_an_autoscaler_without_a_minimum_has_one() -> None:
    """The API's default."""
    change = hpa(0)
    del change.object["spec"]["minReplicas"]
    assert judge_spec_bounds(recording(change), SCALING).observed == "1 to 10"


@pytest.mark.parametrize(
    ("message", "link"),
    [("exceeded quota: seven", "quota"), ("no such ServiceAccount", "scheduler")],
)
def test_replicas_that_are_not_created_are_a_cause(message: str, link: str) -> None:
    """Of our own scale target, and only while it is so."""
    fields = {"status": "True", "reason": "FailedCreate", "message": message + "x" * 400}
    found = find_cause(recording(hpa(0), deployment(0), deployment(5, **fields)), SCALING)
    assert found is not None
    assert said(found).splitlines() == [
        f"failed: pods-created of {link}",
        "expected every replica that is asked for is created",
        f"observed FailedCreate: {(message + 'x' * 400)[:300]}",
    ]
    over = deployment(5, **{**fields, "status": "False"})
    assert find_cause(recording(hpa(0), over), SCALING) is None


@pytest.mark.parametrize(
    ("kind", "name", "link"),
    [
        ("StatefulSet", "web", Link.QUOTA),
        ("StatefulSet", "another", None),
        ("ReplicaSet", "web-7d9c5f6b8", Link.QUOTA),
        ("ReplicaSet", "web-api-7d9c5f6b8", None),
    ],
    ids=["its-own", "anothers", "of-a-rollout", "of-another-rollout"],
)
def test_an_event_says_that_a_pod_may_not_be_created(
    kind: str, name: str, link: Link | None
) -> None:
    """A StatefulSet has no such condition, nor has what is known by its scale alone."""
    item = {
        "metadata": {"name": "web.1"},
        "reason": "FailedCreate",
        "message": 'pods "web-3" is forbidden: exceeded quota: three',
        "involvedObject": {"kind": kind, "name": name},
    }
    event = Change(T0 + 5, "event", "ADDED", item)
    found = find_cause(recording(hpa(0), deployment(0), event), SCALING)
    assert (found.link if found else None) is link


@pytest.mark.parametrize(
    ("came_at", "until", "is_cause"),
    [(25.9, None, False), (26.1, None, True), (90, 60, True), (90, 4, False)],
    ids=["a-webhook-that-was-away", "too-late", "before-the-load-ended", "after-it"],
)
def test_a_pod_that_was_refused_once_and_came_soon_keeps_nothing_back(
    came_at: float, until: float | None, *, is_cause: bool
) -> None:
    """Its controller tries again; one that is gone, or going, does not make up for it."""
    message = 'failed calling webhook "pods.example.com": context deadline exceeded'
    item = {
        "metadata": {"name": "web.1"},
        "reason": "FailedCreate",
        "message": message,
        "involvedObject": {"kind": "ReplicaSet", "name": "web-7d9c5f6b8"},
    }
    more = deployment(5)
    more.object["spec"]["replicas"] = 2
    run = recording(
        hpa(0),
        more,
        pod(0, "web-0"),
        pod(0, "web-9", phase="Failed"),
        pod(0, "web-8", deleting=True),
        Change(T0 + 5, "event", "ADDED", item),
        pod(came_at, "web-1"),
    )
    found = find_cause(run, SCALING, until=None if until is None else T0 + until)
    assert (found is not None and found.observed == f"FailedCreate: {message}") is is_cause


@pytest.mark.parametrize(
    ("waits", "until", "link"),
    [
        ({"scheduled": "False", "phase": "Pending"}, 60, Link.SCHEDULER),
        ({"scheduled": "False", "phase": "Pending"}, 9, None),
        ({"scheduled": "False", "phase": "Pending"}, None, None),
        ({"ready": "False"}, 60, Link.READINESS),
    ],
    ids=["a-node-that-came", "after-the-load", "only-what-lasts", "slow-to-be-ready"],
)
@pytest.mark.parametrize("end", ["MODIFIED", "DELETED"])
def test_what_was_over_by_the_end_explains_what_was_missed_before(
    waits: dict[str, str], until: float | None, link: Link | None, end: str
) -> None:
    """A node that came at last, or a scale-down that took the Pods away: they waited for 80 s."""
    run = recording(hpa(0), pod(10, **waits), pod(90, kind=end), until=200)  # type: ignore[arg-type]
    found = find_cause(run, SCALING, until=None if until is None else T0 + until)
    assert (found.link if found else None) is link


def test_a_failure_without_a_message_is_no_quota() -> None:
    """Nothing is made up."""
    found = find_cause(recording(hpa(0), deployment(5, status="True", reason="R")), SCALING)
    assert found is not None
    assert (found.link, found.observed) == (Link.SCHEDULER, "R: ")


@pytest.mark.parametrize(
    ("changes", "said_of"),
    [
        ([pod(79, scheduled="False", phase="Pending")], "scheduled"),
        ([pod(80, scheduled="False", phase="Pending")], ""),
        ([pod(10, scheduled="False", phase="Pending"), pod(90)], ""),
        (
            [pod(10, scheduled="False", phase="Pending"), pod(90, scheduled="False")],
            "scheduled",
        ),
        ([pod(10, scheduled="False", phase="Pending"), pod(90, kind="DELETED")], ""),
        ([pod(39, ready="False")], "ready"),
        ([pod(40, ready="False")], ""),
        ([pod(10, ready="False"), pod(90)], ""),
        ([pod(10, ready="False"), pod(90, ready="False")], "ready"),
        ([pod(10, ready="False", phase="Pending")], ""),
        ([pod(10, ready="False", deleting=True)], ""),
        ([pod(10, ready="False"), pod(90, kind="DELETED")], ""),
    ],
)
def test_pods_that_do_not_come_are_a_cause(changes: list[Change], said_of: str) -> None:
    """More than 20 s without a node, or 60 s Running and not Ready, until the end."""
    found = find_cause(recording(hpa(0), pod(0, "web-0"), *changes), SCALING)
    expected = {
        "": None,
        "scheduled": "failed: pods-scheduled of scheduler\nexpected every pod finds a node\n"
        "observed 1 not: web-1: no node for web-1",
        "ready": "failed: pods-ready of readiness\nexpected every running pod becomes Ready\n"
        "observed 1 not: web-1: probe of web-1 failed",
    }
    assert (said(found) if found else None) == expected[said_of]


def test_pods_that_do_not_come_are_counted_and_the_first_is_shown() -> None:
    """With 300 letters of what the scheduler said."""
    late = [pod(10 + n, f"web-{n}", scheduled="False", phase="Pending") for n in range(3)]
    late[0].object["status"]["conditions"][0]["message"] = "y" * 400
    found = find_cause(recording(hpa(0), *late), SCALING)
    assert found is not None
    assert found.observed == f"3 not: web-0: {'y' * 300}"


def test_the_first_link_of_the_chain_is_the_cause() -> None:
    """Metrics before bounds before Pods."""
    late = pod(10, scheduled="False", phase="Pending")
    blind = hpa(0, active="False", maxReplicas=6)
    bounds = hpa(0, maxReplicas=6)
    links = [
        found.link if (found := find_cause(recording(change, late, warning(80)), SCALING)) else None
        for change in (blind, bounds, hpa(0))
    ]
    assert links == [Link.METRICS, Link.HPA_BOUNDS, Link.SCHEDULER]


def test_the_reason_that_lasted_is_named_not_the_last_one() -> None:
    """A Pod that ends while its request is missing shows another reason for a moment."""
    changes = [hpa(0), hpa(10, active="False"), hpa(80, active="False"), hpa(95)]
    last = changes[2].object["status"]["conditions"][0]
    changes[1].object["status"]["conditions"][0]["message"] = "missing request for cpu"
    last["message"] = "did not receive metrics"
    finding = judge_metrics(recording(*changes), SCALING)
    assert finding.link is Link.CPU_REQUEST
    assert finding.observed == "not for 85 s: Failed: missing request for cpu"
