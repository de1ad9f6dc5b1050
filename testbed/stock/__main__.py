"""`python -m testbed.stock [--debian 12|13] [--demo]`: the README's commands on a fresh Debian.

A minbase Debian with make, git, ca-certificates and python3 is made in a folder of its own, the
committed state of this checkout is cloned into it, and `make test` (with --demo: `make demo` and
`make cluster-down`, with a look at the machine before and after) is run there as root.

Everything happens in a mount and a process namespace of its own: when this ends, whatever ended it,
no process and no mount of it is left. The folder is deleted; after a SIGKILL by the next run, or by
`make cluster-down`.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from testbed.cluster import cgroups, host, modules, packages, paths, preflight, teardown
from testbed.cluster.errors import PreflightError, TestbedError
from testbed.cluster.own_folder import own_folder
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code, run
from testbed.differences import differences
from testbed.images.rootfs import debian_sources
from testbed.settings import patient
from testbed.snapshot import Section
from testbed.stock import settings

SUITES = {"12": "bookworm", "13": "trixie"}
NEEDED = ("make", "git", "ca-certificates", "python3")
"""What the README says a machine has to have."""

MAKE_DEBIAN_WITHIN_S = 600.0
END_WITHIN_S = 20.0
_INSIDE = "CLUSTERPROOF_STOCK_ROOT"
_HOME = "/root"
_CHECKOUT = f"{_HOME}/clusterproof"


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit code of the first command that fails."""
    options = _options(arguments)
    preflight.check_root()
    packages.use()
    if _INSIDE in os.environ:
        return _inside(Path(os.environ[_INSIDE]), options)
    if options.demo and (left := teardown.leftovers()):
        raise PreflightError(f"a cluster is on this machine ({left[0]}); next: make cluster-down")
    packages.ensure((packages.MMDEBSTRAP,), Progress().say)
    with (
        own_folder("stock", "make test-stock") as (folder, lock),
        _put_back() if options.demo else nullcontext(),
    ):
        return _in_own_namespaces(folder, lock, arguments)


@contextmanager
def _put_back() -> Iterator[None]:
    """Put back what a demo that was killed cannot: all else ends with its namespaces."""
    parameters, loaded = host.parameters(), modules.loaded()
    try:
        yield
    finally:
        cgroups.remove_tree()
        host.set_parameters(parameters)
        modules.unload(modules.since(loaded))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m testbed.stock",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debian", choices=tuple(SUITES), default="12", help="%(default)s")
    parser.add_argument("--demo", action="store_true", help="make demo in place of make test")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="use what this cache folder (~/.cache/clusterproof for one) holds: nothing is built",
    )
    return parser.parse_args(arguments)


def _in_own_namespaces(folder: Path, lock: IO[str], arguments: Sequence[str]) -> int:
    """Run this again where its mounts and processes end with it."""
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    # Whatever becomes of us, it goes too.
    bound = ["setpriv", "--pdeathsig", "KILL", *command]
    again = [*bound, sys.executable, "-m", "testbed.stock", *arguments]
    with subprocess.Popen(
        again,
        cwd=paths.CHECKOUT,
        env={**os.environ, _INSIDE: str(folder)},
        # Ctrl-C is ours to pass on: the folder is deleted when the child is gone.
        start_new_session=True,
        # The folder is in use for as long as it lives, also when we are killed.
        pass_fds=[lock.fileno()],
    ) as child:
        previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return child.wait()
        finally:
            _end(child)
            signal.signal(signal.SIGTERM, previous)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End `unshare` by the first process of its namespace: it waits until all others are gone."""
    if child.poll() is None:
        with suppress(OSError):
            for number in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
                os.kill(int(number), signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            child.wait(patient(END_WITHIN_S))
        child.kill()
    child.wait()


def _inside(root: Path, options: argparse.Namespace) -> int:
    progress = Progress()
    suite = SUITES[options.debian]
    with progress.step(f"a fresh Debian {options.debian} ({suite})"):
        _make_debian(suite, root)
        settings.bring(root)
        clone = ["git", "clone", "--quiet", "--no-hardlinks", str(paths.CHECKOUT)]
        run([*clone, f"{root}{_CHECKOUT}"])
        enter = _entry(root, options.cache)
    if not options.demo:
        return _make(enter, "test", progress)
    before = _machine(enter)
    code = _make(enter, "demo", progress)
    down = _make(enter, "cluster-down", progress)
    after = _machine(enter)
    different = [each for each in differences(before, after) if not each.own_course]
    for difference in different:
        progress.say(f"not as before: {difference}")
    progress.say(f"the machine before and after: {len(different)} differences")
    return code or down or bool(different)


def _make_debian(suite: str, root: Path) -> None:
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
    wanted = f"--include={','.join(NEEDED)}"
    run(
        [*command, wanted, suite, str(root), *debian_sources(suite)], timeout_s=MAKE_DEBIAN_WITHIN_S
    )


def _entry(root: Path, cache: Path | None) -> list[str]:
    """A command before others, that runs them in `root` as on a machine of its own.

    Not chroot: `root` has to be the root of a mount namespace, or what enters the namespaces of a
    container (runc exec) comes out at the root of the machine.
    """
    mounts = [
        f"mount --bind {root} {root}",
        f"mount -t proc proc {root}/proc",
        *(f"mount --rbind /{name} {root}/{name}" for name in ("sys", "dev")),
        *(f"mount -t tmpfs tmpfs {root}/{name}" for name in ("run", "tmp")),
    ]
    if cache:
        inside = f"{root}{_HOME}/.cache/clusterproof"
        mounts += [f"mkdir -p {inside}", f"mount --bind {shlex.quote(str(cache))} {inside}"]
    steps = [
        *mounts,
        f"cd {root}",
        "pivot_root . mnt",
        "umount --lazy /mnt",
        "echo ready",
        "exec sleep infinity",
    ]
    # Ends with the process namespace that we are in.
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-euc", "\n".join(steps)],
        stdout=subprocess.PIPE,
        text=True,
    )
    if holder.stdout is None or holder.stdout.readline() != "ready\n":
        raise TestbedError(f"expected {root} as the root of a namespace; its own words are above")
    given = [f"{name}={value}" for name, value in settings.environment(os.environ).items()]
    enter = ["nsenter", f"--target={holder.pid}", "--mount", f"--wdns={_CHECKOUT}"]
    return [*enter, "env", "--ignore-environment", *given]


def _make(enter: list[str], target: str, progress: Progress) -> int:
    """Run a target of the Makefile in there; its exit code."""
    progress.say(f"make {target}")
    begun = time.monotonic()
    code = subprocess.run(
        [*enter, "make", "--no-print-directory", target], check=False, stdin=subprocess.DEVNULL
    ).returncode
    progress.say(f"make {target}: exit {code} after {time.monotonic() - begun:.0f} s")
    return code


def _machine(enter: list[str]) -> dict[str, Section]:
    """What of the machine a cluster must leave as it was."""
    python = ["testbed/uv", "run", "--frozen", "--all-extras", "python"]
    printed = run([*enter, *python, "-m", "testbed.cluster", "host"], timeout_s=300)
    sections: dict[str, Section] = json.loads(printed)
    return sections


if __name__ == "__main__":
    sys.exit(exit_code("stock", lambda: main(sys.argv[1:])))
