"""The lists that `init` makes of a cluster: as few as the rights allow, and each refusal once."""

from http import HTTPStatus
from typing import Final

from clusterproof.errors import ObservationError
from clusterproof.generate.settings import printable
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.objects import Json
from clusterproof.observe.cluster import Cluster

_ENOUGH: Final = 3
"""Kinds whose list over all namespaces is refused, after which no more is asked for one: our
choice."""


class Lists:
    """The objects of some namespaces, kind by kind.

    A kind is listed once over all namespaces, and once in each where that is refused or where the
    objects of all are more than one page.
    """

    def __init__(self, cluster: Cluster, places: tuple[str, ...]) -> None:
        """List nothing yet.

        Args:
            cluster: Whose objects they are.
            places: The namespaces.
        """
        self._cluster = cluster
        self._places = places
        self._refused_everywhere = 0
        self._refused: dict[tuple[str, str], tuple[ObservationError, list[str]]] = {}

    @property
    def passed_over(self) -> tuple[str, ...]:
        """What could not be listed, and why: one line for all kinds of the same reason."""
        return tuple(
            f"{', '.join(kinds)}{place}: not read, as {printable(str(error))}"
            for (place, _), (error, kinds) in self._refused.items()
        )

    def of(self, kind: str) -> list[Json]:
        """Every object of a kind.

        Raises:
            ObservationError: A list was refused.
        """
        everywhere = self._everywhere(kind)
        if everywhere is not None:
            return everywhere
        return [item for place in self._places for item in self._cluster.objects(kind, place)]

    def where_allowed(self, kind: str) -> list[Json]:
        """Every object of a kind, without those of a namespace whose list is refused."""
        try:
            everywhere = self._everywhere(kind)
        except ObservationError as error:
            self._refuse(kind, "", error)
            return []
        if everywhere is not None:
            return everywhere
        return [item for place in self._places for item in self._in(kind, place)]

    def in_no_namespace(self, kind: str) -> list[Json]:
        """Every object of a kind that is in no namespace; none where the list is refused."""
        return self._in(kind, CLUSTER_WIDE)

    def _everywhere(self, kind: str) -> list[Json] | None:
        """By one list over all namespaces; None where that is not to be had."""
        if len(self._places) == 1 or self._refused_everywhere >= _ENOUGH:
            return None
        try:
            items = self._cluster.on_one_page(kind)
        except ObservationError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            self._refused_everywhere += 1
            return None
        if items is None:
            return None
        return [item for item in items if item["metadata"].get("namespace") in self._places]

    def _in(self, kind: str, place: str) -> list[Json]:
        try:
            return self._cluster.objects(kind, place)
        except ObservationError as error:
            self._refuse(kind, f" in {place}" if place else "", error)
            return []

    def _refuse(self, kind: str, place: str, error: ObservationError) -> None:
        reason = str(error.status or error)
        _, kinds = self._refused.setdefault((place, reason), (error, []))
        kinds.append(kind)
