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
        PodReach(dialling.pod, dialling.results[row_id])
        for dialling in diallings
        if row_id in dialling.results
    )


def _unseen_by(diallings: Iterable[Dialling], row_id: str) -> tuple[str, ...]:
    alone = "is the only Pod behind this Service, and no policy can refuse a Pod to itself"
    return tuple(
        f"{dialling.pod}: {dialling.unseen}" if dialling.unseen else f"{dialling.pod} {alone}"
        for dialling in diallings
        if row_id not in dialling.results
    )


def _how(diallings: Iterable[Dialling], matrix: Matrix) -> str:
    ways = dict.fromkeys(dialling.how for dialling in diallings if dialling.how)
    return f"{'; '.join(ways)}; control: {matrix.control.how}"
