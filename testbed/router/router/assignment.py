"""Which variant of an A/B test a user gets; pure.

Consistent hash, so that a verifier can compute it again: the share of a user is the first 15
hexadecimal digits of sha1("<test id>.<user id>variant") divided by 0xfffffffffffffff, and the
variants take the range from 0 to 1 in their declared order, each as wide as its weight. This is the
documented rule of PostHog's own flags, so router and PostHog agree on every user by themselves.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .errors import InvalidError

_SCALE = float(0xFFFFFFFFFFFFFFF)
_MOST_VARIANTS = 10


class Assignment(StrEnum):
    """How a user comes to a variant."""

    CONSISTENT_HASH = "consistent_hash"
    WEIGHTED_RANDOM = "weighted_random"
    POSTHOG_FLAG = "posthog_flag"


@dataclass(frozen=True)
class Variant:
    """One arm of a test.

    Attributes:
        id: Its key.
        weight: Its part of the users, in relation to the other weights.
        model_id: The model that its users get; "": as without a test.
    """

    id: str
    weight: float
    model_id: str = ""


@dataclass(frozen=True)
class ABTest:
    """An A/B test; its id is also the key of the flag in PostHog."""

    id: str
    name: str
    assignment: Assignment
    active: bool
    variants: tuple[Variant, ...]


def hash_share(test_id: str, user_id: str) -> float:
    """A number from 0 to 1 that is always the same for the same test and user."""
    digest = hashlib.sha1(f"{test_id}.{user_id}variant".encode()).hexdigest()  # noqa: S324
    return int(digest[:15], 16) / _SCALE


def pick(variants: Sequence[Variant], share: float) -> Variant:
    """The variant whose range holds `share`; the last one for rounding at the very end."""
    total = sum(variant.weight for variant in variants)
    high = 0.0
    for variant in variants:
        high += variant.weight / total
        if share < high:
            return variant
    return variants[-1]


def read_test(body: Mapping[str, Any], known_models: frozenset[str]) -> ABTest:
    """An A/B test from the body of a request.

    Raises:
        InvalidError: Says every field that is wrong.
    """
    problems: list[str] = []
    test_id, listed = body.get("id"), body.get("variants")
    if not isinstance(test_id, str) or not test_id or len(test_id) > 100:  # noqa: PLR2004
        problems.append("id: expected 1 to 100 characters")
    try:
        assignment = Assignment(body.get("assignment", Assignment.CONSISTENT_HASH))
    except ValueError:
        problems.append(f"assignment: expected one of {', '.join(Assignment)}")
        assignment = Assignment.CONSISTENT_HASH
    variants: list[Variant] = []
    if not isinstance(listed, list) or not 1 < len(listed) <= _MOST_VARIANTS:
        problems.append(f"variants: expected a list of 2 to {_MOST_VARIANTS}")
        listed = []
    for number, entry in enumerate(listed):
        where = f"variants[{number}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
            problems.append(f"{where}.id: expected a name")
            continue
        weight, model_id = entry.get("weight"), entry.get("model_id") or ""
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight > 0:
            problems.append(f"{where}.weight: expected a number above 0")
            continue
        if model_id and model_id not in known_models:
            problems.append(f"{where}.model_id: no model {model_id!r}")
        variants.append(Variant(entry["id"], float(weight), str(model_id)))
    if len({variant.id for variant in variants}) != len(variants):
        problems.append("variants: expected different ids")
    if problems:
        raise InvalidError(*problems)
    return ABTest(
        id=str(test_id),
        name=str(body.get("name") or test_id),
        assignment=assignment,
        active=bool(body.get("active", True)),
        variants=tuple(variants),
    )
