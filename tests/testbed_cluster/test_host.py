"""What the cluster leaves as it was: looked at, recorded, and put back."""

import json
from pathlib import Path

import pytest

from testbed.cluster import host, modules, paths, shared_folders
from tests.testbed_cluster.host_folders import shared_folders_under


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the record of this test's host is."""
    monkeypatch.setattr(paths, "STATE", tmp_path)
    monkeypatch.setattr(paths, "RUN", tmp_path / "run")
    monkeypatch.setattr(paths, "HOST_RECORD", tmp_path / "host-before.json")
    shared_folders_under(tmp_path / "host", monkeypatch)
    return tmp_path / "host-before.json"


def test_nothing_changed_is_nothing_to_say(record: Path) -> None:
    host.record(modules.loaded())
    assert record.exists()
    assert host.restore() == ()


def test_folder_that_was_not_there_goes(record: Path) -> None:
    host.record(modules.loaded())
    folder = shared_folders.CNI
    (folder / "of" / "nobody").mkdir(parents=True)
    assert host.restore() == (f"undone: folder {folder}",)
    assert not folder.exists()
    assert record.exists()


def test_folder_that_others_have_filled_since_stays(record: Path) -> None:
    host.record(modules.loaded())
    assert record.exists()
    theirs = shared_folders.KUBELET / "config.yaml"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    assert host.restore() == (
        f"left: folder {shared_folders.KUBELET}, with files of others: {theirs}",
    )
    assert theirs.exists()


def test_folder_that_was_there_stays_when_it_is_empty(record: Path) -> None:
    shared_folders.CNI.mkdir(parents=True)
    host.record(modules.loaded())
    assert host.restore() == ()
    assert shared_folders.CNI.exists()
    assert record.exists()


def test_record_of_the_first_start_is_the_one_that_counts(record: Path) -> None:
    host.record(["first"])
    host.record(["second"])
    assert json.loads(record.read_text())["modules"] == ["first"]


def test_what_others_changed_is_said_and_left_alone(record: Path) -> None:
    host.record(modules.loaded())
    before = json.loads(record.read_text())
    before["compared"]["packages"]["no-such-package"] = "1.22 ii"
    before["compared"]["enabled units"]["no-such.service"] = "/lib/systemd/system/no-such.service"
    record.write_text(json.dumps(before))
    sentences = host.restore()
    assert sentences == (
        "changed meanwhile, not by us: enabled units: gone: no-such.service"
        " /lib/systemd/system/no-such.service",
        "changed meanwhile, not by us: packages: gone: no-such-package 1.22 ii",
    )
