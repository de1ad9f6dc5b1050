"""The `clusterproof` command: a thin door to what the packages do.

Plain `pytest suites/` and `locust -f loadtests/router.py` keep working without it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from clusterproof import completion, fleet, undo_cli
from clusterproof.bundle import cli as bundle_cli
from clusterproof.checks import json_schema, kinds, read_spec
from clusterproof.doctor import cli as doctor_cli
from clusterproof.errors import ClusterproofError, SpecError
from clusterproof.generate import cli as generate_cli
from clusterproof.history import cli as history_cli
from clusterproof.nightly import cli as nightly_cli
from clusterproof.options import OPTIONS, PATHS
from clusterproof.outcome import ExitCode
from clusterproof.project import IS_CHECKOUT, SPECS, suites_command
from clusterproof.redact.errors import ended, say_error, say_uncaught
from clusterproof.tool import tool_version

SCHEMA_FILE = SPECS / "schema" / "rows.schema.json"
REPORTS = "reports"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        The process exit code: see `ExitCode`.
    """
    sys.excepthook = say_uncaught
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = command_parser()
    options, rest = parser.parse_known_args(arguments)
    if getattr(options, "as_given", False):
        rest = arguments[1:]
    elif rest and not getattr(options, "passes_on", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return ended(lambda: int(options.run(options, rest)), "clusterproof")
    except ClusterproofError as error:
        say_error(f"clusterproof: {error}")
        return ExitCode.USAGE


class _Parser(argparse.ArgumentParser):
    """Ends with the exit code of wrong usage, as pytest does; argparse's own 2 is an interrupt."""

    def error(self, message: str) -> NoReturn:
        """Say what was wrong, and how it is used."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\n")


def command_parser() -> argparse.ArgumentParser:
    """The whole command's parser, made anew."""
    parser: argparse.ArgumentParser = _Parser(
        prog="clusterproof", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--version", action="version", version=f"clusterproof {tool_version()}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, text in (
        ("verify", _verify, "verify a cluster against its spec"),
        ("plan", _plan, "show what would be checked; touches no cluster"),
    ):
        command = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}. What is not listed here is an option of"
            " pytest, which runs the checks: -k, -q, --junitxml, ...",
        )
        for option in OPTIONS:
            command.add_argument(option.flag, **option.settings)
        command.set_defaults(run=run, as_given=True)
        if name == "verify":
            command.add_argument(
                "--contexts",
                metavar="NAME,NAME",
                help="several contexts, each verified by itself, and one page that compares them",
            )
    load = commands.add_parser(
        "load",
        add_help=False,
        help="offer a load and judge it, or foretell an autoscaler: needs the extra `load`",
    )
    load.set_defaults(run=_load, as_given=True)
    check = commands.add_parser("check-spec", help="read a spec file and say what is wrong in it")
    check.add_argument("path", type=Path)
    check.set_defaults(run=_check_spec)
    listed = commands.add_parser("kinds", help="list the kinds of rows, and what each claims")
    listed.set_defaults(run=_kinds)
    schema = commands.add_parser("schema", help="write the JSON Schema of row files, for editors")
    schema.add_argument("--check", action="store_true", help="only say whether it is current")
    schema.set_defaults(run=_schema)
    nightly_cli.mount(commands)
    history_cli.mount(commands)
    bundle_cli.mount(commands)
    generate_cli.mount(commands)
    undo_cli.mount(commands)
    doctor_cli.mount(commands)
    completion.mount(commands, command_parser)
    return parser


def _pytest(*arguments: str) -> int:
    return subprocess.run(suites_command(arguments), check=False).returncode  # noqa: S603 - our own


def _from_here(arguments: Sequence[str]) -> list[str]:
    """The same arguments, for a command that runs in the project's folder."""
    found: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in PATHS and equals and value:
            found.append(f"{name}={Path(value).expanduser().absolute()}")
        elif found and found[-1] in PATHS and argument:
            found.append(str(Path(argument).expanduser().absolute()))
        else:
            found.append(argument)
    return found


def _verify(options: argparse.Namespace, rest: list[str]) -> int:
    reports = Path(REPORTS if options.report_dir is None else options.report_dir).absolute()
    arguments = _from_here(rest)
    if options.contexts is None:
        given = options.report_dir is not None
        return _pytest(*arguments, *([] if given else [f"--report-dir={reports}"]))
    if options.context or options.plan:
        raise SpecError("--contexts: expected without --context and --plan")
    arguments = _without("--contexts", _without("--report-dir", arguments))
    return fleet.verify(fleet.contexts_of(options.contexts), arguments, reports)


def _without(name: str, arguments: Sequence[str]) -> list[str]:
    """The arguments without an option and its value."""
    left: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == name:
            next(words, None)
        elif not word.startswith(f"{name}="):
            left.append(word)
    return left


def _plan(_options: argparse.Namespace, rest: list[str]) -> int:
    return _pytest("--plan", *_from_here(rest))


def _load(_options: argparse.Namespace, rest: list[str]) -> int:
    try:
        from clusterproof.load.__main__ import main as load_main  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise SpecError(
            f"load: expected the extra `load`, there is no {error.name};"
            ' next: pip install "clusterproof[load]"'
        ) from error
    return load_main(rest)


def _check_spec(options: argparse.Namespace, _rest: list[str]) -> int:
    spec = read_spec(options.path)
    said = f"{spec.name}, profile {spec.profile}, {len(spec.rows)} rows"
    if spec.rehearsals:
        said += f" and {len(spec.rehearsals)} rehearsals"
    sys.stdout.write(f"{options.path}: {said}\n")
    return ExitCode.PASSED


def _kinds(_options: argparse.Namespace, _rest: list[str]) -> int:
    for name, kind in kinds().items():
        sys.stdout.write(f"{name:16}{kind.claim}\n")
    return ExitCode.PASSED


def _schema(options: argparse.Namespace, _rest: list[str]) -> int:
    current = json.dumps(json_schema(), indent=1) + "\n"
    if not options.check and not IS_CHECKOUT:
        sys.stdout.write(current)
        return ExitCode.PASSED
    if not options.check:
        SCHEMA_FILE.parent.mkdir(parents=True, exist_ok=True)
        SCHEMA_FILE.write_text(current, encoding="utf-8")
        sys.stdout.write(f"{SCHEMA_FILE}\n")
        return ExitCode.PASSED
    if SCHEMA_FILE.is_file() and SCHEMA_FILE.read_text(encoding="utf-8") == current:
        return ExitCode.PASSED
    sys.stderr.write(f"{SCHEMA_FILE}: not current; write it again: clusterproof schema\n")
    return ExitCode.FAILED
