"""Every difference that a judge can find has a code."""

import ast
import inspect
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clusterproof import checks
from clusterproof.checks import kinds
from clusterproof.checks.kind import Kind
from clusterproof.checks.quantity import Bound
from clusterproof.checks.totals import Totals
from clusterproof.kube.paths import Missing
from clusterproof.observe.fields import FieldValue
from tests.judge.rows import row
from tests.judging import differences

MODULES = sorted(Path(checks.__file__).parent.glob("*.py"))
CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def codes(rule: Any, fact: object) -> list[str]:  # noqa: ANN401 - any row
    """Of the differences that a judge found, in their order."""
    return [difference.code for difference in differences(rule, fact)]


def differences_in(path: Path) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Difference"
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_difference_has_a_code(path: Path) -> None:
    for call in differences_in(path):
        codes = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
        assert codes, f"{path.name}:{call.lineno}"
        if isinstance(codes[0], ast.Constant):
            assert CODE.fullmatch(str(codes[0].value)), f"{path.name}:{call.lineno}"


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.name)
def test_a_kind_lists_every_code_that_its_judge_can_find(kind: Kind[Any, Any]) -> None:
    """What stands in its module as a code: where a difference is made, and in tables."""
    path = Path(inspect.getfile(kind.judge))
    names = set(kinds())
    literal = {
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch("[a-z]+(-[a-z]+)+", node.value)
        and node.value not in names
    }
    assert literal <= set(kind.codes)
    assert kind.codes == tuple(sorted(set(kind.codes)))
    assert all(CODE.fullmatch(code) for code in kind.codes)


@pytest.mark.parametrize("bound", ["requests", "limits"])
def test_codes_of_a_bound_name_it(bound: str) -> None:
    """They are put together, so that no search for them finds them."""
    of = bound.removesuffix("s")
    fields = {"bound": bound, "resource": "cpu", "quantity": "2"}
    one = row("quantity", workload="Deployment/ns/web", container="web", **fields)
    total = row("totals", workloads=["Deployment/ns/web"], **fields)
    assert codes(one, Bound(True, None, (("web-1", "1"),))) == [f"{of}-absent", f"pod-{of}-differs"]  # noqa: FBT003 - a fact
    assert codes(one, Bound(True, "1", (("web-1", "2"),))) == [f"{of}-differs"]  # noqa: FBT003 - a fact
    assert codes(total, Totals(Decimal(2), (), ("web/web",))) == [f"{of}-absent"]


def test_codes_of_a_field_tell_what_is_absent() -> None:
    grace = row("field", of="Deployment/ns/web", path="spec.x", expect={"equals": 30})
    absent = Missing("spec.x")
    assert codes(grace, FieldValue(object_exists=True, value=absent)) == ["field-absent"]
    assert codes(grace, FieldValue(object_exists=False, value=absent)) == ["object-absent"]
    assert codes(grace, FieldValue(object_exists=True, value=5)) == ["field-differs"]
