"""How long an API server is waited for, over a whole run and not for each row anew.

After LIMIT calls in a row that came to nothing, a call is made once and not repeated; where the
calls were not even answered, none is made for REST_S. One answer restores all patience.
"""

import threading
import time
from collections.abc import Callable

from clusterproof.errors import ObservationError

ATTEMPTS = 3
"""Our choice: a dropped connection or a 5xx is asked again twice, then it is a finding."""
LIMIT = 3
REST_S = 30.0
"""With READ_TIMEOUT_S: a server that fell silent costs 3 x 10 s, and then 10 s in every 40."""


class Patience:
    """Of one connection. Safe to share between threads."""

    def __init__(
        self, whom: str = "the API server", *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """All of it, with `whom`."""
        self._whom, self._now = whom, now
        self._lock = threading.Lock()
        self._failed = 0
        self._silent = 0
        self._rests_until = 0.0

    def attempts(self, what: str) -> int:
        """How often a call may be made now.

        Raises:
            ObservationError: Not at all: nothing was answered for too long.
        """
        with self._lock:
            left_s = self._rests_until - self._now()
            if self._silent >= LIMIT:
                if left_s > 0:
                    raise ObservationError(
                        f"{what}: not asked: {self._whom} answered none of the last "
                        f"{self._silent} calls; it is asked again in {left_s:.0f} s"
                    )
                self._rests_until = self._now() + REST_S  # one caller asks, the others rest on
            return 1 if self._failed >= LIMIT else ATTEMPTS

    def answered(self) -> None:
        """A call was answered, with whatever."""
        with self._lock:
            self._failed = self._silent = 0

    def refused(self) -> None:
        """A call was answered with 429 or 5xx, to the last."""
        with self._lock:
            self._failed += 1
            self._silent = 0

    def unanswered(self) -> None:
        """A call was not answered."""
        with self._lock:
            self._failed += 1
            self._silent += 1
            if self._silent >= LIMIT:
                self._rests_until = self._now() + REST_S
