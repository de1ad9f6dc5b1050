"""PostHog's status page in the forms that its versions give it."""

from typing import Any

import pytest

from clusterproof.checks.posthog_status import StatusRow, read_figure
from clusterproof.errors import ObservationError
from clusterproof.product.posthog.status import StatusPage, lines_of
from clusterproof.spec.row import Area, Expectation

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


def _figure(
    page: StatusPage, figure: str, *, capacity: str | None = None, nothing_arrived: bool = False
) -> Any:  # noqa: ANN401 - as the page has it
    row = StatusRow(
        id="s",
        area=Area.SYSTEM_STATUS,
        claim="it is well",
        source="test",
        check="posthog-status",
        figure=figure,
        expect=Expectation(equals=True),
    )
    return read_figure(page, row, capacity=capacity, nothing_arrived=nothing_arrived).value


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
    against = _figure(page, "worker_alive", nothing_arrived=True).contradiction
    assert "none of them could be read back" in against
