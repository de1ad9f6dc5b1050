"""What a command prints, made by its own code where that is pure, is what its figure reads."""

import json
from pathlib import Path

import pytest

from clusterproof.report.junit import to_junit
from loadtests.bench.summary import summary as bench_summary
from loadtests.hpa_lab.__main__ import line as hpa_lab_line
from loadtests.prove_faults import Result
from loadtests.prove_faults import summary as faults_summary
from testbed.bench import Cost
from testbed.figures import registry
from testbed.figures.registry import figures
from testbed.oracles.kubeconfig.draw import Tally
from testbed.oracles.kubeconfig.page import Figures
from tests.report.samples import record, row

BENCH = {
    "efficiency": {
        "requests_per_cpu_s": {"ours": 8737, "stock_fast": 9934, "stock_http": 1816, "wrk": 118306},
        "ours_times": {
            "stock_fast": {"median": 0.97, "lower": 0.9, "upper": 1.01, "pairs": [0.97] * 24},
            "stock_http": {"median": 5.21, "lower": 5.1, "upper": 5.4, "pairs": [5.21] * 24},
        },
        "wrk_times_ours": 13.5,
    },
    "p99": {"ours": {"p99_ms": 430.8, "server_p99_ms": 428.9, "error": 0.0044}},
    "stall": {
        "analytic_p99_ms": 4400.0,
        "ours": {"p99_ms": 4420.4},
        "stock_paced": {"p99_ms": 5.0},
    },
}
LAB = {
    "curves": 60,
    "reconciles": 4926,
    "agreed": 4685,
    "changes": 298,
    "agreement": 0.951,
    "curves_all_agree": 39,
    "mean_within_one_sync": 0.906,
    "worst_within_one_sync": 0.147,
}
FAULTS = [
    Result("quota-7", 1, "failed, quota", "failed, quota", 200.1, "2026-11-28T16:40:00Z"),
    Result("cut-on-sigterm", 1, "failed, termination", "no verdict", 9.0, ""),
    Result("quota-7", 2, "failed, quota", "failed, quota", 200.4, "2026-11-28T16:45:00Z"),
]
SCALE = (
    "20000 Pods  19.62 s wall, 11.01 s of CPU,  17.34 s in the run,  299 MB, 89 API calls,"
    " 123.78 MB answered, 201 rows: inconclusive"
)
REHEARSALS = record(
    row(2, id="router-replicas"),
    row(
        3,
        id="rehearse-router-scale",
        evidence=(
            "five replicas Ready: after 5.3 s",
            "27 objects compared before and after, 24.5 s from first to last",
            "1109 requests in 24.5 s (40 a second), 1109 answered with 2xx; latest start 3 ms"
            " after it was due, slowest 102 ms",
            "450 exposure events named, 450 read back by uuid",
        ),
    ),
)
KUBECONFIG = Figures(220, 12034, 0, 2600, 1100, 700, Tally(), 1148.2, 53, ["a rule", "another"])
PYTEST = "================ 12 passed, 3 deselected in 281.10s (0:04:41) ================\n"
JOB = """\
ok   generator-rate: expected each of 4800 planned sent, observed sent 4800, dropped 0, missing 0
ok   latency-p50: expected p50 at most 100 ms, observed 8.00 ms
ok   latency-p99: expected p99 at most 1500 ms, observed 28.60 ms, 95 % interval 25.00 to 31.00 ms

PASSED
"""
LOAD = """\
ok   hpa-model [HPA decision]: expected the model sets the same; observed 100.0% of 43 reconciles;\
 6 of 6 that change something
ok   count-requests [request counter]: expected router counters grew by 26760; observed 26760
ok   observer-pods [observer]: expected the counters of each Ready Pod read; observed all read

PASSED
report: reports/load/load.html
"""

CHANCES = json.dumps(
    {
        "seeds": [7, 1006],
        "healthy": "998 of 1000 passed",
        "faults": {"HPA decision": "198 of 200", "quota": "200 of 200"},
        "seconds": 3600,
    },
    indent=1,
)

