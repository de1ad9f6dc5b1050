"""One page for several clusters, verified against one spec: row by row, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.pages import ORDER, environment, own_parts
from clusterproof.report.record import RowResult, RunRecord


@dataclass(frozen=True, slots=True)
class Member:
    """One cluster of a fleet.

    Attributes:
        context: As it was asked for.
        record: Its run; None where none could be made.
        trouble: Why there is none, or why it is no pass; or "".
        page: The path of its own report from the fleet's page, or "".
    """

    context: str
    record: RunRecord | None
    trouble: str = ""
    page: str = ""

    @property
    def outcome(self) -> Outcome:
        """Of its run; one that could not be made, or did not end as it should, is no pass."""
        outcome = self.record.verdict if self.record else Outcome.INCONCLUSIVE
        return Outcome.INCONCLUSIVE if self.trouble and outcome is Outcome.PASSED else outcome


@dataclass(frozen=True, slots=True)
class Compared:
    """One row in every cluster.

    Attributes:
        results: In the order of the clusters; None where the cluster's run has no such row.
    """

    id: str
    area: str
    title: str
    results: tuple[RowResult | None, ...]

    @property
    def outcomes(self) -> frozenset[Outcome | None]:
        """What it came to, each once."""
        return frozenset(result.outcome if result else None for result in self.results)

    @property
    def worst(self) -> Outcome:
        """Of all clusters; a row that one of them does not have counts as not run there."""
        outcomes = {outcome or Outcome.NOT_RUN for outcome in self.outcomes}
        return next(outcome for outcome in ORDER if outcome in outcomes)


def compared(members: Sequence[Member]) -> tuple[Compared, ...]:
    """Every row that some cluster has, the worst first, then in the order of the spec."""
    records = [member.record for member in members]
    by_id = [{row.id: row for row in record.rows} if record else {} for record in records]
    first = {row.id: row for rows in reversed(by_id) for row in rows.values()}
    order = dict.fromkeys(row.id for record in records if record for row in record.rows)
    rows = [
        Compared(
            name, first[name].area, first[name].title, tuple(known.get(name) for known in by_id)
        )
        for name in order
    ]
    return tuple(sorted(rows, key=lambda row: ORDER.index(row.worst)))


def twins(members: Sequence[Member]) -> tuple[tuple[str, ...], ...]:
    """The contexts that are one cluster, by its UID."""
    by_uid: dict[str, list[str]] = {}
    for member in members:
        if member.record and member.record.cluster.uid:
            by_uid.setdefault(member.record.cluster.uid, []).append(member.context)
    return tuple(tuple(contexts) for contexts in by_uid.values() if len(contexts) > 1)


def exit_code_of(members: Sequence[Member]) -> ExitCode:
    """The worst of all: a difference before a blind spot before a pass."""
    outcomes = {member.outcome for member in members}
    if Outcome.FAILED in outcomes:
        return ExitCode.FAILED
    return ExitCode.PASSED if outcomes == {Outcome.PASSED} else ExitCode.INCONCLUSIVE


def to_fleet_html(members: Sequence[Member]) -> str:
    """The page; loads nothing from elsewhere."""
    rows = compared(members)
    outcomes = {member.outcome for member in members}
    template = environment().get_template("fleet.html.j2")
    return template.render(
        members=members,
        verdict=next(worst for worst in ORDER if worst in outcomes),
        apart=[row for row in rows if row.outcomes != {Outcome.PASSED}],
        alike=[row for row in rows if row.outcomes == {Outcome.PASSED}],
        twins=twins(members),
        **own_parts(),
    )
