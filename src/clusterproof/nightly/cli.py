"""`clusterproof nightly`: one night, as deploy/nightly runs it, and the rights that it takes."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

import yaml

from clusterproof.errors import ClusterproofError
from clusterproof.kube.yaml_file import GoScalars
from clusterproof.nightly.night import KEEP_RUNS, Night, run_night
from clusterproof.nightly.rights import grants_of, needed, roles
from clusterproof.nightly.suite import GRACE_S
from clusterproof.notify.webhook import WEBHOOK_VARIABLE, NotDeliveredError
from clusterproof.options import add_options
from clusterproof.outcome import ExitCode
from clusterproof.project import spec_file
from clusterproof.redact import Redactor
from clusterproof.redact.errors import say_error
from clusterproof.report.files import replace_file
from clusterproof.report.record import RunRecord
from clusterproof.usage import Subparsers, say

WITHIN_S: Final = 900.0


def mount(commands: Subparsers) -> None:
    """Add `nightly` to another command's subcommands."""
    nightly = commands.add_parser("nightly", help="a run that is kept, compared and told")
    inner = nightly.add_subparsers(dest="nightly_command", required=True)
    run = inner.add_parser(
        "run",
        help="run the suites now; what is not listed here is passed on to them",
        description="Run the suites to a deadline, add the run to the history, compare it, write"
        " the pages and the metrics, and tell a webhook. Exit code: the run's verdict.",
    )
    run.add_argument(
        "--results", type=Path, required=True, metavar="DIR", help="the only folder written to"
    )
    add_options(run, "--kubeconfig", "--profile", "--spec")
    run.add_argument(
        "--within", type=float, default=WITHIN_S, metavar="SECONDS", help="deadline: %(default)g"
    )
    run.add_argument(
        "--grace",
        type=float,
        default=GRACE_S,
        metavar="SECONDS",
        help="to write the report after the deadline: %(default)g",
    )
    run.add_argument(
        "--keep", type=int, default=KEEP_RUNS, metavar="RUNS", help="folders kept: %(default)s"
    )
    run.add_argument("--link", default="", metavar="URL", help="where the pages can be read")
    run.add_argument(
        "--webhook-variable",
        default=WEBHOOK_VARIABLE,
        metavar="NAME",
        help="environment variable with the webhook's address: default %(default)s; not set: no"
        " message",
    )
    run.add_argument(
        "--done",
        type=Path,
        metavar="FILE",
        help="at the end, write the path of junit.xml (or of what went wrong) to it: Sonobuoy's"
        " plugins do so",
    )
    run.set_defaults(run=run_command, passes_on=True)
    rights = inner.add_parser(
        "rights", help="the Roles that a run needs, from the rights that it used, as YAML"
    )
    rights.add_argument("record", type=Path, metavar="RUN.json")
    rights.add_argument("--name", default="clusterproof", help="of the Roles: %(default)s")
    rights.add_argument(
        "--beyond",
        type=Path,
        metavar="RUN.json",
        help="leave out what this other run used too: what an opt-in adds",
    )
    rights.set_defaults(run=_rights)


def run_command(options: argparse.Namespace, rest: list[str]) -> int:
    """One night; a message that was not taken is an error of its own, and never hides a verdict."""
    # Absolute, as the suites run in the project's folder.
    spec = Path(options.spec).resolve() if options.spec else None
    named = ["--spec", str(spec)] if spec else ["--profile", options.profile]
    if options.kubeconfig:
        named += ["--kubeconfig", str(Path(options.kubeconfig).resolve())]
    night = Night(
        results=options.results.resolve(),
        arguments=(*named, *rest),
        spec=spec or spec_file(options.profile),
        within_s=options.within,
        grace_s=options.grace,
        webhook=os.environ.get(options.webhook_variable, ""),
        link=options.link,
        keep=options.keep,
    )
    trouble = "the run ended without a report"
    known = _reports(night.results)
    try:
        return run_night(night, say)
    except NotDeliveredError as error:
        say_error(f"clusterproof nightly: {error}")
        return ExitCode.INTERNAL
    except ClusterproofError as error:
        trouble = str(error)
        raise
    finally:
        if options.done:
            _write_done(options.done, _reports(night.results) - known, trouble)


def _reports(results: Path) -> frozenset[Path]:
    return frozenset(results.glob("runs/*/junit.xml"))


def _write_done(done: Path, reports: frozenset[Path], trouble: str) -> None:
    """Name this night's JUnit report; Sonobuoy waits for this file, whatever happened."""
    if reports:
        named = max(reports)
    else:
        named = done.parent / "error.txt"
        replace_file(named, f"{Redactor().text(trouble)}\n".encode())
    replace_file(done, str(named).encode())


def _rights(options: argparse.Namespace, _rest: list[str]) -> int:
    """Roles for the ServiceAccount of deploy/nightly."""
    grants = needed(grants_of(RunRecord.read(options.record).rights))
    if options.beyond:
        grants -= needed(grants_of(RunRecord.read(options.beyond).rights))
    made = roles(grants, options.name, ("clusterproof", "clusterproof"))
    sys.stdout.write(yaml.dump_all(made, Dumper=_Dumper, sort_keys=False))
    return ExitCode.PASSED


class _Dumper(GoScalars, yaml.SafeDumper):
    """Quotes what kubectl would take for no text: a namespace may be named `1e3`."""
