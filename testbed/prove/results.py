"""What earlier runs proved, from the file of results: one line for each group."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.prove.findings import PROOFS, Finding, Proof
from testbed.prove.steps import Defect

_BESIDE = ("guard", "restore")


def not_due_before(path: Path) -> list[Proof]:
    """What was not red as due at some application, in the order in which it was seen."""
    seen = [one for entry in _entries(path) for one in _proofs(entry)]
    return [one for one in seen if one.finding is not Finding.RED_AS_DUE]


def earlier(path: Path, defects: Sequence[Defect]) -> tuple[dict[str, list[Proof]], float]:
    """Proofs by defect, where each row was red as due and nothing else was; and the time it took.

    The last line that a defect is in counts. A defect that is no longer as it was, so that other
    rows or other differences are due, has to be proven anew.
    """
    due = {one.id: one.reds for one in defects}
    found: dict[str, tuple[int, list[Proof]]] = {}
    took_s: list[float] = []
    for number, entry in enumerate(_entries(path)):
        took_s.append(float(entry["took_s"]))
        proofs = _proofs(entry)
        alarmed = any(one.kind in _BESIDE for one in proofs)
        for name in entry["defects"]:
            own = [one for one in proofs if one.defect == name and one.kind not in _BESIDE]
            reds = due.get(name, {})
            red = {one.row for one in own if one.row in reds and one.is_as(reds[one.row])}
            found.pop(name, None)
            if not alarmed and len(red) == len(own) and red == reds.keys():
                found[name] = (number, own)
    used = {number for number, _ in found.values()}
    return {name: own for name, (_, own) in found.items()}, sum(took_s[one] for one in used)


def _entries(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def _proofs(entry: Mapping[str, Any]) -> list[Proof]:
    return PROOFS.validate_python(entry["proofs"])
