"""A mistake in a spec is one sentence with the file, the line, and what was expected."""

from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.checks.quantity import QuantityRow
from clusterproof.errors import SpecError

ROW = """area: resources
rows:
  - id: web-cpu
    claim: The web asks for half a core
    source: Topology
    check: quantity
    workload: Deployment/${ns}/web
    container: web
    bound: requests
    resource: cpu
    quantity: 500m
"""
SPEC = "name: mine\nprofile: mine\nnamespaces: {ns: shop}\ninclude: [rows.yaml]\n"


def write(folder: Path, spec: str = SPEC, rows: str = ROW) -> Path:
    (folder / "rows.yaml").write_text(rows, encoding="utf-8")
    (folder / "spec.yaml").write_text(spec, encoding="utf-8")
    return folder / "spec.yaml"


def test_someone_elses_deployment_is_a_file(tmp_path: Path) -> None:
    (row,) = read_spec(write(tmp_path)).rows
    assert isinstance(row, QuantityRow)
    assert (str(row.workload), row.quantity) == ("Deployment/shop/web", "500m")


def test_a_namespace_can_be_another(tmp_path: Path) -> None:
    (row,) = read_spec(write(tmp_path), {"ns": "shop-2"}).rows
    assert isinstance(row, QuantityRow)
    assert row.workload.namespace == "shop-2"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            ROW.replace("cpu\n", "gpu\n"),
            "rows.yaml:10: resource: Input should be 'cpu' or 'memory'",
        ),
        (
            ROW.replace("quantity: 500m", "quantities: 500m"),
            "rows.yaml:3: quantity: Field required",
        ),
        (ROW.replace("check: quantity", "check: quantum"), "rows.yaml:3: Input tag 'quantum'"),
        (ROW.replace("Deployment/${ns}/web", "web"), "rows.yaml:7: workload"),
        (ROW.replace("${ns}", "${other}"), "rows.yaml:7: expected an alias of: ns"),
        (ROW + "    bound: limits\n", "rows.yaml:12: expected each key once"),
        (ROW + ROW.split("rows:\n")[1], "rows.yaml:12: expected an id of its own"),
        (ROW + "colour: red\n", "rows.yaml:12: expected one of: area, rows"),
        ("area: [", "rows.yaml:1: expected YAML"),
        ("- 1\n", "rows.yaml:1: expected a mapping"),
        ("area: resources\nrows: [1]\n", "rows.yaml:2: expected a row with an `id`"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, rows: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_spec(write(tmp_path, rows=rows))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (SPEC + "include: []\n", "spec.yaml:5: expected each key once"),
        (SPEC.replace("rows.yaml", "none.yaml"), "spec.yaml:4: expected a row file, there is no"),
        (SPEC + "remove: [nothing]\n", "spec.yaml:5: expected the id of a row"),
        (
            SPEC + "override:\n  web-cpu: {quantity: 1}\n",
            "spec.yaml:6: expected fields with a `because`",
        ),
        (SPEC + "override:\n  x: {because: y}\n", "spec.yaml:6: expected the id of a row"),
        (SPEC + "extends: spec.yaml\n", "spec.yaml:1: expected a spec that does not extend itself"),
        (
            SPEC + "extends: other.yaml\n",
            "spec.yaml:5: expected a spec file, there is no other.yaml",
        ),
        (SPEC + "settings: {settle_s: -1}\n", "spec.yaml:5: settle_s"),
    ],
)
def test_a_wrong_spec_is_named(tmp_path: Path, spec: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_spec(write(tmp_path, spec=spec))
    assert expected in str(caught.value)


def test_an_override_says_why_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(
        "extends: spec.yaml\nprofile: lab\noverride:\n"
        "  web-cpu: {quantity: 100m, because: a small machine}\n",
        encoding="utf-8",
    )
    write(tmp_path)
    spec = read_spec(tmp_path / "lab.yaml")
    (row,) = spec.rows
    assert isinstance(row, QuantityRow)
    assert (row.quantity, row.because, row.container) == ("100m", "a small machine", "web")
    assert (spec.profile, spec.places["web-cpu"]) == ("lab", "lab.yaml:4")


def test_a_missing_spec_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected a spec file"):
        read_spec(tmp_path / "none.yaml")
