"""Capture endpoints: 200 only after the queue has confirmed every event."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .capture import MAX_BATCH_BYTES, MAX_SINGLE_BYTES, CaptureRequest, accept, inflate
from .capture_v1 import bearer, judge_batch
from .context import Context, context_of
from .errors import CaptureRejectedError, QueueUnavailableError
from .events import CapturedEvent

BATCH_ROUTES = ("/batch", "/i/v0/e", "/e", "/track", "/engage", "/capture")
_BIG_ROUTES = frozenset({"/batch"})


async def read_body(request: Request, limit: int) -> bytes:
    """The body, never more than the limit in memory.

    Raises:
        CaptureRejectedError: 413 when it is longer.
    """
    announced = request.headers.get("content-length", "0")
    chunks: list[bytes] = []
    size = int(announced) if announced.isdigit() else 0
    if size <= limit:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                break
            chunks.append(chunk)
    if size > limit:
        message = "length limit exceeded"
        raise CaptureRejectedError(413, message, "too_large")
    return b"".join(chunks)


async def _enqueue(context: Context, events: list[CapturedEvent]) -> None:
    faults = context.settings.faults
    context.metrics.received.inc(len(events))
    kept = [event for event in events if not faults.hits("accept_and_drop", event.uuid)]
    if kept:
        await context.queue.put(kept)
    context.metrics.ingested.inc(len(events))


def _reject_by_fault(context: Context, body: bytes) -> None:
    # Keyed by the moment too: a retry of the same body has a fresh chance, as in a real overload.
    faults = context.settings.faults
    if faults.on("reject") and faults.hits("reject", f"{datetime.now(UTC)}{hash(body)}"):
        message = "fault: reject"
        raise QueueUnavailableError(message)


async def capture(request: Request) -> Response:
    """Version 0: the whole request is accepted or refused."""
    context = context_of(request)
    if request.method == "OPTIONS":
        return Response(headers=_CORS)
    route = request.url.path.rstrip("/")
    limit = MAX_BATCH_BYTES if route in _BIG_ROUTES else MAX_SINGLE_BYTES
    try:
        body = await read_body(request, limit)
        captured = CaptureRequest(
            body,
            request.headers.get("content-encoding", "").lower(),
            request.headers.get("content-type", "").lower(),
            dict(request.query_params),
        )
        events = accept(captured, limit=limit, now=datetime.now(UTC))
        _reject_by_fault(context, body)
        await _enqueue(context, events)
    except CaptureRejectedError as error:
        context.metrics.dropped.labels(error.cause).inc()
        return PlainTextResponse(str(error), error.status, headers=_CORS)
    except QueueUnavailableError:
        context.metrics.dropped.labels("retryable_sink").inc()
        return PlainTextResponse("transient error, please retry", 503, headers=_CORS)
    return JSONResponse({"status": "Ok"}, headers=_CORS)


async def capture_v1(request: Request) -> Response:
    """Version 1: every event gets its own verdict; `retry` when the queue is away."""
    context = context_of(request)
    headers = {
        "PostHog-Request-Id": request.headers.get("posthog-request-id", ""),
        "PostHog-Attempt": request.headers.get("posthog-attempt", "1"),
    }
    try:
        token = bearer(request.headers.get("authorization", ""))
        sdk_info = request.headers.get("posthog-sdk-info", "")
        if not sdk_info:
            message = "failed to decode request: missing header PostHog-Sdk-Info"
            raise CaptureRejectedError(400, message, "req_decode")  # one answer
        body = await read_body(request, MAX_BATCH_BYTES)
        plain = inflate(body, request.headers.get("content-encoding", "").lower())
        verdicts = judge_batch(plain, token, sdk_info, datetime.now(UTC))
    except CaptureRejectedError as error:
        context.metrics.dropped.labels(error.cause).inc()
        detail = {"error": error.cause, "error_description": str(error)}
        return JSONResponse(detail, error.status, headers=headers)
    results = verdicts.results
    try:
        _reject_by_fault(context, body)
        await _enqueue(context, list(verdicts.accepted))
    except QueueUnavailableError:
        context.metrics.dropped.labels("retryable_sink").inc()
        results = {
            uuid: {"result": "retry"} if verdict["result"] == "ok" else verdict
            for uuid, verdict in results.items()
        }
    return JSONResponse({"results": results}, headers=headers)


_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
