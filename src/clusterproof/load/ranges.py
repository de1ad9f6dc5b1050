"""What the numbers and words of spec/objectives.yaml may be, beyond a number's sign."""

import math
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat

FailureRatio = Annotated[float, Field(ge=0, lt=1)]
"""A share of all requests, not percent; 1 would let every one fail."""
_SAMPLE = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SUM_WITHIN = 1e-3
"""Shares may be rounded, as in three of 0.3333."""


def _check_sample(name: str) -> str:
    if not _SAMPLE.fullmatch(name):
        raise ValueError("expected the name of a sample without labels; `where` chooses by labels")
    return name


Sample = Annotated[str, AfterValidator(_check_sample)]
"""Source: Prometheus' data model, metric names."""


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
