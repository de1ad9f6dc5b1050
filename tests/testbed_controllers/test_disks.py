"""Volumes as mounted images, made and removed for real below a temporary directory."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster.errors import TestbedError
from testbed.cluster.run import run
from testbed.controllers.disks import LOOP_CONTROL, Disks

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        os.geteuid() != 0 or not LOOP_CONTROL.exists(), reason="loop devices need root"
    ),
]

SIZE_BYTES = 64 * 2**20


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    """No volume yet; none left afterwards."""
    disks = Disks(tmp_path / "volumes")
    yield disks
    for uid in disks.present():
        disks.remove(uid)


def test_volume_is_as_large_as_asked_and_empty(disks: Disks) -> None:
    directory = disks.make("a", SIZE_BYTES)
    seen = os.statvfs(directory)
    assert 0.9 * SIZE_BYTES < seen.f_blocks * seen.f_frsize <= SIZE_BYTES
    assert list(directory.iterdir()) == []
    assert directory.stat().st_mode & 0o777 == 0o777


def test_large_volume_costs_little(disks: Disks) -> None:
    disks.make("a", 50 * 2**30)
    image = (disks.root / "a.img").stat()
    assert image.st_size == 50 * 2**30
    assert image.st_blocks * 512 < 20 * 2**20


def test_made_twice_is_made_once(disks: Disks) -> None:
    (disks.make("a", SIZE_BYTES) / "kept").write_text("x")
    assert (disks.make("a", SIZE_BYTES) / "kept").read_text() == "x"


def test_unmounted_volume_keeps_its_data(disks: Disks) -> None:
    """As after a reboot: the image is there, the mount is not."""
    directory = disks.make("a", SIZE_BYTES)
    (directory / "kept").write_text("x")
    run(["umount", str(directory)])
    assert (disks.make("a", SIZE_BYTES) / "kept").read_text() == "x"


def test_more_volumes_than_the_machine_has_loop_devices_at_first(disks: Disks) -> None:
    directories = [disks.make(f"v{number}", SIZE_BYTES) for number in range(12)]
    assert all(directory.is_mount() for directory in directories)


def test_removed_volume_is_gone(disks: Disks) -> None:
    disks.make("a", SIZE_BYTES)
    disks.make("b", SIZE_BYTES)
    disks.remove("a")
    assert disks.present() == ("b",)
    disks.remove("a")


def test_volume_in_use_stays_and_says_so(disks: Disks) -> None:
    directory = disks.make("a", SIZE_BYTES)
    with (directory / "open").open("w"), pytest.raises(TestbedError, match="busy"):
        disks.remove("a")
    assert disks.present() == ("a",)
