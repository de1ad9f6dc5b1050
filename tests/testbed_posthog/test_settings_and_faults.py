"""Settings say what is missing; faults hit the share that they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.posthog.posthog_reference.errors import SettingsError
from testbed.posthog.posthog_reference.faults import KNOWN, Faults
from testbed.posthog.posthog_reference.settings import read_settings

SECRET = "not-for-any-log-0123456789-0123456789"  # noqa: S105 - made up
ENV = {
    "SITE_URL": "https://posthog.example.com",
    "SECRET_KEY": SECRET,
    "POSTHOG_DB_HOST": "db",
    "POSTHOG_DB_PASSWORD": SECRET,
    "REDIS_URL": "redis://redis",
    "CLICKHOUSE_HTTP_URL": "http://clickhouse:8123/",
    "CLICKHOUSE_PASSWORD": SECRET,
    "POSTHOG_API_KEY": SECRET,
    "POSTHOG_PERSONAL_API_KEY": SECRET,
}


def test_the_manifests_environment_is_enough() -> None:
    settings = read_settings(ENV)
    assert (settings.port, settings.clickhouse_url) == (8000, "http://clickhouse:8123")


@pytest.mark.parametrize("name", sorted(ENV))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({key: value for key, value in ENV.items() if key != name})


def test_a_secret_is_in_no_repr_and_no_error() -> None:
    assert SECRET not in repr(read_settings(ENV))
    with pytest.raises(SettingsError) as caught:
        read_settings({**ENV, "SECRET_KEY": "short-secret"})
    assert "short-secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["-1", "many"])
def test_a_wrong_number_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="WORKER_BATCH_SIZE"):
        read_settings({**ENV, "WORKER_BATCH_SIZE": text})


@pytest.mark.parametrize("text", ["lying", "late:soon", "late:-1", "late:inf", "duplicate:nan"])
def test_a_wrong_fault_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="POSTHOG_FAULT"):
        Faults.parse(text)


def test_faults_are_off_unless_named() -> None:
    faults = Faults.parse(" late:3 , reject ")
    assert (faults.level("late"), faults.level("reject")) == (3, 1)
    assert not any(faults.on(name) for name in KNOWN if name not in {"late", "reject"})


def test_a_batch_that_is_held_on_purpose_is_not_taken_over() -> None:
    """A peer would store it again, and what is to be late would be twice."""
    assert read_settings(ENV).claim_after_s == 30
    assert read_settings({**ENV, "POSTHOG_FAULT": "late:33"}).claim_after_s > 33


def test_a_share_hits_its_share_and_the_same_ones_again() -> None:
    faults = Faults.parse("accept_and_drop:0.01")
    hit = {n for n in range(20_000) if faults.hits("accept_and_drop", f"event-{n}")}
    assert 140 <= len(hit) <= 260
    assert hit == {n for n in range(20_000) if faults.hits("accept_and_drop", f"event-{n}")}


@given(st.text())
def test_a_fault_that_is_off_hits_nothing(subject: str) -> None:
    assert not Faults.parse("").hits("duplicate", subject)
    assert Faults.parse("duplicate").hits("duplicate", subject)
