"""Whether a text that `init` would write may be a secret: in doubt, it is not written.

The redactor takes out what surely is one, as a report must stay readable. A spec is committed: here
a name that may be a secret's, or a word that may have been drawn by chance, is enough.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from clusterproof.redact import Redactor
from clusterproof.redact.random_text import is_address
from clusterproof.redact.shapes import is_harmless, names_a_secret, words_of_names

_REDACTOR: Final = Redactor()
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MEMBER: Final = re.compile(
    r"(?<![\w.-])([\w.-]{1,100})(?=[\"']?(?:\s{0,3}[:=]\s{0,3}|[ \t]{1,3})[\"']?([^\s\"',;&]+))"
)
_DIGEST: Final = re.compile(r"(?i)\bsha(?:1|224|256|384|512)[:-][A-Za-z0-9+/=]+")
_RUNS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_SETTING: Final = re.compile(r"-?\d+(?:\.\d+)?(?:%|[a-zA-Z]{1,2})?")
"""A count, a share, a duration or a size."""
_PINS: Final = frozenset({"pin", "otp", "pass", "pw", "pwd", "password", "passwd", "passcode"})
"""Behind these a number is no count."""

SHORTEST: Final = 8
"""Letters and digits of a word that may have been drawn: capitals, small letters and digits."""
SHORTEST_OF_TWO: Final = 16
"""Likewise of digits and letters of one sort only."""
LONGEST_RUN: Final = 2.2
"""The mean length of what is of one kind in such a word; `v1alpha1` has 2.0, and no capitals."""


def may_be_secret(node: object, name: str = "") -> bool:
    """True where a text in it, by its name, by its place or by itself, may be a secret.

    Args:
        node: What would be written: text, or mappings and lists of it.
        name: Of a setting that somebody named: a variable, a key of a ConfigMap, an annotation.
    """
    if isinstance(node, Mapping):
        given = node.get("value")
        if isinstance(given, str) and may_be_secret(given, str(node.get("name", ""))):
            return True
        return any(
            _is_redacted({key: inner}) or may_be_secret(inner) for key, inner in node.items()
        )
    if isinstance(node, (list, tuple)):
        return _of_arguments(node) or any(may_be_secret(inner, name) for inner in node)
    if not isinstance(node, str):
        return not isinstance(node, bool) and _is_named(name, str(node))
    told = (node, f"{name}={node}", f"{name}: {node}") if name else (node,)
    return (
        _is_redacted({name: node})
        or any(_REDACTOR.text(text) != text for text in told)
        or _is_named(name, node)
        or any(_is_named(inner, value) for inner, value in _MEMBER.findall(node))
        or any(map(_may_be_drawn, _pieces(node)))
    )


def holds_a_secret(node: object, name: str) -> bool:
    """True where a text in it may be a secret, by the name of the field that it stands in.

    For objects of somebody's own kind, whose fields nobody knows: `adminPassword` as any other.

    Args:
        node: What would be written.
        name: Of the field that it is.
    """
    if isinstance(node, Mapping):
        members = node.items()
        return may_be_secret(node) or any(holds_a_secret(inner, str(key)) for key, inner in members)
    if isinstance(node, (list, tuple)):
        return may_be_secret(node, name) or any(holds_a_secret(inner, name) for inner in node)
    return may_be_secret(node, name)


def _is_redacted(member: object) -> bool:
    return _REDACTOR.data(member) != member


def _of_arguments(arguments: Sequence[object]) -> bool:
    """Of a command: what stands behind an option, or is one only beside the others."""
    texts = [text for text in arguments if isinstance(text, str)]
    lines = (" ".join(texts), json.dumps(texts))
    if any(_REDACTOR.text(line) != line for line in lines):
        return True
    return any(
        option.startswith("-") and not value.startswith("-") and _is_named(option, value)
        for option, value in pairwise(texts)
    )


def _is_named(name: str, value: str) -> bool:
    """Whether the name may be a secret's, and the value may be one."""
    words = [word.casefold() for word in _WORDS.findall(name) if not word.isdigit()]
    if not words or (words[-1] in words_of_names("about") and not names_a_secret(name)):
        return False
    if not (names_a_secret(name) or words_of_names("doubts") & set(words)):
        return False
    bare = value.strip()
    is_pin = bool(_PINS & set(words))
    if bare.isdigit() or _SETTING.fullmatch(bare):
        return is_pin
    return not (is_harmless(bare) or (is_address(bare) and not is_pin))


def _pieces(text: str) -> Iterator[str]:
    yield from re.findall(r"[A-Za-z0-9]+", _DIGEST.sub("", text))


def _may_be_drawn(piece: str) -> bool:
    """True for a word of letters and digits that has no words in it."""
    runs = _RUNS.findall(piece)
    if len(piece) < SHORTEST or sum(map(len, runs)) > LONGEST_RUN * len(runs):
        return False
    sorts = sum(any(map(of_sort, piece)) for of_sort in (str.isupper, str.islower, str.isdigit))
    return sorts == 3 or (sorts == 2 and len(piece) >= SHORTEST_OF_TWO)  # noqa: PLR2004 - all, two
