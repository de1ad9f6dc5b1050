"""Selection for people: --only, areas by -m, and --since a former record or a baseline."""

from dataclasses import replace
from pathlib import Path

import pytest

from clusterproof.cli import main
from clusterproof.history.compare import compare, with_census
from clusterproof.history.store import History
from clusterproof.outcome import ExitCode, Outcome
from tests.nightly.api_server import CONFIG_MAPS, settings
from tests.run.suite_run import SuiteRun, Suites, suites


def ids(run: SuiteRun) -> list[str]:
    return [row.id.removeprefix("settings-") for row in run.record.rows]


def test_rows_are_chosen_by_their_id_or_a_glob(tmp_path: Path) -> None:
    with suites(tmp_path, "aa", "ab", "b", aa="yes", ab="yes", b="no") as place:
        run = place.run("--only", "settings-a*", "--only", "settings-aa")
        alone = place.run("--only", "settings-b")
    assert (run.code, ids(run)) == (ExitCode.PASSED, ["aa", "ab"]), run.shown
    assert (alone.code, ids(alone)) == (ExitCode.FAILED, ["b"])
    assert "2 of 3 rows of the spec were chosen" in run.record.notes
    assert run.record.options["--only"] == "settings-a*, settings-aa"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("settings-aaa", "no row of spec.yaml is settings-aaa; near it: settings-aa"),
        ("settings-*x", "no row of spec.yaml is settings-*x; near it: settings-aa"),
        ("zzz", "no row of spec.yaml is zzz; clusterproof plan shows all of them"),
    ],
)
def test_a_row_that_there_is_not_is_wrong_usage_with_the_nearest(
    pattern: str, words: str, tmp_path: Path
) -> None:
    with suites(tmp_path, "aa", aa="yes") as place:
        run = place.run("--only", "settings-aa", "--only", pattern)
    assert run.code == ExitCode.USAGE, run.shown
    assert f"--only: {words}" in run.shown
    assert "Traceback" not in run.shown
    assert "collected" not in run.shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-m", "netpol"), "-m: expected an area (workloads, "),
        (("-m", "not netpol or health"), "rehearsals), got netpol"),
        (("-k", "("), "Wrong expression passed to '-k'"),
    ],
)
def test_wrong_usage_is_a_sentence_without_rows_that_did_not_run(
    options: tuple[str, str], words: str, tmp_path: Path
) -> None:
    with suites(tmp_path, "aa", aa="yes") as place:
        run = place.run(*options)
    assert run.code == ExitCode.USAGE, run.shown
    assert words in run.shown
    assert "not-run" not in run.shown
    assert "INCONCLUSIVE" not in run.shown


def test_areas_are_combined(tmp_path: Path) -> None:
    with suites(tmp_path, "aa", aa="yes") as place:
        run = place.run("-m", "configuration and not network-policy")
    assert (run.code, ids(run)) == (ExitCode.PASSED, ["aa"]), run.shown


def test_a_rehearsal_is_named_as_one(tmp_path: Path) -> None:
    with suites(tmp_path, "a") as place:
        spec = Path(__file__).parents[2] / "spec" / "self-hosted.yaml"
        run = Suites(tmp_path, spec, place.server).run("--only", "rehearse-router-scale", "--plan")
    assert run.code == ExitCode.USAGE
    assert "rehearse-router-scale is a rehearsal: give --rehearse as well" in run.shown


def test_an_area_is_chosen_by_its_name(tmp_path: Path) -> None:
    with suites(tmp_path, "a", a="yes") as place:
        run = place.run("-m", "configuration")
        none = place.run("-m", "network-policy")
    assert (run.code, ids(run)) == (ExitCode.PASSED, ["a"]), run.shown
    assert run.record.options["-m"] == "configuration"
    assert none.code == ExitCode.NOTHING_COLLECTED


@pytest.mark.parametrize("kind", ["file", "folder", "baseline"])
def test_what_changed_since_a_former_run_is_said_and_the_exit_code_is_its_own(
    kind: str, tmp_path: Path
) -> None:
    with suites(tmp_path, "a", "b", "c", "d", a="no", b="no", c="yes", d="yes") as place:
        before = place.run()
        store = tmp_path / "history.sqlite"
        with History(store) as kept:
            kept.pin(kept.add(before.record))
        since = {"file": before.folder / "run.json", "folder": before.folder, "baseline": store}
        place.answers.lists[CONFIG_MAPS] = settings(a="no", b="yes", c="no", d="yes")
        run = place.run("--since", str(since[kind]))
    assert run.code == run.record.exit_code == ExitCode.FAILED
    (note,) = [note for note in run.record.notes if note.startswith("since ")]
    assert note == (
        f"since {before.record.run_id}: newly red: settings-c; newly green: settings-b;"
        " still red: settings-a"
    )
    assert note in run.shown
    assert "newly red" in (run.folder / "summary.md").read_text("utf-8")


def test_a_green_run_since_a_red_one_is_green(tmp_path: Path) -> None:
    with suites(tmp_path, "a", a="no") as place:
        before = place.run()
        place.answers.lists[CONFIG_MAPS] = settings(a="yes")
        run = place.run("--since", str(before.folder))
        again = place.run("--since", str(run.folder))
    assert (run.code, again.code) == (ExitCode.PASSED, ExitCode.PASSED)
    assert again.record.notes[-1].endswith("nothing changed, and nothing is red")


def test_a_store_without_a_baseline_is_said(tmp_path: Path) -> None:
    with History(tmp_path / "history.sqlite"):
        pass
    with suites(tmp_path, "a", a="yes") as place:
        run = place.run("--since", str(tmp_path / "history.sqlite"))
    assert run.code == ExitCode.PASSED
    assert "it has no baseline of this cluster and profile" in run.shown


@pytest.mark.parametrize("text", [None, "{", '{"schema": 1}'], ids=["absent", "no-json", "half"])
def test_what_is_no_record_is_wrong_usage(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "former.json").write_text(text, "utf-8")
    with suites(tmp_path, "a", a="yes") as place:
        run = place.run("--since", str(tmp_path / "former.json"))
    assert run.code == ExitCode.USAGE, run.shown
    assert "--since: " in run.shown
    assert "Traceback" not in run.shown


def test_the_rows_that_were_not_chosen_have_not_vanished(tmp_path: Path) -> None:
    """Nor do they hide, in the history, a row that really has."""
    with suites(tmp_path, "a", "b", a="yes", b="yes") as place:
        whole, part = place.run(), place.run("--only", "settings-a")
    assert compare(whole.record, part.record).vanished == ()
    assert with_census(whole.record, part.record) == part.record
    told_nothing = replace(part.record, options={})
    assert compare(whole.record, told_nothing).vanished == ("settings-b",)
    store = str(tmp_path / "history.sqlite")
    records = [str(run.folder / "run.json") for run in (whole, part)]
    assert main(["history", "add", "--store", store, *records]) == ExitCode.PASSED
    with History(Path(store)) as kept:
        runs = [kept.runs(series.id) for series in kept.all_series()]
    assert [len(each) for each in runs] == [1, 1]
    assert part.record.counts[Outcome.PASSED] == 1
