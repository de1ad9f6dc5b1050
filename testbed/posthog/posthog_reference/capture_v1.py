"""Capture, version 1 (`/i/v1/analytics/events`): one verdict for each event; pure.

Source: the wire contract in posthog 7.91's `capture_v1` module (read 2026-11-23).
"""

import uuid as uuids
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .capture import build_event, parse_document, validate_token
from .errors import CaptureRejectedError
from .events import CapturedEvent, parse_time


@dataclass(frozen=True)
class Verdicts:
    """The accepted events, and what is said about every uuid of the batch."""

    accepted: tuple[CapturedEvent, ...]
    results: dict[str, dict[str, str]]


def bearer(header: str) -> str:
    """The project token of an Authorization header.

    Raises:
        CaptureRejectedError: 401 when there is none, or its shape is wrong.
    """
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        message = "event submitted without an api_key"
        raise CaptureRejectedError(401, message, "no_token")
    return validate_token(token)


def _verdict(raw: object, token: str, now: datetime) -> CapturedEvent | str:
    """The event, or the reason why it is dropped."""
    if not isinstance(raw, dict):
        return "not an object"
    if parse_time(raw.get("timestamp")) is None:
        return "invalid timestamp"
    options = raw.get("options") or {}
    properties = raw.get("properties") or {}
    if not isinstance(properties, dict) or not isinstance(options, dict):
        return "properties and options should be objects"
    merged: dict[str, Any] = dict(properties)
    for option, name in (
        ("process_person_profile", "$process_person_profile"),
        ("cookieless_mode", "$cookieless_mode"),
        ("product_tour_id", "$product_tour_id"),
    ):
        if option in options:
            merged[name] = options[option]
    for field in ("session_id", "window_id"):
        if isinstance(raw.get(field), str):
            merged[f"${field}"] = raw[field]
    try:
        return build_event({**raw, "properties": merged}, token, None, now)
    except CaptureRejectedError as error:
        return str(error)


def judge_batch(text: bytes, token: str, sdk_info: str, now: datetime) -> Verdicts:
    """A verdict for every event of the batch.

    Raises:
        CaptureRejectedError: 400 when the envelope itself is wrong.
    """
    document = parse_document(text)
    batch = document.get("batch") if isinstance(document, dict) else None
    if not isinstance(batch, list) or parse_time(document.get("created_at")) is None:
        message = "failed to parse request: expected created_at and batch"
        raise CaptureRejectedError(400, message, "req_parse")
    if not batch:
        message = "request holds no event"
        raise CaptureRejectedError(400, message, "empty_batch")
    library, _, version = sdk_info.partition("/")
    accepted: list[CapturedEvent] = []
    results: dict[str, dict[str, str]] = {}
    for raw in batch:
        given = raw.get("uuid") if isinstance(raw, dict) else None
        try:
            uuid = str(uuids.UUID(given))
        except (ValueError, TypeError, AttributeError) as error:
            message = "failed to parse request: every event needs a uuid"
            raise CaptureRejectedError(400, message, "req_parse") from error
        verdict = _verdict(raw, token, now)
        if isinstance(verdict, str):
            results[str(given)] = {"result": "drop", "details": verdict}
            continue
        extra = {"$lib": library, "$lib_version": version} if library else {}
        event = CapturedEvent(
            **{**vars(verdict), "uuid": uuid, "properties": {**extra, **verdict.properties}}
        )
        accepted.append(event)
        results[str(given)] = {"result": "ok"}
    return Verdicts(tuple(accepted), results)
