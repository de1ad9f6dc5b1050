"""What all commands share: how they are told what to do, refuse wrong usage, and answer."""

import argparse
import math
import sys
from collections.abc import Callable
from typing import NoReturn, TypeAlias

from clusterproof.outcome import ExitCode

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
"""What commands are added to; argparse has no public name for it."""


class Parser(argparse.ArgumentParser):
    """Ends with the exit code of wrong usage, as pytest does; argparse's own 2 is an interrupt."""

    def error(self, message: str) -> NoReturn:
        """Say what was wrong in one sentence; an argument may be a secret that was misplaced."""
        from clusterproof.redact.errors import say_error  # noqa: PLC0415 - only to say an error

        say_error(f"{self.prog}: {message}; see: {self.prog} --help")
        self.exit(ExitCode.USAGE)


def say(text: str) -> None:
    """A line on standard output, at once: what comes next may take its time."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def over_zero(quantity: str) -> Callable[[str], float]:
    """A type of argparse: a finite number above 0 of what `quantity` names ("hours")."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a number of {quantity} above 0")
        return number

    return read


def without_value(word: str) -> str:
    """An option of a command line without its value: `--name` of `--name=x`, `-n` of `-nx`.

    Another word is as it was.
    """
    if word.startswith("--"):
        return word.partition("=")[0]
    return word[:2] if word.startswith("-") else word
