"""Traffic of our own through the router's Service, with the Pods' pages on both sides of it."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.objects import Json, condition_entry
from clusterproof.kube.pods import phase_of
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
    is_routed,
    is_success,
    served,
    whole,
)
from clusterproof.spec.behaviour import MetricMovesRow
from clusterproof.spec.settings import TrafficSettings
from clusterproof.wait import last_within, pause

SCRIPT = "product.router.scripts.route"
ROUNDS = 3
"""How often each user asks: as often as it takes to see that a variant does not stick.

As many other users ask once, and for no A/B test: a metric of exposures must not count those."""
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
EACH_OF = 10
"""Pods that are asked by themselves, where a request was not routed. Our choice."""
MANY = 10
"""So many times the first batch is sent among others, to stand out."""
_STRATEGIES = ("cheapest", "fastest", "best_quality")


def _times(count: int) -> str:
    return {1: "once", 2: "twice", 3: "three times", 4: "four times"}.get(count, f"{count} times")


@dataclass(frozen=True, slots=True)
class PodFate:
    """What one Pod answered when it was asked by itself, at its own address.

    Attributes:
        ready_s: How long it was Ready when the first batch had been sent; None where it is not.
        statuses: Of its answers, with how many had each; 0 is none.
        unrouted: Answers of 2xx without a variant.
    """

    pod: str
    ready_s: float | None
    statuses: tuple[tuple[int, int], ...]
    unrouted: int = 0

    def __str__(self) -> str:
        """Its name, since when it is Ready, and its answers."""
        since = "not Ready" if self.ready_s is None else f"Ready for {self.ready_s:.0f} s"
        answers = ", ".join(
            f"{status or 'no answer'} {_times(count)}" for status, count in self.statuses
        )
        without = f", {self.unrouted} without a variant" if self.unrouted else ""
        return f"{self.pod} ({since}): {answers}{without}"

    @property
    def is_asked(self) -> bool:
        """True where it gave any answer: a policy may keep us from others."""
        return any(status for status, _ in self.statuses)

    @property
    def is_sound(self) -> bool:
        """True where every answer was routed."""
        return not self.unrouted and all(is_success(status) for status, _ in self.statuses)


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that was sent, in order.

    Attributes:
        quiet: A batch of nothing between two of them.
        among: Where others send as well: nothing, a large batch, and nothing again.
        by_pod: Where a request was not routed: what each Pod answered when asked by itself.
    """

    batches: tuple[Batch, ...]
    quiet: Batch | None = None
    where: str = ""
    how: str = ""
    among: tuple[Batch, Batch, Batch] | None = None
    by_pod: tuple[PodFate, ...] = ()

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
        sent = time.monotonic()
        if not any(is_excess(first, row) for row in rows):
            by_pod = self._by_pod(sent, first)
            return Traffic((first,), None, where, f"{how}; {HOW}", by_pod=by_pod)
        quiet = self._nothing(QUIET_S)
        second = self._batch("c", 2 * users, rows)
        among = None
        if any(are_others(quiet, (first, second), row) for row in rows):
            among = self._among(MANY * users)
        # Last of all: what an SDK sends of it later would rise in a quiet time.
        by_pod = self._by_pod(sent, first, second)
        return Traffic((first, second), quiet, where, f"{how}; {HOW}", among, by_pod)

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
        # A Pod without a page, as one in a crash loop, is not waited for: nothing can be compared.
        blind = {page.pod for page in before if page.reason}
        started = time.monotonic()
        answers = tuple(self._send([f"{self._name}-{turn}{number}" for number in range(users)]))
        took_s = time.monotonic() - started

        def arrived(after: tuple[Page, ...]) -> bool:
            if any(page.reason for page in after if page.pod not in blind):
                return False
            batch = Batch(answers, before, after, took_s)
            return not whole(batch) or all(
                (count := counted(batch, row)).risen >= count.at_least for row in rows
            )

        after = last_within(self._pages, arrived, within_s=SETTLE_WITHIN_S, every_s=1.0)
        return Batch(answers, before, after, took_s)

    def _by_pod(self, sent: float, *batches: Batch) -> tuple[PodFate, ...]:
        """What each Pod answers now, where a request was not routed; nothing where no Pod answers.

        Of a Service that sends to another port, and behind a policy, nothing comes of it.
        """
        if all(is_routed(answer) for batch in batches for answer in batch.answers):
            return ()
        fates = tuple(self._each_pod(sent))
        return fates if any(fate.is_asked for fate in fates) else ()

    def _each_pod(self, sent: float) -> Iterator[PodFate]:
        """What each Pod answers now, asked at its own address; status 0 where nothing came."""
        cluster, name = Cluster(self._api), f"{self._name}-e"
        for number, pod in enumerate(self._running()[:EACH_OF]):
            address = (pod.get("status") or {}).get("podIP") or ""
            host = f"[{address}]" if ":" in address else address
            ready = condition_entry(pod, "Ready")
            since = ready.get("lastTransitionTime") if ready.get("status") == "True" else None
            later_s = time.monotonic() - sent
            ready_s = max(0.0, cluster.seconds_since(since) - later_s) if since else None
            try:
                answers = tuple(self._send([f"{name}{number}"], host)) if address else ()
            except ObservationError:  # of the Pod that sends: this one was not asked
                continue
            unrouted = sum(served(answer) and not is_routed(answer) for answer in answers)
            statuses = Counter(answer.status for answer in answers) or {0: ROUNDS + 1}
            yield PodFate(
                pod["metadata"]["name"], ready_s, tuple(sorted(statuses.items())), unrouted
            )

    def _send(self, users: list[str], host: str = "") -> Iterator[Routed]:
        request = {
            "url": f"http://{host or self._settings.service}:{self._settings.port}/api/v1/route",
            "users": users,
            "rounds": ROUNDS,
            "plain": [f"{user}-plain" for user in users],
            "strategies": _STRATEGIES,
            "timeout_s": REQUEST_TIMEOUT_S,
            "at_once": AT_ONCE,
        }
        within_s = 15.0 + REQUEST_TIMEOUT_S * len(users) * (ROUNDS + 1) / AT_ONCE
        for answer in self._inside.ask(SCRIPT, request, within_s=within_s)["answers"]:
            yield _routed(answer)

    def _pages(self) -> tuple[Page, ...]:
        """The pages now, of the Pods that run now, ready or not.

        One that is not ready may be so again in a moment, with all that it counted before; one
        that does not run has counted nothing.
        """
        workload, running = self._settings.workload, self._running()
        if not running:
            raise ObservationError(
                f"no Pod of {workload} runs",
                next_command=f"kubectl -n {workload.namespace} get pods -o wide",
            )
        return read_pages(self._api, running, self._settings.metrics_port, "/metrics")

    def _running(self) -> list[Json]:
        pods = Cluster(self._api).pods_of(self._settings.workload)
        return [pod for pod in pods if phase_of(pod) == "Running"]


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
        plain=answer["plain"],
    )
