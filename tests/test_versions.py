"""docs/versions.md is what the record says, and the record is of what is run."""

from dataclasses import replace
from pathlib import Path

import pytest

from testbed.cluster import minor, preflight, teardown
from testbed.cluster.errors import PreflightError, TestbedError
from testbed.versions.__main__ import PAGE, _one, _run_all
from testbed.versions.measured import Measured, merged, pairs, read, write
from testbed.versions.page import page

OLDEST, NEWEST = minor.MINORS[0], minor.MINORS[-1]
RUN = Measured(
    control=NEWEST,
    kubelet=NEWEST,
    date="2026-11-27",
    commit="0123456789ab",
    server=f"v{NEWEST}.2",
    kubelets=f"v{NEWEST}.2",
    runtime="v2.4.2",
    runc="1.1.5",
    etcd="v3.6.9",
    nodes=5,
    passed=198,
    rows=198,
    up_s=25.4,
    deploy_s=24.0,
    verify_s=14.6,
)


def test_the_page_is_written_from_the_record() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read())


def test_the_default_passed_every_row() -> None:
    [default] = [run for run in read() if run.pair == (minor.DEFAULT, minor.DEFAULT)]
    assert (default.differed, default.passed) == ((), default.rows)


def test_every_minor_alone_and_the_widest_skew_are_run() -> None:
    assert pairs() == (*((each, each) for each in minor.MINORS), (NEWEST, OLDEST))
    assert pairs(OLDEST) == ((OLDEST, OLDEST),)
    assert pairs(NEWEST, "1.36") == ((NEWEST, "1.36"),)


def test_the_skew_is_the_widest_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minor, "MINORS", ("1.33", "1.34", "1.37"))
    assert pairs("1.37") == (("1.37", "1.37"), ("1.37", "1.34"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    runs = (RUN, replace(RUN, kubelet=OLDEST, passed=197, differed=(("dns", "FAILED", "no"),)))
    write(runs, tmp_path / "record.json")
    assert read(tmp_path / "record.json") == runs


def test_a_run_takes_the_place_of_the_earlier_one_and_of_no_other() -> None:
    skew, again = replace(RUN, kubelet=OLDEST), replace(RUN, date="2026-11-28")
    gone = replace(RUN, control="1.9", kubelet="1.9")
    assert merged((skew, RUN, gone), again) == (again, skew)


def test_a_row_that_did_not_pass_is_on_the_page() -> None:
    worse = replace(RUN, passed=197, differed=(("dns", "INCONCLUSIVE", "no\nanswer"),))
    shown = page([worse])
    assert f"| v{NEWEST}.2 | v{NEWEST}.2 | 197 of 198 | 25 s | 24 s | 15 s | v2.4.2 |" in shown
    assert "    - `dns` INCONCLUSIVE: no answer\n" in shown
    assert "nothing; every row passed" not in shown
    assert "nothing; every row passed" in page([RUN])


def test_what_was_not_run_is_named() -> None:
    shown = page([RUN])
    assert f"Not run yet: Kubernetes {NEWEST} with kubelets of {OLDEST}.\n" in shown
    assert f"Not run yet: Kubernetes {NEWEST}.\n" not in shown


def test_a_mixed_cluster_is_no_measurement() -> None:
    assert _one([{"kubeletVersion": "v1"}, {"kubeletVersion": "v1"}], "kubeletVersion") == "v1"
    with pytest.raises(TestbedError, match=r"expected the same of every node"):
        _one([{"kubeletVersion": "v1"}, {"kubeletVersion": "v2"}], "kubeletVersion")


def test_somebodys_cluster_is_not_taken_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check_root", lambda: None)
    monkeypatch.setattr(teardown, "leftovers", lambda: ("process 1",))
    with pytest.raises(PreflightError, match=r"expected no cluster on this machine"):
        _run_all(pairs(), PAGE)
