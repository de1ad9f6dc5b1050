"""Every bounded wait of the testbed: its bound is multiplied by the setting PATIENCE.

The bounds in the code are for an ordinary machine. `PATIENCE=20 make cluster` is for one that is
up to twenty times slower: an emulated one, for instance. A test reads the code of the testbed for
bounds that do not come by here.
"""

from collections.abc import Callable
from typing import TypeVar

from clusterproof import wait
from testbed.settings import patient

T = TypeVar("T")


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
