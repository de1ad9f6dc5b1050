"""What a command says of an error, without secrets."""

import sys
import traceback
from types import TracebackType

from clusterproof.redact.redactor import Redactor


def say_error(text: str) -> None:
    """Write a sentence to standard error."""
    sys.stderr.write(f"{Redactor().text(text)}\n")


def say_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """An error that nobody expected, with its traceback; for `sys.excepthook`."""
    say_error("".join(traceback.format_exception(kind, error, trace)).rstrip())
