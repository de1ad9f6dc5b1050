"""PostHog's status page in the forms that its versions give it."""

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.checks import exposure, posthog_status
from clusterproof.checks.posthog_status import StatusRow, read_figure
from clusterproof.checks.shared import Arrival, events, exposures, status, traffic
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Doubt, Failed, Judgement, Passed
from clusterproof.observe.cluster import Cluster
from clusterproof.outcome import Outcome
from clusterproof.product.posthog.ingestion import EventBatch, EventFate, Reading
from clusterproof.product.posthog.status import StatusPage, lines_of
from clusterproof.product.router.counting import Routed
from clusterproof.spec import Settings, Spec
from clusterproof.spec.row import Area, Expectation, ObjectRef
from clusterproof.spec.settings import TrafficSettings
from tests.judge.rows import row as row_of
from tests.observe.cluster_objects import cluster_of
from tests.observe.test_workloads import ago, running, workload

TRAFFIC = TrafficSettings(
    workload=ObjectRef(kind="Deployment", namespace="n", name="w"), service="w"
)

AS_LIST = {
    "results": {
        "overview": [
            {"key": "plugin_sever_alive", "metric": "Plugin server alive", "value": True},
            {"metric": "Redis current queue depth", "value": "12"},
            {"metric": "Clickhouse disk free space", "value": "30.00 GiB"},
            {"metric": "Clickhouse total disk space", "value": "40.00 GiB"},
        ]
    }
}
AS_OBJECT = {"plugin_sever_alive": "true", "redis_current_queue_depth": 12, "db_alive": "false"}


def _row(figure: str, **expect: Any) -> StatusRow:  # noqa: ANN401 - an expectation
    return StatusRow(
        id="s",
        area=Area.SYSTEM_STATUS,
        claim="it is well",
        source="test",
        check="posthog-status",
        figure=figure,
        expect=Expectation(**(expect or {"equals": True})),
    )


QUIET = Arrival()
RATIO = "storage_used_ratio"


def _figure(
    page: StatusPage, figure: str, *, capacity: str | None = None, arrived: Arrival = QUIET
) -> Any:  # noqa: ANN401 - as the page has it
    return read_figure(page, _row(figure), capacity=capacity, arrived=arrived).value


@pytest.mark.parametrize("body", [AS_LIST, AS_OBJECT])
def test_both_forms_say_the_same(body: object) -> None:
    page = StatusPage(dict(lines_of(body)))
    assert _figure(page, "worker_alive").value is True
    assert _figure(page, "queue_depth").value == 12


def test_a_share_is_of_the_pages_own_total_or_of_the_claim() -> None:
    assert _figure(StatusPage(dict(lines_of(AS_LIST))), "storage_used_ratio").value == 0.25
    bytes_only = StatusPage({"clickhouse_disk_used_bytes": 2**30})
    assert _figure(bytes_only, "storage_used_ratio", capacity="4Gi").value == 0.25


@pytest.mark.parametrize("figure", ["clickhouse_alive", "storage_used_ratio", "events_ingested"])
def test_a_figure_that_is_not_offered_is_never_a_pass(figure: str) -> None:
    with pytest.raises(ObservationError, match=f"offers no {figure}"):
        _figure(StatusPage(dict(lines_of(AS_OBJECT))), figure)


def test_a_page_that_is_refused_is_no_finding() -> None:
    with pytest.raises(ObservationError, match="403: not for you"):
        _figure(StatusPage({}, refused="403: not for you"), "db_alive")


def test_measured_figures_do_not_need_the_page() -> None:
    page = StatusPage({}, refused="403", events_last_hour=7, query_s=(0.1, 0.3, 0.2))
    assert _figure(page, "events_ingested").value == 7
    assert _figure(page, "query_s").value == 0.2


def test_a_worker_that_is_alive_and_stores_nothing_is_contradicted() -> None:
    page = StatusPage({"plugin_sever_alive": True})
    assert _figure(page, "worker_alive").contradiction == ""
    against = _figure(page, "worker_alive", arrived=Arrival(nothing=True)).contradiction
    assert "none of them could be read back" in against


NOT_SENT = ObservationError("the Pod that sends cannot be made")
WELL = StatusPage(
    {"plugin_sever_alive": True, "db_alive": True, "redis_current_queue_depth": 3},
    events_last_hour=7,
    query_s=(0.2,),
)


