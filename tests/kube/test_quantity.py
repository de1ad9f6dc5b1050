"""Quantities are numbers: however they are written, the same is the same."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.kube.quantity import parse_quantity, show_quantity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.5", "500m"),
        ("1Gi", "1024Mi"),
        ("1", "1000m"),
        ("1e3", "1k"),
        ("1E", "1e18"),
        ("2Gi", "2147483648"),
        ("100u", "0.1m"),
        (".5", "500m"),
        ("1.", "1"),
        (2, "2"),
    ],
)
def test_the_same_amount_is_the_same(one: str, other: str) -> None:
    assert parse_quantity(one) == parse_quantity(other)


@pytest.mark.parametrize(("one", "other"), [("1G", "1Gi"), ("1m", "1M"), ("500m", "501m")])
def test_another_amount_is_another(one: str, other: str) -> None:
    assert parse_quantity(one) != parse_quantity(other)


@pytest.mark.parametrize(
    "text",
    ["", "NaN", "Infinity", "1_000", " 1", "1K", "1mi", "12e", "٣", "1 Gi", "Pi", "E-23", "-.e-10"],
)
def test_what_kubernetes_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a quantity such as 500m or 2Gi"):
        parse_quantity(text)


@pytest.mark.parametrize("text", ["Gi", "E", "n", "e-9", "E+23"])
def test_a_suffix_without_digits_is_nothing(text: str) -> None:
    assert parse_quantity(text) == 0


@given(st.integers(min_value=0, max_value=10**15))
def test_milli_units_are_exact(millis: int) -> None:
    assert parse_quantity(f"{millis}m") * 1000 == millis


@given(st.integers(min_value=1, max_value=10**6), st.sampled_from(["cpu", "memory"]))
def test_what_is_shown_reads_back(amount: int, resource: str) -> None:
    value = Decimal(amount) * (2**20 if resource == "memory" else 1)
    shown = parse_quantity(show_quantity(value, resource))
    assert abs(shown - value) <= value / 1000


def test_quantities_are_shown_as_people_write_them() -> None:
    assert show_quantity(Decimal("3.75"), "cpu") == "3750m"
    assert show_quantity(Decimal(2), "cpu") == "2"
    assert show_quantity(Decimal(2**30) * 27, "memory") == "27Gi"
    assert show_quantity(Decimal(2**20) * 6912, "memory") == "6.75Gi"
    assert show_quantity(Decimal(512), "memory") == "512"


@pytest.mark.parametrize(
    ("value", "resource", "shown"),
    [
        (Decimal(3), "cpu", "3"),
        (Decimal("0.25"), "cpu", "250m"),
        (Decimal("1.5"), "cpu", "1500m"),
        (Decimal(2**30), "memory", "1Gi"),
        (Decimal(2**30 - 2**20), "memory", "1023Mi"),
        (Decimal(2**20), "memory", "1Mi"),
        (Decimal(2**10), "memory", "1Ki"),
        (Decimal(1536), "memory", "1.5Ki"),
        (Decimal(1023), "memory", "1023"),
        (Decimal(-(2**30)), "memory", "-1Gi"),
    ],
)
def test_the_largest_unit_that_fits_is_shown(value: Decimal, resource: str, shown: str) -> None:
    assert show_quantity(value, resource) == shown
