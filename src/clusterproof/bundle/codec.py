"""Facts to JSON and back: plain data, and the frozen values of this package by their names.

What JSON has no form for is an object with the key `$`, its type: `tuple`, `set`, `map` (keys that
are no text), `decimal`, `number` (no finite one), `bytes`, `enum`, `object` (a dataclass), `model`
(a part of a row). Only names below `clusterproof.` are ever looked up.
"""

import base64
import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel

from clusterproof.errors import SpecError

TAG: Final = "$"
_PACKAGE: Final = "clusterproof."
_MOVED: Final = {
    "clusterproof.observe.ingestion": "clusterproof.product.posthog.ingestion",
    "clusterproof.observe.egress": "clusterproof.observe.matrix",
    "clusterproof.observe.counting": "clusterproof.product.router.counting",
    "clusterproof.observe.rehearsal.seen": "clusterproof.act.rehearsal.seen",
}
"""Modules of facts, as runs of earlier versions have them: a recorded run can be judged again."""

_NO_MORE: Final[Mapping[str, frozenset[str]]] = {
    "clusterproof.checks.policy:PolicyView": frozenset({"beyond"})
}
"""Fields that a fact had in an earlier version, and whose judge does without them now."""

Plain = Any
"""What `json` can write."""


def encode(value: object) -> Plain:
    """`value` as plain data.

    Raises:
        TypeError: It is, or holds, something that no fact holds.
    """
    if value is None or (isinstance(value, (bool, int, str)) and not isinstance(value, Enum)):
        return value
    scalar = _encode_scalar(value)
    return _encode_collection(value) if scalar is None else scalar


def _encode_scalar(value: object) -> Plain:
    """As an object with a tag; None where it is a collection."""
    plain: Plain = None
    if isinstance(value, Enum):
        plain = {TAG: "enum", "of": _name(type(value)), "value": value.value}
    elif isinstance(value, float):
        plain = value if math.isfinite(value) else {TAG: "number", "value": repr(value)}
    elif isinstance(value, Decimal):
        plain = {TAG: "decimal", "value": str(value)}
    elif isinstance(value, bytes):
        plain = {TAG: "bytes", "value": base64.b64encode(value).decode()}
    elif isinstance(value, BaseModel):
        inner = {name: encode(getattr(value, name)) for name in sorted(value.model_fields_set)}
        plain = {TAG: "model", "of": _name(type(value)), "value": inner}
    elif is_dataclass(value) and not isinstance(value, type):
        inner = {field.name: encode(getattr(value, field.name)) for field in fields(value)}
        plain = {TAG: "object", "of": _name(type(value)), "value": inner}
    return plain


def _encode_collection(value: object) -> Plain:
    if isinstance(value, list):
        return [encode(element) for element in value]
    if isinstance(value, tuple):
        return {TAG: "tuple", "value": [encode(element) for element in value]}
    if isinstance(value, (set, frozenset)):
        return {TAG: "set", "value": sorted((encode(element) for element in value), key=repr)}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and TAG not in value:
            return {key: encode(inner) for key, inner in value.items()}
        pairs = [[encode(key), encode(inner)] for key, inner in value.items()]
        return {TAG: "map", "value": pairs}
    raise TypeError(f"expected plain data or a frozen value, observed {type(value).__name__}")


def decode(plain: Plain, home: str = "") -> Any:  # noqa: ANN401 - whatever was encoded
    """The value that `encode` was given.

    Args:
        plain: What it gave.
        home: The module in which classes are looked for that are not where they were written.

    Raises:
        SpecError: A name that this version does not have, or no form that `encode` writes.
    """
    if isinstance(plain, list):
        return [decode(element, home) for element in plain]
    if not isinstance(plain, dict):
        return plain
    if TAG not in plain:
        return {key: decode(inner, home) for key, inner in plain.items()}
    try:
        return _decode_tagged(plain, home)
    except SpecError:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise SpecError(
            f"bundle: expected a value of kind {plain[TAG]!r}, observed {type(error).__name__}: "
            f"{error}; it was written by another version of clusterproof"
        ) from error


def _decode_tagged(plain: dict[str, Plain], home: str) -> Any:  # noqa: ANN401 - whatever was encoded
    value, name = plain["value"], plain.get("of", "")
    decoders: dict[str, Callable[[], Any]] = {
        "decimal": lambda: Decimal(value),
        "number": lambda: float(value),
        "bytes": lambda: base64.b64decode(value),
        "tuple": lambda: tuple(decode(element, home) for element in value),
        "set": lambda: frozenset(decode(element, home) for element in value),
        "map": lambda: {decode(key, home): decode(inner, home) for key, inner in value},
        "enum": lambda: _named(name, Enum, home)(value),
        "model": lambda: _named(name, BaseModel, home).model_validate(_decoded(value, home)),
        "object": lambda: _named(name, object, home)(
            **{
                field: inner
                for field, inner in _decoded(value, home).items()
                if field not in _NO_MORE.get(name, ())
            }
        ),
    }
    return decoders[plain[TAG]]()


def _decoded(fields_: dict[str, Plain], home: str) -> dict[str, Any]:
    return {name: decode(plain, home) for name, plain in fields_.items()}


def _name(kind: type) -> str:
    if not f"{kind.__module__}.".startswith(_PACKAGE):
        raise TypeError(f"expected a type of this package, observed {kind.__module__}")
    return f"{kind.__module__}:{kind.__qualname__}"


def _named(name: str, base: type, home: str) -> Any:  # noqa: ANN401 - a class
    module, _, qualname = name.partition(":")
    if not module.startswith(_PACKAGE):
        raise ValueError(f"expected a name below {_PACKAGE}, observed {name!r}")
    known = _in(_MOVED.get(module, module), qualname) or (_in(home, qualname) if home else None)
    if known is None:
        raise ValueError(f"there is no {name}")
    allowed = isinstance(known, type) and issubclass(known, base)
    if not allowed or (base is object and not is_dataclass(known)):
        raise ValueError(f"expected {name} to be a value, observed another thing")
    return known


def _in(module: str, name: str) -> object:
    """What a module has by this name; None where there is no such thing."""
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