class Looked(Site):
    """A run whose shared looks came to what a test says; an error is raised."""

    def __init__(
        self, answers: dict[Any, Any], *rows: StatusRow, cluster: Cluster | None = None
    ) -> None:
        """Looks that are not named were never begun."""
        settings = Settings(traffic=TRAFFIC)
        spec = Spec("test", "test", Path("spec.yaml"), {}, settings, rows, {})
        super().__init__(cast("Cluster", cluster), spec, "20260101-000000-abcdef", rows)
        self._answers = answers

    def ended(self, look: Any) -> bool:  # noqa: ANN401 - any look
        """Whether a test says what it came to."""
        return look in self._answers

    def shared(self, look: Any) -> Any:  # noqa: ANN401 - any look
        """What it came to."""
        answer = self._answers[look]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _judged(row: StatusRow, page: StatusPage, sent: object) -> Judgement:
    site = Looked({status: page, events: sent}, row)
    return posthog_status.judge(row, posthog_status.look(row, site).value)


@pytest.mark.parametrize(
    "row",
    [
        _row("db_alive"),
        _row("queue_depth", at_most=1000),
        _row("query_s", at_most=5),
        _row("events_ingested", at_least=1),
    ],
    ids=lambda row: row.figure,
)
def test_a_figure_that_does_not_rest_on_our_events_is_judged_without_them(row: StatusRow) -> None:
    assert _judged(row, WELL, NOT_SENT) == Passed(row.figure)


def test_a_worker_that_is_said_to_be_alive_is_not_believed_unless_events_were_sent() -> None:
    judgement = _judged(_row("worker_alive"), WELL, NOT_SENT)
    assert isinstance(judgement, Doubt)
    assert "could not be confirmed: the Pod that sends cannot be made" in judgement.reason


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        (
            EventBatch((EventFate("u", error="APIError: 503"),), Reading(answered=3)),
            "none of 1 events was accepted: APIError: 503",
        ),
        (EventBatch((EventFate("u"),), Reading(answered=3), unsent=1), "none of 1 events was"),
        (EventBatch((EventFate("u"),), Reading(answered=0, refused=403)), "HogQL answers 403"),
        (EventBatch((EventFate("u"),), Reading(answered=3, elsewhere=True)), "the project that"),
        (EventBatch((), Reading(answered=3)), "none of 0 events was accepted"),
    ],
    ids=["refused", "unsent", "may not read", "another project", "none"],
)
def test_a_worker_that_is_said_to_be_alive_is_not_believed_unless_an_event_came_back(
    batch: EventBatch, why: str
) -> None:
    judgement = _judged(_row("worker_alive"), WELL, batch)
    assert isinstance(judgement, Doubt)
    assert f"could not be confirmed: {why}" in judgement.reason


def test_a_worker_that_is_said_to_be_alive_is_not_believed_where_nothing_was_sent() -> None:
    site, row = Looked({status: WELL}), _row("worker_alive")
    assert isinstance(posthog_status.judge(row, posthog_status.look(row, site).value), Doubt)


READINGS = st.builds(
    Reading,
    answered=st.integers(0, 1),
    refused=st.sampled_from([0, 403, 429]),
    complete=st.booleans(),
    cached=st.booleans(),
    elsewhere=st.booleans(),
)
FATES = st.lists(st.builds(EventFate, st.just("u"), error=st.sampled_from(["", "503"])))


@given(FATES, READINGS, st.integers(0, 3))
def test_no_worker_passes_while_no_event_came_back(
    fates: list[EventFate], reading: Reading, unsent: int
) -> None:
    batch = EventBatch(tuple(fates), reading, unsent=unsent)
    judgement = _judged(_row("worker_alive"), WELL, batch)
    assert not isinstance(judgement, Passed)
    assert isinstance(judgement, Doubt) or (batch.accepted and not reading.unseen)


@pytest.mark.parametrize(
    ("lines", "figure"),
    [
        ({"redis_current_queue_depth": -1}, "queue_depth"),
        ({"redis_current_queue_depth": math.nan}, "queue_depth"),
        ({"clickhouse_disk_free_space": "40 GiB", "clickhouse_disk_total_space": "20 GiB"}, RATIO),
        ({"clickhouse_disk_used": 7, "clickhouse_disk_total_space": math.inf}, RATIO),
    ],
)
def test_a_figure_that_cannot_be_is_never_a_pass(lines: dict[str, Any], figure: str) -> None:
    with pytest.raises(ObservationError, match=figure):
        _figure(StatusPage(lines), figure)


