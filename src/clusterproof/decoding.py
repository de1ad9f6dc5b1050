"""Views of a text with one encoding undone, each able to point back into the original text.

A secret that was logged, put into a URL, into JSON, into HTML or into base64 looks different every
time. Rather than search for each form of each secret, undo the encodings and search once.
"""

import base64
import binascii
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

Decode = Callable[[str], tuple[str, ...]]
"""What one encoded piece may stand for; more than one when its alignment is not known."""

DEPTH: Final = 2
"""Encodings undone one after the other: JSON in base64 is two. Our choice: three cost ten times."""

GAP: Final = "\x00"
"""Stands between two readings of one piece, so that nothing is found across them."""


@dataclass(frozen=True, slots=True)
class View:
    """A text and, for each of its parts, where that came from.

    Attributes:
        text: With one more encoding undone than `parent`.
        parent: The view that this was made of, or None for the original.
        starts: Where each part starts in `text`, ascending.
        sources: The span of each part in the parent's text; literal parts map 1 to 1.
        mirrored: True when `text` is the parent's text backwards.
        readable: True for the original and for what only an escape was undone in; False where
            base64, hex or reading backwards makes a text of what may be none.
        folded: True when lines were joined: what stands side by side may not belong together.
    """

    text: str
    parent: "View | None" = None
    starts: tuple[int, ...] = ()
    sources: tuple[tuple[int, int, bool], ...] = ()
    mirrored: bool = False
    readable: bool = True
    folded: bool = False

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that `text[start:end]` was read from."""
        if self.parent is None:
            return start, end
        if self.mirrored:
            length = len(self.text)
            return self.parent.origin(length - end, length - start)
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        left, _, literal = self.sources[first]
        begin = left + start - self.starts[first] if literal else left
        left, right, literal = self.sources[last]
        stop = left + end - self.starts[last] if literal else right
        return self.parent.origin(begin, stop)


@dataclass(slots=True)
class _Builder:
    """Collects the parts of a new view."""

    parts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    sources: list[tuple[int, int, bool]] = field(default_factory=list)
    length: int = 0

    def add(self, text: str, source: tuple[int, int, bool]) -> None:
        """Append one part that is not empty."""
        if text:
            self.parts.append(text)
            self.starts.append(self.length)
            self.sources.append(source)
            self.length += len(text)

    def view(self, parent: View, encoding: "Encoding") -> View:
        """The finished view."""
        return View(
            "".join(self.parts),
            parent,
            tuple(self.starts),
            tuple(self.sources),
            readable=parent.readable and encoding.inline,
            folded=parent.folded or encoding.folds,
        )


@dataclass(frozen=True, slots=True)
class Encoding:
    """One encoding: what its pieces look like, and how one is undone.

    Attributes:
        piece: Matches one encoded piece.
        decode: Undoes it.
        inline: True when pieces stand between literal text that belongs to the same value
            (`a%20b`); False when a piece is a whole value by itself (base64, hex).
        marks: Texts of which each piece has one: a text without them is passed over.
        folds: True when a piece is a line's end.
    """

    piece: re.Pattern[str]
    decode: Decode
    inline: bool
    marks: str | tuple[str, ...] = ""
    folds: bool = False

    def undo(self, view: View) -> View | None:
        """The view with this encoding undone, or None when it has no such piece."""
        text = view.text
        if self.marks and not any(map(text.__contains__, self.marks)):
            return None
        builder = _Builder()
        done = 0
        is_decoded = False
        for match in self.piece.finditer(text):
            readings = self.decode(match[0])
            if not readings:
                continue
            is_decoded = True
            if self.inline:
                builder.add(text[done : match.start()], (done, match.start(), True))
            for reading in readings:
                builder.add(reading, (match.start(), match.end(), False))
                if not self.inline:
                    builder.add(GAP, (match.start(), match.end(), False))
            done = match.end()
        if not is_decoded:
            return None
        if self.inline:
            builder.add(text[done:], (done, len(text), True))
        return builder.view(view, self)


def _percent(piece: str) -> tuple[str, ...]:
    if piece == "+":
        return (" ",)
    return (bytes.fromhex(piece.replace("%", "")).decode(errors="replace"),)


def _quoted_printable(piece: str) -> tuple[str, ...]:
    if not piece.startswith("="):
        return ()
    # A soft line break may stand in the middle of one character's bytes.
    return (bytes.fromhex("".join(piece.replace("=", "").split())).decode(errors="replace"),)


def _code_points(piece: str) -> tuple[str, ...]:
    r"""`\xad` as Python's repr means it; `_backslash` reads the same piece as UTF-8."""
    return (bytes.fromhex(piece.replace("\\x", "")).decode("latin-1"),)


