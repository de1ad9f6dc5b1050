"""Exposure events to PostHog by its SDK, counted when they are accepted and not before.

The SDK gives a batch up after a few retries. Here such a batch is put back (same uuid and
timestamp, so a double delivery collapses by uuid) until it is accepted, refused for good, or the
process must end.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from queue import Full
from typing import Any

from posthog import Posthog
from posthog.consumer import Consumer
from posthog.request import APIError

from .faults import Faults
from .metrics import Metrics

EXPOSURE_EVENT = "$feature_flag_called"  # PostHog's own: its experiments count this event
_FLUSH_INTERVAL_S = 1.0
_FLUSH_AT = 50
_QUEUE_SIZE = 50_000
_REQUEST_TIMEOUT_S = 10
_RETRY_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_LOG = logging.getLogger("router.events")

Batch = list[dict[str, Any]]


class Events:
    """The process's line to PostHog."""

    def __init__(self, client: Posthog, metrics: Metrics, faults: Faults) -> None:
        """Watch the client's deliveries; use `connect` to make one with its client."""
        self._client = client
        self._metrics = metrics
        self._faults = faults
        self._captured = 0
        self._ending = False
        # Queued and not yet accepted or given up; two threads change it.
        self._waiting = 0
        self._ledger = threading.Lock()
        metrics.events_waiting.set_function(lambda: self._waiting)
        client.on_error = self._not_accepted
        for consumer in client.consumers or []:
            consumer.on_error = self._not_accepted
            self._count_accepted(consumer)

    @property
    def client(self) -> Posthog:
        """The SDK's client, for feature flags."""
        return self._client

    def exposure(self, user_id: str, test_id: str, variant: str, details: Mapping[str, Any]) -> str:
        """Queue one exposure event; its uuid. Never waits for the network."""
        self._captured += 1
        event_id = str(uuid.uuid4())
        if self._faults.hits("drop_events", self._captured):
            self._metrics.events_sent.inc()
            return event_id
        if self._faults.hits("wrong_variant", self._captured):
            variant = "treatment" if variant == "control" else "control"
        taken = self._client.capture(
            EXPOSURE_EVENT,
            distinct_id=user_id,
            uuid=event_id,
            timestamp=datetime.now(UTC),
            properties={
                "$feature_flag": test_id,
                "$feature_flag_response": variant,
                f"$feature/{test_id}": variant,
                "ab_test_id": test_id,
                "variant_id": variant,
                **details,
            },
        )
        if taken is None:
            self._metrics.events_failed.labels("queue_full").inc()
            _LOG.error("exposure event %s not queued: the SDK refused it", event_id)
        else:
            self._change_waiting(1)
        return event_id

    def close(self, within_s: float) -> int:
        """Deliver what is queued; how many events could not be delivered in time."""
        ends = time.monotonic() + within_s
        while (left := self._waiting) and time.monotonic() < ends:
            self._client.flush(timeout_seconds=max(0.1, ends - time.monotonic()))
        self._ending = True
        if left:
            self._metrics.events_failed.labels("process_ended").inc(left)
            _LOG.error("%d events were not accepted before the end of the process", left)
        return left

    def _change_waiting(self, by: int) -> None:
        with self._ledger:
            self._waiting += by

    def _count_accepted(self, consumer: Consumer) -> None:
        """Count a batch when the SDK's request for it returns: the SDK has no hook for that."""
        send: Callable[[Batch], None] = consumer.request

        def send_and_count(batch: Batch) -> None:
            send(batch)
            self._metrics.events_sent.inc(len(batch))
            self._change_waiting(-len(batch))

        consumer.request = send_and_count  # type: ignore[method-assign]

    def _not_accepted(self, error: Exception, batch: Batch) -> None:
        status = error.status if isinstance(error, APIError) else None
        refused = isinstance(status, int) and status < HTTPStatus.INTERNAL_SERVER_ERROR
        for_good = refused and status not in _RETRY_LATER
        if for_good or self._ending:
            reason = f"http_{status}" if for_good else "process_ended"
            self._metrics.events_failed.labels(reason).inc(len(batch))
            self._change_waiting(-len(batch))
            _LOG.error("PostHog refused a batch of %d events: %s", len(batch), type(error).__name__)
            return
        _LOG.warning("a batch of %d events is sent again: %s", len(batch), type(error).__name__)
        for item in batch:
            try:
                self._client.queue.put_nowait(item)
            except Full:
                self._metrics.events_failed.labels("queue_full").inc()
                self._change_waiting(-1)


def connect(host: str, api_key: str, metrics: Metrics, faults: Faults) -> Events:
    """A client of the PostHog SDK, with its deliveries watched."""
    client = Posthog(
        api_key,
        host=host,
        flush_at=_FLUSH_AT,
        flush_interval=_FLUSH_INTERVAL_S,
        max_queue_size=_QUEUE_SIZE,
        timeout=_REQUEST_TIMEOUT_S,
        feature_flags_request_timeout_seconds=2,
        capture_mode="v0",
    )
    return Events(client, metrics, faults)
