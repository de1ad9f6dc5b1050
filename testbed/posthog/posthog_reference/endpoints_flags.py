"""`/flags`, and the older `/decide`: feature flags for one caller."""

import time
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .capture import MAX_SINGLE_BYTES, inflate, parse_document
from .context import context_of
from .endpoints_capture import read_body
from .errors import CaptureRejectedError, ProjectsUnavailableError
from .faults import Faults
from .flags import Caller, FlagDefinition, answer, variants_of

_NO_TOKEN = "No API token provided. Please include a valid API token in your request."  # noqa: S105
_BAD_TOKEN = (
    "The provided API key is invalid or has expired. Please check your API key and try again."  # noqa: S105
)
_NO_DISTINCT_ID = (
    "The distinct_id field is missing from the request. Please include a valid identifier."
)
_EMPTY_DISTINCT_ID = "The distinct_id field cannot be empty. Please provide a valid identifier."
_DATABASE_AWAY = (
    "Our database service is currently unavailable. This is likely a temporary issue. "
    "Please try again later."
)


async def flags(request: Request) -> Response:
    """Evaluate the project's flags, or those that were asked for."""
    response = await _flags(request)
    context_of(request).metrics.flags.labels(str(response.status_code)).inc()
    return response


class _RefusedError(Exception):
    """A request for flags that cannot be answered."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def _flags(request: Request) -> Response:
    try:
        return JSONResponse(await _evaluated(request))
    except CaptureRejectedError as error:
        return PlainTextResponse(str(error).capitalize(), error.status)
    except _RefusedError as error:
        return PlainTextResponse(str(error), error.status)
    except ProjectsUnavailableError:
        return PlainTextResponse(_DATABASE_AWAY, 503)


async def _document(request: Request) -> dict[str, Any]:
    body = await read_body(request, MAX_SINGLE_BYTES)
    plain = inflate(body, request.headers.get("content-encoding", "").lower())
    document = parse_document(plain)
    if not isinstance(document, dict):
        raise _RefusedError(400, "Failed to parse request: expected an object.")
    return document


async def _evaluated(request: Request) -> dict[str, Any]:
    context = context_of(request)
    document = await _document(request)
    token = document.get("api_key") or document.get("token") or document.get("$token")
    if not isinstance(token, str):
        raise _RefusedError(401, _NO_TOKEN)
    project = await context.projects.by_token(token.strip())
    if project is None:
        raise _RefusedError(401, _BAD_TOKEN)
    distinct_id = document.get("distinct_id")
    if distinct_id is None or not str(distinct_id):
        raise _RefusedError(400, _NO_DISTINCT_ID if distinct_id is None else _EMPTY_DISTINCT_ID)
    properties = document.get("person_properties")
    only = document.get("flag_keys_to_evaluate")
    definitions = await context.projects.flags(project.id)
    return answer(
        [_by_fault(flag, context.settings.faults) for flag in definitions],
        Caller(str(distinct_id), properties if isinstance(properties, dict) else {}),
        version=_version(request),
        only=frozenset(map(str, only)) if isinstance(only, list) else None,
        request_id=str(uuid.uuid4()),
        evaluated_at_ms=int(time.time() * 1000),
        from_decide=request.url.path.startswith("/decide"),
    )


def _version(request: Request) -> int:
    given = request.query_params.get("v", "1")
    return int(given) if given.isdigit() and len(given) == 1 else 1


def _by_fault(flag: FlagDefinition, faults: Faults) -> FlagDefinition:
    """The flag with its variants turned around or reduced to one, when a fault says so."""
    variants = variants_of(flag.filters)
    turned = faults.hits("wrong_variant", str(time.monotonic_ns()))
    if len(variants) < 2 or not (turned or faults.on("variant_skew")):  # noqa: PLR2004
        return flag
    names = [key for key, _ in variants]
    shown = names[1:] + names[:1] if turned else names
    shares = [share for _, share in variants] if turned else [100.0] + [0.0] * (len(names) - 1)
    changed = [
        {"key": key, "rollout_percentage": share} for key, share in zip(shown, shares, strict=True)
    ]
    filters = {**flag.filters, "multivariate": {"variants": changed}}
    return FlagDefinition(**{**vars(flag), "filters": filters})
