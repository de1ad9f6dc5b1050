"""`clusterproof completion`: a script that a shell reads once, made from the parser itself."""

import argparse
import sys
from collections.abc import Callable, Iterator

from clusterproof.outcome import ExitCode
from clusterproof.usage import Subparsers

SHELLS = ("bash", "zsh", "tcsh")


def mount(commands: Subparsers, parser: Callable[[], argparse.ArgumentParser]) -> None:
    """Add `completion` to another command's subcommands.

    Args:
        commands: Where it is added.
        parser: Makes the whole command's parser anew.
    """
    command = commands.add_parser(
        "completion",
        help="print a completion script for a shell",
        description="Print a completion script. For bash, in ~/.bashrc:"
        ' eval "$(clusterproof completion bash)"',
    )
    command.add_argument("shell", choices=SHELLS)
    command.set_defaults(run=lambda options, _rest: _completion(parser(), options.shell))


def _completion(parser: argparse.ArgumentParser, shell: str) -> int:
    import shtab  # noqa: PLC0415 - no other command has to wait for it

    for action in _actions(parser):
        if action.metavar in {"PATH", "FILE", "RUN.json", "FILE.prom", "BUNDLE"}:
            action.complete = shtab.FILE  # type: ignore[attr-defined] # how shtab is told
        elif action.metavar in {"DIR", "OUT", "RUN"}:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    sys.stdout.write(f"{shtab.complete(parser, shell=shell)}\n")
    return ExitCode.PASSED


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - has no other name
            for inner in action.choices.values():
                yield from _actions(inner)
