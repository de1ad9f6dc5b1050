"""What earlier runs proved, from the file of results: one line for each group."""

import json
from collections.abc import Sequence
from pathlib import Path

from testbed.prove.findings import Finding, Proof
from testbed.prove.steps import Defect

_BESIDE = ("guard", "restore")


def amiss_before(path: Path) -> list[Proof]:
    """What was not red as due at some application, in the order in which it was seen."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [one for line in lines for one in _proofs(line) if one.finding is not Finding.RED_AS_DUE]


def earlier(path: Path, defects: Sequence[Defect]) -> tuple[dict[str, list[Proof]], float]:
    """Proofs by defect, where each row was red as due and nothing else was; and the time it took.

    The last line that a defect is in counts. A defect that is no longer as it was, so that other
    rows are due, has to be proven anew.
    """
    due = {one.id: set(one.reds) for one in defects}
    found: dict[str, tuple[int, list[Proof]]] = {}
    took_s: list[float] = []
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines):
        entry = json.loads(line)
        took_s.append(float(entry["took_s"]))
        proofs = _proofs(line)
        alarmed = any(one.kind in _BESIDE for one in proofs)
        for name in entry["defects"]:
            own = [one for one in proofs if one.defect == name and one.kind not in _BESIDE]
            red = {one.row for one in own if one.finding is Finding.RED_AS_DUE}
            found.pop(name, None)
            if not alarmed and len(red) == len(own) and red == due.get(name):
                found[name] = (number, own)
    used = {number for number, _ in found.values()}
    return {name: own for name, (_, own) in found.items()}, sum(took_s[one] for one in used)


def _proofs(line: str) -> list[Proof]:
    found = json.loads(line)["proofs"]
    return [Proof(**{**one, "finding": Finding(one["finding"])}) for one in found]
