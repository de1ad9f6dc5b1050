"""The models that can be chosen. Prices and speeds are made up; only their order matters."""

from dataclasses import dataclass

from .errors import UnknownError


@dataclass(frozen=True)
class Model:
    """One model of one provider.

    Attributes:
        id: Its name in the API.
        input_price: US dollars for 1,000 prompt tokens.
        output_price: US dollars for 1,000 completion tokens.
        first_token_ms: Time to the first token.
        token_ms: Time for each further token.
        quality: 0 to 100, higher is better.
    """

    id: str
    name: str
    provider: str
    input_price: float
    output_price: float
    first_token_ms: float
    token_ms: float
    quality: int
    max_tokens: int


MODELS = (
    Model("gpt-4o", "GPT-4o", "openai", 0.0025, 0.01, 400, 9, 92, 16384),
    Model("gpt-4o-mini", "GPT-4o mini", "openai", 0.00015, 0.0006, 280, 5, 80, 16384),
    Model("claude-sonnet", "Claude Sonnet", "anthropic", 0.003, 0.015, 450, 10, 95, 8192),
    Model("claude-haiku", "Claude Haiku", "anthropic", 0.0008, 0.004, 220, 4, 84, 8192),
)
_BY_ID = {model.id: model for model in MODELS}


def find(model_id: str) -> Model:
    """The model of this id.

    Raises:
        UnknownError: There is none.
    """
    try:
        return _BY_ID[model_id]
    except KeyError:
        raise UnknownError(f"no model {model_id!r}; known: {', '.join(_BY_ID)}") from None


def tokens_in(text: str) -> int:
    """A rough count of tokens: four characters each, at least one."""
    return max(1, (len(text) + 3) // 4)


def cost(model: Model, input_tokens: int, output_tokens: int) -> float:
    """US dollars for one request."""
    priced = input_tokens * model.input_price + output_tokens * model.output_price
    return round(priced / 1000, 9)


def latency_ms(model: Model, output_tokens: int) -> float:
    """Expected time of one request."""
    return model.first_token_ms + output_tokens * model.token_ms
