"""Who reaches whom, and what names lead to, as dialled from every Pod of a workload."""

from collections.abc import Iterable
from dataclasses import dataclass

from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.matrix import Matrix


@dataclass(frozen=True, slots=True)
class PodReach:
    """What became of one peer, from one Pod."""

    pod: str
    dialled: Dialled

    @property
    def outcome(self) -> DialOutcome:
        """The outcome at the peer: by its known address, where its name did not resolve."""
        return self.dialled.by_address or self.dialled.outcome


def _pods(diallings: Iterable[Dialling], row_id: str) -> tuple[PodReach, ...]:
    return tuple(
        PodReach(one.pod, one.results[row_id]) for one in diallings if row_id in one.results
    )


def _unseen_by(diallings: Iterable[Dialling], row_id: str) -> tuple[str, ...]:
    alone = "is the only Pod behind this Service, and no policy can refuse a Pod to itself"
    return tuple(
        f"{one.pod}: {one.unseen}" if one.unseen else f"{one.pod} {alone}"
        for one in diallings
        if row_id not in one.results
    )


def _how(diallings: Iterable[Dialling], matrix: Matrix) -> str:
    ways = dict.fromkeys(one.how for one in diallings if one.how)
    return f"{'; '.join(ways)}; control: {matrix.control.how}"
