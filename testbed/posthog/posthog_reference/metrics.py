"""What web and worker count, under the names of PostHog's capture where it has them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_LAG_BUCKETS = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300)


def new_registry() -> CollectorRegistry:
    """A registry with the process's own figures."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class WebMetrics:
    """Counters of the web process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register everything in this registry."""
        self.registry = registry
        self.received = Counter(
            "capture_events_received_total", "Events in accepted requests", registry=registry
        )
        self.ingested = Counter(
            "capture_events_ingested_total", "Events that the queue confirmed", registry=registry
        )
        self.dropped = Counter(
            "capture_events_dropped_total",
            "Requests refused, by cause",
            ["cause"],
            registry=registry,
        )
        self.flags = Counter(
            "flags_requests_total", "Answers of /flags, by status", ["status"], registry=registry
        )
        self.queries = Histogram(
            "posthog_hogql_query_duration_seconds", "HogQL queries", ["outcome"], registry=registry
        )
        self.requests = Histogram(
            "posthog_http_request_duration_seconds",
            "HTTP requests by route, method and status",
            ["route", "method", "status"],
            registry=registry,
        )


class WorkerMetrics:
    """Counters of the worker process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register everything in this registry."""
        self.registry = registry
        self.stored = Counter(
            "ingestion_events_stored_total", "Events stored in ClickHouse", registry=registry
        )
        self.batches = Counter(
            "ingestion_batches_total", "Insert attempts, by outcome", ["outcome"], registry=registry
        )
        self.dead = Counter(
            "ingestion_dead_letters_total", "Events moved to the dead letters", registry=registry
        )
        self.unknown = Counter(
            "ingestion_unknown_token_total", "Events of no known project", registry=registry
        )
        self.claimed = Counter(
            "ingestion_events_claimed_total", "Events taken over from a peer", registry=registry
        )
        self.lag = Histogram(
            "ingestion_lag_seconds",
            "From acceptance by web to storage",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self.depth = Gauge(
            "ingestion_queue_entries", "Entries in the queue", ["state"], registry=registry
        )
