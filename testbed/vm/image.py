"""The disk of the virtual machine: a stock Debian 12, our checkout, and programs that were built.

Made without mounting anything: mmdebstrap writes an archive, and `mke2fs -d` a file system from a
folder. The archive is kept in the user's cache, under a hash of what it was asked for.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed.cluster import binaries, minor, paths, store
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import run
from testbed.images.rootfs import debian_sources
from testbed.settings import PATIENCE
from testbed.stock import settings

SUITE = "bookworm"
PACKAGES = ("linux-image-cloud-amd64", "systemd-sysv", "make", "git", "python3", "ca-certificates")
"""The least Debian that boots, and what the README says is needed. Nothing else."""

DISK_BYTES = 20 * 2**30
RESULTS_BYTES = 64 * 2**20
DEBIAN_WITHIN_S = 900.0
DISK_WITHIN_S = 600.0
GUEST_PATIENCE = 40.0
"""An emulated processor was seen fifteen times slower, on a machine that did nothing else."""

FETCH_WITHIN_S = 1200.0
FETCH = (
    ("make", "install"),
    (
        *("testbed/uv", "run", "--frozen", "--all-extras", "python", "-c"),
        "from testbed.cluster import envoy, packages;"
        "packages.ensure(packages.CLUSTER, print); envoy.ensure(print)",
    ),
)
"""Done by chroot, at this machine's speed; the virtual machine has no network. What they bring
stays in the checkout and in the cache. `make test-stock` tries the same commands from nothing."""

NODES = 2
CHECKOUT = "srv/clusterproof"
CACHE = "root/.cache/clusterproof"


@dataclass(frozen=True, slots=True)
class Disks:
    """What the virtual machine boots from.

    Attributes:
        system: Its root file system.
        results: An empty disk, which it writes an archive to.
        kernel: Its kernel, outside of the disk: no boot loader is needed.
        initrd: The kernel's first root file system.
    """

    system: Path
    results: Path
    kernel: Path
    initrd: Path


def build(folder: Path, say: Callable[[str], None]) -> Disks:
    """Make the disks in `folder`.

    Raises:
        TestbedError: A step failed.
    """
    archive = _debian(say)
    root = folder / "root"
    root.mkdir()
    run(["tar", "--extract", "--numeric-owner", f"--file={archive}", f"--directory={root}"],
        timeout_s=DISK_WITHIN_S)  # fmt: skip
    _configure(root)
    _copy_checkout(root / CHECKOUT)
    _lend_programs(root / CACHE)
    say("what `make install` and `make cluster` fetch, into the checkout and the cache in there")
    for command in FETCH:
        _inside(root, command)
    disks = Disks(
        folder / "system.img",
        folder / "results.img",
        _move_newest(root / "boot", "vmlinuz-*", folder / "vmlinuz"),
        _move_newest(root / "boot", "initrd.img-*", folder / "initrd.img"),
    )
    say("writing the disk")
    for disk, size in ((disks.system, DISK_BYTES), (disks.results, RESULTS_BYTES)):
        with disk.open("wb") as file:
            file.truncate(size)
    run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), "-L", "root", str(disks.system)],
        timeout_s=DISK_WITHIN_S)  # fmt: skip
    shutil.rmtree(root)
    return disks


def _debian(say: Callable[[str], None]) -> Path:
    asked = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    key = hashlib.sha256(" ".join([*asked, SUITE]).encode()).hexdigest()[:12]
    archive = paths.cache() / "vm" / f"debian-{SUITE}-{key}.tar"
    if not archive.exists():
        say(f"a stock Debian ({SUITE}), once; kept in {archive}")
        unfinished = archive.with_name(f"part-{archive.name}")
        # Mounts of its own, so that none outlives it, also when it is killed.
        own_mounts = ["unshare", "--mount", "--propagation", "private"]
        run([*own_mounts, *asked, SUITE, str(unfinished), *debian_sources(SUITE)],
            timeout_s=DEBIAN_WITHIN_S)  # fmt: skip
        unfinished.rename(archive)
    return archive


def _configure(root: Path) -> None:
    """A name, and a service that does what is to be shown."""
    (root / "etc/hostname").write_text("stock\n")
    (root / "etc/fstab").write_text("/dev/vda / ext4 errors=remount-ro 0 1\n")
    unit = Path(__file__).with_name("demo-vm.service")
    shutil.copyfile(unit, root / "etc/systemd/system" / unit.name)
    settings.bring(root)
    environment = {
        **settings.environment(os.environ),
        "PATIENCE": f"{max(PATIENCE, GUEST_PATIENCE):g}",
        "NODES": str(NODES),
        # The programs that are lent are of these.
        "KUBERNETES": minor.KUBERNETES,
        "KUBELET": minor.KUBELET,
        "UV_OFFLINE": "1",
    }
    lines = [f"{name}={text}\n" for name, text in environment.items()]
    (root / "etc/demo-vm.env").write_text("".join(lines))
    run(["chroot", str(root), "systemctl", "enable", "--quiet", "demo-vm"])


def _inside(root: Path, command: tuple[str, ...]) -> None:
    """Run a command in the new system's checkout; its mounts and processes end with it."""
    script = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
    namespaces = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork"]
    there = ["env", "--ignore-environment", f"--chdir=/{CHECKOUT}"]
    there += [f"{name}={text}" for name, text in settings.environment(os.environ).items()]
    run(
        [*namespaces, "--kill-child", "sh", "-c", script, str(root), *there, *command],
        timeout_s=FETCH_WITHIN_S,
    )


def _copy_checkout(target: Path) -> None:
    """The files that git knows, as they are now."""
    target.mkdir(parents=True)
    listed = run(["git", "ls-files", "-z"], cwd=paths.CHECKOUT).split("\0")
    for name in filter(None, listed):
        source = paths.CHECKOUT / name
        if source.exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    run(["git", "init", "--quiet"], cwd=target)


def _lend_programs(cache: Path) -> None:
    """Links to what was built, and is kept beside it: compiling would take hours in there."""
    for family in binaries.FAMILIES:
        built = binaries.program(family.names[0]).resolve()
        target = cache / "built" / built.parent.name
        target.mkdir(parents=True, exist_ok=True)
        for program in built.parent.iterdir():
            if not program.is_symlink():
                store.link(program, target / program.name)


def _move_newest(folder: Path, pattern: str, target: Path) -> Path:
    newest = max(folder.glob(pattern), key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        raise TestbedError(f"expected a file {pattern} in the new system's /boot, found none")
    return Path(shutil.copy2(newest, target))


def version() -> str:
    """The commit of the checkout, and whether files differ from it."""
    commit = run(["git", "rev-parse", "--short=12", "HEAD"], cwd=paths.CHECKOUT).strip()
    changed = subprocess.run(
        ["git", "diff", "--quiet", "HEAD"], cwd=paths.CHECKOUT, check=False
    ).returncode
    return f"{commit}{' with changes' if changed else ''}"
