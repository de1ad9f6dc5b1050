"""Every bounded wait of the testbed: its bound is multiplied by the setting PATIENCE.

The bounds in the code are for an ordinary machine. `PATIENCE=20 make cluster` is for one that is
up to twenty times slower: an emulated one, for instance. A test reads the code of the testbed for
bounds that do not come by here.
"""

import math
from collections.abc import Callable
from typing import TypeVar

from clusterproof import wait
from testbed.settings import SettingError, setting

T = TypeVar("T")


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


def wait_until(
    read: Callable[[], T],
    accept: Callable[[T], bool],
    *,
    waiting_for: str,
    within_s: float,
    every_s: float = 0.5,
) -> T:
    """`clusterproof.wait.wait_until`, within `patient(within_s)`."""
    return wait.wait_until(
        read, accept, waiting_for=waiting_for, within_s=patient(within_s), every_s=every_s
    )


def last_within(
    read: Callable[[], T], accept: Callable[[T], bool], *, within_s: float, every_s: float = 0.5
) -> T:
    """`clusterproof.wait.last_within`, within `patient(within_s)`."""
    return wait.last_within(read, accept, within_s=patient(within_s), every_s=every_s)
