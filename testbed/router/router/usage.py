"""What was used, in PostgreSQL: one row for each reported request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .catalogue import cost, find
from .database import Database
from .errors import InvalidError, UnknownError

_MOST_TOKENS = 10_000_000


@dataclass(frozen=True)
class Usage:
    """One request to a model, as its caller reports it."""

    request_id: str
    model_id: str
    user_id: str
    input_tokens: int
    output_tokens: int
    latency_ms: float
    success: bool

    @property
    def cost(self) -> float:
        """US dollars."""
        return cost(find(self.model_id), self.input_tokens, self.output_tokens)


def read_usage(body: Mapping[str, Any], request_id: str) -> Usage:
    """A report from the body of a request.

    Raises:
        InvalidError: Says every field that is wrong.
    """
    problems: list[str] = []
    model_id = body.get("model_id")
    try:
        find(str(model_id))
    except UnknownError as error:
        problems.append(f"model_id: {error}")
    counts = {}
    for name in ("input_tokens", "output_tokens"):
        value = body.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_TOKENS:
            problems.append(f"{name}: expected a whole number from 0 to {_MOST_TOKENS}")
            value = 0
        counts[name] = value
    latency = body.get("latency_ms", 0)
    if isinstance(latency, bool) or not isinstance(latency, int | float) or not latency >= 0:
        problems.append("latency_ms: expected a number of at least 0")
        latency = 0
    if problems:
        raise InvalidError(*problems)
    return Usage(
        request_id=str(body.get("request_id") or request_id)[:200],
        model_id=str(model_id),
        user_id=str(body.get("user_id") or "")[:200],
        latency_ms=float(latency),
        success=bool(body.get("success", True)),
        **counts,
    )


class UsageStore:
    """Usage rows; a row is durable when `add` returns."""

    def __init__(self, database: Database) -> None:
        """Keep rows in this database."""
        self._database = database

    async def add(self, usage: Usage) -> bool:
        """Store a row; False when this request was reported before."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO usage_records (request_id, model_id, user_id, input_tokens,"
                " output_tokens, cost, latency_ms, success)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (request_id) DO NOTHING",
                (
                    usage.request_id, usage.model_id, usage.user_id, usage.input_tokens,
                    usage.output_tokens, usage.cost, usage.latency_ms, usage.success,
                ),
            )  # fmt: skip
            return cursor.rowcount == 1

    async def stats(self, window_s: int) -> dict[str, Any]:
        """Sums over the last `window_s` seconds, in all and for each model."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                "SELECT model_id, count(*), sum(input_tokens), sum(output_tokens), sum(cost),"
                " avg(latency_ms), count(*) FILTER (WHERE NOT success) FROM usage_records"
                " WHERE recorded_at > now() - make_interval(secs => %s) GROUP BY 1 ORDER BY 1",
                (window_s,),
            )
            rows = await cursor.fetchall()
        models = {
            row[0]: {
                "requests": row[1],
                "input_tokens": int(row[2]),
                "output_tokens": int(row[3]),
                "cost": round(row[4], 9),
                "mean_latency_ms": round(row[5], 3),
                "failures": row[6],
            }
            for row in rows
        }
        return {
            "window_s": window_s,
            "requests": sum(model["requests"] for model in models.values()),
            "cost": round(sum(model["cost"] for model in models.values()), 9),
            "models": models,
        }
