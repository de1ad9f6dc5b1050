"""The error tree: what a caller can tell apart, and nothing more."""

from pathlib import Path


class ClusterproofError(Exception):
    """Any error that this package raises on purpose."""


class SpecError(ClusterproofError):
    """The input (spec, option, kubeconfig) is wrong: says where and what was expected."""


class ObservationError(ClusterproofError):
    """We could not look, so nothing can be said of the cluster (INCONCLUSIVE, never a pass).

    Attributes:
        status: The HTTP status of the API server's answer, or None when there was none.
        next_command: A read-only command that shows why, or "".
    """

    def __init__(self, message: str, *, status: int | None = None, next_command: str = "") -> None:
        """Keep what a judge of the run may want beside the sentence."""
        super().__init__(message)
        self.status = status
        self.next_command = next_command


class NoSuchKindError(ObservationError):
    """The API server serves no such kind, so there is no object of it either."""


class NotAllowedError(ObservationError):
    """An option of this run forbids the look, so nothing in the cluster explains it."""


def read_text(path: Path, expected: str) -> str:
    """The text of a file that a person named.

    Args:
        path: The file.
        expected: What it should be, for the error: "a run record".

    Raises:
        SpecError: It is not there, may not be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path}: expected {expected}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: expected {expected} in UTF-8: {error}") from error