def test_a_worker_that_is_said_to_be_dead_is_so_though_no_event_was_sent() -> None:
    page = replace(WELL, lines={"plugin_sever_alive": False})
    assert isinstance(_judged(_row("worker_alive"), page, NOT_SENT), Failed)


def test_no_event_in_an_hour_is_a_finding_only_where_some_were_sent() -> None:
    row, quiet = _row("events_ingested", at_least=1), replace(WELL, events_last_hour=0)
    assert isinstance(_judged(row, quiet, NOT_SENT), Doubt)
    batch = EventBatch((EventFate("u", lag_s=1.0),), Reading(answered=1))
    assert isinstance(_judged(row, quiet, batch), Failed)


@pytest.mark.parametrize(
    ("figure", "outcome"),
    [("routed", Outcome.PASSED), ("unsticky", Outcome.PASSED), ("durable", None)],
)
def test_a_figure_of_answers_needs_no_posthog(figure: str, outcome: Outcome | None) -> None:
    """Only what is about events cannot be said when they could not be looked for."""
    answer = Routed("u", 200, variant="a", is_ab_test=True, exposure="e")
    expect = {"equals": 0} if figure == "unsticky" else {"at_least": 1}
    rule = row_of("exposure", figure=figure, expect=expect)
    sent = SimpleNamespace(answers=(answer, answer), by_pod=(), where="here", how="so")
    site = Looked({traffic: sent, exposures: NOT_SENT})
    if outcome is None:
        with pytest.raises(ObservationError, match="the Pod that sends"):
            exposure.look(rule, site)
        return
    observed = exposure.look(rule, site)
    assert exposure.judge(rule, observed.value).outcome is outcome
    assert observed.evidence[1] == "1 exposure events named"


SENT = EventBatch((EventFate("u", lag_s=1.0, stored=1),), Reading(answered=1))


@pytest.mark.parametrize(
    ("page", "ready", "earlier_s", "code"),
    [
        ({"worker_status": 1}, {"a": 60.0, "b": 60.0}, 0, "figure-contradicted"),
        ({"worker_status": 2}, {"a": 60.0, "b": 60.0}, 0, ""),
        ({"worker_status": 3}, {"a": 60.0, "b": 60.0}, 0, ""),
        ({"worker_status": 1}, {"a": 60.0, "b": 5.0}, 0, ""),
        ({"worker_status": 1}, {"a": 90.0, "b": 60.0}, 45, ""),
        ({"worker_status": "unknown"}, {"a": 60.0, "b": 60.0}, 0, ""),
        ({}, {"a": 60.0, "b": 60.0}, 0, ""),
    ],
    ids=[
        "dead inside",
        "all",
        "one that ends",
        "young",
        "young when it was read",
        "no number",
        "no count",
    ],
)
def test_a_worker_that_is_ready_and_dead_inside_is_told_by_the_count(
    page: dict[str, Any], ready: dict[str, float], earlier_s: float, code: str
) -> None:
    pods = []
    for name, since in ready.items():
        pod = running(name)
        pod["status"]["conditions"][0]["lastTransitionTime"] = ago(seconds=since)
        pods.append(pod)
    claim = _row("worker_alive").model_copy(
        update={"of": ObjectRef(kind="Deployment", namespace="ns", name="web")}
    )
    told = StatusPage({"plugin_sever_alive": True, **page})
    with cluster_of(workload(), *pods) as cluster:
        told = replace(told, read_at=cluster.api.now() - timedelta(seconds=earlier_s))
        site = Looked({status: told, events: SENT}, claim, cluster=cluster)
        judgement = posthog_status.judge(claim, posthog_status.look(claim, site).value)
    codes = [difference.code for difference in getattr(judgement, "differences", ())]
    assert codes == ([code] if code else [])


def test_a_worker_that_ended_before_the_page_was_read_is_not_missing_from_it() -> None:
    pods = [running(name) for name in ("a", "b")]
    for pod in pods:
        pod["status"]["conditions"][0]["lastTransitionTime"] = ago(seconds=60.0)
    of = ObjectRef(kind="Deployment", namespace="ns", name="web")
    claim = _row("worker_alive").model_copy(update={"of": of})
    told = StatusPage({"plugin_sever_alive": True, "worker_status": 1})
    with cluster_of(workload(), *pods) as cluster:
        assert len(cluster.pods_of(of)) == 2
        pods[1]["status"]["conditions"][0]["status"] = "False"
        site = Looked({status: told, events: SENT}, claim, cluster=cluster)
        judgement = posthog_status.judge(claim, posthog_status.look(claim, site).value)
    assert isinstance(judgement, Passed)
