"""`clusterproof verify` and `clusterproof plan`: wrong usage is refused at once, in one sentence.

What is checked here is what can be told without a cluster and without pytest, which takes a second
to start; this module and what it imports at its top are light for that reason.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from clusterproof.errors import SpecError
from clusterproof.options import OF_PYTEST, OPTIONS, PATHS, add_options
from clusterproof.outcome import ExitCode
from clusterproof.project import run_suites, spec_file
from clusterproof.usage import Parser, Subparsers, without_value

REPORTS: Final = "reports"
COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "verify": "verify a cluster against its spec",
        "plan": "show what would be checked; touches no cluster",
    }
)


def mount(commands: Subparsers) -> None:
    """Add both to another command's subcommands."""
    for name, text in COMMANDS.items():
        parser = commands.add_parser(name, help=text, description=_description(text))
        _add_options(parser, name)
        parser.set_defaults(run=run, as_given=True)


def _description(text: str) -> str:
    return (
        f"{text[0].upper()}{text[1:]}. What is not listed here is an option of pytest, which runs"
        " the checks: -k, -q, --junitxml, ..."
    )


def _add_options(parser: argparse.ArgumentParser, name: str) -> None:
    add_options(parser, *(option.flag for option in OPTIONS))
    if name == "verify":
        parser.add_argument(
            "--contexts",
            metavar="NAME,NAME",
            help="several contexts, each verified by itself, and one page that compares them",
        )


def main(arguments: Sequence[str]) -> int:
    """Run `verify ...` or `plan ...`.

    Returns:
        The process exit code: see `ExitCode`.
    """
    name = arguments[0]
    parser = Parser(prog=f"clusterproof {name}", description=_description(COMMANDS[name]))
    _add_options(parser, name)
    options, _ = parser.parse_known_args(list(arguments[1:]))
    options.command = name
    try:
        return run(options, list(arguments[1:]))
    except SpecError as error:
        from clusterproof.redact.errors import say_error  # noqa: PLC0415 - only to say an error

        say_error(f"clusterproof {name}: {error}")
        return ExitCode.USAGE


def run(options: argparse.Namespace, given: list[str]) -> int:
    """Check the usage, and run the suites.

    Args:
        options: Parsed, with the name of the command.
        given: The arguments as they were given.

    Raises:
        SpecError: Wrong usage.
    """
    plans = options.command == "plan" or options.plan
    _refuse_unknown(given)
    _check(options, reaches_a_cluster=not plans)
    arguments = _from_here(given)
    if options.command == "plan":
        return run_suites(["--plan", *arguments])
    reports = Path(REPORTS if options.report_dir is None else options.report_dir).absolute()
    if options.contexts is None:
        named = options.report_dir is not None
        return run_suites([*arguments, *([] if named else [f"--report-dir={reports}"])])
    if options.context or options.plan:
        raise SpecError("--contexts: expected without --context and --plan")
    from clusterproof import fleet  # noqa: PLC0415 - its page takes half a second to import

    arguments = _without("--contexts", _without("--report-dir", arguments))
    return fleet.verify(fleet.contexts_of(options.contexts), arguments, reports)


def _refuse_unknown(given: Sequence[str]) -> None:
    """Refuse an option that is neither ours nor pytest's, unless a plugin is loaded by hand."""
    if any(word.startswith("-p") for word in given):
        return
    known = {option.flag for option in OPTIONS} | {"--contexts"} | OF_PYTEST
    for word in given:
        flag = without_value(word)
        if word.startswith("-") and word.strip("-") and not begins(flag, known):
            raise SpecError(f"there is no option {flag}; see: clusterproof verify --help")


def begins(flag: str, known: set[str] | frozenset[str]) -> bool:
    """Whether an option is known; both parsers take the beginning of a name for it."""
    return any(name.startswith(flag) for name in known)


def _check(options: argparse.Namespace, *, reaches_a_cluster: bool) -> None:
    """Refuse a spec, a kubeconfig or a context that is not there."""
    if options.spec:
        if not Path(options.spec).expanduser().is_file():
            raise SpecError(f"--spec: expected a spec file, there is no {options.spec}")
    else:
        spec_file(options.profile)
    if not reaches_a_cluster:
        return
    if options.kubeconfig:
        path = Path(options.kubeconfig).expanduser()
        if not path.is_file():
            state = "is a folder" if path.is_dir() else "is not there"
            raise SpecError(f"--kubeconfig: expected a file, {options.kubeconfig} {state}")
    if options.context:
        from clusterproof.kube.config import choose, load  # noqa: PLC0415 - reads YAML

        kubeconfig = Path(options.kubeconfig).expanduser() if options.kubeconfig else None
        choose(load(str(kubeconfig) if kubeconfig else None, os.environ), options.context)


def _from_here(arguments: Sequence[str]) -> list[str]:
    """The same arguments, for a command that runs in the project's folder."""
    words: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in PATHS and equals and value:
            words.append(f"{name}={Path(value).expanduser().absolute()}")
        elif words and words[-1] in PATHS and argument:
            words.append(str(Path(argument).expanduser().absolute()))
        else:
            words.append(argument)
    return words


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
