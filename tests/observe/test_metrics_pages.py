"""Metrics pages as Prometheus reads them: what stands apart, and what is no number."""

import math

import pytest

from clusterproof.checks.metric_moves import Moved, unsound
from clusterproof.observe.metrics import Page, family_named, incarnation, page_of, total
from clusterproof.observe.proxy import Answer
from clusterproof.product.router.counting import Batch, counted
from tests.judge.rows import row
from tests.judging import differences

WEB = {"workload": "Deployment/shop/web"}
MOVES = row("metric-moves", **WEB, name="served", by="requests")


def page(*lines: str, kind: str = "text/plain; version=0.0.4") -> Page:
    return page_of(Answer("web-1", 200, kind, "\n".join([*lines, ""])))


def test_samples_that_stand_apart_are_of_one_family() -> None:
    for name in ("served_total", "served"):
        found = page(
            f"# TYPE {name} counter",
            f'{name}{{a="1"}} 5',
            "# TYPE other gauge",
            "other 1",
            f'{name}{{a="2"}} 7',
        )
        assert total(found, "served", {}) == 12
        assert total(found, "served", {"a": "2"}) == 7


def test_a_gauge_has_no_total() -> None:
    found = page("# TYPE queue gauge", "queue 3")
    assert family_named(found, "queue_total") is None
    assert family_named(found, "queue") is not None
    counter = page("# TYPE served_total counter", "served_total 3")
    assert family_named(counter, "served_total") is family_named(counter, "served")


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1"])
def test_what_is_no_count_is_named_and_never_passes(value: str) -> None:
    frozen = page(
        "# TYPE served_total counter", 'served_total{a="1"} 10', f'served_total{{a="2"}} {value}'
    )
    batch = Batch((), (frozen,), (frozen,), 1.0)
    rise = counted(batch, MOVES)
    assert math.isnan(rise.risen) or value == "-1"
    moved = Moved(True, (rise,), unsound=unsound(frozen, "served", {}))  # noqa: FBT003 - present
    (only,) = differences(MOVES, moved)
    assert only.observed.startswith('web-1 served_total{a="2"} is ')


OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def test_label_sets_of_openmetrics_may_stand_in_any_order() -> None:
    found = page(
        "# TYPE served counter",
        'served_total{a="1",b="x{,} \\"y"} 5 # {trace_id="t"} 1.0 1700000000.5',
        'served_total{a="2"} 7',
        'served_created{a="1",b="x{,} \\"y"} 1700000000.5',
        'served_created{a="2"} 1700000000.5',
        "# TYPE took_seconds histogram",
        "# UNIT took_seconds seconds",
        'took_seconds_bucket{a="1",le="0.1"} 3',
        'took_seconds_bucket{a="2",le="0.1"} 1',
        'took_seconds_bucket{a="1",le="+Inf"} 4',
        'took_seconds_bucket{a="2",le="+Inf"} 1',
        'took_seconds_count{a="1"} 4',
        'took_seconds_sum{a="1"} 0.7',
        'took_seconds_count{a="2"} 1',
        'took_seconds_sum{a="2"} 0.1',
        "# EOF",
        kind=OPEN_METRICS,
    )
    assert found.reason == ""
    assert total(found, "served", {}) == 12
    assert total(found, "took_seconds", {}) == 5
    assert total(found, "served", {"a": "2"}) == 7


@pytest.mark.parametrize(
    "classic",
    [
        (),
        (
            'took_seconds_bucket{le="+Inf"} 24',
            "took_seconds_count 24",
            "took_seconds_sum 100",
        ),
    ],
    ids=["alone", "as a classic one too"],
)
def test_a_native_histogram_has_its_count(classic: tuple[str, ...]) -> None:
    native = (
        "{count:24,sum:100,schema:0,zero_threshold:0.001,zero_count:4,positive_spans:[0:2,1:2],"
        "negative_spans:[0:2,1:2],positive_deltas:[2,1,-3,3],negative_deltas:[2,1,-2,3]}"
    )
    found = page(
        "# TYPE took_seconds histogram",
        *classic,
        f"took_seconds {native}",
        "# EOF",
        kind="application/openmetrics-text; version=1.0.0",
    )
    assert found.reason == ""
    assert total(found, "took_seconds", {}) == 24


def test_a_native_sidecar_that_started_anew_counts_from_zero_again() -> None:
    spec = {
        "containers": [{"name": "web"}],
        "initContainers": [{"name": "wait"}, {"name": "proxy", "restartPolicy": "Always"}],
    }

    def started(**restarts: int) -> str:
        statuses = [{"name": name, "restartCount": count} for name, count in restarts.items()]
        status = {"containerStatuses": statuses[:1], "initContainerStatuses": statuses[1:]}
        return incarnation({"metadata": {"uid": "u"}, "spec": spec, "status": status})

    assert started(web=0, wait=0, proxy=1) != started(web=0, wait=0, proxy=0)
    assert started(web=0, wait=1, proxy=0) == started(web=0, wait=0, proxy=0)
