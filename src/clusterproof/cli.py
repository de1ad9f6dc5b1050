"""The `clusterproof` command: a thin door to what the packages do.

Plain `pytest suites/` and `locust -f loadtests/router.py` keep working without it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from clusterproof import completion, undo_cli, verify
from clusterproof.bundle import cli as bundle_cli
from clusterproof.checks import accepted_schema, json_schema, kinds, read_spec
from clusterproof.doctor import cli as doctor_cli
from clusterproof.errors import ClusterproofError, SpecError
from clusterproof.generate import cli as generate_cli
from clusterproof.history import cli as history_cli
from clusterproof.nightly import cli as nightly_cli
from clusterproof.outcome import ExitCode
from clusterproof.project import IS_CHECKOUT, SPECS
from clusterproof.redact.errors import ended, say_error, say_uncaught
from clusterproof.tool import tool_version
from clusterproof.usage import Parser, without_value

SCHEMA_FILES = {
    SPECS / "schema" / "rows.schema.json": json_schema,
    SPECS / "schema" / "accepted.schema.json": accepted_schema,
}


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
        parser.error(f"unrecognized arguments: {' '.join(map(without_value, rest))}")
    try:
        return ended(lambda: int(options.run(options, rest)), "clusterproof")
    except ClusterproofError as error:
        say_error(f"clusterproof: {error}")
        return ExitCode.USAGE


def command_parser() -> argparse.ArgumentParser:
    """The whole command's parser, made anew."""
    parser: argparse.ArgumentParser = Parser(
        prog="clusterproof", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--version", action="version", version=f"clusterproof {tool_version()}")
    commands = parser.add_subparsers(dest="command", required=True)
    verify.mount(commands)
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
    summary = f"{spec.name}, profile {spec.profile}, {len(spec.rows)} rows"
    if spec.rehearsals:
        summary += f" and {len(spec.rehearsals)} rehearsals"
    sys.stdout.write(f"{options.path}: {summary}\n")
    return ExitCode.PASSED


def _kinds(_options: argparse.Namespace, _rest: list[str]) -> int:
    for name, kind in kinds().items():
        sys.stdout.write(f"{name:16}{kind.claim}\n")
    return ExitCode.PASSED


def _schema(options: argparse.Namespace, _rest: list[str]) -> int:
    texts = {path: json.dumps(made(), indent=1) + "\n" for path, made in SCHEMA_FILES.items()}
    if not options.check and not IS_CHECKOUT:
        sys.stdout.write(next(iter(texts.values())))
        return ExitCode.PASSED
    if not options.check:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")
        return ExitCode.PASSED
    for path, text in texts.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path}: not current; write it again: clusterproof schema\n")
            return ExitCode.FAILED
    return ExitCode.PASSED
