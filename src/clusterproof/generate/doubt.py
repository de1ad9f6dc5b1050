"""Whether a text that `init` would write may be a secret: in doubt, it is not written.

The redactor takes out what surely is one, as a report must stay readable. A spec is committed: here
a name that may be a secret's, or a word that may have been drawn by chance, is enough.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import yaml

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

_HOLDERS: Final = frozenset(
    {"cred", "kennwort", "pass", "passcode", "passphrase", "passwd", "password", "passwort", "pin"}
    | {"psk", "pw", "pwd", "secret", "token", "apikey", "credential"}
)
"""A word of a name below which nothing is written of somebody's own kind; plural too."""
_LAST_OF_HOLDERS: Final = frozenset(
    {"bearer", "cookie", "cookies", "dsn", "hmac", "htpasswd", "license", "otp", "salt", "seed"}
)
"""Likewise, where it is the last word."""
_NAMES: Final = frozenset(
    {"attribute", "field", "header", "id", "k", "key", "label", "name", "option", "param"}
    | {"parameter", "property", "setting", "var", "variable"}
)
_VALUES: Final = frozenset({"content", "data", "v", "val", "value", "values"})
"""Keys of a pair: the name of a setting, and what it is set to."""
_REFERENCES: Final = frozenset({"ref", "refs", "reference", "references"})
_SECRETS_BY_NAME: Final = (["secret", "name"], ["secret", "names"], ["pull", "secrets"])
"""The last words of a name behind which an object is named."""
_OF_REFERENCE: Final = frozenset(
    {"apiVersion", "group", "key", "kind", "name", "namespace", "optional", "property", "version"}
)
_OBJECT_NAME: Final = re.compile(r"[A-Za-z0-9._/-]{1,253}")

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
        if any(may_be_secret(given, name) for name, given in _pairs(node)):
            return True
        return any(
            _is_redacted({key: inner}) or may_be_secret(inner) for key, inner in node.items()
        )
    if isinstance(node, (list, tuple)):
        return _of_arguments(node) or any(may_be_secret(inner, name) for inner in node)
    if not isinstance(node, str):
        return not isinstance(node, bool) and _is_named(name, str(node))
    texts = (node, f"{name}={node}", f"{name}: {node}") if name else (node,)
    return (
        _is_redacted({name: node})
        or any(_REDACTOR.text(text) != text for text in texts)
        or _is_named(name, node)
        or any(_is_named(inner, value) for inner, value in _MEMBER.findall(node))
        or any(map(_may_be_drawn, _pieces(node)))
    )


def holds_a_secret(node: object, name: str, *, below: bool = False) -> bool:
    """True where a text in it may be a secret, by the names of the fields that it stands in.

    For objects of somebody's own kind, whose fields nobody knows: `adminPassword` as any other, and
    all that is below `credentials`, but for the names of objects.

    Args:
        node: What would be written.
        name: Of the field that it is.
        below: Whether it is in a field whose name is that of a secret.
    """
    if below and _is_reference(node, name):
        return may_be_secret(node)
    if isinstance(node, Mapping):
        inside = below or (is_holder(name) and not _is_reference(node, name))
        named = list(_settings_named(node))
        return (
            may_be_secret(node)
            or any(holds_a_secret(given, of, below=inside) for of, given in _pairs(node))
            or any(
                holds_a_secret(inner, str(key), below=inside)
                for key, inner in node.items()
                if inside or (key, inner) not in named
            )
        )
    if isinstance(node, (list, tuple)):
        inside = below or (is_holder(name) and not _is_reference(node, name))
        return may_be_secret(node, name) or any(
            holds_a_secret(inner, name, below=inside) for inner in node
        )
    if below and node is not None and not isinstance(node, bool) and str(node).strip():
        return True
    if isinstance(node, str) and is_holder(name) and _is_named("password", node):
        return words_of(name)[-1] not in words_of_names("about") or may_be_secret(node, name)
    return may_be_secret(node, name) or _holds_a_document(node, name)


def is_holder(name: str) -> bool:
    """Whether what is below a field of this name may be a secret, whatever it is called there."""
    words = words_of(name)
    return (
        any(map(names_a_secret, (name, name.removesuffix("s"))))
        or any(word in _HOLDERS or word.removesuffix("s") in _HOLDERS for word in words)
        or not _LAST_OF_HOLDERS.isdisjoint(words[-1:])
    )


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters: `adminPassword` has two."""
    return [word.casefold() for word in _WORDS.findall(name) if not word.isdigit()]


def _pairs(node: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    """Name and value, where a mapping is a setting: `{name: A, value: b}`."""
    small = {str(key).casefold(): inner for key, inner in node.items()}
    for value in _VALUES & small.keys():
        for key in _NAMES & small.keys():
            if isinstance(small[key], str):
                yield str(small[key]), small[value]


def _settings_named(node: Mapping[object, object]) -> Iterator[tuple[object, object]]:
    """The members of a pair that hold the name of a setting."""
    for key, inner in node.items():
        if str(key).casefold() in _NAMES and any(inner == name for name, _ in _pairs(node)):
            yield key, inner


def _is_reference(node: object, name: str) -> bool:
    """Whether an object is named, and nothing else is said."""
    words = words_of(name)
    if not words or not (words[-1] in _REFERENCES or words[-2:] in _SECRETS_BY_NAME):
        return False
    nodes = node if isinstance(node, (list, tuple)) else [node]
    texts = [
        text
        for each in nodes
        for text in (each.values() if isinstance(each, Mapping) else [each])
        if not isinstance(text, bool) and text is not None
    ]
    keys = {str(key) for each in nodes if isinstance(each, Mapping) for key in each}
    return keys <= _OF_REFERENCE and all(
        isinstance(text, str) and _OBJECT_NAME.fullmatch(text) for text in texts
    )


def _holds_a_document(node: object, name: str) -> bool:
    """Whether a text is YAML or JSON that holds a secret, as the values of a chart in a text."""
    if not isinstance(node, str) or not ("\n" in node or node.lstrip().startswith(("{", "["))):
        return False
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(node, yaml.SafeLoader)):
            return is_holder(node)
        inner = yaml.load(node, yaml.BaseLoader)  # noqa: S506 - makes texts, lists and mappings
    except (yaml.YAMLError, RecursionError):
        return False
    return not isinstance(inner, str) and holds_a_secret(inner, name)


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
    words = words_of(name)
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
