"""What callers may ask for, read from the bodies of their requests; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .catalogue import find, tokens_in
from .errors import InvalidError, UnknownError
from .routing import Strategy

_MOST_TOKENS = 16_384
_LONGEST_ID = 200


@dataclass(frozen=True)
class Completion:
    """A prompt to route. `experiment` "" means: the first A/B test that runs.

    `stream` asks for the answer token by token.
    """

    prompt: str
    max_tokens: int
    strategy: Strategy
    user_id: str
    enable_ab_test: bool
    experiment: str
    stream: bool


@dataclass(frozen=True)
class Estimate:
    """A question about costs; `model_id` is "" when all models are compared."""

    model_id: str
    input_tokens: int
    max_tokens: int


def read_completion(body: Mapping[str, Any]) -> Completion:
    """A request to route.

    Raises:
        InvalidError: Says every field that is wrong.
    """
    problems: list[str] = []
    prompt = _text(body, "prompt", problems, required=True)
    user_id = _text(body, "user_id", problems)
    if len(user_id) > _LONGEST_ID:
        problems.append(f"user_id: expected at most {_LONGEST_ID} characters")
    try:
        strategy = Strategy(body.get("strategy", Strategy.CHEAPEST))
    except ValueError:
        problems.append(f"strategy: expected one of {', '.join(Strategy)}")
        strategy = Strategy.CHEAPEST
    flags = {name: body.get(name, False) for name in ("enable_ab_test", "stream")}
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            problems.append(f"{name}: expected true or false")
    completion = Completion(
        prompt=prompt,
        max_tokens=_tokens(body, problems),
        strategy=strategy,
        user_id=user_id,
        enable_ab_test=bool(flags["enable_ab_test"]),
        experiment=_text(body, "experiment", problems),
        stream=bool(flags["stream"]),
    )
    if problems:
        raise InvalidError(*problems)
    return completion


def read_estimate(body: Mapping[str, Any], *, needs_model: bool) -> Estimate:
    """A question about costs: `input_tokens`, or a `prompt` whose tokens are counted.

    Raises:
        InvalidError: Says every field that is wrong.
    """
    problems: list[str] = []
    model_id = _text(body, "model_id", problems, required=needs_model)
    if needs_model and model_id:
        try:
            find(model_id)
        except UnknownError as error:
            problems.append(f"model_id: {error}")
    given = body.get("input_tokens")
    if given is None:
        given = tokens_in(_text(body, "prompt", problems, required=True))
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        problems.append("input_tokens: expected a whole number of at least 1")
        given = 1
    estimate = Estimate(model_id, given, _tokens(body, problems))
    if problems:
        raise InvalidError(*problems)
    return estimate


def _text(
    body: Mapping[str, Any], name: str, problems: list[str], *, required: bool = False
) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        problems.append(f"{name}: expected text")
        return ""
    return value


def _tokens(body: Mapping[str, Any], problems: list[str]) -> int:
    value = body.get("max_tokens", 256)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MOST_TOKENS:
        problems.append(f"max_tokens: expected a whole number from 1 to {_MOST_TOKENS}")
        return 1
    return value
