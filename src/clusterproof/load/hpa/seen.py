"""What could be seen at each moment of a run: the HPA, its Pods and their usage."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clusterproof.kube.objects import condition_entry
from clusterproof.load.hpa.proposal import PodView, Sample
from clusterproof.load.hpa.rules import HpaSpec, ResourceTarget, spec_from_object
from clusterproof.load.recording import Change, Recording, UsageRead
from clusterproof.load.timeline import figure_seen, pod_view, samples_of

APART_S = 1.0
"""Of one reconcile the scale comes before the status: as a rule by this much at most."""
JUST_S = 1e-3
"""Just before, or just after."""
_RESOLUTION_S = 15.0
"""Of metrics-server's figures, by default. Where it has two replicas, the one that the controller
asks shows what the other shows us as much sooner or later."""
_SEEN_S = 0.2
"""A change is of a moment that it comes this much after. Our choice."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A reconcile in time.

    Attributes:
        seen: When its status was.
        began: When it looked at the Pods and the metrics.
        now: What time it was for it.
        before: From how many replicas it went.
    """

    seen: float
    began: float
    now: float
    before: int


NEVER = Moment(-math.inf, -math.inf, -math.inf, 0)
"""Before the first one."""


def has_other_status(before: Change | None, change: Change) -> bool:
    """Whether the HPA's status is another one, and not only the rest of it."""
    return before is None or change.object.get("status") != before.object.get("status")


class World:
    """What could be seen at each moment; asked in order of time."""

    def __init__(self, recording: Recording, changes: Sequence[Change], *, exact: bool) -> None:
        """Of a run.

        Args:
            recording: What was seen.
            changes: Of its HPA.
            exact: Whether the usage was read when the controller read it.
        """
        self.exact = exact
        self.ahead_s = recording.clock_ahead_s
        self._changes = changes
        self._change_times = [c.at for c in changes]
        self._reads = recording.usage
        self._read_times = [r.at for r in recording.usage]
        self._known = [read for read in self._reads if not read.error]
        self._known_times = [read.at for read in self._known]
        self._ended_at = recording.ended_at
        self._pod_changes = recording.of("pod")
        self._next_pod = 0
        self._pods: dict[str, PodView] = {}

    def spec_at(self, at: float) -> HpaSpec:
        """What the HPA asked for."""
        return spec_from_object(self.change_at(at).object)

    def shown_at(self, at: float, spec: HpaSpec) -> tuple[int | None, ...]:
        """What the status shows of each metric of its spec."""
        hpa = self.change_at(at).object
        return tuple(
            figure_seen(hpa, target) if isinstance(target, ResourceTarget) else None
            for target in spec.metrics
        )

    def current_at(self, at: float) -> int | None:
        """`currentReplicas` of the status as it was then."""
        status = self.change_at(at).object.get("status") or {}
        # Left out where it is 0 (autoscaling/v2, `omitempty`), and before the first reconcile.
        return status.get("currentReplicas", 0 if status.get("conditions") else None)

    def desired_at(self, at: float) -> int | None:
        """`desiredReplicas` of the status that the reconcile of this moment wrote, if it did."""
        return self.wanted_at(at) if self.is_written_at(at) else None

    def wanted_at(self, at: float) -> int | None:
        """`desiredReplicas` of the status as it was then."""
        return (self.change_at(at).object.get("status") or {}).get("desiredReplicas")

    def before_pods_of(self, at: float) -> float:
        """Just before the Pods came that a step made whose status was seen at that moment."""
        births = (change.at - JUST_S for change in self._pod_changes if change.type == "ADDED")
        return min((birth for birth in births if at - APART_S <= birth <= at), default=at)

    def is_written_at(self, at: float) -> bool:
        """Whether the HPA's status was written at that moment, and not only the rest of it."""
        index = self._index_at(at)
        change, before = self._changes[index], self._changes[index - 1] if index else None
        return has_other_status(before, change) and abs(change.at - at) <= _SEEN_S

    def pods_at(self, at: float) -> tuple[PodView, ...]:
        """The Pods that were there."""
        while self._next_pod < len(self._pod_changes):
            change = self._pod_changes[self._next_pod]
            if change.at > at:
                break
            if change.type == "DELETED":
                self._pods.pop(change.name, None)
            else:
                self._pods[change.name] = pod_view(change.object)
            self._next_pod += 1
        return tuple(self._pods.values())

    def reads_at(self, moment: Moment) -> list[UsageRead]:
        """The reads around it, the last before it first: which the controller saw is unknown.

        Where it had metrics, those of ours that failed are none of them.
        """
        if self.exact or not self._is_active(moment.seen):
            *earlier, last = self._near(moment.began)
            is_before = last.at <= moment.began
            return (
                [last, *earlier] if is_before or not earlier else [earlier[-1], last, *earlier[:-1]]
            )
        times, began = self._known_times, moment.began
        if not times:
            return [self._near(began)[-1]]
        usual = max(0, bisect_right(times, began) - 1)
        around = range(
            bisect_right(times, began - _RESOLUTION_S), bisect_right(times, began + _RESOLUTION_S)
        )
        others = sorted({*around} - {usual}, key=lambda index: abs(times[index] - began))
        return [self._known[index] for index in (usual, *others)]

    def samples_at(
        self, began: float, read: UsageRead, pods: Iterable[PodView]
    ) -> dict[str, Sample] | None:
        """The samples of an answer that the controller may have got at that moment.

        One that came to us later has no Pod that went meanwhile, and may have one that came.
        """
        samples = samples_of(read)
        if samples is None or read.at <= began:
            return samples
        index = bisect_right(self._known_times, began)
        before = (samples_of(self._known[index - 1]) if index else None) or {}
        known = {pod.name for pod in pods} | before.keys()
        return before | {name: sample for name, sample in samples.items() if name in known}

    def _near(self, at: float) -> list[UsageRead]:
        index = bisect_right(self._read_times, at)
        if self.exact:
            return [self._reads[index - 1]]
        return list(self._reads[max(0, index - 2) : index + 1])

    def is_unseen(self, moment: Moment, sync_s: float, *, is_explained: bool) -> bool:
        """Whether the controller read usage for that reconcile, and we could not.

        Where what we read explains the status, we could. A status that stays as it was says nothing
        of what was read: a controller that stands still is not excused by a slow metrics API.
        """
        if self.exact or not self._is_active(moment.seen):
            return False
        if all(read.error for read in self._near(moment.began)):
            return True
        if is_explained:
            return False
        index = bisect_right(self._known_times, moment.began)
        last = self._known_times[index - 1] if index else -math.inf
        following = self._known_times[index] if index < len(self._known_times) else math.inf
        if moment.seen > max(self._ended_at - sync_s, last) and math.isinf(following):
            return True
        return self.is_written_at(moment.seen) and following - last > sync_s

    def _is_active(self, at: float) -> bool:
        active = condition_entry(self.change_at(at).object, "ScalingActive").get("status")
        return active == "True"

    def change_at(self, at: float) -> Change:
        """The last of the HPA; one that is seen a little later counts."""
        return self._changes[self._index_at(at)]

    def _index_at(self, at: float) -> int:
        return max(0, bisect_right(self._change_times, at + _SEEN_S) - 1)
