"""How text that was drawn by chance differs from names, and how hard a text is to guess."""

import math
import re
from collections import Counter
from typing import Final

_CLASSES: Final = (
    (re.compile(r"[a-z]"), 26),
    (re.compile(r"[A-Z]"), 26),
    (re.compile(r"[0-9]"), 10),
    (re.compile(r"[!-/:-@\[-`{-~ \t\n]"), 33),
    (re.compile(r"[^\x00-\x7f]"), 100),
)
_RUNS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_PARTS: Final = re.compile(r"[-_./+=~]")
_WORD: Final = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_PUBLIC: Final = re.compile(
    r"(?i)(?:arn:|sha(?:1|224|256|384|512)[-:]|md5[-:]|urn:|LS0tLS1CRUdJTiBDRVJU|AAAAB3Nza|AAAAC3Nza"
    r"|MII[BC]IjANBgkqhkiG|MFkwEwYHKoZIzj0C|MHYwEAYHKoZIzj0C|MCowBQYDK2V)"
)
"""Digests, ARNs, and how certificates and public keys begin in base64."""

SHORTEST: Final = 20
LEAST_ENTROPY: Final = 3.4
"""Shannon's, in bits for each character; 20 letters and digits drawn by chance have 4.0."""
LONGEST_RUN: Final = (2.9, 3.2)
"""The mean length of what is of one kind (`Abc`, `XYZ`, `123`), under LONG characters and from
there on: 1.9 by chance, 3.3 and more in names such as `DefaultStorageClassV1GP3`. Our choice."""
LONG: Final = 28


def guesses_bits(text: str) -> float:
    """The bits of all texts of this length made of the kinds of characters that it has."""
    letters = sum(size for kind, size in _CLASSES if kind.search(text))
    return len(text) * math.log2(letters) if letters > 1 else 0.0


def shannon_bits(text: str) -> float:
    """Shannon's entropy, in bits for each character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def is_drawn_by_chance(text: str) -> bool:
    """True for keys such as base64 of bytes; not for names, digests, UUIDs, hexadecimal digits."""
    bare = text.rstrip("=")
    if len(bare) < SHORTEST or _PUBLIC.match(text):
        return False
    lower, upper, digits = (kind.search(bare) is not None for kind, _ in _CLASSES[:3])
    if not (lower and upper and (digits or len(bare) >= LONG)):
        return False
    if any(_WORD.fullmatch(part) for part in _PARTS.split(bare)):
        return False
    runs = _RUNS.findall(bare)
    if sum(map(len, runs)) / len(runs) > LONGEST_RUN[len(bare) >= LONG]:
        return False
    return shannon_bits(bare) >= LEAST_ENTROPY


def is_hexadecimal_key(text: str) -> bool:
    """True for 32 hexadecimal digits and more."""
    return re.fullmatch(r"[0-9a-f]{32,}|[0-9A-F]{32,}", text) is not None


def has_letters_and_digits(text: str) -> bool:
    """True for six characters and more with letters and digits among them."""
    return (
        len(text) >= 6  # noqa: PLR2004 - see the docstring
        and any(letter.isdigit() for letter in text)
        and any(letter.isalpha() for letter in text)
    )


_ADDRESS: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?[a-z0-9]+(?:[.-][a-z0-9]+)*(?::\d{1,5})?(?:/[\w./-]*)?"
)


def is_address(text: str) -> bool:
    """True for a URL without a password, a host with dots or a port, or a path."""
    return _ADDRESS.fullmatch(text) is not None and any(mark in text for mark in ("/", ".", ":"))
