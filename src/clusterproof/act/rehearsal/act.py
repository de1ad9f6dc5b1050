"""What an operation works with: changes that are noted before they are made, and bounded looks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clusterproof.act.rehearsal.seen import Step
from clusterproof.act.rehearsal.state import incomplete
from clusterproof.act.rehearsal.undo import MANAGER, MERGE, Refused, Undo, WayBack
from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.kinds import CLUSTER_WIDE, KINDS
from clusterproof.spec.rehearsal import RehearsalRow
from clusterproof.spec.row import ObjectRef
from clusterproof.wait import last_within

LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Act:
    """One operation under way.

    Attributes:
        namespaces: Those of the spec: the only ones whose Pods are evicted.
        may_write: Raises where another run may be writing.
        refused: What was not put back so far, since somebody else changed it meanwhile.
    """

    api: KubeApi
    rule: RehearsalRow
    namespaces: tuple[str, ...]
    way_back: WayBack
    may_write: Callable[[], None]
    refused: list[Refused] = field(default_factory=list)

    def get(self, ref: ObjectRef) -> Json:
        """The object.

        Raises:
            ObservationError: There is none, or it may not be read.
        """
        return self.api.get(path_of(ref))

    def remember(self, *entries: Undo) -> None:
        """Note what will be put back, in the order in which it is."""
        self.may_write()
        self.way_back.remember(self.rule.id, entries)

    def patch(self, path: str, body: object, content_type: str = MERGE) -> None:
        """Change an object; how it was is noted already."""
        self.may_write()
        self.api.request(
            "PATCH", path, query={"fieldManager": MANAGER}, body=body, content_type=content_type
        )

    def put_back(self) -> bool:
        """Put back what was noted, and only that; False where some of it was left (`refused`).

        Raises:
            ObservationError: It could not be put back.
        """
        refused = self.way_back.go()
        self.refused.extend(refused)
        return not refused

    def reach(self, what: str, look: Callable[[], Sequence[str]]) -> Step:
        """Look until nothing is missing, or the row's time is up."""
        began = time.monotonic()
        missing = last_within(
            look, lambda obstacles: not obstacles, within_s=self.rule.within_s, every_s=LOOK_EVERY_S
        )
        took_s = round(time.monotonic() - began, 1)
        return Step(what, "; ".join(missing), took_s, self.rule.within_s)

    def whole(
        self,
        what: str,
        workloads: Sequence[ObjectRef],
        *,
        replicas: int | None = None,
        or_more: bool = False,
    ) -> Step:
        """Wait until the workloads are whole, as `incomplete` says."""
        return self.reach(
            what, lambda: incomplete(self.api, workloads, replicas=replicas, or_more=or_more)
        )


def path_of(ref: ObjectRef) -> str:
    """The API path of an object of a known kind."""
    return f"{KINDS[ref.kind].collection(ref.namespace or CLUSTER_WIDE)}/{ref.name}"
