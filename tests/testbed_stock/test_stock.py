"""A run on a fresh Debian leaves nothing, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
    (tmp_path / "temporary").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "testbed.stock"],
        cwd=PROJECT,
        env={
            **os.environ,
            "PATH": f"{slow.parent}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path / "temporary"),
        },
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_no_process_no_mount_and_no_folder(
    number: signal.Signals, stock: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    deadline = time.monotonic() + 60
    while not (tmp_path / "mounted").exists():
        assert time.monotonic() < deadline, "expected the run to begin within 60 s"
        time.sleep(0.05)
    stock.send_signal(number)
    _, told = stock.communicate(timeout=60)
    assert stock.returncode == 2
    assert told.splitlines()[-1] == "stock: interrupted"
    assert list((tmp_path / "temporary").iterdir()) == []
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    assert not [each for each in commands() if str(tmp_path / "temporary") in each]


def commands() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_text())
        except OSError:  # ended meanwhile
            continue
    return found
