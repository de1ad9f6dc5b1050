"""`clusterproof undo`: puts back what a rehearsal that was killed had changed."""

import argparse
import secrets
import sys
from pathlib import Path

from clusterproof.act.lock import RunLock
from clusterproof.act.rehearsal.reversible import namespaces_of
from clusterproof.act.rehearsal.undo import OLDEST_S, WayBack
from clusterproof.checks import read_spec
from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.options import add_options
from clusterproof.outcome import ExitCode
from clusterproof.redact import Redactor
from clusterproof.redact.errors import say_error
from clusterproof.run.options import USUAL_SPEC, undo_command
from clusterproof.spec import renamed
from clusterproof.usage import Subparsers, over_zero

LOCK_WAIT_S = 60.0


def mount(commands: Subparsers) -> None:
    """Add `undo` to another command's subcommands."""
    command = commands.add_parser(
        "undo",
        help="put back what a killed rehearsal had changed",
        description="Put back what a killed rehearsal had changed, as it was noted in a ConfigMap"
        " before the first change. The next run with --rehearse does the same by itself, within"
        f" {OLDEST_S / 3600:g} hours.",
    )
    add_options(command, "--kubeconfig", "--context", "--namespace")
    command.add_argument(
        "--spec", type=Path, default=USUAL_SPEC, metavar="PATH", help="the spec of that run"
    )
    command.add_argument(
        "--oldest",
        type=over_zero("hours"),
        default=OLDEST_S / 3600,
        metavar="HOURS",
        help="put back only what was changed within so many hours (%(default)g): much may rest on"
        " it since",
    )
    command.set_defaults(run=_undo)


def _undo(options: argparse.Namespace, _rest: list[str]) -> int:
    spec = read_spec(options.spec, renamed(options.namespace))
    dialler = spec.settings.dialler
    if dialler is None:
        raise SpecError(f"{options.spec}: expected settings.dialler: the record is kept there")
    run_id = f"undo-{secrets.token_hex(3)}"
    api = KubeApi(connect(options.kubeconfig, options.context))
    way_back = WayBack(
        api,
        dialler.namespace,
        run_id,
        namespaces=namespaces_of(spec.namespaces.values(), (*spec.rows, *spec.rehearsals)),
        command=undo_command(options),
    )
    lock = RunLock(api, dialler.namespace, run_id)
    left = ""
    try:
        if way_back.left_over():  # there is nothing to wait for where nothing was left
            lock.acquire(within_s=LOCK_WAIT_S)
            left = way_back.take_back(oldest_s=options.oldest * 3600)
    except ObservationError as error:
        advice = f"; next: {error.next_command}" if error.next_command else ""
        say_error(f"undo: {error}{advice}")
        return ExitCode.INCONCLUSIVE
    finally:
        lock.release()
        api.close()
    text = f"put back: {left}" if left else f"nothing to put back: no {way_back.place}"
    sys.stdout.write(f"{Redactor().text(text)}\n")
    return ExitCode.PASSED
