"""The package's only waiting: bounded, and it says what it waited for."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from .errors import StandInError


class WaitedTooLongError(StandInError):
    """The wait ended before its condition held."""


async def wait_until(
    ready: Callable[[], Awaitable[str]], *, waiting_for: str, within_s: float, every_s: float = 1.0
) -> None:
    """Return as soon as `ready` returns an empty string; it returns the reason otherwise.

    Raises:
        WaitedTooLongError: Names what was waited for, how long, and the last reason.
    """
    started = time.monotonic()
    reads = 0
    while True:
        reason = await ready()
        reads += 1
        if not reason:
            return
        waited = time.monotonic() - started
        if waited + every_s > within_s:
            message = (
                f"waited {waited:.0f} s for {waiting_for} ({reads} looks); last seen: {reason}"
            )
            raise WaitedTooLongError(message)
        await asyncio.sleep(every_s)


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait for this long, or until the process is asked to stop."""
    if seconds <= 0:
        return
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return
