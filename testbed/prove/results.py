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
    proofs = [proof for entry in _entries(path) for proof in _proofs(entry)]
    return [proof for proof in proofs if proof.finding is not Finding.RED_AS_DUE]


def earlier(path: Path, defects: Sequence[Defect]) -> tuple[dict[str, list[Proof]], float]:
    """Proofs by defect, where each row was red as due and nothing else was; and the time it took.

    The last line that a defect is in counts. A defect that is no longer as it was, so that other
    rows or other differences are due, has to be proven anew.
    """
    due = {defect.id: defect.reds for defect in defects}
    proven: dict[str, tuple[int, list[Proof]]] = {}
    took_s: list[float] = []
    for number, entry in enumerate(_entries(path)):
        took_s.append(float(entry["took_s"]))
        proofs = _proofs(entry)
        alarmed = any(proof.kind in _BESIDE for proof in proofs)
        for name in entry["defects"]:
            own = [proof for proof in proofs if proof.defect == name and proof.kind not in _BESIDE]
            reds = due.get(name, {})
            red = {proof.row for proof in own if proof.row in reds and proof.is_as(reds[proof.row])}
            proven.pop(name, None)
            if not alarmed and len(red) == len(own) and red == reds.keys():
                proven[name] = (number, own)
    used = {number for number, _ in proven.values()}
    return {name: own for name, (_, own) in proven.items()}, sum(took_s[number] for number in used)


def _entries(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def _proofs(entry: Mapping[str, Any]) -> list[Proof]:
    return PROOFS.validate_python(entry["proofs"])
