"""The cluster in a stock Debian, in a virtual machine: `python -m testbed.vm`, or `make demo-vm`.

Makes a disk, boots it, waits until the machine has switched itself off, and writes what was seen to
.testbed/vm: `seen.json`, `seen.md`, and the logs. Nothing of this machine is changed but the user's
cache; no port is opened.
"""

import argparse
import datetime as dt
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clusterproof.errors import ClusterproofError
from testbed.cluster import binaries, contour, packages, paths, preflight
from testbed.cluster.errors import PreflightError
from testbed.cluster.own_folder import own_folder
from testbed.cluster.progress import Progress
from testbed.differences import differences
from testbed.settings import PATIENCE
from testbed.vm import image, machine
from testbed.vm.look import TOO_BIG
from testbed.vm.page import page

OK, FAILED, INTERRUPTED, USAGE = 0, 1, 2, 4
NEEDED = {"qemu-system-x86_64": "qemu-system-x86", "mke2fs": "e2fsprogs", "setpriv": "util-linux"}
FREE_BYTES = 12 * 2**30
MEMORY_BYTES = 9 * 2**30
DELIVERED = paths.DELIVERED / "vm"


def main(arguments: Sequence[str]) -> int:
    """Run it; 0 when the cluster ran in there and left nothing."""
    parser = argparse.ArgumentParser(prog="python -m testbed.vm", description=__doc__)
    parser.add_argument(
        "--page", type=Path, default=DELIVERED / "seen.md", help="where it says what was seen"
    )
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    progress = Progress()
    try:
        _check()
        outcome = _run(progress)
    except PreflightError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    except ClusterproofError as error:
        sys.stderr.write(f"failed: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the virtual machine is ended, its disk is removed\n")
        return INTERRUPTED
    return _told(outcome, options.page, progress)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _check() -> None:
    """Pass when this machine can do it.

    Raises:
        PreflightError: It cannot; says all that stands in the way.
    """
    preflight.check_root()
    packages.use()
    lacking = [package for name, package in NEEDED.items() if not shutil.which(name)]
    against = list(preflight.lacking_space(paths.cache(), FREE_BYTES))
    if lacking:
        against.append(
            f"expected programs of the packages {' '.join(lacking)}; install them:"
            f" apt-get install --no-install-recommends {' '.join(lacking)}"
        )
    available = available_memory(Path("/proc/meminfo").read_text())
    if available < MEMORY_BYTES:
        against.append(
            f"expected {MEMORY_BYTES / 2**30:.0f} GiB of free memory (the virtual machine takes"
            f" {machine.MEMORY}), this machine has {available / 2**30:.1f} GiB"
        )
    if against:
        raise PreflightError("\n".join(against))


def available_memory(meminfo: str) -> int:
    """Bytes that programs can still have: what the kernel can free at once is among them."""
    fields = dict(line.split(":", 1) for line in meminfo.splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def _run(progress: Progress) -> dict[str, Any]:
    commit = image.version()
    with own_folder("vm", "make demo-vm") as (folder, _):
        packages.ensure((packages.MMDEBSTRAP,), progress.say)
        binaries.ensure(progress.say)
        contour.manifests()
        with progress.step("a disk with a stock Debian, this checkout and the built programs"):
            disks = image.build(folder, progress.say)
        with progress.step("the virtual machine"):
            results = machine.boot(disks, folder, progress.say)
        shutil.rmtree(DELIVERED, ignore_errors=True)
        shutil.copytree(results, DELIVERED)
        shutil.copyfile(folder / "console.log", DELIVERED / "console.log")
    return {"commit": commit, **_seen(DELIVERED)}


def _seen(folder: Path) -> dict[str, Any]:
    def read(name: str) -> Any:  # noqa: ANN401 - any JSON value
        file = folder / name
        return json.loads(file.read_text()) if file.exists() else {}

    steps = folder / machine.STEPS
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "packages": image.PACKAGES,
        "accelerator": machine.ACCELERATOR,
        "patience": max(PATIENCE, image.GUEST_PATIENCE),
        "machine": read("machine.json"),
        "steps": [json.loads(line) for line in steps.read_text().splitlines()],
        "during": read("during.json"),
        "before": read("before.json"),
        "after": read("after.json"),
    }


def _told(outcome: dict[str, Any], file: Path, progress: Progress) -> int:
    left = differences(outcome["before"], outcome["after"])
    (DELIVERED / "seen.json").write_text(json.dumps(outcome, indent=1))
    file.write_text(page(outcome, left))
    progress.say(f"what was seen: {file}; all of it, with the logs: {DELIVERED}")
    code = OK
    for step in outcome["steps"]:
        if step["exit"] != 0:
            progress.say(f"step {step['name']}: expected exit 0, got {step['exit']}")
            code = FAILED
    if any(node["Ready"] != "True" for node in outcome["during"].get("nodes", [])):
        progress.say("expected every node Ready, one was not")
        code = FAILED
    for pod in outcome["during"].get("pods", []):
        # Its container is ended again and again: that is what it is for.
        if pod["phase"] != "Running" or not (pod["ready"] or pod["name"] == TOO_BIG):
            progress.say(f"expected Pod {pod['namespace']}/{pod['name']} to run, it did not")
            code = FAILED
    for difference in left:
        if not difference.own_course:
            progress.say(f"not as before: {difference}")
            code = FAILED
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