COST = Cost(
    wall_s=4.58,
    cpu_s=2.5,
    peak_bytes=101_000_000,
    record=record(row(1), started_at=10.0, finished_at=11.11, api_calls=49, api_bytes=460_000),
    reads=(),
)
SAMPLES = {
    "scale": (
        f"{SCALE}\n",
        "with 20000 simulated Pods more, a read-only run takes 19.62 s, 11.01 s of CPU",
    ),
    "load-chances": (
        f"{CHANCES}\n",
        "seeds 7 to 1006: of the healthy runs 998 of 1000\npassed.",
    ),
    "installed": (
        "tests/installed/test_wheel.py::test_it_has_its_version_and_no_conflict[python3.11] PASSED"
        " [  5%]\ntests/installed/test_wheel.py::test_it_verifies_on_each_python_between_the_oldest"
        f"_and_the_newest[python3.12] PASSED [ 9%]\n{PYTEST}",
        "12 tests, with:\n\n* Python 3.11\n* Python 3.12",
    ),
    "verification": (
        f"read-only  {COST}\nbare         0.22 s for its 49 reads alone: 7.3 times that\n"
        "beside       0.61 s for two calls of kubectl: 4.9 times that, 2.31 s of CPU,"
        f" medians of 5\nbroken     crash loop: {COST}, 1.31 times a clean one\n",
        "| read-only | 4.58 s | 2.50 s | 1.11 s | 101 MB | 49 | 0.46 MB | 0.22 s | 7.3 |\n\n"
        "In turn with two calls of kubectl that fetch the same lists, in 0.61 s, a read-only run"
        " takes 4.9 times as\nlong and 2.31 s of CPU, medians of 5.\n\nA *whole* run while the"
        " router is in a state that cannot end well, beside the clean one above: its new Pods"
        " crash,\nhave an image that is not there, wait for a Service that is not there, or are"
        " refused by a quota:\n\n| state | wall | CPU | times a clean run |\n|---|--:|--:|--:|\n"
        "| crash loop | 4.58 s | 2.50 s | 1.31 |",
    ),
    "start": (
        "import       0.45 s least, 0.49 s median\nits CPU      0.44 s least, 0.46 s median\n"
        "ratio        1.70 of a plan to a bare pytest, by their medians\n",
        "a plan takes 1.70 times",
    ),
    "tests": (PYTEST, "12 tests in 281.10 s"),
    "prove-sample": (
        "254 of 254 red as due (100.0%), 0 for a wrong reason, 0 silent, 0 false alarms,"
        " 3 of 3 equivalents green, 131 s\n",
        "254 of 254 rows red as due,\n0 silent, 0 false alarms, in 131 s",
    ),
    "steady": (
        "idle 1     198 of 198 passed, 15.0 s\nloaded 10  197 of 198 passed, 54.1 s\n"
        "    failed: a-row: expected 1\nthe load: 4321 requests sent, 4320 answered\n"
        "1 of 13 runs were not green\n",
        "| idle | 1 | 198 of 198 | 15.0 s |\n| loaded | 10 | 197 of 198 | 54.1 s |",
    ),
    "by-hand": (PYTEST, "12 acts in 281.10 s"),
    "fault-matrix": (
        "| Fault | What |\n|---|---|\n| reset | every connection is reset | 3 |\n"
        "without a fault 150 rows pass, 48 are inconclusive\n58 faults, 198 rows of 12 areas each:"
        " 0 false passes, 0 wrong verdicts, 0 tracebacks, longest run 50.6 s; unsound: none\n",
        "| reset | every connection is reset | 3 |",
    ),
    "safety-tests": (PYTEST, "12 passed in 281.10 s"),
    "kills": (
        "seed 1, a whole run takes 4.31 s\nseed 1: 200 kill points over 4.3 s of a run, 53 left"
        " something; after the next run 0 had something left, or it ended otherwise than with 0\n",
        "**After the next run 0 of 200 had something left**",
    ),
    "rehearsals": (
        f"{PYTEST}{to_junit(REHEARSALS).decode()}",
        "12 rows passed in 7 s.\n\n"
        "| rehearsal | in all | requests sent, answered | events named, read back | slowest |"
        " objects compared |\n|---|--:|--:|--:|--:|--:|\n"
        "| router-scale | 24.5 s | 1109, 1109 | 450, 450 | 102 ms | 27 |",
    ),
    "rights": (PYTEST, "12 passed in 281.10 s"),
    "literal-policy": (
        f"tests/prove/test_by_hand_live.py \n9 of 198 rows red\n.\n\n{PYTEST}",
        "9 of 198 rows turn red",
    ),
    "hpa-lab": (
        "".join(
            f"{hpa_lab_line(name, LAB)}\n" for name in ("the controller's own flags", "other 0.05")
        ),
        "| the controller's own flags | 4685 of 4926: 95.1% | 39 of 60 | mean 90.6%, worst 14.7% |",
    ),
    "load-bench": (
        "\n".join(bench_summary(BENCH)),
        "| `ours` | 430.8 ms | 428.9 ms | +0.44% |",
    ),
    "load-step": (
        LOAD,
        "| count-requests | router counters grew by 26760 | 26760 |\n\nThe generator runs",
    ),
    "load-model": (
        f"shape climb\nFAIL answers [answers]: expected 0; observed 1\nshape dip\n{LOAD}",
        "|---|---|---|\n| dip | 100.0% of 43 | 6 of 6 |\n\n",
    ),
    "load-faults": (
        "ok   Result(id='quota-7', expected='failed, quota')\n" + "\n".join(faults_summary(FAULTS)),
        "| cut-on-sigterm | termination (failed) | 0 of 1 |\n| quota-7 | quota (failed) | 2 of 2 |",
    ),
    "load-resample": (
        '{\n "runs": 1000,\n "seeds": [\n  20261127,\n  20262126\n ],\n "not_passed": 1,\n'
        ' "why": {},\n "seconds": 28.1\n}\n',
        "1 of 1000 draws did not pass; seeds 20261127 to\n20262126.",
    ),
    "load-jobs": (
        JOB,
        "| latency-p99 | p99 at most 1500 ms | 28.60 ms, 95 % interval 25.00 to 31.00 ms |",
    ),
    "oracle-kubeconfig": (
        f"[   0.1 s] 220 sets of kubeconfigs by seed 7\n{KUBECONFIG.table()}",
        "|---|---|\n| sets of files | 220 |\n| decisions | 12034 |\n| disagreements | 0 |",
    ),
    "oracle-kubeconfig-mutants": (
        f"lives: another rule\n{KUBECONFIG.table()}",
        "51 of 53 spoilt rules are noticed with 220 sets of files",
    ),
    "oracle-kubernetes": (
        "places: 1500 cases, 3721 decisions, seed 1, 0 disagreements, 25 features, 11 pairs of them"
        " in fewer than 30 cases, 40 s\n  rare: a + b: 3\n",
        "| places | 1500 | 3721 | 0 | 25 | 11 |",
    ),
    "oracle-mutants": (
        "ports: 29 of 31 mutants noticed by 1000 cases, of 31 in functions that they call\n"
        "  lives: kube.services:target_port: a -> b\n",
        "| ports | 1000 | 29 of 31 | 31 |",
    ),
}
"""By id: a sample of the output, and what its block then says."""


def test_each_figure_without_a_record_has_a_sample() -> None:
    assert {figure.id for figure in figures() if not figure.is_recorded} <= SAMPLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_figure_reads_what_its_command_prints(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    figure = next(figure for figure in figures() if figure.id == name)
    output, words = SAMPLES[name]
    monkeypatch.setattr(registry, "RECORDS", tmp_path)
    head = f"$ {figure.command}\non 2026-11-26, exit 0, 7 s\n"
    figure.record.write_text(head + output)
    assert words in figure.block()
