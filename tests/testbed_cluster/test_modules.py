"""Kernel modules: what is loaded, what is named, and what may be unloaded."""

import os
from pathlib import Path

import pytest

from testbed.cluster import modules

LISTED = """\
overlay 163840 0 - Live 0x0000000000000000
ext4 983040 1 - Live 0x0000000000000000
nf_tables 282624 30 nft_compat,nft_chain_nat, Live 0x0000000000000000
rootkit 16384 - - Live 0x0000000000000000 (PO)
"""


def test_users_of_each_module_are_read() -> None:
    assert modules.parse(LISTED) == {"overlay": 0, "ext4": 1, "nf_tables": 30}


def test_file_systems_are_read_with_and_without_a_device() -> None:
    assert modules.file_systems("nodev\tproc\n\text4\nnodev\toverlay\n") == {
        "proc",
        "ext4",
        "overlay",
    }


@pytest.mark.parametrize(
    ("name", "users", "host_filters", "goes"),
    [
        ("overlay", 0, False, True),
        ("overlay", 1, False, False),
        ("loop", 0, True, True),
        ("nf_tables", 0, False, True),
        ("nf_tables", 0, True, False),
        ("nft_chain_nat", 0, False, True),
        ("xt_conntrack", 0, True, False),
        ("libcrc32c", 0, False, True),
        ("ip_vs", 0, False, True),
        ("ip_vs", 1, False, False),
        ("usb_storage", 0, False, False),
        ("btrfs", 0, False, False),
        ("overlayfs_of_somebody", 0, False, False),
    ],
)
def test_what_came_by_our_doing_and_is_unused_goes(
    name: str, users: int, *, host_filters: bool, goes: bool
) -> None:
    names = modules.to_unload([name], {"sunrpc": 0, name: users}, host_filters=host_filters)
    assert names == ((name,) if goes else ())


def test_what_did_not_come_by_our_doing_stays() -> None:
    assert modules.to_unload(["loop"], {"overlay": 0}, host_filters=False) == ()


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel without modules, and a machine without modprobe."""
    monkeypatch.setattr(modules, "_folder", lambda: tmp_path / "modules")
    monkeypatch.setattr(modules, "FILE_SYSTEMS", {"nosuchfs": "volumes"})
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_kernel_without_modules_is_told_from_one_without_modprobe(kernel: Path) -> None:
    [sentence] = modules.lacking()
    assert sentence.startswith("expected a kernel with nosuchfs (volumes), it has no modules for")
    assert sentence.endswith("on the host of a container: modprobe nosuchfs")
    (kernel / "modules").mkdir()
    [sentence] = modules.lacking()
    assert sentence.endswith("next: apt-get install kmod && modprobe nosuchfs")


def test_module_that_does_not_load_is_named_with_the_command_that_says_why(kernel: Path) -> None:
    (kernel / "modules").mkdir()
    program = kernel / "bin/modprobe"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $* >>{kernel}/asked\nexit 1\n")
    program.chmod(0o755)
    modules.load()
    asked = (kernel / "asked").read_text().splitlines()
    assert [line.split()[-1] for line in asked] == [*modules.LOADED]
    [sentence] = modules.lacking()
    assert sentence.endswith("next, to see why: modprobe --verbose nosuchfs")


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_networks_are_tried_and_what_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = {"veth": ("true",), "bridge": ("sh", "-c", "echo Unknown device type >&2; exit 2")}
    monkeypatch.setattr(modules, "TRIALS", trials)
    [sentence] = modules.lacking_in_networks()
    assert sentence.startswith("expected a kernel with bridge (Unknown device type), ")


@pytest.mark.cluster
def test_this_machine_has_all_that_the_networks_take() -> None:
    assert [*modules.lacking_in_networks()] == []


def test_file_system_that_the_kernel_knows_is_not_mentioned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(modules, "FILE_SYSTEMS", {"proc": "everything"})
    assert [*modules.lacking()] == []
