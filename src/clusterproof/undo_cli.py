"""`clusterproof undo`: goes the way back of a rehearsal that was killed."""

import argparse
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.lock import RunLock
from clusterproof.observe.rehearsal.undo import WayBack
from clusterproof.outcome import ExitCode
from clusterproof.spec import read_spec

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - has no other name

SPEC = Path(__file__).resolve().parents[2] / "spec" / "self-hosted.yaml"
LOCK_WAIT_S = 60.0


def mount(commands: "Subparsers") -> None:
    """Add `undo` to another command's subcommands."""
    command = commands.add_parser(
        "undo",
        help="put back what a killed rehearsal had changed",
        description="Put back what a killed rehearsal had changed: it kept the way back in the"
        " cluster. The next run with --rehearse does the same by itself.",
    )
    command.add_argument("--kubeconfig", metavar="PATH", help="as of the suites")
    command.add_argument("--context", metavar="NAME", help="context of the kubeconfig")
    command.add_argument(
        "--spec", type=Path, default=SPEC, metavar="PATH", help="the spec of that run"
    )
    command.set_defaults(run=_undo)


def _undo(options: argparse.Namespace, _rest: list[str]) -> int:
    dialler = read_spec(options.spec).settings.dialler
    if dialler is None:
        raise SpecError(f"{options.spec}: expected settings.dialler: the way back is kept there")
    run_id = f"undo-{secrets.token_hex(3)}"
    api = KubeApi(connect(options.kubeconfig, options.context))
    lock = RunLock(api, dialler.namespace, run_id)
    try:
        lock.acquire(within_s=LOCK_WAIT_S)
        way_back = WayBack(api, dialler.namespace, run_id)
        left = way_back.take_back()
    except ObservationError as error:
        sys.stderr.write(f"undo: {error}\n")
        return ExitCode.INCONCLUSIVE
    finally:
        lock.release()
        api.close()
    sys.stdout.write(
        f"put back: {left}\n" if left else f"nothing to put back: no {way_back.place}\n"
    )
    return ExitCode.PASSED
