"""Settings that the environment gives to every program of the testbed, read once."""

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
