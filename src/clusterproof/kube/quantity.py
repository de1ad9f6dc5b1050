"""Kubernetes quantities, exactly: 0.5 is 500m, 1Gi is 1024Mi.

Restates apimachinery's resource.ParseQuantity: the number grammar is checked first, because the
client library's parser also takes NaN, 1_000 and digits of other scripts.
"""

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_UP, Context, Decimal

_QUANTITY = re.compile(
    r"^(?=.)(?P<number>[+-]?[0-9]*(?:\.[0-9]*)?)"
    r"(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?$",
    re.ASCII,
)
_DIGIT = re.compile(r"[0-9]", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_FINEST = -9
_NANO = Decimal(1).scaleb(_FINEST)
_LARGEST = Decimal(2**63 - 1)
_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)


def parse_quantity(text: str | float) -> Decimal:
    """The number that a quantity stands for, in its base unit (cores, bytes).

    As Kubernetes takes it: what is finer than a billionth is rounded away from zero, and what is
    written with a binary suffix is never more than 2^63 - 1. No digits at all are 0, but not before
    Pi, Ei and an exponent under -9. An exponent of more than three digits is refused here:
    Kubernetes would compute with it for hours.

    Raises:
        ValueError: `text` is no quantity.
    """
    match = _QUANTITY.match(str(text))
    suffix = (match["suffix"] or "") if match else ""
    has_digits = match is not None and _DIGIT.search(match["number"])
    if match is None or not (has_digits or _may_stand_alone(suffix)):
        raise ValueError(f"expected a quantity such as 500m or 2Gi, got {text!r}")
    number = Decimal(match["number"]) if has_digits else Decimal(0)
    if suffix in _BINARY:
        exact = _EXACT.multiply(number, Decimal(2 ** _BINARY[suffix]))
        if abs(exact) > _LARGEST:
            return _LARGEST.copy_sign(exact)
    elif suffix in _DECIMAL:
        exact = _EXACT.scaleb(number, _DECIMAL[suffix])
    else:
        exact = _EXACT.scaleb(number, int(suffix[1:]))
    return rounded_up(exact, _NANO)


def _may_stand_alone(suffix: str) -> bool:
    """Whether a suffix without digits is a quantity: 0, unless it is beyond the quick parser."""
    if suffix in _BINARY:
        return suffix not in {"Pi", "Ei"}
    return suffix in _DECIMAL or int(suffix[1:]) >= _FINEST


def rounded_up(amount: Decimal, step: Decimal) -> Decimal:
    """The amount, away from zero to the next multiple of a power of ten (Quantity.RoundUp)."""
    return amount.quantize(step, ROUND_UP, _EXACT)


def show_quantity(value: Decimal, resource: str) -> str:
    """A quantity as people write it: cores for cpu, Gi or Mi for the rest."""
    if resource == "cpu":
        return f"{(value * 1000).normalize():f}m" if value % 1 else f"{value.normalize():f}"
    for suffix, power in (("Gi", 30), ("Mi", 20), ("Ki", 10)):
        scaled = value / 2**power
        if abs(scaled) >= 1:
            return f"{scaled.quantize(Decimal('0.001')).normalize():f}{suffix}"
    return f"{value:f}"
