"""Kubernetes quantities, exactly: 0.5 is 500m, 1Gi is 1024Mi.

Source: apimachinery's Quantity (k8s.io/apimachinery v0.35): the number grammar is checked first,
because the client library's parser also takes NaN, 1_000 and digits of other scripts.
"""

import re
from decimal import Decimal

_QUANTITY = re.compile(
    r"^(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
    re.ASCII,
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def parse_quantity(text: str | float) -> Decimal:
    """The number that a quantity stands for, in its base unit (cores, bytes).

    Raises:
        ValueError: `text` is no quantity.
    """
    match = _QUANTITY.match(str(text))
    if match is None:
        raise ValueError(f"expected a quantity such as 500m or 2Gi, got {text!r}")
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        return number * Decimal(2 ** _BINARY[suffix])
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))


def show_quantity(value: Decimal, resource: str) -> str:
    """A quantity as people write it: cores for cpu, Gi or Mi for the rest."""
    if resource == "cpu":
        return f"{(value * 1000).normalize():f}m" if value % 1 else f"{value.normalize():f}"
    for suffix, power in (("Gi", 30), ("Mi", 20), ("Ki", 10)):
        scaled = value / 2**power
        if abs(scaled) >= 1:
            return f"{scaled.quantize(Decimal('0.001')).normalize():f}{suffix}"
    return f"{value:f}"
