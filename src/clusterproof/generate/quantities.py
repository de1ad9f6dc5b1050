"""Quantities as the API server stores them: `1024Mi` is `1Gi`, and 1000000000 is `1G`; pure.

Restates apimachinery's Quantity.CanonicalizeBytes.
"""

import re
from decimal import Decimal
from typing import Any, Final

from clusterproof.generate.settings import TEXTS_BY_KEY
from clusterproof.kube.quantity import parse_quantity

_DECIMAL: Final = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_FINEST: Final = -9
_KIBI: Final = 1024
_KEYS: Final = frozenset(
    {"averageValue", "divisor", "sizeLimit", "targetAverageValue", "targetValue", "tolerance"}
)
"""Fields of a Pod template and of an autoscaler whose value is a quantity."""
_HOLDERS: Final = ("target", "value")
_BOUNDS: Final = frozenset({"limits", "requests"})


def with_quantities(node: Any, key: str = "", *, of_claim: bool = False) -> Any:  # noqa: ANN401 - JSON
    """A part of a workload or an autoscaler, each quantity as it is stored.

    The requests and limits of containers stay as they are written: their rows compare quantities.

    Args:
        node: The part.
        key: Of the part.
        of_claim: Whether it is in the claim of a volume.
    """
    if isinstance(node, list):
        return [with_quantities(each, of_claim=of_claim) for each in node]
    if isinstance(node, dict) and key not in TEXTS_BY_KEY:
        below = of_claim or key == "ephemeral"
        return {
            inner: canonical(part)
            if inner in _KEYS or (key, inner) == _HOLDERS or (below and key in _BOUNDS)
            else with_quantities(part, str(inner), of_claim=below)
            for inner, part in node.items()
        }
    return node


def canonical(quantity: Any) -> Any:  # noqa: ANN401 - JSON
    """A quantity as the API server writes it; what is none, as it is."""
    if isinstance(quantity, bool) or not isinstance(quantity, (str, int, float)):
        return quantity
    try:
        amount = parse_quantity(quantity)
    except ValueError:
        return quantity
    text = str(quantity)
    whole = amount == amount.to_integral_value()
    if text.endswith("i") and whole and abs(amount) >= _KIBI:
        return _binary(int(amount))
    return _decimal(amount, exponential=re.search(r"[eE][+-]?[0-9]", text) is not None)


def _binary(number: int) -> str:
    power = 0
    while number % _KIBI == 0 and power < len(_BINARY) - 1:
        number, power = number // _KIBI, power + 1
    return f"{number}{_BINARY[power]}"


def _decimal(amount: Decimal, *, exponential: bool) -> str:
    number, power = int(amount.scaleb(-_FINEST)), 0
    while number and number % 1000 == 0 and power < len(_DECIMAL) - 1:
        number, power = number // 1000, power + 1
    exponent = 3 * power + _FINEST
    if not number or not exponent:
        return str(number)
    return f"{number}e{exponent}" if exponential else f"{number}{_DECIMAL[power]}"
