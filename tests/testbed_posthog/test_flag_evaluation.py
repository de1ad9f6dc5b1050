"""Flags: the hash is PostHog's, and the shares are what the flag says."""

import asyncio
import logging
import math
from collections import Counter
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from posthog.feature_flags import _hash as sdk_hash
from posthog.feature_flags import get_matching_variant
from posthog.types import FeatureFlag
from starlette.applications import Starlette

from testbed.posthog.posthog_reference.faults import Faults
from testbed.posthog.posthog_reference.flags import (
    Caller,
    FlagDefinition,
    UnsupportedConditionError,
    answer,
    evaluate,
    hash_share,
)
from testbed.posthog.posthog_reference.metrics import WebMetrics, new_registry
from testbed.posthog.posthog_reference.migrations import EXPERIMENT_FILTERS
from testbed.posthog.posthog_reference.web import routes


def flag(key: str = "model-router-experiment", **changes: Any) -> FlagDefinition:  # noqa: ANN401 - filters
    filters = {**EXPERIMENT_FILTERS, **changes}
    return FlagDefinition(
        7, key, "A flag", active=True, version=3, has_experiment=True, filters=filters
    )


def caller(distinct_id: str = "someone", **properties: object) -> Caller:
    return Caller(distinct_id, properties)


@given(st.text(), st.text(min_size=1), st.lists(st.integers(0, 100), min_size=1, max_size=5))
def test_a_variant_is_the_one_that_the_sdk_computes_locally(
    distinct_id: str, key: str, shares: list[int]
) -> None:
    variants = [{"key": f"v{n}", "rollout_percentage": share} for n, share in enumerate(shares)]
    ours = evaluate(flag(key, multivariate={"variants": variants}), caller(distinct_id)).variant
    theirs = get_matching_variant(  # type: ignore[no-untyped-call]
        {"key": key, "filters": {"multivariate": {"variants": variants}}}, distinct_id
    )
    assert ours == theirs


@given(st.text(), st.text(), st.sampled_from(["", "variant"]))
def test_the_hash_is_the_sdks(key: str, distinct_id: str, salt: str) -> None:
    assert hash_share(key, distinct_id, salt) == sdk_hash(key, distinct_id, salt)


def test_ten_thousand_callers_split_in_halves() -> None:
    seen = Counter(evaluate(flag(), caller(f"user-{n}")).variant for n in range(10_000))
    assert set(seen) == {"control", "treatment"}
    # Four standard deviations of a fair coin; the callers are fixed, so this cannot flicker.
    assert abs(seen["control"] - 5000) < 4 * math.sqrt(2500)


@pytest.mark.parametrize("share", [0, 10, 100])
def test_rollout_lets_in_its_share(share: int) -> None:
    groups = [{"properties": [], "rollout_percentage": share, "variant": None}]
    partly = flag(groups=groups)
    matched = sum(evaluate(partly, caller(f"user-{n}")).enabled for n in range(2000))
    assert matched == pytest.approx(20 * share, abs=60)


@pytest.mark.parametrize(
    ("condition", "properties", "matches"),
    [
        ({"key": "plan", "operator": "exact", "value": ["pro", "max"]}, {"plan": "Pro"}, True),
        ({"key": "plan", "value": "pro"}, {"plan": "free"}, False),
        ({"key": "plan", "value": "pro"}, {}, False),
        ({"key": "plan", "operator": "is_not", "value": "pro"}, {}, True),
        ({"key": "plan", "operator": "is_set"}, {"plan": ""}, True),
        ({"key": "plan", "operator": "is_not_set"}, {}, True),
        ({"key": "mail", "operator": "icontains", "value": "@EX"}, {"mail": "a@ex.com"}, True),
    ],
)
def test_release_conditions(
    condition: dict[str, Any],
    properties: dict[str, Any],
    matches: bool,  # noqa: FBT001 - a table's column
) -> None:
    conditional = flag(groups=[{"properties": [condition], "rollout_percentage": 100}])
    found = evaluate(conditional, caller(**properties))
    assert found.enabled is matches
    assert found.code == ("condition_match" if matches else "no_condition_match")


