"""The router's pure parts: strategies, assignment, breakers, requests, settings, faults."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from posthog.feature_flags import _hash

from testbed.router.router.assignment import (
    Assignment,
    Variant,
    hash_share,
    pick,
    read_test,
)
from testbed.router.router.breakers import FAILURES_TO_OPEN, OPEN_FOR_S, Breakers, State
from testbed.router.router.catalogue import MODELS, cost, find, tokens_in
from testbed.router.router.config import read_settings
from testbed.router.router.errors import (
    InvalidError,
    SettingsError,
    UnavailableError,
    UnknownError,
)
from testbed.router.router.faults import KNOWN, Faults
from testbed.router.router.requests import read_completion, read_estimate
from testbed.router.router.routing import Strategy, choose
from testbed.router.router.usage import read_usage

MODEL_IDS = frozenset(model.id for model in MODELS)
ENVIRONMENT = {
    "POSTHOG_HOST": "http://posthog-web:8000",
    "POSTHOG_API_KEY": "phc_key-that-must-not-show",
    "DB_HOST": "db",
    "DB_NAME": "model_router",
    "DB_USER": "model_router",
    "DB_PASSWORD": "password-that-must-not-show",
    "REDIS_HOST": "redis",
    "OPENAI_API_KEY": "sk-key-that-must-not-show",
    "ANTHROPIC_API_KEY": "sk-ant-key-that-must-not-show",
}


@pytest.mark.parametrize(
    ("strategy", "model_id"),
    [
        (Strategy.CHEAPEST, "gpt-4o-mini"),
        (Strategy.FASTEST, "claude-haiku"),
        (Strategy.BEST_QUALITY, "claude-sonnet"),
    ],
)
def test_a_strategy_picks_its_model(strategy: Strategy, model_id: str) -> None:
    assert choose(MODELS, strategy, 100, 100).model.id == model_id


def test_the_cheapest_model_is_never_dearer_than_another() -> None:
    choice = choose(MODELS, Strategy.CHEAPEST, 500, 200)
    assert choice.estimated_cost == min(cost(model, 500, 200) for model in MODELS)


def test_no_model_is_chosen_when_none_gives_so_many_tokens() -> None:
    with pytest.raises(UnavailableError, match="20000 tokens"):
        choose(MODELS, Strategy.FASTEST, 1, 20_000)


def test_no_model_is_chosen_when_none_is_open() -> None:
    with pytest.raises(UnavailableError):
        choose([], Strategy.FASTEST, 1, 1)


def test_a_hash_share_is_the_documented_one() -> None:
    digest = hashlib.sha1(b"model-router-experiment.user-7variant").hexdigest()  # noqa: S324
    expected = int(digest[:15], 16) / float(0xFFFFFFFFFFFFFFF)
    assert hash_share("model-router-experiment", "user-7") == expected


@given(st.text(max_size=50))
def test_a_hash_share_is_the_one_that_the_posthog_sdk_computes(user: str) -> None:
    assert hash_share("flag", user) == _hash("flag", user, "variant")


@given(st.floats(0, 1), st.lists(st.floats(0.01, 100), min_size=2, max_size=5))
def test_every_share_falls_to_a_declared_variant(share: float, weights: list[float]) -> None:
    variants = [Variant(str(number), weight) for number, weight in enumerate(weights)]
    assert pick(variants, share) in variants


def test_variants_get_users_by_their_weights() -> None:
    variants = (Variant("a", 1), Variant("b", 3))
    users = 20_000
    first = sum(pick(variants, hash_share("t", f"u{n}")).id == "a" for n in range(users))
    # Six standard deviations of a binomial count.
    assert abs(first - users / 4) < 6 * (users * 0.25 * 0.75) ** 0.5


def test_a_test_is_read_from_its_body() -> None:
    body = {"id": "t", "variants": [{"id": "a", "weight": 1}, {"id": "b", "weight": 2}]}
    test = read_test(body, MODEL_IDS)
    assert test.assignment is Assignment.CONSISTENT_HASH
    assert test.variants == (Variant("a", 1), Variant("b", 2))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": ""}, "id"),
        ({"assignment": "coin"}, "assignment"),
        ({"variants": [{"id": "a", "weight": 1}]}, "variants"),
        ({"variants": [{"id": "a", "weight": 0}, {"id": "b", "weight": 1}]}, r"variants\[0\]"),
        ({"variants": [{"id": "a", "weight": 1}, {"id": "a", "weight": 1}]}, "different ids"),
        (
            {"variants": [{"id": "a", "weight": 1, "model_id": "x"}, {"id": "b", "weight": 1}]},
            "no model",
        ),
    ],
)
def test_a_wrong_test_is_refused_with_its_problem(change: dict[str, object], problem: str) -> None:
    body = {"id": "t", "variants": [{"id": "a", "weight": 1}, {"id": "b", "weight": 2}], **change}
    with pytest.raises(InvalidError, match=problem):
        read_test(body, MODEL_IDS)


def test_a_breaker_opens_tries_once_and_closes() -> None:
    now = 0.0
    breakers = Breakers(["m"], clock=lambda: now)
    for _ in range(FAILURES_TO_OPEN):
        assert breakers.admits("m")
        breakers.end("m", success=False)
    assert breakers.states()["m"] == (State.OPEN, FAILURES_TO_OPEN)
    assert not breakers.admits("m")
    now = OPEN_FOR_S
    assert breakers.states()["m"][0] is State.HALF_OPEN
    breakers.begin("m")
    assert not breakers.admits("m")
    breakers.end("m", success=True)
    assert breakers.states()["m"] == (State.CLOSED, 0)


def test_a_breaker_opens_again_when_its_trial_fails() -> None:
    now = 0.0
    breakers = Breakers(["m"], clock=lambda: now)
    for _ in range(FAILURES_TO_OPEN):
        breakers.end("m", success=False)
    now = OPEN_FOR_S
    breakers.begin("m")
    breakers.end("m", success=False)
    assert not breakers.admits("m")


def test_a_completion_is_read_with_its_defaults() -> None:
    wanted = read_completion({"prompt": "hello"})
    assert (wanted.strategy, wanted.max_tokens, wanted.enable_ab_test) == ("cheapest", 256, False)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "x", "max_tokens": True}, "max_tokens"),
        ({"prompt": "x", "strategy": "luckiest"}, "strategy"),
        ({"prompt": "x", "user_id": "u" * 201}, "user_id"),
        ({"prompt": "x", "enable_ab_test": "yes"}, "enable_ab_test"),
    ],
)
def test_a_wrong_completion_is_refused_with_its_problem(
    body: dict[str, object], problem: str
) -> None:
    with pytest.raises(InvalidError, match=problem):
        read_completion(body)


def test_an_estimate_counts_the_tokens_of_a_prompt() -> None:
    wanted = read_estimate({"model_id": "gpt-4o", "prompt": "12345"}, needs_model=True)
    assert wanted.input_tokens == tokens_in("12345") == 2


def test_usage_costs_what_its_tokens_cost() -> None:
    body = {"model_id": "gpt-4o", "input_tokens": 1000, "output_tokens": 1000}
    assert read_usage(body, "r").cost == cost(find("gpt-4o"), 1000, 1000) == 0.0125


def test_usage_says_every_problem_at_once() -> None:
    with pytest.raises(InvalidError) as caught:
        read_usage({"model_id": "x", "input_tokens": -1, "latency_ms": "fast"}, "r")
    assert len(caught.value.problems) == 4


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownError, match="'gpt-9'"):
        find("gpt-9")


def test_settings_are_read_and_show_no_secret() -> None:
    settings = read_settings(ENVIRONMENT)
    assert (settings.db_port, settings.http_port, settings.access_log_every) == (5432, 8080, 1)
    assert "must-not-show" not in repr(settings)


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({**ENVIRONMENT, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PORT", "five"),
        ("ROUTER_SIM_CPU_MS", "-1"),
        ("ROUTER_SIM_LATENCY_MS", "nan"),
        ("POSTHOG_ENABLED", "maybe"),
        ("ROUTER_ACCESS_LOG", "sample:0"),
        ("ROUTER_FAULT", "drop_events:0.01"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({**ENVIRONMENT, name: value})


def test_faults_count_only_when_they_are_allowed() -> None:
    environment = {**ENVIRONMENT, "ROUTER_FAULT": "unsticky", "ROUTER_FAULTS_ALLOWED": "1"}
    assert read_settings(environment).faults.on("unsticky")


@pytest.mark.parametrize("text", ["typo", "drop_events:many"])
def test_a_wrong_fault_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="ROUTER_FAULT"):
        Faults.parse(text)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.02, 0.5, 1.0])
def test_a_fault_hits_exactly_its_share(share: float) -> None:
    faults = Faults({next(iter(KNOWN)): share})
    hits = sum(faults.hits(next(iter(KNOWN)), number) for number in range(1, 1001))
    assert hits == round(1000 * share)
