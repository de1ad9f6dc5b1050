"""The error tree: what a caller can tell apart, and nothing more."""


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


class NotAllowedError(ObservationError):
    """An option of this run forbids the look, so nothing in the cluster explains it."""
