"""Errors that callers of the reference see, each with the HTTP status it becomes."""


class StandInError(Exception):
    """Base of everything this package raises on purpose."""


class SettingsError(StandInError):
    """An environment variable is missing or has no usable value."""


class CaptureRejectedError(StandInError):
    """A capture request that is refused as a whole.

    Attributes:
        status: HTTP status, as PostHog's capture answers it.
        cause: Short machine-readable cause, the label of the dropped-events counter.
    """

    def __init__(self, status: int, message: str, cause: str) -> None:
        """Keep the status beside the message."""
        super().__init__(message)
        self.status = status
        self.cause = cause


class QueueUnavailableError(StandInError):
    """Redis did not confirm that it holds the events."""


class StoreUnavailableError(StandInError):
    """ClickHouse could not be reached or could not take part now; worth another try."""


class StoreRejectedError(StandInError):
    """ClickHouse read the statement and refused it; another try gives the same answer."""


class ProjectsUnavailableError(StandInError):
    """PostgreSQL could not answer."""


class ApiError(StandInError):
    """An error of the private API, in the shape of Django REST framework as PostHog sends it.

    Attributes:
        status: HTTP status.
        type: PostHog's error family, e.g. `validation_error`.
        code: PostHog's error code, e.g. `not_authenticated`.
    """

    def __init__(self, status: int, type_: str, code: str, detail: str) -> None:
        """Keep the parts of the answer beside the detail."""
        super().__init__(detail)
        self.status = status
        self.type = type_
        self.code = code

    def body(self) -> dict[str, str | None]:
        """The JSON body of the answer."""
        return {"type": self.type, "code": self.code, "detail": str(self), "attr": None}
