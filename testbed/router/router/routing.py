"""Which model serves a request; pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .catalogue import Model, cost, latency_ms
from .errors import UnavailableError


class Strategy(StrEnum):
    """What a caller wants most."""

    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    BEST_QUALITY = "best_quality"


@dataclass(frozen=True)
class Choice:
    """A chosen model and why."""

    model: Model
    estimated_cost: float
    estimated_latency_ms: float
    reason: str


_BEST: Mapping[Strategy, Callable[[Model, int, int], float]] = {
    Strategy.CHEAPEST: cost,
    Strategy.FASTEST: lambda model, _, output: latency_ms(model, output),
    Strategy.BEST_QUALITY: lambda model, _, __: -float(model.quality),
}


def choose(
    models: Iterable[Model], strategy: Strategy, input_tokens: int, output_tokens: int
) -> Choice:
    """The best of `models` for the strategy; the smaller id wins a tie.

    Raises:
        UnavailableError: No model can give that many tokens, or none is open to requests.
    """
    fitting = [model for model in models if model.max_tokens >= output_tokens]
    if not fitting:
        raise UnavailableError(f"no available model gives {output_tokens} tokens")
    rank = _BEST[strategy]
    best = min(fitting, key=lambda model: (rank(model, input_tokens, output_tokens), model.id))
    return Choice(
        model=best,
        estimated_cost=cost(best, input_tokens, output_tokens),
        estimated_latency_ms=latency_ms(best, output_tokens),
        reason=f"{strategy} of {len(fitting)} available models",
    )
