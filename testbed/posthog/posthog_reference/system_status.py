"""The rows of /api/instance_status: PostHog's system status page.

Keys are PostHog's (posthog/api/instance_status.py), including `plugin_sever_alive`. The four that
a deployment's README names are added with keys of their own: event ingestion rate, query
latency, storage use, worker status.
"""

import time
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from . import VERSION
from .errors import StandInError
from .event_queue import EventQueue
from .projects import Projects
from .store import EventStore

Row = dict[str, Any]
_MINUTE_MICROS = 60_000_000
_DEAD_LETTER_ALERT = 0.2
"""The share of dead letters from which PostHog alerts."""


def quantile(values: list[float], share: float) -> float | None:
    """Nearest-rank quantile; None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _row(key: str, metric: str, value: object) -> Row:
    return {"key": key, "metric": metric, "value": value}


async def _worker_rows(queue: EventQueue) -> list[Row]:
    workers = await queue.workers()
    return [
        _row("plugin_sever_alive", "Plugin server alive", value=bool(workers)),
        _row("plugin_sever_version", "Plugin server version", VERSION),
        {
            **_row("worker_status", "Workers alive", len(workers)),
            "subrows": {
                "columns": ["worker", "seconds since heartbeat"],
                "rows": [[name, round(age, 1)] for name, age in sorted(workers.items())],
            },
        },
    ]


async def _redis_rows(queue: EventQueue) -> list[Row]:
    info, depth = await queue.info(), await queue.depth()
    took = await queue.durations()
    return [
        _row("redis_alive", "Redis alive", value=True),
        {"metric": "Redis version", "value": str(info.get("redis_version"))},
        {"metric": "Redis current queue depth", "value": str(depth.waiting + depth.pending)},
        {"metric": "Redis connected client count", "value": str(info.get("connected_clients"))},
        {"metric": "Redis memory used", "value": f"{info.get('used_memory_human', '?')}B"},
        _row("redis_aof_enabled", "Redis append-only file", value=bool(info.get("aof_enabled"))),
        _row("queue_depth", "Events waiting in the queue", depth.waiting + depth.pending),
        _row("dead_letter_queue_size", "Events in the dead letter queue", depth.dead),
        _row(
            "dead_letter_queue_ratio_ok", "Dead letter queue ratio healthy", value=depth.dead == 0
        ),
        _row("query_latency_p50_ms", "HogQL query latency, p50 (ms)", quantile(took, 0.5)),
        _row("query_latency_p95_ms", "HogQL query latency, p95 (ms)", quantile(took, 0.95)),
    ]


async def _clickhouse_rows(store: EventStore, dead: int) -> list[Row]:
    since = int(time.time() * 1_000_000) - _MINUTE_MICROS
    seen = await store.select(
        f"SELECT countIf(inserted_at >= {since}), max(_timestamp), count() "  # noqa: S608  # a number
        "FROM posthog.events"
    )
    parts = await store.select(
        "SELECT table, sum(bytes_on_disk), sum(rows), count() FROM system.parts "
        "WHERE active AND database = 'posthog' GROUP BY table ORDER BY table"
    )
    minute, newest, events = (int(value) for value in seen["data"][0])
    last = datetime.fromtimestamp(newest / 1_000_000, tz=UTC).isoformat() if newest else None
    return [
        _row("clickhouse_alive", "Clickhouse database alive", value=True),
        _row("clickhouse_event_count", "Events in ClickHouse", events),
        _row(
            "clickhouse_disk_used_bytes",
            "Clickhouse disk used (bytes)",
            sum(int(size) for _, size, _, _ in parts["data"]),
        ),
        {
            **_row("clickhouse_table_sizes", "Clickhouse table sizes", ""),
            "subrows": {"columns": ["Table", "Bytes", "Rows", "Parts"], "rows": parts["data"]},
        },
        _row("event_ingestion_rate", "Events ingested per second, last minute", minute / 60),
        _row("events_ingested_last_minute", "Events ingested in the last minute", minute),
        _row("last_event_ingested_timestamp", "Last event ingested", last),
        _row(
            "dead_letter_queue_ratio_ok",
            "Dead letter queue ratio healthy",
            value=dead / max(dead + events, 1) < _DEAD_LETTER_ALERT,
        ),
    ]


async def overview(projects: Projects, queue: EventQueue, store: EventStore) -> list[Row]:
    """All rows; a dependency that is away gives its `…_alive` row as false and no others."""
    rows: list[Row] = [
        _row("posthog_version", "PostHog version", VERSION),
        _row("analytics_database", "Analytics database in use", "ClickHouse"),
    ]
    try:
        rows += [
            _row("pg_version", "Postgres version", await projects.server_version()),
            _row("db_alive", "Postgres database alive", value=True),
        ]
    except StandInError:
        rows.append(_row("db_alive", "Postgres database alive", value=False))
    dead = 0
    try:
        dead = (await queue.depth()).dead
        rows += await _worker_rows(queue)
        rows += await _redis_rows(queue)
    except (RedisError, OSError):
        rows += _redis_away()
    try:
        rows += await _clickhouse_rows(store, dead)
    except StandInError:
        rows.append(_row("clickhouse_alive", "Clickhouse database alive", value=False))
    return rows


def _redis_away() -> list[Row]:
    return [
        _row("redis_alive", "Redis alive", value=False),
        _row("plugin_sever_alive", "Plugin server alive", value=False),
    ]
