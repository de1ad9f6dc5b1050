"""Traffic of our own through the router's Service, with the Pods' pages on both sides of it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.inside import Inside
from clusterproof.observe.metrics import Page, read_pages
from clusterproof.observe.proxy import HOW
from clusterproof.product.router.counting import (
    Batch,
    Routed,
    are_others,
    counted,
    is_excess,
    whole,
)
from clusterproof.spec.behaviour import MetricMovesRow
from clusterproof.spec.settings import TrafficSettings
from clusterproof.wait import last_within, pause

SCRIPT = "product.router.scripts.route"
ROUNDS = 3
"""How often each user asks: as often as it takes to see that a variant does not stick."""
REQUEST_TIMEOUT_S = 10.0
AT_ONCE = 6
SETTLE_WITHIN_S = 15.0
"""An SDK sends at the latest after its flush interval of 5 s; three of those. Our choice."""
QUIET_S = 3.0
"""Long enough to see traffic of one request a second. Our choice."""
AMONG_QUIET_S = 10.0
"""A quiet time on either side of a batch among others' requests. Our choice."""
FLUSHED_S = 6.0
"""Among others' events one cannot see ours arrive: past an SDK's flush interval of 5 s."""
MANY = 10
"""So many times the first batch is sent among others, to stand out."""
_STRATEGIES = ("cheapest", "fastest", "best_quality")


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that was sent, in order.

    Attributes:
        quiet: A batch of nothing between two of them.
        among: Where others send as well: nothing, a large batch, and nothing again.
    """

    batches: tuple[Batch, ...]
    quiet: Batch | None = None
    where: str = ""
    how: str = ""
    among: tuple[Batch, Batch, Batch] | None = None

    @property
    def answers(self) -> tuple[Routed, ...]:
        """Every answer of `batches`."""
        return tuple(answer for batch in self.batches for answer in batch.answers)


class Caller:
    """Sends as known users, and reads what every Pod of the router counted."""

    def __init__(
        self, inside: Inside, api: KubeApi, settings: TrafficSettings, *, name: str
    ) -> None:
        """Send nothing yet; `name` makes the users' ids our own."""
        self._inside, self._api, self._settings, self._name = inside, api, settings, name

    def measure(self, rows: Sequence[MetricMovesRow]) -> Traffic:
        """One batch; and where a metric rose by too much, a quiet time and twice the batch.

        Somebody else's requests come in a quiet time too; counting double goes with the batch.
        Where others send, a batch that stands out follows, between two quiet times.

        Raises:
            ObservationError: The sending Pod could not send, or no Pod's page could be read.
        """
        users = max(1, self._settings.requests // ROUNDS)
        first = self._batch("a", users, rows)
        if not whole(first):
            first = self._batch("b", users, rows)
        where, how = f"{self._inside.where} -> {self._settings.service}", self._inside.how
        if not any(is_excess(first, row) for row in rows):
            return Traffic((first,), None, where, f"{how}; {HOW}")
        quiet = self._nothing(QUIET_S)
        second = self._batch("c", 2 * users, rows)
        among = None
        if any(are_others(quiet, (first, second), row) for row in rows):
            among = self._among(MANY * users)
        return Traffic((first, second), quiet, where, f"{how}; {HOW}", among)

    def _among(self, users: int) -> tuple[Batch, Batch, Batch]:
        before = self._nothing(AMONG_QUIET_S)
        first, began = before.after, time.monotonic()
        answers = tuple(self._send([f"{self._name}-d{number}" for number in range(users)]))
        took_s = time.monotonic() - began
        pause(FLUSHED_S)
        after = self._pages()
        large = Batch(answers, first, after, took_s, time.monotonic() - began)
        return before, large, self._nothing(AMONG_QUIET_S)

    def _nothing(self, for_s: float) -> Batch:
        """The pages on both sides of a time in which we send nothing."""
        before, began = self._pages(), time.monotonic()
        pause(for_s)
        after = self._pages()
        return Batch((), before, after, for_s, time.monotonic() - began)

    def _batch(self, turn: str, users: int, rows: Sequence[MetricMovesRow]) -> Batch:
        before = self._pages()
        started = time.monotonic()
        answers = tuple(self._send([f"{self._name}-{turn}{number}" for number in range(users)]))
        took_s = time.monotonic() - started

        def arrived(after: tuple[Page, ...]) -> bool:
            if any(page.reason for page in after):
                return False
            batch = Batch(answers, before, after, took_s)
            return not whole(batch) or all(
                (count := counted(batch, row)).risen >= count.at_least for row in rows
            )

        after = last_within(self._pages, arrived, within_s=SETTLE_WITHIN_S, every_s=1.0)
        return Batch(answers, before, after, took_s)

    def _send(self, users: list[str]) -> Iterator[Routed]:
        request = {
            "url": f"http://{self._settings.service}:{self._settings.port}/api/v1/route",
            "users": users,
            "rounds": ROUNDS,
            "strategies": _STRATEGIES,
            "timeout_s": REQUEST_TIMEOUT_S,
            "at_once": AT_ONCE,
        }
        within_s = 15.0 + REQUEST_TIMEOUT_S * len(users) * ROUNDS / AT_ONCE
        for answer in self._inside.ask(SCRIPT, request, within_s=within_s)["answers"]:
            yield _routed(answer)

    def _pages(self) -> tuple[Page, ...]:
        """The pages now, of the Pods that run now, ready or not.

        One that is not ready may be so again in a moment, with all that it counted before; one
        that does not run has counted nothing.
        """
        workload = self._settings.workload
        running = [
            pod
            for pod in Cluster(self._api).pods_of(workload)
            if (pod.get("status") or {}).get("phase") == "Running"
        ]
        if not running:
            raise ObservationError(
                f"no Pod of {workload} runs",
                next_command=f"kubectl -n {workload.namespace} get pods -o wide",
            )
        return read_pages(self._api, running, self._settings.metrics_port, "/metrics")


def _routed(answer: Mapping[str, Any]) -> Routed:
    body = answer["body"]
    return Routed(
        user=answer["user"],
        status=answer["status"],
        model=str(body.get("model_id") or ""),
        variant=str(body.get("variant_id") or ""),
        is_ab_test=body.get("is_ab_test") is True,
        exposure=answer["exposure"],
        duration_ms=answer["duration_ms"],
        error=answer["error"],
    )
