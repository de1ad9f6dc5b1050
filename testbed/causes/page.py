"""The page of how well causes are found, from the scores."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from clusterproof.causes.signatures import Signature, best_fit
from clusterproof.spec import Spec
from testbed.causes.recorded import RedSet, record_of
from testbed.causes.score import Rank, Scored, names_first, score, shares
from testbed.pages import rendered

PAIRS: Final = 1000
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Measured:
    """A catalogue, scored.

    Attributes:
        single: Defects that turn one row red: its own object is its cause.
        several: Those that turn more rows red.
        pairs: Two defects of different objects at once.
        recorded: Findings with the differences of a real run, of `findings` in all.
        own_fits: Of `several`: how many red sets fit the signature of their own defect alone.
        combined: Of `several`: how many first causes name the defect when its own signature, and
            those of its siblings, are left out.
        other_fits: Red sets that fit another signature when their own is left out, with its title.
    """

    profile: str
    single: tuple[Scored, ...]
    several: tuple[Scored, ...]
    pairs: tuple[Scored, ...]
    recorded: int
    findings: int
    own_fits: int
    combined: int
    other_fits: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, profile: str, spec: Spec, sets: Sequence[RedSet]) -> "Measured":
        """Score a catalogue: each defect alone, and pairs drawn by a seed."""
        single = [each for each in sets if len(each.findings) == 1]
        several = [each for each in sets if len(each.findings) > 1]
        apart = [pair for pair in combinations(sets, 2) if not pair[0].changed & pair[1].changed]
        drawn = random.Random(SEED).sample(apart, min(PAIRS, len(apart)))  # noqa: S311 - a sample
        return cls(
            profile,
            tuple(score((each,), spec.rows) for each in single),
            tuple(score((each,), spec.rows) for each in several),
            tuple(score(pair, spec.rows) for pair in drawn),
            recorded=sum(each.recorded for each in sets),
            findings=sum(len(each.findings) for each in sets),
            own_fits=sum(_fits_own(each, several) for each in several),
            combined=sum(
                names_first(each, spec.rows, _signatures_but(each, several)) for each in several
            ),
            other_fits=tuple(_fits_of_others(several)),
        )

    @property
    def record(self) -> str:
        """The file of `recorded`."""
        return str(record_of(self.profile))

    def ranked(self, *ranks: Rank) -> list[Scored]:
        """The defects, tried alone, whose causes have one of these ranks."""
        return [each for each in (*self.several, *self.single) if each.ranks[0] in ranks]


def _fits_own(each: RedSet, all_sets: Sequence[RedSet]) -> bool:
    fit = best_fit(each.findings, [other.signature for other in all_sets])
    return fit is not None and fit.signature.title == each.defect.title


def _fits_of_others(several: Sequence[RedSet]) -> list[tuple[str, str]]:
    """Left one out: its own signature, and those of defects that break the same object alike."""
    return [
        (each.defect.id, fit.signature.title)
        for each in several
        if (fit := best_fit(each.findings, _signatures_but(each, several)))
    ]


def _signatures_but(each: RedSet, several: Sequence[RedSet]) -> list[Signature]:
    """Without those of the defect, of its family, and of defects of the same objects."""
    return [
        other.signature
        for other in several
        if other.defect.title != each.defect.title and other.changed != each.changed
    ]


def _percent(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "none"


def _line(name: str, scored: Sequence[Scored]) -> str:
    ranks, count = shares(scored), len(scored)
    three = ranks[Rank.FIRST] + ranks[Rank.FIRST_THREE]
    cells = [ranks[Rank.FIRST], three, ranks[Rank.WRONG], ranks[Rank.NONE]]
    return f"| {name} | {count} | {' | '.join(_percent(cell, count) for cell in cells)} |"


def _pairs_line(measured: Measured) -> str:
    good = {Rank.FIRST, Rank.FIRST_THREE}
    both = sum(set(each.ranks) <= good for each in measured.pairs)
    either = sum(bool(set(each.ranks) & good) for each in measured.pairs)
    count = len(measured.pairs)
    return f"| {measured.profile} | {count} | {_percent(both, count)} | {_percent(either, count)} |"


def markdown(measured: Sequence[Measured], date: str) -> str:
    """The page."""
    return rendered(
        Path(__file__).with_name("page.md.j2"),
        measured=measured,
        date=date,
        pairs=PAIRS,
        seed=SEED,
        ranks=Rank,
        percent=_percent,
        line=_line,
        pairs_line=_pairs_line,
    )
