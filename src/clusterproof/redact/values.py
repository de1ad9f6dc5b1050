"""Which values of Secrets are worth searching for: not those that every report must say.

`true`, `5432`, `postgres` or the address of a Service may stand in a Secret; to take them out would
mask half a report and hide nothing.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from clusterproof.redact.random_text import guesses_bits, is_address, is_drawn_by_chance
from clusterproof.redact.shapes import is_no_value, names_a_secret, shapes, words

LEAST_BITS: Final = 19.9
"""What a value must at least have: six digits, or four letters and digits. Our choice."""
LEAST_LINE_BITS: Final = 50.0
"""Likewise of a line of a file that has no name before it."""
_SHORTEST_LINE: Final = 12
_SHORT: Final = 8
_LONGEST_NAME: Final = 253
_ORDINAL, _PORT = 2, 5
"""Digits and letters of a part of a name, and digits of a port, that say nothing."""

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED )?CERTIFICATE-----"
)
_MEMBER: Final = re.compile(
    r"""\s*(?:-\s+)?(?:export\s+)?["']?([\w./-]{1,100})["']?\s*(?:=>|:=|[:=])\s*["']?(.*?)["']?,?\s*"""
)
_SYNTAX: Final = re.compile(r"\s*(?:#|//|;|-----|\[[\w .-]+\]\s*$)|.*[{};]\s*$")
_ALONE: Final = ("url-password", "assignment", "quoted-assignment", "json-member", "private-key")


def worth_searching(values: Iterable[str], spared: Iterable[str] = ()) -> frozenset[str]:
    """The secrets in some values of Secrets.

    Args:
        values: As decoded; each may be a whole file.
        spared: Names of the spec, which are no secrets.
    """
    public = {
        word
        for term in spared
        if len(term) <= _LONGEST_NAME
        for word in (term.casefold(), *_split(term))
    }
    parts = {
        part
        for value in values
        for part in _parts(value)
        if guesses_bits(part) >= LEAST_BITS and not _is_public(part, public)
    }
    short = (_spelt(part) for part in parts if len(part) <= _SHORT)
    return frozenset(parts.union(*short, *(_in_85(part) for part in parts if _is_one_line(part))))


def _spelt(value: str) -> set[str]:
    """A short value as base64, base32 and hexadecimal: by itself it is too little to be decoded."""
    data = value.encode()
    texts = (data, data + b"\n", value.encode("utf-16-le"))
    letters = {base64.b64encode(text).decode().rstrip("=") for text in texts}
    urls = {base64.urlsafe_b64encode(text).decode().rstrip("=") for text in texts}
    digits = {data.hex(between) if between else data.hex() for between in ("", " ", ":")}
    words = {base64.b32encode(data).decode().rstrip("=")}
    return letters | urls | digits | {each.upper() for each in digits} | words


def _is_one_line(value: str) -> bool:
    """False for a file, and for an object in JSON: nobody writes these so."""
    return "\n" not in value and not value.startswith(("{", "["))


def _in_85(value: str) -> set[str]:
    """What no view undoes, in both alphabets."""
    data = value.encode()
    return {base64.b85encode(data).decode(), base64.a85encode(data).decode()}


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[^a-z0-9]+", text.casefold()) if part]


def _is_public(value: str, public: set[str]) -> bool:
    """Words of the spec, common words, and addresses and names that are made of them."""
    folded = value.casefold()
    if folded in public or folded in words("common") or is_no_value(value):
        return True
    if value.isdigit():
        return value.endswith("00")  # a figure: seconds, bytes
    if not (is_address(value) or re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", value)):
        return False
    known = public | words("common")
    return all(
        part in known or len(part) <= _ORDINAL or (part.isdigit() and len(part) <= _PORT)
        for part in _split(value)
    )


def _parts(value: str) -> Iterator[str]:
    """The value, and the secrets that it holds where it is a file, a URL or an object."""
    bare = _CERTIFICATE.sub("", value).strip()
    if not bare:
        return
    yield bare
    for shape in shapes():
        if shape.id in _ALONE and any(anchor in bare.casefold() for anchor in shape.anchors):
            yield from (bare[start:end].strip() for start, end in shape.spans(bare))
    if bare.startswith(("{", "[")):
        try:
            yield from _leaves("", json.loads(bare))
        except ValueError:
            pass
        else:
            return
    lines = bare.splitlines()
    if len(lines) > 1:
        for line in lines:
            yield from _of_line(line)
    elif bare.count(":") >= 4 and " " not in bare and "://" not in bare:  # noqa: PLR2004 - of a .pgpass
        yield bare.rpartition(":")[2]


def _of_line(line: str) -> Iterator[str]:
    bare = line.strip()
    if not bare or _SYNTAX.fullmatch(bare):
        return
    if bare.count(":") >= 4 and " " not in bare and "://" not in bare:  # noqa: PLR2004 - of a .pgpass
        yield bare.rpartition(":")[2]
    member = _MEMBER.fullmatch(bare)
    if member is None:
        if len(bare) >= _SHORTEST_LINE and guesses_bits(bare) >= LEAST_LINE_BITS:
            yield bare
        return
    yield from _named(member[1], member[2].strip())


def _named(name: str, value: str) -> Iterator[str]:
    if names_a_secret(name) or is_drawn_by_chance(value):
        yield value
    if name == "auth":  # of a Docker configuration: base64 of user:password
        try:
            yield base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return


def _leaves(name: str, node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(node, Mapping):
        for key, inner in node.items():
            yield from _leaves(str(key), inner)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for inner in node:
            yield from _leaves(name, inner)
    elif isinstance(node, str):
        yield from _named(name, node.strip())
        if "\n" in node:
            yield from _parts(node)
