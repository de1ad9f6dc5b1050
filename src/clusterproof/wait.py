"""The only place that sleeps: bounded waits that end with what was last seen."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

import tenacity

from clusterproof.errors import ObservationError

T = TypeVar("T")
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class NeverAcceptedError(ObservationError):
    """A wait ran out. Says what was awaited, how long, how many reads, and the last one."""


def wait_until(
    read: Callable[[], T],
    accept: Callable[[T], bool],
    *,
    waiting_for: str,
    within_s: float,
    every_s: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The first value of `read()` that `accept` takes.

    An ObservationError of a read is not "not yet": it is kept, and said if the wait runs out. One
    that says that we may not look (401, 403) ends the wait: time does not change it.

    Args:
        read: Looks once. Other errors than ObservationError are let through at once.
        accept: True for a value that ends the wait.
        waiting_for: What is awaited, for the error ("deployment/x rolled out").
        within_s: Bound on the whole wait, in seconds.
        every_s: Pause between two reads, in seconds.
        sleep: Injected by tests.

    Raises:
        NeverAcceptedError: Nothing was accepted in time.
        ObservationError: A read was refused.
    """
    reads = 0
    last_value: object = None
    last_error: ObservationError | None = None

    def attempt() -> T:
        nonlocal reads, last_value, last_error
        reads += 1
        try:
            value = read()
        except ObservationError as error:
            last_error = error
            raise
        last_value, last_error = value, None
        return value

    waiter = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass)
        | tenacity.retry_if_result(lambda value: not accept(value)),
        stop=tenacity.stop_after_delay(within_s),
        wait=tenacity.wait_fixed(every_s),
        sleep=sleep,
    )
    try:
        return waiter(attempt)
    except tenacity.RetryError as error:
        last = f"last error: {last_error}" if last_error else f"last seen: {last_value}"
        message = f"waited {within_s:g} s for {waiting_for}; {reads} reads; {last}"
        raise NeverAcceptedError(message) from error


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, ObservationError) and error.status not in _REFUSED


def last_within(
    read: Callable[[], T],
    accept: Callable[[T], bool],
    *,
    within_s: float,
    every_s: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The first accepted value, or the last value read when the time is up.

    For checks whose claim may need a moment (a rollout in progress): the judge then decides on
    what was really there. A read that fails is not a value and is let through.
    """
    waiter = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda value: not accept(value)),
        stop=tenacity.stop_after_delay(within_s),
        wait=tenacity.wait_fixed(every_s),
        sleep=sleep,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    return waiter(read)


def pause(for_s: float, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Let a stated time pass, where nothing can be read that says when to go on."""
    sleep(for_s)
