"""The store: lossless, told apart by cluster and profile, whole or not at all."""

import sqlite3
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from clusterproof.errors import SpecError
from clusterproof.history.store import MIGRATIONS, History, RunRef, Series
from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.record import ClusterFacts
from tests.history.nights import FIRST, night, year
from tests.report.samples import records, row


@pytest.mark.parametrize("name", records())
def test_every_record_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    record = Redactor().data(records()[name])
    with History(tmp_path / "new" / "deep" / "history.sqlite3") as history:
        run = history.add(record)
        assert history.record(run) == record
        assert run.verdict is record.verdict


def test_a_run_is_kept_once_and_never_overwritten(tmp_path: Path) -> None:
    record = night(0, row(1))
    with History(tmp_path / "h") as history:
        assert history.add(record) == history.add(record)
        with pytest.raises(SpecError, match="expected run night-000 once"):
            history.add(replace(record, rows=(row(1, Outcome.FAILED),)))
        (series,) = history.all_series()
        (run,) = history.runs(series.id)
        assert history.record(run) == record


def test_clusters_and_profiles_do_not_mix(tmp_path: Path) -> None:
    other = ClusterFacts(context="testbed", uid="u-2")
    with History(tmp_path / "h") as history:
        history.add(night(0, row(1)))
        history.add(night(1, row(1), cluster=other))
        history.add(night(2, row(1), profile="cloud"))
        assert len(history.all_series()) == 3
        third = night(3, row(1))
        before = history.before(third)
        assert before is not None
        assert before.run_id == "night-000"


def test_a_renamed_context_is_the_same_cluster(tmp_path: Path) -> None:
    renamed = ClusterFacts(context="prod-eu", uid="u-1")
    with History(tmp_path / "h") as history:
        history.add(night(0, row(1)))
        history.add(night(1, row(1), cluster=renamed))
        (series,) = history.all_series()
        assert series.context == "prod-eu"
        assert len(history.runs(series.id)) == 2


