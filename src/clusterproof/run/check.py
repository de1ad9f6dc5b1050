"""One row: looked at and judged, once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from clusterproof.checks import kind_of, kinds
from clusterproof.checks.field import FieldRow
from clusterproof.checks.hpa_state import HpaStateRow
from clusterproof.checks.replicas import ReplicasRow
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Doubt, Judgement
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.scaling import is_waiting_for_metrics
from clusterproof.observe.workloads import is_counting, is_settling
from clusterproof.outcome import Outcome
from clusterproof.report.acceptance import outcome_of
from clusterproof.report.record import Acceptance
from clusterproof.spec import ObjectRef, Row, Spec
from clusterproof.spec.accepting import Accepted
from clusterproof.wait import last_within


@dataclass(frozen=True, slots=True)
class Checked:
    """A row with what was seen of it and what that comes to.

    Attributes:
        observed: What the look brought back; None when it could not look.
        started_at: Unix time in seconds.
        accepted: What the spec accepts of this row for a time.
    """

    row: Row
    observed: Observed[object] | None
    judgement: Judgement
    started_at: float
    duration_s: float
    accepted: tuple[Accepted, ...] = ()

    @property
    def acceptances(self) -> tuple[Acceptance, ...]:
        """The same for a record, each with whether it had expired when the row was checked."""
        today = datetime.fromtimestamp(self.started_at, UTC).date()
        return tuple(
            Acceptance(
                codes=entry.codes,
                reason=entry.reason,
                owner=entry.owner,
                expires=entry.expires.isoformat(),
                expired=today > entry.expires,
            )
            for entry in self.accepted
        )

    @property
    def is_explicable(self) -> bool:
        """Whether the cluster may show why; not where an option of the run forbade the look."""
        return not (isinstance(self.judgement, Doubt) and self.judgement.not_allowed)

    @property
    def outcome(self) -> Outcome:
        """What the row comes to."""
        return outcome_of(self.judgement, self.acceptances)


def check(row: Row, site: Site) -> Checked:
    """Look at the cluster for one row, and judge what was seen.

    Whatever keeps it from looking is a Doubt, an error of our own as well: that is never a finding
    about the cluster.
    """
    started_at, began = time.time(), time.monotonic()
    kind = kind_of(row)
    observed: Observed[object] | None = None
    judgement: Judgement
    try:
        observed = kind.look(row, site)
        judgement = kind.judge(row, observed.value)
    except ObservationError as error:
        judgement = Doubt.of(error)
    except Exception as error:  # noqa: BLE001 - see above
        judgement = Doubt(f"an error of clusterproof itself: {type(error).__name__}: {error}")
    took_s = time.monotonic() - began
    accepted = tuple(entry for entry in site.spec.accepted if entry.row == row.id)
    return Checked(row, observed, judgement, started_at, took_s, accepted)


def begin(site: Site) -> None:
    """Start what takes seconds and is shared by the rows of this run, all of it together."""
    wanted = {row.check for row in site.rows}
    for kind in kinds().values():
        if kind.name in wanted:
            for look in kind.begin:
                site.begin(look)


def settle(cluster: Cluster, spec: Spec, tell: Callable[[str], None]) -> None:
    """Give a rollout, a start or a first measurement that is under way time to end.

    What is judged is then not a moment between two states. Waits `settings.settle_s` at most, and
    not for what cannot end well by itself.

    Args:
        cluster: Is listed anew at each look.
        spec: Of the workloads and autoscalers.
        tell: Is given what is waited for, at each look.
    """
    workloads = [row.workload for row in spec.rows if isinstance(row, ReplicasRow)]
    autoscalers = {row.of for row in spec.rows if isinstance(row, HpaStateRow)}
    budgets = {
        row.of
        for row in spec.rows
        if isinstance(row, FieldRow)
        and row.of.kind == "PodDisruptionBudget"
        and row.path.startswith("status.")
    }
    looks = [
        *((is_settling, ref, "the rollout of") for ref in workloads),
        *((is_waiting_for_metrics, ref, "the first figures of") for ref in autoscalers),
        *((is_counting, ref, "the count of") for ref in budgets),
    ]

    def settling() -> bool:
        cluster.forget()
        for look, ref, what in looks:
            if _asked(look, cluster, ref):
                tell(f"{what} {ref}")
                return True
        return False

    last_within(settling, lambda still: not still, within_s=spec.settings.settle_s, every_s=1.0)


def _asked(look: Callable[[Cluster, ObjectRef], bool], cluster: Cluster, ref: ObjectRef) -> bool:
    try:
        return look(cluster, ref)
    except ObservationError:
        return False  # each row that needs the same list says why it could not be read
