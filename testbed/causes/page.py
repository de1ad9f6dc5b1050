"""The page of how well causes are found, from the scores."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from clusterproof.causes.signatures import Signature, best_fit
from clusterproof.spec import Spec
from testbed.causes.recorded import RedSet
from testbed.causes.score import Rank, Scored, names_first, score, shares

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


def markdown(all_measured: Sequence[Measured], date: str) -> str:
    """The page."""
    lines = [
        "# Causes: how often the first one is the defect",
        "",
        f"Written by `make causes` on {date}, offline.",
        "",
        "For each defect of both catalogues, its red rows are given to the search for causes, and",
        "the first cause has to name an object that the defect changes. What was measured, and",
        "what was not:",
        "",
    ]
    lines += [
        f"- {each.profile}: {_percent(each.recorded, each.findings)} of the red rows have the"
        " differences of a real run (docs/proof.json); the others have what the catalogue"
        " demands of them."
        for each in all_measured
    ]
    lines += [
        "- The red rows are those that a defect must turn red. Rows that it may turn red beside",
        "  them, and blind rows, were not recorded and are not in it.",
        "- The rules of the graph were written by hand with these catalogues at hand: its figures",
        "  say how well they cover the catalogues, not what they do with defects that nobody has",
        "  seen.",
        "- A look at PostHog or at the router states what it asked; that is not on the pages of",
        "  the proof, and is taken from the spec.",
        "- Three objects or more that differ alike are one cause that names each: it counts for",
        "  a defect of any of them.",
        "- A defect that turns one row red is its own cause where the row names the object; these",
        "  are counted apart.",
        "",
        "## The dependency graph alone",
        "",
        "| red rows | defects | first | in the first three | wrong | no cause |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in all_measured:
        lines.append(_line(f"{each.profile}, two or more", each.several))
        lines.append(_line(f"{each.profile}, one", each.single))
        lines.append(_line(f"{each.profile}, all", (*each.single, *each.several)))
    lines += [
        "",
        "## Left one out",
        "",
        "The first cause never rests on the signature of the defect: the graph names the object,",
        "and a signature only adds how well a known defect fits. Both together, as a report has",
        "them, for defects with two or more red rows; the signature of the defect, and those of",
        "defects with its title or its objects, are left out. The rules of the graph are not left",
        "out one by one.",
        "",
        *(
            f"- {each.profile}: the first cause is the defect in"
            f" {_percent(each.combined, len(each.several))}."
            for each in all_measured
        ),
        "",
        "## Two defects at once",
        "",
        f"{PAIRS} pairs that change different objects, drawn by the seed {SEED}.",
        "",
        "| catalogue | pairs | both in the first three | at least one |",
        "| --- | --- | --- | --- |",
        *(_pairs_line(each) for each in all_measured),
        "",
        "## Signatures",
        "",
        "A signature has kinds, aspects and codes, and no names. It only adds to a cause how well",
        "a known defect fits; it names no object by itself.",
        "",
    ]
    for each in all_measured:
        lines.append(
            f"- {each.profile}: with all signatures, {_percent(each.own_fits, len(each.several))}"
            " red sets fit that of their own defect better than any other; left one out (with those"
            " of the same objects or title),"
            f" {_percent(len(each.other_fits), len(each.several))} fit another."
        )
    lines += [
        "",
        "## Confusions",
        "",
        "| catalogue | defect | what was named first |",
        "| --- | --- | --- |",
    ]
    for each in all_measured:
        lines += [
            f"| {each.profile} | {scored.names[0]} | {', '.join(scored.causes)} |"
            for scored in (*each.several, *each.single)
            if scored.ranks[0] in {Rank.WRONG, Rank.FIRST_THREE}
        ]
        lines += [
            f"| {each.profile}, signature left out | {name} | {title} |"
            for name, title in each.other_fits
        ]
    lines += ["", "No cause was named for:", ""]
    for each in all_measured:
        names = [
            scored.names[0]
            for scored in (*each.several, *each.single)
            if scored.ranks[0] is Rank.NONE
        ]
        lines.append(f"- {each.profile}: {', '.join(names)}.")
    return "\n".join(lines) + "\n"