def test_runs_are_in_the_order_of_time_however_they_were_added(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        for number in (2, 0, 1):
            history.add(night(number, row(1)))
        (series,) = history.all_series()
        assert [run.name for run in history.runs(series.id)] == [
            "night-000",
            "night-001",
            "night-002",
        ]
        assert [point.run for point in history.points(series.id)["row-001-replicas"]] == [0, 1, 2]


def test_points_and_counts_are_those_of_the_records(tmp_path: Path) -> None:
    nights = list(year(20, 12))
    with History(tmp_path / "h") as history:
        for record in nights:
            history.add(record)
        (series,) = history.all_series()
        assert history.counts(series.id) == [record.counts for record in nights]
        seen = history.points(series.id)
        for place, record in enumerate(nights):
            for each in record.rows:
                point = next(one for one in seen[each.id] if one.run == place)
                assert (point.outcome, point.attempts) == (each.outcome, each.attempts)
                assert point.duration_s == each.duration_s


def test_what_utf_8_cannot_hold_is_spelt_out(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        history.add(night(0, row(1, id="lone \ud800", attempts=3)))
        (series,) = history.all_series()
        (name, (point,)) = next(iter(history.points(series.id).items()))
        assert (name, point.attempts) == ("lone \\ud800", 3)


def test_a_run_that_is_not_kept_is_named_with_its_store(tmp_path: Path) -> None:
    store = tmp_path / "h"
    with History(store) as history:
        run = history.add(night(0, row(1)))
        with pytest.raises(SpecError) as missing:
            history.find(run.series, "none")
        with pytest.raises(SpecError) as twice:
            history.add(night(0, row(2)))
    assert str(missing.value) == (
        f"{store}: expected a run none, observed none; next: clusterproof history list"
    )
    assert str(twice.value) == (
        f"{store}: expected run night-000 once, observed another record with that id; next:"
        " clusterproof history list"
    )


def test_a_damaged_record_is_named_with_its_run(tmp_path: Path) -> None:
    store = tmp_path / "h"
    with History(store) as history:
        run = history.add(night(0, row(1)))
        database = sqlite3.connect(store)
        database.execute("UPDATE run SET record = ?", (zlib.compress(b"{"),))
        database.commit()
        database.close()
        with pytest.raises(SpecError, match=r"h: run night-000: expected a run record in JSON"):
            history.record(run)


def test_the_run_before_is_the_newest_that_began_earlier(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        assert history.before(night(1, row(1))) is None
        assert history.series_of(night(1, row(1))) is None
        for number in (0, 1, 3):
            history.add(night(number, row(1)))
        assert history.before(night(0, row(1))) is None
        same_time = replace(night(1, row(1)), run_id="again")
        for record, name in ((night(2), "night-001"), (night(1), "night-000")):
            found = history.before(record)
            assert found is not None
            assert found.run_id == name
        found = history.before(same_time)
        assert found is not None
        assert found.run_id == "night-000"


def test_a_series_is_called_by_its_context_and_profile() -> None:
    assert Series(1, "u", "testbed", "lab").name == "testbed, lab"
    assert Series(1, "u", "testbed", "").name == "testbed"


def test_a_run_takes_no_negative_time() -> None:
    run = RunRef(1, 1, "a", 10.0, 10.5, Outcome.PASSED)
    assert run.duration_s == 0.5
    assert replace(run, finished_at=9.0).duration_s == 0.0


def test_series_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        for number, (context, profile) in enumerate((("b", "x"), ("a", "y"), ("a", "x"))):
            facts = ClusterFacts(context=context)
            history.add(night(number, row(1), cluster=facts, profile=profile))
        assert [one.name for one in history.all_series()] == ["a, x", "a, y", "b, x"]


def test_only_a_pass_is_a_conclusive_success(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        history.add(night(0, row(1)))
        history.add(night(1, row(1, Outcome.INCONCLUSIVE)))
        history.add(night(2, row(1, Outcome.FAILED)))
        history.add(night(3))
        (series,) = history.all_series()
        assert history.last_conclusive_success(series.id) == FIRST + 44.0


def test_baseline_and_retired_rows_are_kept(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        first, second = (history.add(night(number, row(1))) for number in range(2))
        assert history.baseline(first.series) is None
        history.pin(first)
        history.pin(second)
        history.retire(first.series, "row-001-replicas", "HPA decides now")
    with History(tmp_path / "h") as history:
        assert history.baseline(first.series) == second
        assert history.retired(first.series) == {"row-001-replicas": "HPA decides now"}


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at as one", encoding="utf-8")
    with pytest.raises(SpecError, match=r"notes\.txt: expected a history store"):
        History(path)
    assert path.read_text(encoding="utf-8").startswith("not a database")


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h"
    History(path).__exit__(None, None, None)
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(SpecError, match="newer clusterproof"):
        History(path)


def test_a_kill_while_adding_leaves_a_whole_store(tmp_path: Path) -> None:
    path = tmp_path / "h"
    with History(path) as history:
        history.add(night(0, row(1)))
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from clusterproof.history import store\n"
        "from tests.history.nights import night\n"
        "from tests.report.samples import row\n"
        "class Dying(store.History):\n"
        "    def _insert(self, *arguments):\n"
        "        super()._insert(*arguments)\n"
        "        os.kill(os.getpid(), 9)\n"
        "Dying(Path(sys.argv[1])).add(night(1, *(row(n) for n in range(150))))\n"
    )
    dead = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", script, str(path)], check=False, cwd=Path(__file__).parents[2]
    )
    assert dead.returncode == -9
    with History(path) as history:
        (series,) = history.all_series()
        assert [run.name for run in history.runs(series.id)] == ["night-000"]
        history.add(night(1, row(1)))
        assert len(history.points(series.id)["row-001-replicas"]) == 2
