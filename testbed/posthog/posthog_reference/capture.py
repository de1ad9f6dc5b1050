"""Capture, version 0: which requests are accepted and what comes out of them; pure.

Source: PostHog's capture service (rust/capture: api.rs, token.rs, router.rs; read 2026-11-23).
A batch is accepted or refused as a whole; the token is only checked for its shape.
"""

import base64
import binascii
import gzip
import json
import re
import urllib.parse
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .errors import CaptureRejectedError
from .events import MAX_DISTINCT_ID_LENGTH, CapturedEvent, event_time, known_uuid, parse_time

MAX_TOKEN_LENGTH = 64
MAX_SINGLE_BYTES = 2 * 1024 * 1024
MAX_BATCH_BYTES = 20 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
"""Limits of capture: 2 MB for one event's request, 20 MB for a batch's, about 1 MB for an event."""

_LONE_SURROGATE = re.compile(rb"\\u[dD][89abcdefABCDEF]")
_MAX_INFLATED = 10 * MAX_BATCH_BYTES


@dataclass(frozen=True)
class CaptureRequest:
    """What an HTTP request to a capture endpoint carries."""

    body: bytes
    content_encoding: str
    content_type: str
    query: Mapping[str, str]


def validate_token(token: str) -> str:
    """The token, trimmed.

    Raises:
        CaptureRejectedError: 401 with capture's reason: empty, too_long, not_ascii,
            personal_api_key or null_byte.
    """
    trimmed = token.strip()
    reasons = {
        "empty": not trimmed,
        "too_long": len(trimmed.encode()) > MAX_TOKEN_LENGTH,
        "not_ascii": not trimmed.isascii(),
        "personal_api_key": trimmed.startswith("phx_"),
        "null_byte": "\0" in trimmed,
    }
    for reason, holds in reasons.items():
        if holds:
            message = f"API key is not valid: {reason}"
            raise CaptureRejectedError(401, message, "token_shape")
    return trimmed


def inflate(body: bytes, encoding: str, *, limit: int = _MAX_INFLATED) -> bytes:
    """The body without its compression; gzip is recognised by its first bytes too.

    Raises:
        CaptureRejectedError: 400 when it is not what it says, 413 when it unfolds too far.
    """
    if encoding in {"gzip", "gzip-js"} or body[:3] == b"\x1f\x8b\x08":
        window = 16 + zlib.MAX_WBITS
    elif encoding == "deflate":
        window = zlib.MAX_WBITS
    elif encoding in {"", "identity"}:
        return body
    else:
        message = f"failed to decode request: unsupported encoding {encoding!r}"
        raise CaptureRejectedError(400, message, "req_decode")
    unfold = zlib.decompressobj(wbits=window)
    try:
        plain = unfold.decompress(body, limit)
    except (zlib.error, gzip.BadGzipFile) as error:
        message = f"failed to decode request: {error}"
        raise CaptureRejectedError(400, message, "req_decode") from error
    if unfold.unconsumed_tail:
        too_big = "maximum event size exceeded"
        raise CaptureRejectedError(413, too_big, "event_too_big")
    if not unfold.eof:
        message = "failed to decode request: unexpected end of compressed data"
        raise CaptureRejectedError(400, message, "req_decode")
    return plain


def _json_text(request: CaptureRequest) -> bytes:
    plain = inflate(request.body, request.content_encoding or request.query.get("compression", ""))
    if request.content_type.startswith("application/x-www-form-urlencoded"):
        fields = urllib.parse.parse_qs(plain.decode("utf-8", "replace"))
        plain = fields.get("data", [""])[0].encode()
    elif not plain and "data" in request.query:
        plain = request.query["data"].encode()
    if plain and plain.lstrip()[:1] not in {b"{", b"["}:
        try:
            plain = base64.b64decode(plain, validate=True)
        except binascii.Error as error:
            message = "failed to decode request: neither JSON nor base64"
            raise CaptureRejectedError(400, message, "req_decode") from error
    return plain


def parse_document(text: bytes) -> Any:  # noqa: ANN401  # JSON
    """The JSON document.

    Raises:
        CaptureRejectedError: 400 when it is not JSON, or JSON that PostHog's parser refuses.
    """

    def refuse(constant: str) -> None:
        message = f"failed to parse request: {constant} is not JSON"
        raise CaptureRejectedError(400, message, "req_parse")

    try:
        document = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        message = f"failed to parse request: {error}"
        raise CaptureRejectedError(400, message, "req_parse") from error
    return _whole_text(document) if _LONE_SURROGATE.search(text) else document


