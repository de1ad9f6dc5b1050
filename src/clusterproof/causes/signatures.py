"""Signatures: which kinds of rows each known defect turned red, and how well a red set fits one.

A signature has kinds, aspects and codes and no names, so that it holds on other deployments.
`python -m testbed.causes --write` makes `signatures.json` of the catalogues and their proof.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from clusterproof.causes.finding import Finding

LEAST_ROWS: Final = 2
"""One row alone is the sign of many defects."""
LEAST_FIT: Final = 0.8
"""Below it a signature says nothing. Our choice: 4 of 5 rows, and no other."""
_ASPECTS: Final = ("aspect", "figure", "probe", "bound", "resource", "within", "expected", "by")

Sign = tuple[str, str, str]
"""Kind of row, its aspect or "", code of its first difference or "" for a blind row."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The rows that a known defect turned red.

    Attributes:
        title: What was broken when it was proven.
        signs: One for each row that turned red.
    """

    title: str
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a red set fits a signature.

    Attributes:
        matched: Rows of the signature that are red.
        due: Rows of the signature.
        others: Red rows that the signature does not have.
    """

    signature: Signature
    matched: int
    due: int
    others: int

    @property
    def score(self) -> float:
        """0 to 1: matched rows among all that are due or red."""
        return self.matched / (self.due + self.others)

    def __str__(self) -> str:
        """As a report says it."""
        others = f"and {self.others} more" if self.others else "and no other"
        return f"as {self.signature.title!r} did: {self.matched} of its {self.due} rows, {others}"


def sign_of(finding: Finding) -> Sign:
    """The sign of a row that did not pass."""
    row: Any = finding.row
    aspect = next((str(getattr(row, name)) for name in _ASPECTS if getattr(row, name, None)), "")
    if row.check == "field":  # by the field, without what selects one of a list, or a key of data
        path = re.sub(r"\[[^]]*\]", "", row.path)
        aspect = "data" if path.startswith("data") else path
    elif row.check == "rehearsal":
        aspect = type(row.operation).__name__.lower()
    return row.check, aspect, finding.differences[0].code if finding.differences else ""


@cache
def known() -> tuple[Signature, ...]:
    """The signatures of this version."""
    text = files("clusterproof.causes").joinpath("signatures.json").read_text(encoding="utf-8")
    return tuple(
        Signature(
            entry["title"], tuple((kind, aspect, code) for kind, aspect, code in entry["signs"])
        )
        for entry in json.loads(text)
    )


def best_fit(
    findings: Sequence[Finding], signatures: Iterable[Signature] | None = None
) -> Fit | None:
    """The signature that these findings fit best; None where none fits well enough.

    Also None where two signatures fit equally well and are not the same defect.
    """
    if len(findings) < LEAST_ROWS:
        return None
    signs = Counter(sign_of(finding) for finding in findings)
    fits = [_fit(signature, signs) for signature in (known() if signatures is None else signatures)]
    best = max(fits, key=lambda fit: fit.score, default=None)
    if best is None or best.score < LEAST_FIT:
        return None
    titles = {fit.signature.title for fit in fits if fit.score == best.score}
    return best if len(titles) == 1 else None


def _fit(signature: Signature, signs: Counter[Sign]) -> Fit:
    due = Counter(signature.signs)
    matched = (due & signs).total()
    return Fit(signature, matched, due.total(), signs.total() - matched)
