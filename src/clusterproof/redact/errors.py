"""What a command says of an error, without secrets."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from clusterproof.outcome import ExitCode
from clusterproof.redact.redactor import Redactor


def say_error(text: str) -> None:
    """Write a sentence to standard error."""
    sys.stderr.write(f"{Redactor().text(text)}\n")


def ended(run: Callable[[], int], name: str) -> int:
    """The exit code of a command; what cannot be written, or reached, is one sentence.

    A reader of standard output that has gone away, as `head` does, is told nothing.

    Args:
        run: The command.
        name: Of the command, for the sentence.
    """
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return ExitCode.NOT_WRITTEN
    except OSError as error:
        if error.filename is None:
            _forget_output()
        say_error(f"{name}: {cannot_write(error)}")
        return ExitCode.NOT_WRITTEN
    return code


def cannot_write(error: OSError, place: Path | str = "standard output, or a connection") -> str:
    """The path of what could not be written, or `place`, and what the system says."""
    place = error.filename or place
    return f"{place}: {error.strerror or error}"


def _forget_output() -> None:
    """Let Python not try again, at its end, to write what was not taken."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return


def say_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """An error that nobody expected, with its traceback; for `sys.excepthook`."""
    say_error("".join(traceback.format_exception(kind, error, trace)).rstrip())
