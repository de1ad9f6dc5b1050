"""The report is one self-contained page that shows every claim, and escapes what it is given."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from clusterproof.load.account import Account
from clusterproof.load.analysis import Inputs, analyse
from clusterproof.load.chart import Line, nice, thinned, time_chart
from clusterproof.load.objectives import read_objectives
from clusterproof.load.page import set_aside, write_report
from clusterproof.load.recording import Recording
from clusterproof.load.split import Exposure

T0 = 1_800_000_000.0


def _inputs() -> Inputs:
    account = Account()
    for number in range(400):
        account.begin(late_s=0.001, was_idle=True, at_s=number / 10)
        account.end(
            "route-ab",
            latency_s=0.02,
            service_s=0.019,
            at_s=number / 10,
            fault="",
            answered=True,
            first_s=0.01,
        )
        account.exposures.append(Exposure(f"u{number}", "control", f"e{number}"))
    generator = {
        "scenario": "router",
        "shape": "<script>",
        "host": "http://router",
        "started_at": T0,
        "duration_s": 40,
        "stages": [[10, 10, 40]],
        "planned": 400,
        "workers": 1,
        "workers_lost": 0,
        "findings": [],
    }
    recording = Recording(T0 - 5, T0 + 50, notes=["watch <broke>"])
    return Inputs(generator, account, recording, {"e1": "control"}, None)


def test_the_page_is_whole_and_escaped(tmp_path: Path) -> None:
    spec, inputs = read_objectives(), _inputs()
    analysis = analyse(inputs, spec)
    page = write_report(analysis, inputs, spec, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r'(src|href)="http', text)
    for finding in analysis.verdict.findings:
        assert finding.id in text
    record = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    assert record["figures"]["requests"] == 400
    assert record["figures"]["first token p50 ms"] == pytest.approx(10, rel=0.01)
    assert "Against the previous run" not in text


def test_a_run_is_compared_with_the_one_before_it_in_its_folder(tmp_path: Path) -> None:
    """Also when it is judged again later; the old page is gone until the new one is there."""
    spec, inputs = read_objectives(), _inputs()
    analysis = analyse(inputs, spec)
    write_report(analysis, inputs, spec, tmp_path)
    set_aside(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["previous.json"]
    for _ in range(2):
        text = write_report(analysis, inputs, spec, tmp_path).read_text(encoding="utf-8")
        assert "Previous: the run of 2027-01-15 08:00:00 UTC, failed." in text
        assert "+0.0%" in text


def test_a_run_of_another_shape_is_not_compared(tmp_path: Path) -> None:
    """Its figures would say nothing of this one's."""
    spec, inputs = read_objectives(), _inputs()
    analysis = analyse(inputs, spec)
    write_report(analysis, inputs, spec, tmp_path)
    other = replace(inputs, generator={**inputs.generator, "shape": "soak"})
    page = write_report(analysis, other, spec, tmp_path, previous=tmp_path / "load.json")
    text = page.read_text(encoding="utf-8")
    assert "had the shape router &lt;script&gt;: not compared." in text
    assert "+0.0%" not in text


@pytest.mark.parametrize(("share", "is_compared"), [(10.0, False), (0.1, False), (1.05, True)])
def test_a_run_at_another_rate_is_not_compared(
    tmp_path: Path, share: float, *, is_compared: bool
) -> None:
    spec, inputs = read_objectives(), _inputs()
    analysis = analyse(inputs, spec)
    write_report(analysis, inputs, spec, tmp_path)
    before = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    before["figures"]["requests"] *= share
    path = tmp_path / "before.json"
    path.write_text(json.dumps(before), encoding="utf-8")
    page = write_report(analysis, inputs, spec, tmp_path, previous=path)
    assert ("requests: not compared." in page.read_text(encoding="utf-8")) != is_compared


def test_a_run_without_a_cluster_is_never_green() -> None:
    analysis = analyse(_inputs(), read_objectives())
    assert analysis.verdict.outcome != "passed"


@pytest.mark.parametrize(("value", "expected"), [(0, 1.0), (0.3, 0.5), (7, 10), (23, 25)])
def test_axes_are_round(value: float, expected: float) -> None:
    assert nice(value) == pytest.approx(expected)


def test_thinning_keeps_the_last_point() -> None:
    points = [(float(n), n) for n in range(1000)]
    assert thinned(points, 10)[-1] == (999.0, 999)
    assert len(thinned(points, 10)) <= 12


def test_an_empty_chart_is_still_a_chart() -> None:
    assert time_chart("t", "u", [Line("x", (), "a")], since=0, until=10).startswith("<svg")
