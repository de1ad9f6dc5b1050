"""The private API: HogQL queries, projects, feature flags, system status."""

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .context import Context, authenticated, context_of, project_of
from .endpoints_capture import read_body
from .errors import ApiError, CaptureRejectedError, StoreRejectedError, StoreUnavailableError
from .flags import FlagDefinition
from .hogql import HogQLError, Translation, present, translate
from .system_status import overview

MAX_QUERY_BYTES = 4 * 1024 * 1024
CACHE_SECONDS = 60
REFRESHES = frozenset({"blocking", "force_blocking", "force_cache", "lazy_async", "async"})


def _invalid(detail: str, code: str = "invalid_input") -> ApiError:
    return ApiError(400, "validation_error", code, detail)


async def _document(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(await read_body(request, MAX_QUERY_BYTES))
    except CaptureRejectedError as error:
        raise ApiError(413, "invalid_request", "too_large", str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ApiError(
            400, "validation_error", "parse_error", f"JSON parse error - {error}"
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("query"), dict):
        message = "Field required: query"
        raise _invalid(message)
    return document


def _translated(query: dict[str, Any], project_id: int) -> Translation:
    if query.get("kind") != "HogQLQuery":
        message = f"Unsupported query kind: {query.get('kind')}"
        raise _invalid(message)
    text, values = query.get("query"), query.get("values") or {}
    if not isinstance(text, str) or not isinstance(values, dict):
        message = "HogQLQuery: query should be a string and values an object"
        raise _invalid(message)
    try:
        return translate(text, values, team_id=project_id, now=datetime.now(UTC))
    except HogQLError as error:
        raise _invalid(str(error), error.code) from error


async def _run(context: Context, translation: Translation) -> tuple[dict[str, Any], float]:
    started = time.monotonic()
    outcome = "error"
    try:
        answer = await context.store.select(translation.sql)
        outcome = "ok"
    except StoreRejectedError as error:
        raise _invalid(str(error), "query_error") from error
    except StoreUnavailableError as error:
        raise ApiError(503, "server_error", "clickhouse_unavailable", str(error)) from error
    finally:
        took = time.monotonic() - started
        context.metrics.queries.labels(outcome).observe(took)
    return answer, took * 1000


async def query(request: Request) -> Response:
    """Answer a HogQLQuery; from the cache when `refresh` allows that."""
    context = context_of(request)
    key = await authenticated(request, "query:read")
    project = await project_of(request, key)
    document = await _document(request)
    refresh = document.get("refresh", "blocking")
    if isinstance(refresh, bool):
        refresh = "force_blocking" if refresh else "blocking"
    if refresh not in REFRESHES or "async" in refresh:
        message = f"Unsupported refresh: {refresh}. This server answers blocking only."
        raise _invalid(message)
    translation = _translated(document["query"], project.id)
    asked = json.dumps([project.id, document["query"]], sort_keys=True)
    cache_key = f"cache_{project.id}_{hashlib.sha256(asked.encode()).hexdigest()}"
    stale = context.settings.faults.on("stale_query")
    if refresh != "force_blocking" or stale:
        kept = await context.queue.cached(cache_key)
        if kept is not None:
            return Response(kept, media_type="application/json")
        if refresh == "force_cache":
            return JSONResponse({"cache_key": cache_key, "is_cached": True, "results": None})
    answer, milliseconds = await _run(context, translation)
    body = _shown(document["query"]["query"], translation, answer, cache_key)
    cached = JSONResponse({**body, "is_cached": True}).body
    try:
        await context.queue.note_duration(milliseconds)
        await context.queue.keep(cache_key, bytes(cached), seconds=CACHE_SECONDS)
    except RedisError:
        context.metrics.queries.labels("not_cached").observe(0)
    return JSONResponse(body)


def _shown(
    text: str, translation: Translation, answer: dict[str, Any], cache_key: str
) -> dict[str, Any]:
    rows = answer["data"]
    return {
        "cache_key": cache_key,
        "clickhouse": translation.sql,
        "columns": list(translation.columns),
        "error": None,
        "hasMore": len(rows) > translation.limit,
        "hogql": text,
        "is_cached": False,
        "last_refresh": datetime.now(UTC).isoformat(),
        "limit": translation.limit,
        "modifiers": {},
        "offset": 0,
        "query": text,
        "query_status": None,
        "results": present(rows[: translation.limit], translation.kinds),
        "timezone": "UTC",
        "timings": [],
        "types": [
            [name, "DateTime64(6, 'UTC')" if kind == "DateTime" else column["type"]]
            for name, kind, column in zip(
                translation.columns, translation.kinds, answer["meta"], strict=True
            )
        ],
    }


async def project(request: Request) -> Response:
    """One project."""
    key = await authenticated(request, "project:read")
    found = await project_of(request, key)
    return JSONResponse(
        {
            "id": found.id,
            "name": found.name,
            "api_token": found.api_token,
            "timezone": "UTC",
            "is_demo": False,
            "ingested_event": True,
        }
    )


def _flag_json(flag: FlagDefinition) -> dict[str, Any]:
    groups = flag.filters.get("groups") or [{}]
    return {
        "id": flag.id,
        "key": flag.key,
        "name": flag.name,
        "active": flag.active,
        "deleted": False,
        "version": flag.version,
        "filters": flag.filters,
        "rollout_percentage": groups[0].get("rollout_percentage"),
        "ensure_experience_continuity": False,
    }


async def feature_flags(request: Request) -> Response:
    """The project's feature flags."""
    key = await authenticated(request, "feature_flag:read")
    found = await project_of(request, key)
    flags = await context_of(request).projects.flags(found.id)
    return JSONResponse(
        {
            "count": len(flags),
            "next": None,
            "previous": None,
            "results": [_flag_json(flag) for flag in flags],
        }
    )


async def instance_status(request: Request) -> Response:
    """PostHog's system status."""
    context = context_of(request)
    await authenticated(request, "project:read")
    rows = await overview(context.projects, context.queue, context.store)
    return JSONResponse({"results": {"overview": rows}})
