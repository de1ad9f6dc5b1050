"""`clusterproof load run|judge|plan`: a load run, a stored one again, or a forecast."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.load.analysis import Analysis, Inputs
from clusterproof.load.forecast import Pods, advice, forecast, spec_of
from clusterproof.load.hpa.rules import ControllerFlags, milli
from clusterproof.load.objectives import DEFAULT_PATH, LoadSpec, read_objectives
from clusterproof.load.page import write_report
from clusterproof.load.record import run_record
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.sections import Evidence
from clusterproof.load.session import Options, judge, run, set_apart_killed
from clusterproof.options import add_options
from clusterproof.outcome import ExitCode, Outcome, exit_code
from clusterproof.redact.errors import ended, say_error, say_uncaught
from clusterproof.report.write import write_reports
from clusterproof.spec.document import read_document
from clusterproof.usage import Parser, over_zero

_MARKS = {Outcome.PASSED: "ok  ", Outcome.FAILED: "FAIL", Outcome.INCONCLUSIVE: "??? "}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, report, and carry the verdict in the exit code."""
    sys.excepthook = say_uncaught
    options = _parser().parse_args(arguments)
    return ended(lambda: _run(options), "load")


def _run(options: argparse.Namespace) -> int:
    try:
        spec = read_objectives(options.objectives)
        if options.command == "plan":
            return _foretell(spec, options)
        options.previous = _previous(options)
        if options.command == "run":
            if options.locustfile is not None:
                for part in str(options.locustfile).split(","):  # files and folders, as of Locust
                    _must_be_there("--locustfile", Path(part.strip()), Path.exists)
            spec = _asked_elsewhere(spec, options)
            _judge_killed(spec, options)
            api = KubeApi(connect(options.kubeconfig, options.context))
            run(api, spec, Options.of(options))
        analysis, inputs = judge(spec, options.out)
        return _report(analysis, inputs, spec, options)
    except SpecError as error:
        say_error(str(error))
        return ExitCode.USAGE
    except ObservationError as error:
        say_error(f"INCONCLUSIVE: {error}")
        if error.next_command:
            say_error(f"next: {error.next_command}")
        return ExitCode.INCONCLUSIVE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _previous(options: argparse.Namespace) -> Path | None:
    """The run to compare with, if one is named; the last one in the folder of a run is set aside.

    Raises:
        SpecError: There is no such file: said before the load, and not after it.
    """
    named: Path | None = options.previous
    if named is None:
        return None
    _must_be_there("--previous", named, Path.is_file)
    is_set_aside = named.resolve() == (options.out / "load.json").resolve()
    return None if options.command == "run" and is_set_aside else named


def _must_be_there(option: str, path: Path, is_there: Callable[[Path], bool]) -> None:
    if not is_there(path):
        raise SpecError(f"{option} {path}: no such file")


def _report(analysis: Analysis, inputs: Inputs, spec: LoadSpec, options: argparse.Namespace) -> int:
    """Say what was found, write it, and say where."""
    _print_findings(analysis)
    _print_verdict(analysis)
    page = _write(analysis, inputs, spec, options, options.out, previous=options.previous)
    sys.stdout.write(f"report: {page}\n")
    return exit_code(analysis.verdict.outcome)


def _write(
    analysis: Analysis,
    inputs: Inputs,
    spec: LoadSpec,
    options: argparse.Namespace,
    out: Path,
    *,
    previous: Path | None = None,
) -> Path:
    """Write every report; the path of the page."""
    page = write_report(analysis, inputs, spec, out, previous=previous)
    path = str(options.objectives)
    findings = analysis.verdict.findings
    write_reports(run_record(findings, inputs.generator, inputs.recording, spec_path=path), out)
    return page


def _judge_killed(spec: LoadSpec, options: argparse.Namespace) -> None:
    """Judge what a run that was killed has left in the folder, before another one begins there."""
    apart = set_apart_killed(options.out)
    if apart is None:
        return
    try:
        analysis, inputs = judge(spec, apart)
        page = _write(analysis, inputs, spec, options, apart)
        outcome = analysis.verdict.outcome.upper()
        sys.stderr.write(f"the run before this one was killed: {outcome}; report: {page}\n")
    except SpecError as error:
        say_error(f"the run before this one was killed, and cannot be judged: {error}")


