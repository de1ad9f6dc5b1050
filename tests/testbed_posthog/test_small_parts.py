"""Scopes of keys, bounded waits, quantiles, and the entry point's refusals."""

import asyncio
import logging

import pytest

from testbed.posthog.posthog_reference.__main__ import main
from testbed.posthog.posthog_reference.projects import PersonalKey, hashed
from testbed.posthog.posthog_reference.system_status import quantile
from testbed.posthog.posthog_reference.waits import WaitedTooLongError, pause, wait_until


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ({"*"}, True),
        ({"query:read"}, True),
        ({"query:write"}, True),
        ({"project:read", "feature_flag:write"}, False),
        (set(), False),
    ],
)
def test_a_key_allows_what_its_scopes_say(scopes: set[str], allowed: bool) -> None:  # noqa: FBT001 - a table's column
    assert PersonalKey("k", frozenset(scopes), frozenset({1})).allows("query:read") is allowed


def test_a_key_is_kept_as_posthog_keeps_it() -> None:
    # printf phx_a | sha256sum
    assert (
        hashed("phx_a") == "sha256$f74e00244fa957bc82cf28e0a4f4d2a92dbe64741921e0868851a15f28e24a12"
    )


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([3.0], 0.95, 3.0), ([float(n) for n in range(100)], 0.95, 95.0)],
)
def test_quantiles(values: list[float], share: float, expected: float | None) -> None:
    assert quantile(values, share) == expected


def test_a_wait_that_ends_says_what_was_last_seen() -> None:
    async def never() -> str:
        return "connection refused"

    with pytest.raises(WaitedTooLongError, match=r"PostgreSQL \(\d+ looks\).*connection refused"):
        asyncio.run(wait_until(never, waiting_for="PostgreSQL", within_s=0.03, every_s=0.01))


def test_a_pause_ends_early_when_the_process_stops() -> None:
    async def stopped() -> None:
        stopping = asyncio.Event()
        stopping.set()
        async with asyncio.timeout(1):
            await pause(stopping, 60)

    asyncio.run(stopped())


def test_a_process_without_settings_names_the_first_missing_and_ends_with_4(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with caplog.at_level(logging.ERROR):
        assert main(["web"]) == 4
    assert "SECRET_KEY is not set" in caplog.text
