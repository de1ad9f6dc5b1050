"""Metrics of the store, and the alerts on them judged by promtool."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from clusterproof.history.metrics import MOST_FAILED_ROWS, metrics_text
from clusterproof.history.store import History
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from tests.history.nights import FIRST, night
from tests.report.samples import row

RULE = Path(__file__).parents[2] / "deploy" / "nightly" / "prometheus-rule.yaml"
HOUR = 3600


def samples(*nights: RunRecord, store: Path) -> dict[tuple[str, str], float]:
    with History(store) as history:
        for record in nights:
            history.add(record)
        text = metrics_text(history)
    return {
        (sample.name, sample.labels.get("outcome") or sample.labels.get("row", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_are_those_of_the_newest_run(tmp_path: Path) -> None:
    seen = samples(
        night(0, row(1), row(2)),
        night(1, row(1, Outcome.FAILED), row(2, Outcome.INCONCLUSIVE), row(3, attempts=2)),
        store=tmp_path / "h",
    )
    assert seen["clusterproof_rows", "failed"] == 1
    assert seen["clusterproof_rows", "inconclusive"] == 1
    assert seen["clusterproof_rows", "passed"] == 1
    assert seen["clusterproof_rows", "not-run"] == 0
    assert seen["clusterproof_row_failed", "row-001-replicas"] == 1
    assert seen["clusterproof_new_failures", ""] == 1
    assert seen["clusterproof_flaky_rows", ""] == 1
    assert seen["clusterproof_run_duration_seconds", ""] == 44
    assert seen["clusterproof_last_run_timestamp_seconds", ""] == FIRST + 24 * HOUR + 44
    assert seen["clusterproof_last_conclusive_success_timestamp_seconds", ""] == FIRST + 44


WHOLE = """\
# HELP clusterproof_rows Rows of the newest run by outcome.
# TYPE clusterproof_rows gauge
clusterproof_rows{cluster="testbed",outcome="passed",profile="self-hosted",uid="u-1"} 1.0
clusterproof_rows{cluster="testbed",outcome="failed",profile="self-hosted",uid="u-1"} 1.0
clusterproof_rows{cluster="testbed",outcome="inconclusive",profile="self-hosted",uid="u-1"} 0.0
clusterproof_rows{cluster="testbed",outcome="not-run",profile="self-hosted",uid="u-1"} 0.0
clusterproof_rows{cluster="testbed",outcome="accepted",profile="self-hosted",uid="u-1"} 0.0
# HELP clusterproof_row_failed 1 for each failed row of the newest run, 50 at most.
# TYPE clusterproof_row_failed gauge
clusterproof_row_failed{area="health",cluster="testbed",profile="self-hosted",row="a",uid="u-1"} 1.0
# HELP clusterproof_new_failures Rows that failed in the newest run, not in the one before.
# TYPE clusterproof_new_failures gauge
clusterproof_new_failures{cluster="testbed",profile="self-hosted",uid="u-1"} 1.0
# HELP clusterproof_flaky_rows Rows of the newest run that passed only after a retry.
# TYPE clusterproof_flaky_rows gauge
clusterproof_flaky_rows{cluster="testbed",profile="self-hosted",uid="u-1"} 0.0
# HELP clusterproof_run_duration_seconds Wall time of the newest run.
# TYPE clusterproof_run_duration_seconds gauge
clusterproof_run_duration_seconds{cluster="testbed",profile="self-hosted",uid="u-1"} 44.0
# HELP clusterproof_last_run_timestamp_seconds When the newest run was finished.
# TYPE clusterproof_last_run_timestamp_seconds gauge
clusterproof_last_run_timestamp_seconds{cluster="testbed",profile="self-hosted",uid="u-1"} \
1.767232844e+09
# HELP clusterproof_last_conclusive_success_timestamp_seconds When the newest run that passed \
was finished; absent if there is none.
# TYPE clusterproof_last_conclusive_success_timestamp_seconds gauge
# HELP clusterproof_run_api_calls Requests to the API server in the newest run.
# TYPE clusterproof_run_api_calls gauge
clusterproof_run_api_calls{cluster="testbed",profile="self-hosted",uid="u-1"} 212.0
"""


def test_metrics_of_one_night_are_these(tmp_path: Path) -> None:
    rows = (row(1, Outcome.FAILED, id="a", area="health"), row(2, id="b"))
    with History(tmp_path / "h") as history:
        history.add(night(0, *rows, api_calls=212))
        assert metrics_text(history) == WHOLE


def test_a_failure_of_the_night_before_is_not_new(tmp_path: Path) -> None:
    seen = samples(
        night(0, row(1, Outcome.FAILED), row(2)),
        night(1, row(1, Outcome.FAILED), row(2, Outcome.FAILED)),
        store=tmp_path / "h",
    )
    assert seen["clusterproof_rows", "failed"] == 2
    assert seen["clusterproof_new_failures", ""] == 1


def test_no_success_is_no_sample_and_not_a_zero(tmp_path: Path) -> None:
    seen = samples(night(0, row(1, Outcome.FAILED)), store=tmp_path / "h")
    assert ("clusterproof_last_conclusive_success_timestamp_seconds", "") not in seen


def test_number_of_series_is_bounded(tmp_path: Path) -> None:
    seen = samples(night(0, *(row(n, Outcome.FAILED) for n in range(300))), store=tmp_path / "h")
    named = [name for name, _ in seen if name == "clusterproof_row_failed"]
    assert len(named) == MOST_FAILED_ROWS
    assert seen["clusterproof_rows", "failed"] == 300


def cluster(context: str, uid: str, day: int, outcome: Outcome) -> RunRecord:
    """A night of one cluster."""
    record = night(day, row(1, outcome))
    facts = replace(record.cluster, context=context, uid=uid)
    return replace(record, cluster=facts, run_id=f"{record.run_id}-{uid}")


def failed_by_uid(store: Path, *nights: RunRecord) -> dict[str, float]:
    """The count of failed rows by the cluster's UID."""
    with History(store) as history:
        for record in nights:
            history.add(record)
        text = metrics_text(history)
    return {
        sample.labels["uid"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("outcome") == "failed"
    }


def test_an_old_clusters_pass_does_not_hide_the_new_ones_failure(tmp_path: Path) -> None:
    old = cluster("kind", "z-old", 0, Outcome.PASSED)
    new = cluster("kind", "a-new", 1, Outcome.FAILED)
    assert failed_by_uid(tmp_path / "h", old, new) == {"a-new": 1}


def test_clusters_that_are_all_in_cluster_keep_their_own_figures(tmp_path: Path) -> None:
    one = cluster("in-cluster", "u-one", 0, Outcome.FAILED)
    two = cluster("in-cluster", "u-two", 1, Outcome.PASSED)
    assert failed_by_uid(tmp_path / "h", one, two) == {"u-one": 1, "u-two": 0}


def test_two_clusters_of_one_name_that_both_run_are_both_shown(tmp_path: Path) -> None:
    nights = [
        cluster("shop", "u-one", 0, Outcome.FAILED),
        cluster("shop", "u-two", 1, Outcome.PASSED),
        cluster("shop", "u-one", 2, Outcome.FAILED),
    ]
    assert failed_by_uid(tmp_path / "h", *nights) == {"u-one": 1, "u-two": 0}


def rule_groups() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULE.read_text(encoding="utf-8"))
    assert document["kind"] == "PrometheusRule"
    groups: list[dict[str, Any]] = document["spec"]["groups"]
    return groups


