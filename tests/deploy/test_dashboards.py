"""The Grafana dashboards: what they ask for is there, in words that Grafana and Prometheus know."""

import json
import re
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
