"""Circuit breakers: a model that keeps failing is left alone for a while."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

FAILURES_TO_OPEN = 5
OPEN_FOR_S = 30.0


class State(StrEnum):
    """State of a breaker, in the words that operators know."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class Breaker:
    """What is known of one model. `opened_at` is None while requests flow."""

    failures: int = 0
    opened_at: float | None = None
    trial_running: bool = False

    def state(self, now: float) -> State:
        """The state at this moment."""
        if self.opened_at is None:
            return State.CLOSED
        return State.HALF_OPEN if now - self.opened_at >= OPEN_FOR_S else State.OPEN

    def admits(self, now: float) -> bool:
        """Whether a request may be sent: always when closed, one trial when half open."""
        state = self.state(now)
        return state is State.CLOSED or (state is State.HALF_OPEN and not self.trial_running)

    def after(self, *, success: bool, now: float) -> "Breaker":
        """The breaker after one answer."""
        if success:
            return Breaker()
        failures = self.failures + 1
        opens = self.opened_at is not None or failures >= FAILURES_TO_OPEN
        return Breaker(failures, now if opens else None)


class Breakers:
    """The breakers of this process, one for each model."""

    def __init__(
        self, model_ids: Iterable[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with all closed."""
        self._clock = clock
        self._breakers = {model_id: Breaker() for model_id in model_ids}

    def admits(self, model_id: str) -> bool:
        """Whether a request may go to this model now."""
        return self._breakers[model_id].admits(self._clock())

    def begin(self, model_id: str) -> None:
        """A request goes to this model: when half open, it is the one trial."""
        now, breaker = self._clock(), self._breakers[model_id]
        if breaker.state(now) is State.HALF_OPEN:
            self._breakers[model_id] = Breaker(
                breaker.failures, breaker.opened_at, trial_running=True
            )

    def end(self, model_id: str, *, success: bool) -> None:
        """The model answered, or failed."""
        breaker = self._breakers[model_id]
        if success and breaker == Breaker():
            return
        self._breakers[model_id] = breaker.after(success=success, now=self._clock())

    def states(self) -> Mapping[str, tuple[State, int]]:
        """State and number of failures in a row, for each model."""
        now = self._clock()
        return {key: (item.state(now), item.failures) for key, item in self._breakers.items()}