def test_alerts_ask_only_for_metrics_that_exist(tmp_path: Path) -> None:
    known = {name for name, _ in samples(night(0, row(1)), store=tmp_path / "h")}
    asked = set()
    for group in rule_groups():
        for rule in group["rules"]:
            words = rule["expr"].replace("(", " ").replace(")", " ").replace("{", " ").split()
            asked |= {word for word in words if word.startswith("clusterproof_")}
    assert asked <= known
    assert len(asked) >= 4


LABELS = '{cluster="testbed",profile="self-hosted",uid="u-1"'
STEP_MIN = 10


def held(name: str, value: float, *, steps: int = 400, more: str = "") -> dict[str, str]:
    """A series that stands at one value."""
    return {"series": f"{name}{LABELS}{more}}}", "values": f"{value:.0f}x{steps}"}


def rows_of(passed: int, failed: int = 0, inconclusive: int = 0) -> list[dict[str, str]]:
    counts = {"passed": passed, "failed": failed, "inconclusive": inconclusive, "not-run": 0}
    return [
        held("clusterproof_rows", count, more=f',outcome="{outcome}"')
        for outcome, count in counts.items()
    ]


def times(run_h: float, success_h: float | None) -> list[dict[str, str]]:
    """Timestamps of the newest run and success; promtool's clock starts at zero."""
    found = [held("clusterproof_last_run_timestamp_seconds", run_h * HOUR)]
    if success_h is not None:
        found.append(
            held("clusterproof_last_conclusive_success_timestamp_seconds", success_h * HOUR)
        )
    return found


