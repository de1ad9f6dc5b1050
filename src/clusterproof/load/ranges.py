"""What the numbers and words of spec/objectives.yaml may be, beyond a number's sign.

Policies and windows have the API's own limits: pkg/apis/autoscaling/validation/validation.go.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat

FailureRatio = Annotated[float, Field(ge=0, lt=1)]
"""A share of all requests, not percent; 1 would let every one fail."""
Window = Annotated[int, Field(ge=0, le=3600)]
"""Source: validateHPAScalingRules, MaxStabilizationWindowSeconds."""
Select = Literal["Max", "Min", "Disabled"]
_MAX_PERIOD_S = 1800
"""Source: validateScalingPolicy, MaxPeriodSeconds."""
_POLICY = re.compile(r"(?:Percent|Pods) [1-9][0-9]{0,8} (?P<period_s>[1-9][0-9]{0,3})")
_SUM_WITHIN = 1e-3
"""Shares may be rounded, as in three of 0.3333."""


def _check_policy(policy: str) -> str:
    match = _POLICY.fullmatch(policy)
    if match is None or int(match["period_s"]) > _MAX_PERIOD_S:
        raise ValueError(
            'expected "Percent N SECONDS" or "Pods N SECONDS", as "Percent 100 30", with N over 0'
            f" and 1 to {_MAX_PERIOD_S} seconds"
        )
    return policy


Policies = Annotated[tuple[Annotated[str, AfterValidator(_check_policy)], ...], Field(min_length=1)]


def _check_weights(mix: Mapping[str, float]) -> Mapping[str, float]:
    if not any(mix.values()):
        raise ValueError("expected at least one request with a weight over 0")
    return mix


def _check_shares(shares: Mapping[str, float]) -> Mapping[str, float]:
    """The share of each variant; none at all claims nothing."""
    if len(shares) == 1:
        raise ValueError("expected two variants or more, or {} for no claim")
    total = math.fsum(shares.values())
    if shares and not math.isclose(total, 1, abs_tol=_SUM_WITHIN):
        rightly = ", ".join(f"{name}: {share / total:.4g}" for name, share in shares.items())
        raise ValueError(
            f"expected shares that add up to 1, not to {total:g}; in these proportions:"
            f" {{{rightly}}}"
        )
    return shares


Weights = Annotated[Mapping[str, NonNegativeFloat], AfterValidator(_check_weights)]
Shares = Annotated[Mapping[str, PositiveFloat], AfterValidator(_check_shares)]