_NO_WIDTH: Final = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _backslash(piece: str) -> tuple[str, ...]:
    kind = piece[1]
    if kind == "u":
        units = bytes.fromhex(piece.replace("\\u", ""))
        return (units.decode("utf-16-be", errors="replace"),)
    if kind == "x":
        return (bytes.fromhex(piece.replace("\\x", "")).decode(errors="replace"),)
    return (_SHORT.get(kind, kind),)


def _entity(piece: str) -> tuple[str, ...]:
    text = html.unescape(piece)
    return () if text == piece else (text,)


_BASE64_ALPHABETS: Final = str.maketrans("-_", "+/")
_BLANK: Final = re.compile(r"\s+")
# Nearly every word decodes to noise; only what holds a few readable characters is looked at.
_READABLE: Final = re.compile(r"[^\x00-\x08\x0e-\x1f\ufffd]{6}")


def _texts(data: bytes) -> tuple[str, ...]:
    """What bytes may say: UTF-8, or UTF-16 where every other byte is none."""
    readings = [data.decode(errors="replace")]
    if data.count(0) * 3 >= len(data):
        readings += [
            data[start : start + (len(data) - start) // 2 * 2].decode("utf-16-le", errors="replace")
            for start in range(2)
        ]
    return tuple(reading for reading in readings if _READABLE.search(reading))


@lru_cache(maxsize=8192)
def _base64(piece: str) -> tuple[str, ...]:
    """Every alignment: the piece may begin in the middle of a longer one, or behind a word."""
    letters = _BLANK.sub("", piece).rstrip("=").translate(_BASE64_ALPHABETS)
    readings: tuple[str, ...] = ()
    for skipped in range(4):
        rest = letters[skipped:]
        whole = rest[: len(rest) - 1] if len(rest) % 4 == 1 else rest
        readings += _texts(binascii.a2b_base64(whole + "=" * (-len(whole) % 4)))
    return readings


@lru_cache(maxsize=2048)
def _hex(piece: str) -> tuple[str, ...]:
    digits = re.sub(r"[\s:]", "", piece)
    readings: tuple[str, ...] = ()
    for skipped in range(2):
        rest = digits[skipped:]
        readings += _texts(bytes.fromhex(rest[: len(rest) // 2 * 2]))
    return readings


def _octal(piece: str) -> tuple[str, ...]:
    r"""`\303\244` as `printf %q` and git write it."""
    codes = [int(piece[at : at + 3], 8) for at in range(1, len(piece), 4)]
    return (bytes(codes).decode(errors="replace"),)


def _shell_quote(piece: str) -> tuple[str, ...]:
    """A single quote inside of single quotes, as a shell and as YAML write it."""
    return ("'",) if len(piece) > 1 else ()


def _spaced(_piece: str) -> tuple[str, ...]:
    return (" ",)


def _every_other(piece: str) -> tuple[str, ...]:
    """UTF-16 that was read one byte at a time."""
    return (piece.replace("\x00", ""),)


def _numbers(piece: str) -> tuple[str, ...]:
    """Bytes as a list of numbers, decimal as Go's `%v` has it or hexadecimal as C has it."""
    base = 16 if "x" in piece.lower() else 10
    codes = [int(code, base) for code in re.findall(r"(?:0[xX])?[0-9A-Fa-f]+", piece)]
    if max(codes) > 255:  # noqa: PLR2004 - a byte
        return ()
    reading = bytes(codes).decode(errors="replace")
    return (reading,) if reading.isprintable() and "\ufffd" not in reading else ()


@lru_cache(maxsize=2048)
def _base32(piece: str) -> tuple[str, ...]:
    letters = piece.rstrip("=").upper()
    whole = letters[: len(letters) // 8 * 8 + (0, 0, 2, 2, 4, 5, 5, 7)[len(letters) % 8]]
    return _texts(base64.b32decode(whole + "=" * (-len(whole) % 8)))


def _nothing(_piece: str) -> tuple[str, ...]:
    return ("",)


def _deep(piece: str) -> tuple[str, ...]:
    r"""An escape of JSON in JSON in JSON: `\\\\\\\"`, or `\\\\u00e4`."""
    escape = piece.lstrip("\\")
    if len(escape) == 5:  # noqa: PLR2004 - u and four digits
        return (chr(int(escape[1:], 16)),)
    return (escape or "\\",)


# One by one, never in one pass: a secret may hold `=4F` or `%41` as it is.
ENCODINGS: Final = (
    Encoding(re.compile(r"(?:%[0-9A-Fa-f]{2})+"), _percent, inline=True, marks="%"),
    Encoding(re.compile(r"(?:%[0-9A-Fa-f]{2})+|\+"), _percent, inline=True, marks="+"),
    Encoding(
        re.compile(r"(?:=[0-9A-Fa-f]{2}|=[ \t]*\r?\n)+"), _quoted_printable, inline=True, marks="="
    ),
    # Again, with the `=` of `?name=4F...` left alone: there it is no escape.
    Encoding(
        re.compile(r"[?&;\s][\w.-]{1,40}=|(?:=[0-9A-Fa-f]{2}|=[ \t]*\r?\n)+"),
        _quoted_printable,
        inline=True,
        marks="=",
    ),
    Encoding(
        re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|(?:\\x[0-9A-Fa-f]{2})+|\\[!-/:-@\[-`{-~ bfnrt]"),
        _backslash,
        inline=True,
        marks="\\",
    ),
    Encoding(re.compile(r"(?:\\x[89A-Fa-f][0-9A-Fa-f])+"), _code_points, inline=True, marks="\\"),
    Encoding(re.compile(r"(?:\\[0-3][0-7]{2})+"), _octal, inline=True, marks="\\"),
    Encoding(re.compile(r"\\{2,}(?:u[0-9A-Fa-f]{4}|\"|')?"), _deep, inline=True, marks=("\\\\",)),
    # Colours of a terminal, and characters without a width.
    Encoding(
        re.compile(
            f"(?:\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[{_NO_WIDTH}])+"
        ),
        _nothing,
        inline=True,
        marks=f"\x1b{_NO_WIDTH}",
    ),
    # A literal of two parts: "ab" "cd", 'ab' + 'cd'.
    Encoding(
        re.compile(r"([\"'])(?:\s{0,3}[+.&]\s{0,20}|\s{1,20})\1"),
        _nothing,
        inline=True,
        marks=('" ', "' ", '"+', "'+", '"\n', "'\n", '".', "'."),
        folds=True,
    ),
    Encoding(
        re.compile(r"(?<![\w.-])(?:\d{2,3}[, ] ?){3,}\d{2,3}(?![\w.])"), _numbers, inline=False
    ),
    Encoding(
        re.compile(r"(?:0[xX][0-9A-Fa-f]{2}[, ]{0,2}){4,}"),
        _numbers,
        inline=False,
        marks=("0x", "0X"),
    ),
    Encoding(re.compile(r"(?<![A-Za-z0-9+/])[A-Z2-7]{10,}={0,6}"), _base32, inline=False),
    Encoding(re.compile(r"'\\''|'\"'\"'|''"), _shell_quote, inline=True, marks="'"),
    Encoding(
        re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8}[0-9]?);"),
        _entity,
        inline=True,
        marks="&",
    ),
    # A line that was folded: in the middle of a word, or at a space.
    Encoding(
        re.compile(r"\\?\r?\n[ \t|>]*\\?"), lambda _: ("",), inline=True, marks="\n", folds=True
    ),
    Encoding(re.compile(r"\r?\n[ \t|>]*"), _spaced, inline=True, marks="\n", folds=True),
    Encoding(
        re.compile(r"(?:[^\x00]\x00){4,}|(?:\x00[^\x00]){4,}"),
        _every_other,
        inline=True,
        marks="\x00",
    ),
    Encoding(
        re.compile(r"[A-Za-z0-9+/_-]{8,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*={0,2}"),
        _base64,
        inline=False,
    ),
    # One digit more: behind an odd one, the last digit would be left out.
    Encoding(re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?(?:\r?\n)?){6,}[0-9A-Fa-f]?"), _hex, inline=False),
)


def views(text: str) -> Iterator[View]:
    """The text itself, it backwards, and every way to undo up to DEPTH encodings."""
    layer = [View(text)]
    yield layer[0]
    yield View(text[::-1], layer[0], mirrored=True, readable=False)
    for _ in range(DEPTH):
        deeper = []
        for view in layer:
            for encoding in ENCODINGS:
                undone = encoding.undo(view)
                if undone is not None:
                    yield undone
                    deeper.append(undone)
        layer = deeper