NEW = [held("clusterproof_new_failures", 1)]
SAME = [held("clusterproof_new_failures", 0)]
ALL = {
    "ClusterproofRowsFailed",
    "ClusterproofInconclusive",
    "ClusterproofRunAbsent",
    "ClusterproofMetricsAbsent",
    "ClusterproofNoConclusiveSuccess",
    "ClusterproofNewFailures",
}
CASES: dict[str, tuple[list[dict[str, str]], int, set[str]]] = {
    "green": (rows_of(150) + times(0, 0) + SAME, 20, set()),
    "failed": (
        rows_of(148, 2) + times(24, 0) + NEW,
        30,
        {"ClusterproofRowsFailed", "ClusterproofNewFailures"},
    ),
    "failed-again": (
        rows_of(148, 2) + times(48, 0) + SAME,
        55,
        {"ClusterproofRowsFailed", "ClusterproofNoConclusiveSuccess"},
    ),
    "inconclusive": (rows_of(148, 0, 2) + times(24, 0) + SAME, 30, {"ClusterproofInconclusive"}),
    "failed-and-blind": (rows_of(147, 1, 2) + times(24, 0) + SAME, 30, {"ClusterproofRowsFailed"}),
    "nothing-checked": (rows_of(0) + times(24, 0) + SAME, 30, {"ClusterproofInconclusive"}),
    "never-passed": (
        rows_of(149, 1) + times(0, None) + SAME,
        1,
        {"ClusterproofRowsFailed", "ClusterproofNoConclusiveSuccess"},
    ),
    "just-late": (rows_of(150) + times(0, 0) + SAME, 25, set()),
    "absent": (rows_of(150) + times(0, 0) + SAME, 27, {"ClusterproofRunAbsent"}),
    "no-metrics": ([], 2, {"ClusterproofMetricsAbsent"}),
}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    hint = "expected promtool on the PATH, observed none; next: apt-get install prometheus"
    assert program, hint
    return subprocess.run(  # noqa: S603 - a fixed program
        [program, *arguments], check=False, capture_output=True, text=True, timeout=60
    )


@pytest.mark.cluster
def test_rules_and_their_templates_are_valid(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": rule_groups()}), "utf-8")
    ran = promtool("check", "rules", str(tmp_path / "rules.yaml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{len(ALL)} rules found" in ran.stdout


@pytest.mark.cluster
@pytest.mark.parametrize("case", CASES)
def test_exactly_the_right_alerts_fire(case: str, tmp_path: Path) -> None:
    series, hours, firing = CASES[case]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": rule_groups()}), "utf-8")
    known = {rule["alert"] for group in rule_groups() for rule in group["rules"]}
    assert known == ALL
    probes = [
        {
            "eval_time": f"{hours}h",
            "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
            "exp_samples": [{"labels": "{}", "value": int(alert in firing)}],
        }
        for alert in sorted(ALL)
    ]
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{STEP_MIN}m",
        "tests": [{"interval": f"{STEP_MIN}m", "input_series": series, "promql_expr_test": probes}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test), "utf-8")
    ran = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