def _whole_text(value: Any) -> Any:  # noqa: ANN401  # JSON
    """The document with halves of surrogate pairs replaced, as PostHog replaces them."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_text(item) for item in value]
    if isinstance(value, dict):
        return {_whole_text(key): _whole_text(item) for key, item in value.items()}
    return value


def _token_of(document: Mapping[str, Any]) -> str | None:
    properties = document.get("properties")
    candidates = (
        document.get("api_key"),
        document.get("token"),
        document.get("$token"),
        properties.get("token") if isinstance(properties, dict) else None,
    )
    return next((value for value in candidates if isinstance(value, str)), None)


def _events_of(document: object) -> tuple[list[dict[str, Any]], str | None, datetime | None]:
    """Raw events, the batch's own token, and when it was sent."""
    if isinstance(document, list):
        raw, token, sent_at = document, None, None
    elif isinstance(document, dict):
        sent_at = parse_time(document.get("sent_at") or document.get("sentAt"))
        if "batch" in document:
            raw, token = document["batch"], _token_of(document)
        else:
            raw, token = [document], _token_of(document)
    else:
        message = "failed to parse request: expected an object or an array"
        raise CaptureRejectedError(400, message, "req_parse")
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        message = "failed to parse request: expected an array of events"
        raise CaptureRejectedError(400, message, "req_parse")
    if not raw:
        message = "request holds no event"
        raise CaptureRejectedError(400, message, "empty_batch")
    return raw, token, sent_at


def _one_token(raw: list[dict[str, Any]], token: str | None) -> str:
    found = {token} if token is not None else {_token_of(event) for event in raw}
    if len(found) > 1 and None not in found:
        message = "batch submitted with inconsistent api_key values"
        raise CaptureRejectedError(401, message, "multiple_tokens")
    only = next(iter(found)) if len(found) == 1 else None
    if only is None:
        message = "event submitted without an api_key"
        raise CaptureRejectedError(401, message, "no_token")
    return validate_token(only)


def distinct_id_of(raw: Mapping[str, Any]) -> str:
    """The event's distinct_id as text, shortened as PostHog shortens it.

    Raises:
        CaptureRejectedError: 400 when it is missing or empty.
    """
    properties = raw.get("properties")
    value = raw.get("distinct_id", raw.get("$distinct_id"))
    if value is None and isinstance(properties, dict):
        value = properties.get("distinct_id")
    if value is None:
        message = "event submitted without a distinct_id"
        raise CaptureRejectedError(400, message, "missing_distinct_id")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text.strip():
        message = "event submitted with an empty distinct_id"
        raise CaptureRejectedError(400, message, "empty_distinct_id")
    return text.replace("\0", "\ufffd")[:MAX_DISTINCT_ID_LENGTH]


def build_event(
    raw: dict[str, Any], token: str, sent_at: datetime | None, now: datetime
) -> CapturedEvent:
    """One raw event, checked and completed.

    Raises:
        CaptureRejectedError: 400 when its name or distinct_id is missing, or it is too big.
    """
    name = raw.get("event")
    if not isinstance(name, str) or not name:
        message = "event submitted with an empty event name"
        raise CaptureRejectedError(400, message, "missing_event_name")
    distinct_id = distinct_id_of(raw)
    given = raw.get("properties")
    if given is not None and not isinstance(given, dict):
        message = "failed to parse request: properties should be an object"
        raise CaptureRejectedError(400, message, "req_parse")
    properties = dict(given or {})
    for key in ("$set", "$set_once"):
        if isinstance(raw.get(key), dict):
            properties.setdefault(key, raw[key])
    event = CapturedEvent(
        token=token,
        uuid=known_uuid(raw.get("uuid")),
        event=name[:MAX_DISTINCT_ID_LENGTH],
        distinct_id=distinct_id,
        timestamp=event_time(raw, sent_at, now).isoformat(),
        now=now.isoformat(),
        properties=properties,
    )
    if len(event.to_json().encode("utf-8", "replace")) > MAX_EVENT_BYTES:
        message = "maximum event size exceeded"
        raise CaptureRejectedError(400, message, "event_too_big")
    return event


def accept(request: CaptureRequest, *, limit: int, now: datetime) -> list[CapturedEvent]:
    """The events of a version 0 request, all or none.

    Raises:
        CaptureRejectedError: With the status and words of PostHog's capture.
    """
    if len(request.body) > limit:
        message = "length limit exceeded"
        raise CaptureRejectedError(413, message, "too_large")
    raw, token, sent_at = _events_of(parse_document(_json_text(request)))
    if "_" in request.query and sent_at is None:
        sent_at = _millis(request.query["_"])
    valid = _one_token(raw, token)
    return [build_event(event, valid, sent_at, now) for event in raw]


def _millis(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
