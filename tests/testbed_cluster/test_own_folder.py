"""A folder that one run has to itself, and what becomes of it when the run is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cluster import own_folder
from testbed.cluster.errors import PreflightError
from testbed.cluster.run import run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "clusterproof"


def killed_run(cache: Path, name: str) -> Path:
    """What a run leaves that was killed while it had the folder; a file in it."""
    code = (
        "import os, signal; from testbed.cluster.own_folder import own_folder\n"
        f"with own_folder({name!r}, 'make it') as (folder, _):\n"
        "    (folder / 'etc').mkdir(); (folder / 'etc' / 'passwd').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603
    return cache / name / "run/etc/passwd"


def test_folder_is_empty_and_gone_in_the_end(cache: Path) -> None:
    with own_folder.own_folder("vm", "make demo-vm") as (folder, _):
        assert list(folder.iterdir()) == []
        assert folder.is_relative_to(cache)
        (folder / "disk").touch()
    assert not folder.exists()
    assert own_folder.left() == []


def test_second_run_is_refused_and_another_command_is_not() -> None:
    with own_folder.own_folder("vm", "make demo-vm"):
        with (
            pytest.raises(PreflightError, match="another `make demo-vm` runs"),
            own_folder.own_folder("vm", "make demo-vm"),
        ):
            pass
        with own_folder.own_folder("stock", "make test-stock") as (folder, _):
            assert folder.exists()


@pytest.mark.parametrize("name", own_folder.NAMES)
def test_what_a_killed_run_left_is_named_and_removed(cache: Path, name: str) -> None:
    file = killed_run(cache, name)
    assert file.exists()
    assert own_folder.left() == [file.parents[1]]
    assert own_folder.remove_left() == [str(file.parents[1])]
    assert not file.parents[1].exists()


def test_next_run_begins_without_what_a_killed_one_left(cache: Path) -> None:
    killed_run(cache, "stock")
    with own_folder.own_folder("stock", "make test-stock") as (folder, _):
        assert list(folder.iterdir()) == []


def test_folder_of_a_run_that_goes_on_is_left_alone() -> None:
    with own_folder.own_folder("stock", "make test-stock") as (folder, _):
        assert own_folder.left() == []
        assert own_folder.remove_left() == []
        assert folder.exists()


def test_process_that_a_killed_run_started_keeps_the_folder() -> None:
    with own_folder.own_folder("stock", "make test-stock") as (folder, lock):
        child = subprocess.Popen(["sleep", "60"], pass_fds=[lock.fileno()])  # noqa: S607
    folder.mkdir()  # as if it had been killed before
    assert own_folder.left() == []
    child.kill()
    child.wait()
    assert own_folder.left() == [folder]


@pytest.mark.cluster
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_what_is_mounted_there_is_unmounted_and_never_deleted(cache: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "of the host"
    theirs.mkdir()
    (theirs / "file").touch()
    within = killed_run(cache, "stock").parent
    run(["mount", "--bind", str(theirs), str(within)])
    run(["mount", "-t", "tmpfs", "tmpfs", str(within)])
    assert own_folder.remove_left() == [str(within.parent)]
    assert (theirs / "file").exists()
    assert str(cache) not in Path("/proc/self/mounts").read_text()
