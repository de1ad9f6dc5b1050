"""Posts a message to a webhook: bounded retries; the address is a secret and never shown."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from clusterproof.errors import ClusterproofError, ObservationError, SpecError
from clusterproof.wait import wait_until

WEBHOOK_VARIABLE: Final = "CLUSTERPROOF_WEBHOOK"
"""Environment variable with the address, unless an option names another."""
WITHIN_S: Final = 60.0
"""Bound on all attempts together; a message that is later than this is in the report anyway."""

EVERY_S: Final = 2.0
ATTEMPT_TIMEOUT_S: Final = 5.0

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


class NotDeliveredError(ClusterproofError):
    """The receiver did not take the message. Never holds the webhook's address."""


def post(
    url: str,
    payload: Mapping[str, Any],
    *,
    within_s: float = WITHIN_S,
    every_s: float = EVERY_S,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Post `payload` as JSON until it is taken; how many posts that took.

    Retried: no answer, 429 (not before its Retry-After) and 5xx. Any other answer is final. More
    posts than one may mean that it was taken twice, as an answer can be lost on its way back.

    Args:
        url: The webhook; whoever knows it can post, so it is never shown.
        payload: The message.
        within_s: Bound on all attempts, in seconds.
        every_s: Pause between two attempts, in seconds.
        sleep: Injected by tests.
        clock: Injected by tests.

    Raises:
        SpecError: The address is no http or https URL.
        NotDeliveredError: Refused, or not taken in time.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SpecError(
            "webhook: expected an http or https URL, observed another text of "
            f"{len(url)} characters; next: set it to https://HOST/PATH"
        )
    place = f"webhook on {parts.hostname}"
    attempts = 0
    not_before = 0.0

    def attempt() -> int | None:
        """The status of an answer that ends the wait, or None for not yet."""
        nonlocal attempts, not_before
        if clock() < not_before:
            return None
        attempts += 1
        try:
            answer = client.post(url, json=payload)
        except httpx.HTTPError as error:
            raise ObservationError(f"{place}: {type(error).__name__}") from None
        if answer.status_code == _TOO_MANY:
            not_before = clock() + _retry_after_s(answer)
            raise ObservationError(f"{place}: answered 429, to be asked again later")
        if answer.status_code >= _SERVER_ERROR:
            raise ObservationError(f"{place}: answered {answer.status_code}")
        return answer.status_code

    # A redirect could carry the message, and the address, to somebody else.
    with _unlogged(), httpx.Client(timeout=ATTEMPT_TIMEOUT_S, follow_redirects=False) as client:
        try:
            status = wait_until(
                attempt,
                lambda taken: taken is not None,
                waiting_for=f"{place} to take the message",
                within_s=within_s,
                every_s=every_s,
                sleep=sleep,
            )
        except ObservationError as error:
            raise NotDeliveredError(f"{error}; {attempts} posts") from None
    if status is None or not httpx.codes.is_success(status):
        raise NotDeliveredError(
            f"{place}: expected the message to be taken, observed status {status} after "
            f"{attempts} posts; next: check that the webhook still exists"
        )
    return attempts


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep the address out of the log: httpx says it of each request at INFO."""
    logger = logging.getLogger("httpx")
    logger.addFilter(_refuse)
    try:
        yield
    finally:
        logger.removeFilter(_refuse)


def _refuse(_entry: logging.LogRecord) -> bool:
    return False


def _retry_after_s(answer: httpx.Response) -> float:
    """Seconds; the date form is read as one pause, as no receiver of ours sends it."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else EVERY_S
