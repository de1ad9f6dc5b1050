"""What the options of a verification come to."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest

from clusterproof.errors import SpecError
from clusterproof.options import OPTIONS, add_options
from clusterproof.project import SPECS
from clusterproof.run.options import (
    given_spec,
    permissions_of,
    refuse_unredacted,
    refuse_wrong,
    report_folder,
    shown,
    spec_path,
)


def options(*words: str) -> Namespace:
    """As the command line gives them; `keyword` and `markexpr` are pytest's."""
    parser = ArgumentParser()
    add_options(parser, *(option.flag for option in OPTIONS))
    return Namespace(keyword="", markexpr="", **vars(parser.parse_args(words)))


def test_reports_go_where_they_are_told_or_beside_the_suites_or_nowhere(tmp_path: Path) -> None:
    assert report_folder(options(), tmp_path) == tmp_path / "reports"
    assert report_folder(options("--report-dir", "here"), tmp_path) == Path("here")
    assert report_folder(options("--report-dir", ""), tmp_path) is None


def test_a_spec_of_your_own_comes_before_a_profile() -> None:
    assert spec_path(options("--profile", "lab")) == SPECS / "lab.yaml"
    assert spec_path(options("--profile", "lab", "--spec", "own.yaml")) == Path("own.yaml")
    with pytest.raises(SpecError, match=r"--profile: expected one of .*; got 'none'"):
        spec_path(options("--profile", "none"))


def test_rehearsals_are_rows_only_where_they_are_asked_for() -> None:
    spec, rehearsed = given_spec(options()), given_spec(options("--rehearse"))
    assert spec.rehearsals
    ids = {row.id for row in (*spec.rows, *spec.rehearsals)}
    assert {row.id for row in rehearsed.rows} == ids


def test_a_run_may_do_what_it_is_told_and_no_more() -> None:
    usual = permissions_of(options())
    assert (usual.read_only, usual.allow_production, usual.undo_command) == (False, False, "")
    told = permissions_of(options("--read-only", "--allow-production", "--lock-wait", "5"))
    assert (told.read_only, told.allow_production, told.lock_wait_s) == (True, True, 5.0)
    assert permissions_of(options("--rehearse")).undo_command == "clusterproof undo"


def test_a_record_has_the_options_that_were_given_and_no_others() -> None:
    assert shown(options()) == {"--profile": "self-hosted"}
    given = options("--only", "a", "--only", "b*", "--rehearse", "--namespace", "router=r")
    assert shown(given) == {
        "--profile": "self-hosted",
        "--only": "a, b*",
        "--rehearse": "True",
        "--namespace": "['router=r']",
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--kubeconfig", "FOLDER"], "is a folder; put the folder of the suites first"),
        (["--kubeconfig", "FOLDER/none"], "expected a file, there is no"),
        (["--rehearse", "--read-only"], "--rehearse changes the cluster"),
        (["--since", "FOLDER"], "--since: .*expected a record or a history store"),
    ],
)
def test_wrong_options_are_refused_before_a_spec_is_read(
    tmp_path: Path, words: list[str], sentence: str
) -> None:
    with pytest.raises(SpecError, match=sentence):
        refuse_wrong(options(*(word.replace("FOLDER", str(tmp_path)) for word in words)))


def test_a_plan_needs_no_kubeconfig(tmp_path: Path) -> None:
    refuse_wrong(options("--plan", "--kubeconfig", str(tmp_path / "none")))


def test_output_that_pytest_does_not_capture_is_refused() -> None:
    """Where its plugin is switched off there is no such option, and nothing is captured."""
    refuse_unredacted(Namespace(capture="fd"), {})
    for given in (Namespace(capture="no"), Namespace()):
        with pytest.raises(SpecError, match="--capture=no, or -s"):
            refuse_unredacted(given, {})
    with pytest.raises(SpecError, match="PYTEST_DEBUG"):
        refuse_unredacted(Namespace(capture="sys"), {"PYTEST_DEBUG": ""})