def test_an_unknown_operator_is_said_and_not_guessed() -> None:
    odd = flag(groups=[{"properties": [{"key": "a", "operator": "regex", "value": "."}]}])
    with pytest.raises(UnsupportedConditionError):
        evaluate(odd, caller(a="x"))
    body = answer([odd], caller(), version=2, only=None, request_id="r", evaluated_at_ms=1)
    assert (body["errorsWhileComputingFlags"], body["flags"]) == (True, {})


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_sdk_reads_every_version_of_a_record(
    version: int, caplog: pytest.LogCaptureFixture
) -> None:
    forced = flag(groups=[{"properties": [], "rollout_percentage": 100, "variant": "treatment"}])
    body = answer([forced], caller(), version=version, only=None, request_id="r", evaluated_at_ms=1)
    with caplog.at_level(logging.WARNING):
        read = FeatureFlag.from_json(body["flags"]["model-router-experiment"])
    assert read.get_value() == "treatment"
    assert read.reason is not None
    assert read.reason.code == "condition_match"
    assert not read._failed
    assert not caplog.records


def test_only_the_flags_that_were_asked_for_are_answered() -> None:
    flags = [flag("a"), flag("b")]
    body = answer(
        flags, caller(), version=2, only=frozenset({"b"}), request_id="r", evaluated_at_ms=1
    )
    assert list(body["flags"]) == ["b"]


def test_the_oldest_version_has_plain_values() -> None:
    body = answer([flag()], caller(), version=1, only=None, request_id="r", evaluated_at_ms=1)
    assert body["featureFlags"]["model-router-experiment"] in {"control", "treatment"}


def of_decide(version: int) -> dict[str, Any]:
    """A flag that is on with a variant, one that is off, and one that cannot be evaluated."""
    forced = [{"properties": [], "rollout_percentage": 100, "variant": "treatment"}]
    nobody = [{"properties": [], "rollout_percentage": 0}]
    odd = [{"properties": [{"key": "a", "operator": "regex", "value": "."}]}]
    return answer(
        [flag("on", groups=forced), flag("off", groups=nobody), flag("odd", groups=odd)],
        caller(a="x"),
        version=version,
        only=None,
        request_id="r",
        evaluated_at_ms=1,
        from_decide=True,
    )


@pytest.mark.parametrize(
    ("version", "values", "failed"),
    [
        (1, ["on"], None),
        (2, {"on": "treatment"}, None),
        (3, {"on": "treatment", "off": False}, True),
    ],
)
def test_decide_answers_as_its_version_does(version: int, values: object, failed: object) -> None:
    body = of_decide(version)
    assert body["featureFlags"] == values
    assert body.get("errorsWhileComputingFlags") is failed
    assert ("featureFlagPayloads" in body) is (version == 3)


def test_decide_has_the_details_since_its_version_4() -> None:
    body = of_decide(4)
    assert "featureFlags" not in body
    assert body["flags"]["on"]["variant"] == "treatment"
    assert body["flags"]["off"]["reason"]["code"] == "out_of_rollout_bound"


def test_decide_gives_the_variants_that_flags_gives() -> None:
    """One evaluation is behind both."""
    for number in range(50):
        someone = caller(f"user-{number}")
        fields: dict[str, Any] = {"only": None, "request_id": "r", "evaluated_at_ms": 1}
        newer = answer([flag()], someone, version=2, **fields)
        older = answer([flag()], someone, version=3, from_decide=True, **fields)
        key = "model-router-experiment"
        assert older["featureFlags"][key] == newer["flags"][key]["variant"]


class OneProject:
    """The project of one token, with one flag."""

    async def by_token(self, token: str) -> SimpleNamespace | None:
        """It, by its token."""
        return SimpleNamespace(id=1) if token == "phc_known" else None  # noqa: S105 - a sample

    async def flags(self, project_id: int) -> list[FlagDefinition]:
        """Its flags."""
        return [flag()] if project_id == 1 else []


@pytest.mark.parametrize("path", ["/decide/?v=3", "/decide?v=3"])
def test_decide_is_served_beside_flags(path: str) -> None:
    app = Starlette(routes=routes())
    app.state.context = SimpleNamespace(
        projects=OneProject(),
        settings=SimpleNamespace(faults=Faults({})),
        metrics=WebMetrics(new_registry()),
    )
    asked = {"api_key": "phc_known", "distinct_id": "someone"}

    async def answers() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://reference") as client:
            bodies = ((path, asked), ("/flags/?v=2", asked), (path, {**asked, "api_key": "phc_x"}))
            return [await client.post(each, json=body) for each, body in bodies]

    older, newer, unknown = asyncio.run(answers())
    key = "model-router-experiment"
    assert older.json()["featureFlags"][key] == newer.json()["flags"][key]["variant"]
    assert unknown.status_code == 401
