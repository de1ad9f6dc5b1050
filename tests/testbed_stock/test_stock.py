"""A run on a fresh Debian leaves nothing, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testbed.cluster import packages, paths

PROJECT = Path(__file__).parents[2]
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")]


@pytest.fixture
def stock(tmp_path: Path) -> "subprocess.Popen[str]":
    """A run whose Debian is never finished: its mmdebstrap mounts something, and stays."""
    slow = tmp_path / "bin/mmdebstrap"
    slow.parent.mkdir()
    slow.write_text(
        "#!/bin/sh\nfor last; do case $last in /*) root=$last; esac; done\n"
        'mkdir -p "$root/proc"; mount -t proc proc "$root/proc"\n'
        f"touch {tmp_path}/mounted; sleep 300\n"
    )
    slow.chmod(0o755)
    (slow.with_name("mmtarfilter")).symlink_to(slow)
    packages.ensure((packages.MMDEBSTRAP,), lambda _: None)
    own = tmp_path / "cache/clusterproof"
    own.mkdir(parents=True)
    (own / "packages").symlink_to(paths.cache() / "packages")
    return start(tmp_path)


def start(tmp_path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "testbed.stock"],
        cwd=PROJECT,
        env={
            **os.environ,
            "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        },
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_no_process_no_mount_and_no_folder(
    number: signal.Signals, stock: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    await_start(tmp_path)
    stock.send_signal(number)
    _, told = stock.communicate(timeout=60)
    assert stock.returncode == 2
    assert told.splitlines()[-1] == "stock: interrupted"
    assert left(tmp_path) == []


def test_what_a_killed_run_leaves_is_gone_with_the_next(
    stock: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    await_start(tmp_path)
    stock.kill()
    stock.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while str(tmp_path) in "".join(commands()):
        assert time.monotonic() < deadline, "expected its processes to end within 20 s"
        time.sleep(0.05)
    assert left(tmp_path) == [str(folder(tmp_path))]
    (folder(tmp_path) / "of-the-killed-run").touch()
    (tmp_path / "mounted").unlink()
    following = start(tmp_path)
    await_start(tmp_path)
    assert not (folder(tmp_path) / "of-the-killed-run").exists()
    following.terminate()
    following.communicate(timeout=60)
    assert left(tmp_path) == []


def await_start(tmp_path: Path) -> None:
    deadline = time.monotonic() + 60
    while not (tmp_path / "mounted").exists():
        assert time.monotonic() < deadline, "expected the run to begin within 60 s"
        time.sleep(0.05)


def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache/clusterproof/stock/run"


def left(tmp_path: Path) -> list[str]:
    """What there is of a run: its folder, its mounts, its processes."""
    place = str(folder(tmp_path))
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return [
        *([place] if folder(tmp_path).exists() else []),
        *(mount for mount in mounts if place in mount),
        *(command for command in commands() if place in command),
    ]


def commands() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_text())
        except OSError:  # ended meanwhile
            continue
    return found
