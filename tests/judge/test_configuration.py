"""The judges of configuration: keys, ages, shapes, placeholders, managers."""

import re
from typing import Any

import pytest

from clusterproof.checks.consumed import Consumed
from clusterproof.checks.fresh import Freshness
from clusterproof.checks.placeholders import Placeholders
from clusterproof.checks.secret_manager import SecretManager
from clusterproof.checks.secret_shape import SecretShape
from tests.judge.rows import row
from tests.judging import differences


def said(rule: Any, fact: object) -> list[str]:  # noqa: ANN401 - any row
    different = differences(rule, fact)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)+", each.code) for each in different), different
    return [str(each) for each in different]


CONSUMED = {
    "workload": "Deployment/ns/web",
    "container": "web",
    "of": "ConfigMap/ns/c",
    "keys": ["A"],
}
BOTH = frozenset({"A", "B"})
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Consumed(object_exists=True, container_exists=True, held=BOTH, consumed=BOTH), []),
        (
            Consumed(object_exists=False, container_exists=True, held=NONE, consumed=NONE),
            ["ConfigMap/ns/c: expected a ConfigMap, observed absent"],
        ),
        (
            Consumed(object_exists=True, container_exists=False, held=BOTH, consumed=NONE),
            ["Deployment/ns/web: expected container web, observed absent"],
        ),
        (
            Consumed(object_exists=True, container_exists=True, held=NONE, consumed=NONE),
            ["A: expected a key of ConfigMap/ns/c, observed absent"],
        ),
        (
            Consumed(object_exists=True, container_exists=True, held=BOTH, consumed=frozenset("B")),
            ["A: expected set in web from ConfigMap/ns/c, observed not set from it"],
        ),
    ],
)
def test_consumption(value: Consumed, words: list[str]) -> None:
    assert said(row("consumed", **CONSUMED), value) == words


T = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Freshness(object_exists=True, changed_at=T, pods=2, stale=()), []),
        (
            Freshness(object_exists=True, changed_at=T, pods=2, stale=(("web-1", ("A", "B")),)),
            [
                f"web-1: expected the values of {T}, observed earlier ones of A, B"
                " (it started before they changed: kubectl rollout restart)"
            ],
        ),
        (
            Freshness(object_exists=False, changed_at="", pods=0, stale=()),
            ["Secret/ns/s: expected a Secret, observed absent"],
        ),
        (
            Freshness(object_exists=True, changed_at=T, pods=0, stale=()),
            ["Deployment/ns/web: expected Pods, observed none"],
        ),
    ],
)
def test_freshness(value: Freshness, words: list[str]) -> None:
    assert said(row("fresh", workload="Deployment/ns/web", of="Secret/ns/s"), value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (SecretShape(present=True, length=20, prefix_right=True), []),
        (SecretShape(present=False), ["expected a value, observed absent"]),
        (
            SecretShape(present=True, length=19, prefix_right=True),
            ["expected at least 20 characters, observed 19 characters"],
        ),
        (
            SecretShape(present=True, length=20, prefix_right=False),
            ["expected prefix sk-, observed another prefix"],
        ),
        (
            SecretShape(present=True, length=20, prefix_right=True, placeholder=True),
            ["expected a value of your own, observed the README's placeholder"],
        ),
    ],
)
def test_secret_shapes(value: SecretShape, words: list[str]) -> None:
    rule = row("secret-shape", of="Secret/ns/s", key="K", min_length=20, prefix="sk-")
    assert said(rule, value) == [f"Secret/ns/s K: {one}" for one in words]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Placeholders((), 4), []),
        (Placeholders((), 0), ["namespace ns: expected objects, observed none"]),
        (
            Placeholders((("ConfigMap/c K", "x"),), 1),
            ["ConfigMap/c K: expected a value of your own, observed the placeholder x"],
        ),
    ],
)
def test_placeholders(value: Placeholders, words: list[str]) -> None:
    assert said(row("placeholders", namespace="ns", placeholders=["x"]), value) == words


def test_an_absent_secret_is_a_difference_and_no_manager_is_none() -> None:
    rule = row("secret-manager", namespace="ns", secrets=["s"])
    assert said(rule, SecretManager((("s", ""),), ())) == []
    assert said(rule, SecretManager((("s", "Vault"),), ())) == []
    assert said(rule, SecretManager((), ("s",))) == [
        "Secret/ns/s: expected a Secret, observed absent"
    ]
