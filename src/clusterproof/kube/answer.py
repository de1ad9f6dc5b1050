"""What an answer must be before it is believed: JSON, an object, a list of that very collection."""

from typing import TYPE_CHECKING, Any

from clusterproof.errors import ClusterproofError, ObservationError

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]
Items = list[Json]
_SHOWN = 80


class NoAnswerError(ClusterproofError):
    """No answer came, or no whole one.

    Attributes:
        timed_out: The time was over; else the connection failed.
        silent: The request was taken, and it was the answer that did not come in time.
    """

    def __init__(self, message: str, *, timed_out: bool, silent: bool) -> None:
        """Keep what the one who waited has to tell apart."""
        super().__init__(message)
        self.timed_out, self.silent = timed_out, silent


class TooLargeError(NoAnswerError):
    """An answer of more bytes than are ever read; the same question in smaller parts may do."""

    def __init__(self, message: str) -> None:
        """Asking the same again is of no use."""
        super().__init__(message, timed_out=True, silent=False)


def is_status(answer: "httpx.Response") -> bool:
    """True when the API server itself refused: its refusals are Status objects with a message."""
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and "message" in body


def as_object(answer: "httpx.Response", path: str) -> Json:
    """The JSON object of an answer.

    Raises:
        ObservationError: It is none.
    """
    try:
        value = answer.json()
    except ValueError as error:
        message = f"GET {path}: expected JSON, got {answer.text[:_SHOWN]!r}"
        raise ObservationError(message) from error
    if not isinstance(value, dict):
        message = f"GET {path}: expected a JSON object, got {type(value).__name__}"
        raise ObservationError(message)
    return value


def as_items(page: Json, path: str) -> list[Json]:
    """The objects of one page of the collection at `path`.

    An empty list is evidence that there is none, so it must be a list of what was asked for.

    Raises:
        ObservationError: It is no list of that collection, or an object has no name.
    """
    plural, kind = path.rsplit("/", 1)[-1], str(page.get("kind", ""))
    of = kind.removesuffix("List").lower()
    fits = plural.startswith(of[:-1]) or of.startswith(plural[:-1])
    if not (kind.endswith("List") and of and fits):
        raise ObservationError(f"GET {path}: expected a list of {plural}, got kind {kind!r}")
    if "items" not in page or not isinstance(page["items"], list | None):
        raise ObservationError(f"GET {path}: expected items in the {kind}, got none")
    items: list[Json] = page["items"] or []
    for item in items:
        meta = item.get("metadata") if isinstance(item, dict) else None
        if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
            shown = repr(item)[:_SHOWN]
            raise ObservationError(f"GET {path}: expected objects with a name, got {shown}")
    return items
