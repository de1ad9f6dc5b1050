"""Settings that the environment gives to every program of the testbed, read once: PATIENCE here.

Of the standard library alone: also programs outside of the project's environment use it.
"""

import math
import os
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
USAGE = 4


class SettingError(ValueError):
    """A setting has a value that it cannot have; says which one is expected."""


def setting(name: str, parse: Callable[[str], T]) -> T:
    """The setting `name`, or its default when the environment does not name it.

    A bad value ends the program with one sentence and exit code 4: it is read while modules are
    imported, where nobody could catch an error.

    Args:
        name: Of the environment variable.
        parse: Reads the text, which is "" when the variable is absent; raises SettingError.
    """
    try:
        return parse(os.environ.get(name, "").strip())
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(USAGE) from error


def parse_patience(text: str) -> float:
    """The factor that `text` names; 1 when it is empty.

    Raises:
        SettingError: It is no number, or smaller than 1.
    """
    try:
        factor = float(text or "1")
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor >= 1):
        raise SettingError(
            f"PATIENCE: expected a number of 1 or more, by which every wait is multiplied,"
            f" got {text!r}; for example: PATIENCE=10 make cluster"
        )
    return factor


PATIENCE = setting("PATIENCE", parse_patience)


def patient(seconds: float) -> float:
    """A bound in seconds, for this machine."""
    return seconds * PATIENCE
