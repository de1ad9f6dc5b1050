"""A key of a Secret holds a value of the right shape; the value itself is never kept.

Source: the deployment's contract, Config and PostHog secrets.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import log2
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.env import decoded
from clusterproof.observe.configuration import text_in
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Ref, Row

STRONG_FROM = 8
"""A row that asks for this many characters is about a password or a key. Our choice."""

WHITE_SPACE = "only white space"
IN_WHITE_SPACE = "between white space (a newline at its end?)"
REPEATED = "one character repeated"
WEAK = "two or three characters over and over"
PERIODIC = "a short text over and over"
SEQUENTIAL = "characters in the order of the alphabet, of the digits or of a keyboard"
_FLAWS = {
    WHITE_SPACE: "secret-only-white-space",
    IN_WHITE_SPACE: "secret-in-white-space",
    REPEATED: "secret-weak",
    WEAK: "secret-weak",
    PERIODIC: "secret-weak",
    SEQUENTIAL: "secret-weak",
}
"""What is wrong with a value by itself, and its code."""

_FEW_BITS = 1.5
"""Of a character, on the average: under this are two or three characters over and over. A random
hexadecimal text has 3 and more. Our choice."""

_UNSEEN = re.compile(r"^[\s\0\ufeff\u200b-\u200f\u2060]+|[\s\0\ufeff\u200b-\u200f\u2060]+$")
"""White space, and what looks like nothing: a byte order mark, a zero-width space, a NUL."""

_AGAIN = 8
"""Characters that repeat what stands before them; less may be chance. Our choice."""
_SHARE_AGAIN = 0.4
"""They have to be so much of the value: what begins and ends alike may be random in between, and a
word that is written twice has a separator or two. Our choice."""

_SEQUENCES = (
    "01234567890",
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
)
_NEIGHBOURS = frozenset(
    pair
    for sequence in _SEQUENCES
    for text in (sequence, sequence[::-1])
    for pair in pairwise(text)
)
_IN_SEQUENCE = 0.75
"""The share of neighbours in a sequence; in random digits it is 0.2, in random letters 0.12, in
others less. Our choice."""
_SHORT_SEQUENCE = 11
"""Characters under which all neighbours have to be in sequence where there are only digits or only
letters; under STRONG_FROM nothing counts. So the chance of a random value is under 8 in 100,000 at
any length (the most: 11 digits); with letters and digits it is under 1 in 10,000, too."""

_SECRET_RIGHT = "API read (list secrets); the value was not kept"  # noqa: S105 - a right, no secret


class SecretShapeRow(Row):
    """A Secret's value by its shape only: present, long enough, right prefix, no placeholder.

    Attributes:
        trimmed: No white space stands around it, such as the newline that `echo` puts behind it;
            a text of several lines may end in one.
    """

    check: Literal["secret-shape"]
    of: Ref
    key: str
    min_length: int = Field(ge=1)
    prefix: str = ""
    placeholders: tuple[str, ...] = ()
    trimmed: bool = True


@dataclass(frozen=True, slots=True)
class SecretShape:
    """A value by its shape.

    Attributes:
        length: In characters; in bytes for what is no text.
        flaw: What is wrong with the value by itself, or "".
    """

    present: bool
    length: int = 0
    prefix_right: bool = False
    placeholder: bool = False
    flaw: str = ""


def look(row: SecretShapeRow, site: Site) -> Observed[SecretShape]:
    """Length, prefix and placeholder of one key of a Secret; takes the right `list secrets`."""
    next_command = f"kubectl describe {row.of.kubectl}"
    where = f"{row.of} {row.key}"
    secret = site.cluster.find(row.of) or {}
    content = decoded((secret.get("data") or {}).get(row.key))
    if content is None:
        absent = SecretShape(present=False)
        return Observed(absent, where, ("absent",), next_command, _SECRET_RIGHT)
    text = text_in(content)
    shape = SecretShape(
        present=True,
        length=len(content if text is None else text),
        prefix_right=content.startswith(row.prefix.encode()),
        placeholder=text is not None and text.strip() in row.placeholders,
        flaw="" if text is None else _flaw(text),
    )
    prefix = f", prefix {row.prefix} {'right' if shape.prefix_right else 'wrong'}"
    unit = "bytes that are no text" if text is None else "characters"
    evidence = [f"{shape.length} {unit}{prefix if row.prefix else ''}"]
    if shape.flaw:
        evidence.append(f"its value is {shape.flaw}")
    return Observed(shape, where, tuple(evidence), next_command, _SECRET_RIGHT)


def _flaw(text: str) -> str:
    """What is wrong with a value by itself, without a word of it; or ""."""
    bare = _UNSEEN.sub("", text)
    if not bare:
        return WHITE_SPACE
    if bare != text and "\n" not in bare:  # a file of several lines ends in one
        return IN_WHITE_SPACE
    shares = [count / len(bare) for count in Counter(bare).values()]
    if len(shares) == 1:
        return REPEATED
    if -sum(share * log2(share) for share in shares) < _FEW_BITS:
        return WEAK
    if len(bare) - _period(bare) >= max(_AGAIN, len(bare) * _SHARE_AGAIN):
        return PERIODIC
    return SEQUENTIAL if _is_in_sequence(bare.lower()) else ""


def _period(text: str) -> int:
    """The length of the shortest beginning that makes the whole text when it is repeated.

    By the borders of Knuth, Morris and Pratt: in time linear in the length.
    """
    borders = [0] * len(text)
    for index in range(1, len(text)):
        border = borders[index - 1]
        while border and text[index] != text[border]:
            border = borders[border - 1]
        borders[index] = border + (text[index] == text[border])
    return len(text) - borders[-1]


def _is_in_sequence(text: str) -> bool:
    if len(text) < STRONG_FROM:
        return False
    is_of_one_kind = text.isdigit() or text.isalpha()
    least = 1.0 if is_of_one_kind and len(text) < _SHORT_SEQUENCE else _IN_SEQUENCE
    return _share_in_sequence(text) >= least


def _share_in_sequence(text: str) -> float:
    pairs = list(pairwise(text))
    return sum(pair in _NEIGHBOURS for pair in pairs) / len(pairs) if pairs else 0.0


def judge(row: SecretShapeRow, shape: SecretShape) -> Judgement:
    """Present, long enough, with its prefix, no placeholder; the value itself is not known here."""
    return judged(_differences(row, shape), [f"{row.of} {row.key}"])


def _differences(row: SecretShapeRow, shape: SecretShape) -> Iterator[Difference]:
    what = f"{row.of} {row.key}"
    if not shape.present:
        yield Difference(what, "a value", "absent", code="secret-absent")
        return
    if shape.placeholder:
        observed = "the README's placeholder"
        yield Difference(what, "a value of your own", observed, code="secret-placeholder")
    if _counts(row, shape.flaw):
        code = _FLAWS.get(shape.flaw, "secret-weak")
        yield Difference(what, "a value of your own", shape.flaw, code=code)
    if shape.length < row.min_length:
        expected = f"at least {row.min_length} characters"
        observed = f"{shape.length} characters"
        yield Difference(what, expected, observed, code="secret-too-short")
    if not shape.prefix_right:
        yield Difference(
            what, f"prefix {row.prefix}", "another prefix", code="secret-prefix-differs"
        )


def _counts(row: SecretShapeRow, flaw: str) -> bool:
    """True for a flaw that the row rules out: a value that may be short may be weak, too."""
    if flaw == IN_WHITE_SPACE:
        return row.trimmed
    return flaw == WHITE_SPACE or (flaw != "" and row.min_length >= STRONG_FROM)


KIND = Kind(
    SecretShapeRow,
    look,
    judge,
    codes=(
        "secret-absent",
        "secret-in-white-space",
        "secret-only-white-space",
        "secret-placeholder",
        "secret-prefix-differs",
        "secret-too-short",
        "secret-weak",
    ),
)
