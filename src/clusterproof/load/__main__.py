"""`python -m clusterproof.load run|judge`: one load run, or a stored one judged again."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.load.analysis import Analysis
from clusterproof.load.objectives import DEFAULT_PATH, LoadSpec, read_objectives
from clusterproof.load.page import write_report
from clusterproof.load.sections import Evidence
from clusterproof.load.session import Options, judge, run
from clusterproof.outcome import ExitCode, Outcome, exit_code
from clusterproof.redact.errors import say_error, say_uncaught

_MARKS = {Outcome.PASSED: "ok  ", Outcome.FAILED: "FAIL", Outcome.INCONCLUSIVE: "??? "}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, report, and carry the verdict in the exit code."""
    sys.excepthook = say_uncaught
    options = _parser().parse_args(arguments)
    try:
        spec = read_objectives(options.objectives)
        if options.command == "run":
            spec = _asked_elsewhere(spec, options)
            api = KubeApi(connect(options.kubeconfig, options.context))
            run(api, spec, _options(options))
        analysis, inputs = judge(spec, options.out)
    except SpecError as error:
        say_error(str(error))
        return ExitCode.USAGE
    except ObservationError as error:
        say_error(f"INCONCLUSIVE: {error}")
        if error.next_command:
            sys.stderr.write(f"next: {error.next_command}\n")
        return ExitCode.INCONCLUSIVE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    _print_findings(analysis)
    try:
        page = write_report(analysis, inputs, spec, options.out, previous=options.previous)
    except SpecError as error:
        say_error(str(error))
        return ExitCode.USAGE
    except OSError as error:
        say_error(f"INCONCLUSIVE: the report cannot be written: {error}")
        return ExitCode.INCONCLUSIVE
    _print_verdict(analysis, page)
    return exit_code(analysis.verdict.outcome)


def _print_findings(analysis: Analysis) -> None:
    for finding in analysis.verdict.findings:
        sys.stdout.write(
            f"{_MARKS.get(finding.outcome, '    ')} {finding.id} [{finding.link}]: expected"
            f" {finding.expected}; observed {finding.observed}\n"
        )
        if finding.outcome is not Outcome.PASSED:
            sys.stdout.writelines(f"         {line}\n" for line in finding.evidence)


def _print_verdict(analysis: Analysis, page: Path) -> None:
    broken = analysis.verdict.broken
    said = f"; broken link: {broken}" if broken else ""
    sys.stdout.write(f"\n{analysis.verdict.outcome.upper()}{said}; report: {page}\n")


def _asked_elsewhere(spec: LoadSpec, options: argparse.Namespace) -> LoadSpec:
    """The spec with the places that the command line names in place of its own."""
    names = ("prometheus", "posthog", "posthog_secret")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    try:
        evidence = Evidence.model_validate({**spec.evidence.model_dump(), **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise SpecError(f"--{option} {first['input']!r}: {first['msg']}") from error
    return spec.model_copy(update={"evidence": evidence})


def _options(options: argparse.Namespace) -> Options:
    return Options(
        objectives=options.objectives,
        shape=options.shape,
        out=options.out,
        host=options.host,
        via=options.via,
        rate_factor=options.rate_factor,
        time_factor=options.time_factor,
        allow_production=options.allow_production,
        extra=tuple(options.locust),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m clusterproof.load", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="offer a load, watch, judge, report")
    judging = commands.add_parser("judge", help="judge a stored run again")
    for command in (running, judging):
        command.add_argument("--objectives", type=Path, default=DEFAULT_PATH)
        command.add_argument("--out", type=Path, default=Path("reports/load"))
        command.add_argument(
            "--previous",
            type=Path,
            default=None,
            help="load.json to compare with; default: the run before in the same folder",
        )
    running.add_argument("--kubeconfig", default=None)
    running.add_argument("--context", default=None)
    running.add_argument("--shape", default="step", help="of spec/objectives.yaml")
    running.add_argument("--host", default="", help="the router's URL; default: its Service's IP")
    running.add_argument(
        "--via",
        default="",
        help="words before the Locust command, e.g. 'python -m testbed.cluster enter cp-load --'",
    )
    running.add_argument("--rate-factor", type=float, default=1.0)
    running.add_argument("--time-factor", type=float, default=1.0)
    running.add_argument("--allow-production", action="store_true")
    running.add_argument("--prometheus", help="NAMESPACE/SERVICE:PORT, or a URL; '' for none")
    running.add_argument("--posthog", help="NAMESPACE/SERVICE:PORT; '' for none")
    running.add_argument("--posthog-secret", help="NAMESPACE/NAME, of the Secret with the key")
    running.add_argument("locust", nargs="*", help="after --: more options for Locust")
    return parser


if __name__ == "__main__":
    sys.exit(main())