def _foretell(spec: LoadSpec, options: argparse.Namespace) -> int:
    """Replicas over time for a load, by the model of the HPA's controller."""
    document = read_document(options.hpa)
    if not isinstance(document.data, dict):
        raise SpecError(f"{options.hpa}: expected the manifest of a HorizontalPodAutoscaler")
    if options.limit < options.request:  # ValidateResourceRequirements of the API
        raise SpecError("--limit: expected at least --request")
    hpa = spec_of(document.data, options.rate_metric)
    pods = Pods(
        request_m=options.request,
        cpu_ms=options.cpu_ms,
        limit_m=options.limit,
        ready_s=options.ready_s,
    )
    if options.rate is None:
        plan = spec.plan(
            options.scenario,
            options.shape,
            rate_factor=options.rate_factor,
            time_factor=options.time_factor,
        )
    else:
        least = options.rate / 10
        plan = Plan([Stage(least, least, 60), Stage(options.rate, options.rate, options.for_s)])
    flags = spec.scaling.controller if spec.scaling else ControllerFlags()
    write = sys.stdout.write
    write("     s  requests/s  replicas  Ready  CPU seen  overload  why\n")
    before = None
    for moment in forecast(hpa, plan, pods, flags):
        now = (moment.replicas, moment.ready, round(moment.overload, 2))
        if now != before:
            write(
                f"{moment.at_s:6.0f}{moment.rate:12.1f}{moment.replicas:10}{moment.ready:7}"
                f"{moment.utilization:8.0f} %{moment.overload:9.0%}  {moment.reason}\n"
            )
        before = now
    for line in advice(hpa, plan, pods, flags):
        write(f"{line}\n")
    return ExitCode.PASSED


def _print_findings(analysis: Analysis) -> None:
    for finding in analysis.verdict.findings:
        sys.stdout.write(
            f"{_MARKS.get(finding.outcome, '    ')} {finding.id} [{finding.link}]: expected"
            f" {finding.expected}; observed {finding.observed}\n"
        )
        if finding.outcome is not Outcome.PASSED:
            sys.stdout.writelines(f"         {line}\n" for line in finding.evidence)


def _print_verdict(analysis: Analysis) -> None:
    broken = analysis.verdict.broken
    link = f"; broken link: {broken}" if broken else ""
    sys.stdout.write(f"\n{analysis.verdict.outcome.upper()}{link}\n")


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


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="clusterproof load", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="offer a load, watch, judge, report")
    judging = commands.add_parser("judge", help="judge a stored run again")
    foretelling = commands.add_parser("plan", help="what an HPA would do: the model, no cluster")
    for command in (running, judging, foretelling):
        command.add_argument("--objectives", type=Path, default=DEFAULT_PATH)
    for command in (running, judging):
        command.add_argument("--out", type=Path, default=Path("reports/load"))
        command.add_argument(
            "--previous",
            type=Path,
            default=None,
            help="load.json to compare with; default: the run before in the same folder",
        )
    add_options(running, "--kubeconfig", "--context")
    for command in (running, foretelling):
        command.add_argument("--scenario", default="router", help="of the load spec")
        command.add_argument("--shape", default="step", help="of the scenario")
        command.add_argument("--rate-factor", type=over_zero("times"), default=1.0)
        command.add_argument("--time-factor", type=over_zero("times"), default=1.0)
    running.add_argument(
        "-f",
        "--locustfile",
        type=Path,
        help="one of your own, several with commas, or a folder; default: the router's API",
    )
    running.add_argument("--host", default="", help="the router's URL; default: its Service's IP")
    running.add_argument(
        "--via",
        default="",
        help="words before the Locust command, e.g. 'python -m testbed.cluster enter cp-load --'",
    )
    running.add_argument("--allow-production", action="store_true")
    running.add_argument("--prometheus", help="NAMESPACE/SERVICE:PORT, or a URL; '' for none")
    running.add_argument("--posthog", help="NAMESPACE/SERVICE:PORT; '' for none")
    running.add_argument("--posthog-secret", help="NAMESPACE/NAME, of the Secret with the key")
    running.add_argument(
        "extra", nargs="*", metavar="locust", help="after --: more options for Locust"
    )
    foretelling.add_argument("--hpa", type=Path, required=True, help="its manifest, autoscaling/v2")
    foretelling.add_argument(
        "--rate-metric",
        default="",
        metavar="NAME",
        help="the HPA's metric (Pods, Object, External) that is the requests per second",
    )
    foretelling.add_argument(
        "--rate",
        type=over_zero("requests per second"),
        help="requests/s after a minute of a tenth; in place of --shape",
    )
    foretelling.add_argument(
        "--for-s", type=over_zero("seconds"), default=600.0, help="how long --rate lasts"
    )
    foretelling.add_argument(
        "--cpu-ms",
        type=over_zero("milliseconds"),
        required=True,
        help="CPU of one request; the report of a run says it (requests per CPU-second)",
    )
    foretelling.add_argument(
        "--request", type=_cores, required=True, help="CPU request of a Pod, e.g. 500m"
    )
    foretelling.add_argument(
        "--limit", type=_cores, default=math.inf, help="CPU limit of a Pod; default: none"
    )
    foretelling.add_argument(
        "--ready-s", type=over_zero("seconds"), default=30.0, help="creation to Ready"
    )
    return parser


def _cores(text: str) -> int:
    """A type of argparse: a quantity of CPU above 0, in thousandths of a core."""
    try:
        thousandths = milli(text)
    except ValueError:
        thousandths = 0
    if thousandths <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a quantity above 0, e.g. 500m")
    return thousandths


if __name__ == "__main__":
    sys.exit(main())
