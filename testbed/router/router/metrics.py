"""The process's metrics, in Prometheus' terms."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from .faults import Faults

# Fine around the lab's latencies, so that a quantile read from the buckets means something.
_BUCKETS = (
    *(0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10),
)


class Metrics:
    """Counters of one process; each process has its own registry, so tests can have several."""

    def __init__(self, faults: Faults) -> None:
        """Register every metric at zero: absent and zero are different statements."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._faults = faults
        self._served = 0
        labels = ("method", "endpoint", "status")
        self._requests = Counter(
            "model_router_requests_total", "API requests answered", labels, registry=self.registry
        )
        self._duration = Histogram(
            "model_router_request_duration_seconds",
            "From the parsed request to the last byte handed to the connection",
            ("method", "endpoint"),
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self._exposures = Counter(
            "model_router_ab_test_exposures_total",
            "Requests that were served a variant of an A/B test",
            ("experiment", "variant"),
            registry=None if faults.on("no_exposure_metric") else self.registry,
        )
        self.events_sent = Counter(
            "posthog_events_sent_total",
            "Events in batches that PostHog accepted",
            registry=self.registry,
        )
        self.events_failed = Counter(
            "posthog_events_failed_total",
            "Events given up, by reason",
            ("reason",),
            registry=self.registry,
        )
        self.events_waiting = Gauge(
            "posthog_events_waiting",
            "Events captured and not yet accepted or given up",
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "model_router_requests_in_flight", "Requests being served", registry=self.registry
        )
        self._requests.labels("POST", "/api/v1/route", "200")
        self._duration.labels("POST", "/api/v1/route")

    def answered(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """One API request was answered."""
        self._served += 1
        self._duration.labels(method, endpoint).observe(seconds)
        if not self._faults.on("frozen_metric"):
            twice = self._faults.hits("double_count", self._served)
            self._requests.labels(method, endpoint, str(status)).inc(2 if twice else 1)

    def declare_test(self, experiment: str, variant: str) -> None:
        """Make the counter of a variant exist at zero."""
        self._exposures.labels(experiment, variant)

    def exposed(self, experiment: str, variant: str) -> None:
        """One request was served a variant."""
        self._exposures.labels(experiment, variant).inc()
