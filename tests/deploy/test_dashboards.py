"""The Grafana dashboards: what they ask for is there, in words that Grafana and Prometheus know."""

import json
import math
import re
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from clusterproof.history.metrics import metrics_text
from clusterproof.history.store import History
from clusterproof.outcome import Outcome
from testbed.cluster import binaries
from testbed.cluster.errors import TestbedError
from testbed.dashboards import nights
from testbed.dashboards.answers import Series, Span, answers, board
from testbed.dashboards.picture import page_of, page_size
from testbed.router.router.faults import Faults
from testbed.router.router.metrics import Metrics
from tests.history.nights import night
from tests.report.samples import row

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
FILES = sorted(FOLDER.glob("*.json"))
_SELECTED = re.compile(r"([a-z_]+)(?:\{([^}]*)\})?")


def expressions(path: Path) -> list[tuple[str, str]]:
    board = json.loads(path.read_text(encoding="utf-8"))
    return [
        (panel["title"], target["expr"]) for panel in board["panels"] for target in panel["targets"]
    ]


def served() -> dict[str, set[str]]:
    """Every metric that the history and the router serve, and its labels."""
    with tempfile.TemporaryDirectory() as folder, History(Path(folder) / "h.sqlite3") as history:
        history.add(night(0, row(0, Outcome.FAILED), row(1, Outcome.PASSED)))
        history.add(night(1, row(0, Outcome.PASSED), row(1, Outcome.PASSED)))
        history.add(night(2, row(0, Outcome.FAILED), row(1, Outcome.PASSED)))
        texts = [metrics_text(history)]
    router = Metrics(Faults.parse(""))
    router.answered("POST", "/api/v1/route", 200, 0.1)
    router.exposed("experiment", "variant")
    router.events_failed.labels("reason")
    texts.append(generate_latest(router.registry).decode())
    found: dict[str, set[str]] = {"up": set()}
    for text in texts:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_metric_and_label_is_served(path: Path) -> None:
    known = served()
    of_scrape = {"namespace", "pod", "instance", "job"}
    for title, expr in expressions(path):
        named = [match for match in _SELECTED.findall(expr) if match[0] in known]
        assert named, f"{title}: no metric of ours in {expr}"
        for name, selector in named:
            labels = set(re.findall(r"(\w+)=", selector))
            assert labels <= known[name] | of_scrape, f"{title}: {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_panel_says_what_it_means_and_stands_alone(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] == "${datasource}"
        place = panel["gridPos"]
        cells = {
            (place["x"] + right, place["y"] + down)
            for right in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.oracle
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_grafanas_sdk_and_prometheus_parser_read_all_of_it(path: Path) -> None:
    binaries.ensure(print, (binaries.DASHBOARD,))
    read = subprocess.run(  # noqa: S603 - built by us
        [binaries.program("dashboard"), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [query["panel"] for query in json.loads(read.stdout)] == [
        title for title, _ in expressions(path)
    ]


@pytest.mark.oracle
def test_a_field_that_grafana_does_not_know_is_refused(tmp_path: Path) -> None:
    binaries.ensure(print, (binaries.DASHBOARD,))
    spoilt = tmp_path / "spoilt.json"
    text = FILES[0].read_text(encoding="utf-8")
    spoilt.write_text(text.replace('"gridPos"', '"gridPosition"', 1), encoding="utf-8")
    read = subprocess.run(  # noqa: S603 - built by us
        [binaries.program("dashboard"), str(spoilt)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "gridPosition" in read.stderr


@pytest.fixture(scope="module")
def nights_answered() -> dict[str, list[Series]]:
    """Panel to what a real Prometheus answers, of ten nights whose outcomes are known."""
    dashboard = board("nights")
    with nights.prometheus() as address:
        series = answers(dashboard, address, nights.SPAN)
    return dict(zip((panel["title"] for panel in dashboard["panels"]), series, strict=True))


def last(series: list[Series], label: str) -> dict[str, float]:
    """The newest figure by a label."""
    return {each.labels[label]: each.points[-1][1] for each in series}


@pytest.mark.oracle
def test_prometheus_answers_each_panel_about_nights_with_what_they_were(
    nights_answered: dict[str, list[Series]],
) -> None:
    shown = dict(nights_answered)
    assert last(shown.pop("Verdict"), "cluster") == {"production": 2, "staging": 1}
    assert last(shown.pop("Failed rows"), "cluster") == {"production": 2, "staging": 0}
    assert last(shown.pop("Not judged"), "cluster") == {"production": 0, "staging": 1}
    since = last(shown.pop("Since the last run"), "cluster")
    assert since == {"production": 6 * 3600 - 9, "staging": 6 * 3600 - 10}
    passed = last(shown.pop("Since all rows passed"), "cluster")
    assert {name: round(s / 86_400, 1) for name, s in passed.items()} == {
        "production": 2.2, "staging": 1.2}  # fmt: skip
    by_outcome = shown.pop("Rows that did not pass")
    assert last(by_outcome, "outcome") == {
        "accepted": 0, "failed": 2, "inconclusive": 1, "not-run": 0}  # fmt: skip
    (failed,) = [each for each in by_outcome if each.labels["outcome"] == "failed"]
    assert {value for _, value in failed.points} == {0, 1, 2}
    rows = [each.labels["row"] for each in shown.pop("Failed rows by name")]
    assert sorted(rows) == ["egress-postgres", "egress-redis"]
    new = {each.labels["cluster"]: {value for _, value in each.points}
           for each in shown.pop("New failures")}  # fmt: skip
    assert new == {"production": {0, 1, 2}, "staging": {0, 1}}
    assert set(last(shown.pop("Flaky rows"), "cluster").values()) == {0}
    assert last(shown.pop("How long a run took"), "cluster") == {"production": 9, "staging": 10}
    calls = last(shown.pop("Requests to the API server"), "cluster")
    assert calls == {"production": 173, "staging": 176}
    assert shown == {}, "each panel is looked at"


@pytest.mark.oracle
def test_a_query_that_prometheus_refuses_says_which() -> None:
    spoilt = {"panels": [{"targets": [{"expr": "sum by (", "instant": True}]}]}
    with nights.prometheus() as address, pytest.raises(TestbedError, match=r"sum by \("):
        answers(spoilt, address, nights.SPAN)


@pytest.mark.parametrize("name", [path.stem for path in FILES])
def test_the_picture_in_the_documents_is_of_this_size_and_named(name: str) -> None:
    content = (FOLDER.parents[1] / "docs" / f"dashboard-{name}.png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board(name)["panels"])
    assert (width, height) == page_size(rows)
    assert len(content) > 20_000, "an empty page is smaller"


def test_a_quantile_of_no_requests_is_a_gap_that_a_browser_can_read() -> None:
    """Prometheus answers NaN; `JSON.parse` refuses it, and the page would stay empty."""
    quantiles = Series("p95", {}, [(1.0, math.nan), (2.0, 0.25), (3.0, math.inf)])
    page = page_of(board("load"), [[quantiles]], Span(1, 3, 1))
    (given,) = re.findall(r'id="given">(.*?)</script>', page, re.DOTALL)
    ((series,),) = json.loads(given, parse_constant=pytest.fail)["answers"]
    assert series["points"] == [[1.0, None], [2.0, 0.25], [3.0, None]]
