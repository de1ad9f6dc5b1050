"""Which kernel modules `up` and `down` unload: those that came in the time of an `up`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.cluster import host, modules, paths, preflight, up
from testbed.cluster.progress import Progress
from tests.testbed_cluster.host_folders import shared_folders_under


class Kernel:
    """A list of modules as the kernel shows it, and the programs that change it."""

    def __init__(self, folder: Path) -> None:
        """Nothing is loaded but `sunrpc`; the host has no packet filter rules."""
        self.listed = folder / "modules"
        self.listed.write_text("sunrpc 1 0 - Live 0x0\n")
        (folder / "bin").mkdir()
        for name, script in {
            "rmmod": f'/bin/sed -i "/^$1 /d" {self.listed}',
            "nft": "true",
            "dpkg-query": "true",
        }.items():
            program = folder / "bin" / name
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)

    def load(self, *names: str) -> None:
        """Load modules that nothing uses."""
        with self.listed.open("a") as listed:
            listed.writelines(f"{name} 1 0 - Live 0x0\n" for name in names)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A machine without a cluster, whose modules are a file."""
    of_this_test = Kernel(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(modules, "_PROC_MODULES", of_this_test.listed)
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(paths, "RUN", tmp_path / "run")
    monkeypatch.setattr(paths, "COMPLETE", tmp_path / "run/complete")
    monkeypatch.setattr(paths, "HOST_RECORD", tmp_path / "state/host-before.json")
    shared_folders_under(tmp_path / "host", monkeypatch)
    return of_this_test


def test_modules_that_others_loaded_after_up_stay_and_are_named(kernel: Kernel) -> None:
    host.record(modules.loaded())
    kernel.load("overlay", "veth")
    host.record_modules(["overlay", "veth"])
    kernel.load("ip_vs", "usb_storage")
    assert host.restore() == (
        "undone: kernel modules overlay veth",
        "left: kernel modules that came after `up`: ip_vs",
    )
    assert set(modules.loaded()) == {"sunrpc", "ip_vs", "usb_storage"}


def test_modules_of_a_repair_are_added_to_those_of_the_start(kernel: Kernel) -> None:
    host.record(modules.loaded())
    kernel.load("overlay", "veth")
    host.record_modules(["overlay"])
    host.record_modules(["veth"])
    assert host.restore() == ("undone: kernel modules overlay veth",)


def ended_by(error: BaseException, kernel: Kernel) -> Callable[[], None]:
    """A check that loads modules, as the real one does, and ends."""

    def check() -> None:
        kernel.load("overlay", "usb_storage")
        raise error

    return check


@pytest.mark.parametrize("error", [OSError("no disk"), KeyboardInterrupt()])
def test_up_that_ends_before_the_cluster_runs_unloads_what_it_loaded(
    error: BaseException, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "check", ended_by(error, kernel))
    with pytest.raises(type(error)):
        up.up(Progress())
    assert set(modules.loaded()) == {"sunrpc", "usb_storage"}
    assert not paths.HOST_RECORD.exists()


def test_up_that_ends_while_the_cluster_runs_records_what_it_loaded(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.record(modules.loaded())
    monkeypatch.setattr(preflight, "check", ended_by(OSError("no disk"), kernel))
    monkeypatch.setattr(up, "running", lambda: True)
    with pytest.raises(OSError, match="no disk"):
        up.up(Progress())
    assert "overlay" in modules.loaded()
    assert host.restore() == ("undone: kernel modules overlay",)
