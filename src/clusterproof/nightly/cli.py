"""`clusterproof nightly run`: one night, as the CronJob of deploy/nightly runs it."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clusterproof.nightly.night import KEEP_RUNS, Night, run_night
from clusterproof.nightly.suite import GRACE_S
from clusterproof.notify.webhook import NotDeliveredError
from clusterproof.outcome import ExitCode

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - has no other name

PROJECT: Final = Path(__file__).resolve().parents[3]
WEBHOOK_VARIABLE: Final = "CLUSTERPROOF_WEBHOOK"
WITHIN_S: Final = 900.0


def mount(commands: "Subparsers") -> None:
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
    run.add_argument("--profile", default="self-hosted", help="default: %(default)s")
    run.add_argument("--spec", type=Path, metavar="PATH", help="a spec of your own")
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
    run.set_defaults(run=run_command, passes_on=True)


def run_command(options: argparse.Namespace, rest: list[str]) -> int:
    """One night; a message that was not taken is an error of its own, and never hides a verdict."""
    # Absolute, as the suites run in the project's folder.
    spec = options.spec.resolve() if options.spec else None
    named = ("--spec", str(spec)) if spec else ("--profile", options.profile)
    night = Night(
        project=PROJECT,
        results=options.results.resolve(),
        arguments=(*named, *rest),
        spec=spec or PROJECT / "spec" / f"{options.profile}.yaml",
        within_s=options.within,
        grace_s=options.grace,
        webhook=os.environ.get(options.webhook_variable, ""),
        link=options.link,
        keep=options.keep,
    )
    try:
        return run_night(night, _say)
    except NotDeliveredError as error:
        sys.stderr.write(f"clusterproof nightly: {error}\n")
        return ExitCode.INTERNAL


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
