"""The virtual machine: QEMU, emulating, followed until the machine has switched itself off."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clusterproof.wait import NeverAcceptedError
from testbed.cluster.errors import TestbedError
from testbed.cluster.processes import end_child
from testbed.cluster.run import completed
from testbed.settings import setting
from testbed.vm.image import Disks
from testbed.waits import wait_until

MEMORY = "7G"
PROCESSORS = 2
WHOLE_RUN_WITHIN_S = 5400.0
END_WITHIN_S = 10.0
MARK = "demo-vm: "
STEPS = "steps.jsonl"
TAIL_LINES = 25

ACCELERATOR = setting("ACCEL", lambda text: text or "tcg,thread=multi")
"""Emulation works everywhere; `ACCEL=kvm make demo-vm` is for a machine where /dev/kvm does."""


def command(disks: Disks, console: Path) -> list[str]:
    """QEMU's command line: no window and no network."""
    return [
        # It ends with us, however we end; and whatever else runs here comes first.
        *("setpriv", "--pdeathsig", "KILL", "nice", "-n", "10"),
        "qemu-system-x86_64",
        *("-nodefaults", "-nic", "none", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-machine", "q35", "-accel", ACCELERATOR, "-cpu", "max"),
        *("-smp", str(PROCESSORS), "-m", MEMORY),
        *("-kernel", str(disks.kernel), "-initrd", str(disks.initrd)),
        *("-append", "root=/dev/vda rw console=ttyS0 panic=-1 systemd.show_status=no"),
        *("-drive", f"file={disks.system},format=raw,if=virtio,cache=unsafe,discard=unmap"),
        *("-drive", f"file={disks.results},format=raw,if=virtio"),
        *("-device", "virtio-rng-pci"),
        *("-serial", f"file:{console}"),
    ]


def boot(disks: Disks, folder: Path, say: Callable[[str], None]) -> Path:
    """Boot it, and wait until it has switched itself off; returns the folder of its results.

    Raises:
        TestbedError: It did not end in time, or left no results; says what its console said last.
    """
    console = folder / "console.log"
    console.touch()
    with (
        console.open(encoding="utf-8", errors="replace") as written,
        _running(disks, console) as qemu,
    ):
        unfinished = ""

        def ended() -> bool:
            nonlocal unfinished
            over = qemu.poll() is not None
            *lines, unfinished = (unfinished + written.read()).split("\n")
            for line in lines:
                if MARK in line:
                    say(line.partition(MARK)[2].rstrip())
            return over

        try:
            wait_until(
                ended,
                bool,
                waiting_for="the virtual machine to switch itself off",
                within_s=WHOLE_RUN_WITHIN_S,
                every_s=2.0,
            )
        except NeverAcceptedError as error:
            raise TestbedError(f"{error}\n{_last(console)}") from error
    results = folder / "results"
    results.mkdir(exist_ok=True)
    # Not tarfile: the Python of Debian 12 has no filter for what an archive may write.
    completed(["tar", "--extract", f"--file={disks.results}", f"--directory={results}"])
    if not (results / STEPS).exists():
        raise TestbedError(
            f"expected an archive of results with {STEPS} from the virtual machine, got none\n"
            f"{_last(console)}"
        )
    return results


@contextmanager
def _running(disks: Disks, console: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command(disks, console), stdin=subprocess.DEVNULL) as qemu:
        try:
            yield qemu
        finally:
            end_child(qemu, END_WITHIN_S)


def _last(console: Path) -> str:
    lines = console.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(["its console ended with:", *(f"  {line}" for line in lines)])
