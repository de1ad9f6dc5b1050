"""How often the first causes are the defect; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from clusterproof.causes.describe import subject_of
from clusterproof.causes.find import find_causes
from clusterproof.causes.graph import groups_of
from clusterproof.causes.rules import NODES
from clusterproof.causes.signatures import Signature
from clusterproof.spec.row import Row
from testbed.causes.recorded import RedSet


class Rank(StrEnum):
    """Where the defect is among the causes of its red rows."""

    FIRST = "first"
    FIRST_THREE = "second or third"
    NONE = "no cause"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Scored:
    """One red set, or two at once, with the causes that were found.

    Attributes:
        names: The defects.
        ranks: Of each defect.
        causes: The objects that the first three causes name.
    """

    names: tuple[str, ...]
    ranks: tuple[Rank, ...]
    causes: tuple[str, ...]


def score(sets: Sequence[RedSet], rows: Iterable[Row]) -> Scored:
    """The causes of the defects' red rows together."""
    merged = {finding.row.id: finding for each in reversed(sets) for finding in each.findings}
    groups, _ = groups_of(tuple(merged.values()), rows)
    named = tuple(group.refs for group in groups[:3])
    shown = tuple(" and ".join(refs) for refs in named)
    ranks = tuple(_rank(named, each) for each in sets)
    return Scored(tuple(each.defect.id for each in sets), ranks, shown)


def _rank(named: Sequence[tuple[str, ...]], red_set: RedSet) -> Rank:
    if not named:
        return Rank.NONE
    hits = [any(_is_one(ref, red_set.changed) for ref in refs) for refs in named]
    if not any(hits):
        return Rank.WRONG
    return Rank.FIRST if hits[0] else Rank.FIRST_THREE


def _is_one(ref: str, changed: frozenset[str]) -> bool:
    """Whether a cause names an object that the defect changed; of nodes, any."""
    return ref in changed or (ref.endswith("//") and any(name.startswith(ref) for name in changed))


def names_first(red_set: RedSet, rows: Iterable[Row], signatures: Sequence[Signature]) -> bool:
    """Whether the first cause of a report names the defect, by the graph and these signatures."""
    causes = find_causes(red_set.findings, rows, signatures)
    subjects = {subject_of(ref) for ref in red_set.changed}
    if any(ref.startswith(NODES) for ref in red_set.changed):
        subjects.add(subject_of(NODES))
    return bool(causes) and bool(subjects & set(causes[0].subject.split(", ")))


def shares(scored: Sequence[Scored]) -> Mapping[Rank, int]:
    """How many red sets of one defect have each rank."""
    ranks = Counter(each.ranks[0] for each in scored)
    return {rank: ranks[rank] for rank in Rank}
