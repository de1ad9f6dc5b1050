"""The `clusterproof` command: a thin door to what the packages do.

Plain `pytest suites/` and `locust -f loadtests/router.py` keep working without it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clusterproof import undo_cli
from clusterproof.bundle import cli as bundle_cli
from clusterproof.checks import json_schema, read_spec
from clusterproof.errors import ClusterproofError
from clusterproof.generate import cli as generate_cli
from clusterproof.history import cli as history_cli
from clusterproof.nightly import cli as nightly_cli
from clusterproof.outcome import ExitCode
from clusterproof.redact.errors import say_error, say_uncaught

PROJECT = Path(__file__).resolve().parents[2]
SCHEMA_FILE = PROJECT / "spec" / "schema" / "rows.schema.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        The process exit code: see `ExitCode`.
    """
    sys.excepthook = say_uncaught
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    if rest and not getattr(options, "passes_on", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return int(options.run(options, rest))
    except ClusterproofError as error:
        say_error(f"clusterproof: {error}")
        return ExitCode.USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clusterproof", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, text in (
        ("verify", _verify, "verify a cluster: pytest suites/ with the options that follow"),
        ("plan", _plan, "show what would be checked; touches no cluster"),
        ("load", _load, "offer a load and judge it, judge it again, or foretell an autoscaler"),
    ):
        command = commands.add_parser(name, help=text, add_help=False)
        command.set_defaults(run=run, passes_on=True)
    check = commands.add_parser("check-spec", help="read a spec file and say what is wrong in it")
    check.add_argument("path", type=Path)
    check.set_defaults(run=_check_spec)
    schema = commands.add_parser("schema", help="write the JSON Schema of row files, for editors")
    schema.add_argument("--check", action="store_true", help="only say whether it is current")
    schema.set_defaults(run=_schema)
    nightly_cli.mount(commands)
    history_cli.mount(commands)
    bundle_cli.mount(commands)
    generate_cli.mount(commands)
    undo_cli.mount(commands)
    return parser


def _pytest(*arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", str(PROJECT / "suites"), *arguments]
    return subprocess.run(command, check=False, cwd=PROJECT).returncode  # noqa: S603 - our own


_PATHS = ("--spec", "--kubeconfig", "--report-dir", "--junitxml", "--junit-xml")
"""Options of the suites whose value is a path, as seen from where the command was given."""


def _from_here(arguments: Sequence[str]) -> list[str]:
    """The same arguments, for a command that runs in the project's folder."""
    found: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in _PATHS and equals and value:
            found.append(f"{name}={Path(value).expanduser().absolute()}")
        elif found and found[-1] in _PATHS and argument:
            found.append(str(Path(argument).expanduser().absolute()))
        else:
            found.append(argument)
    return found


def _verify(_options: argparse.Namespace, rest: list[str]) -> int:
    return _pytest(*_from_here(rest))


def _plan(_options: argparse.Namespace, rest: list[str]) -> int:
    return _pytest("--plan", *_from_here(rest))


def _load(_options: argparse.Namespace, rest: list[str]) -> int:
    from clusterproof.load.__main__ import main as load  # noqa: PLC0415 - only a load needs it

    return load(rest)


def _check_spec(options: argparse.Namespace, _rest: list[str]) -> int:
    spec = read_spec(options.path)
    said = f"{spec.name}, profile {spec.profile}, {len(spec.rows)} rows"
    if spec.rehearsals:
        said += f" and {len(spec.rehearsals)} rehearsals"
    sys.stdout.write(f"{options.path}: {said}\n")
    return ExitCode.PASSED


def _schema(options: argparse.Namespace, _rest: list[str]) -> int:
    current = json.dumps(json_schema(), indent=1) + "\n"
    if not options.check:
        SCHEMA_FILE.parent.mkdir(parents=True, exist_ok=True)
        SCHEMA_FILE.write_text(current, encoding="utf-8")
        sys.stdout.write(f"{SCHEMA_FILE}\n")
        return ExitCode.PASSED
    if SCHEMA_FILE.is_file() and SCHEMA_FILE.read_text(encoding="utf-8") == current:
        return ExitCode.PASSED
    sys.stderr.write(f"{SCHEMA_FILE}: not current; write it again: clusterproof schema\n")
    return ExitCode.FAILED
