"""The shapes of secrets, read from `shapes.toml`."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

from clusterproof.redact.random_text import (
    has_letters_and_digits,
    is_address,
    is_drawn_by_chance,
    is_hexadecimal_key,
)


@dataclass(frozen=True)
class Shape:
    """One shape; see the head of `shapes.toml`."""

    id: str
    anchors: tuple[str, ...]
    source: str
    check: str
    readable: bool
    secret: tuple[str, ...]
    harmless: tuple[str, ...]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled on first use: most runs need few of them."""
        return re.compile(self.source)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets of this shape stand in `text`."""
        accepts = CHECKS[self.check]
        for match in self.pattern.finditer(text):
            group = next(
                (name for name in ("value", "quoted") if match.groupdict().get(name) is not None),
                match.lastindex or 1,
            )
            if match[group] and accepts(match, match[group]):
                yield match.span(group)


@cache
def _document() -> Mapping[str, Any]:
    text = resources.files(__package__).joinpath("shapes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def shapes() -> tuple[Shape, ...]:
    """All of them, in the order of the file."""
    document = _document()
    names = {
        "NAMES": "".join(document["names"]["sure"].split()),
        "HINTS": "".join(document["names"]["hints"].split()),
    }
    return tuple(
        Shape(
            id=entry["id"],
            anchors=tuple(entry["anchors"]),
            source=entry["pattern"]
            .replace("NAMES", names["NAMES"])
            .replace("HINTS", names["HINTS"]),
            check=entry.get("check", "value"),
            readable=entry.get("readable", False),
            secret=tuple(entry["secret"]),
            harmless=tuple(entry["harmless"]),
        )
        for entry in document["shape"]
    )


@cache
def words(kind: str) -> frozenset[str]:
    """The words of a list under [words]."""
    return frozenset(_document()["words"][kind].split())


@cache
def _sure_name() -> re.Pattern[str]:
    return re.compile(f"(?i)(?:{''.join(_document()['names']['sure'].split())})$")


_OF_A_DIGEST: Final = re.compile(r"(?i)checksum|digest|fingerprint")


def names_a_secret(name: str) -> bool:
    """True for a name behind which a secret stands, such as `DB_PASS` or `api-key`."""
    return _sure_name().search(name) is not None and not _OF_A_DIGEST.search(name)


# What stands where a secret will: `your-password`, `<token>`, `${DB_PASS}`, `sk-...`, `***`.
_PLACEHOLDER: Final = re.compile(
    r"your[-_a-z]*|ph[a-z]_YOUR\w*|YOUR_\w*|<[^<>]*>?|\$\{[^{}]*\}?|\$\([^()]*\)?|\$[A-Z_]+|\{\{.*|"
    r"%[({].*|\*+|x{3,}|X{3,}|[\w-]*(?:\.\.\.|…)|\[redacted.*|REDACTED",
    re.DOTALL,
)
_PATH: Final = re.compile(r"(?:/|\./|~/|[A-Z]:\\)(?:[\w.@-]+[/\\])*[\w.@-]*")
_KNOWN_ROOTS: Final = (
    "/var/",
    "/run/",
    "/etc/",
    "/mnt/",
    "/secrets/",
    "/home/",
    "/opt/",
    "/tmp/",  # noqa: S108 - to compare with
    "/usr/",
    "/app",
)
_SECRET_BY_NAME: Final = re.compile(
    r"(?:^|[^A-Za-z_])(?:[a-z]+Secret|(?:(?!client)[a-z.]+[-/.])*[Ss]ecret)[\"'\])]{0,3}\s*"
    r"(?::|=|\sis\s)?\s*[\"'`]?$"
)
_NAME_OF_WORDS: Final = re.compile(r"(?:[a-z]{2,}|v?\d{1,2})(?:[-.](?:[a-z]{2,}|v?\d{1,2}))*")
_TRAILING: Final = ".,;:!?)]}'\""


def is_harmless(value: str) -> bool:
    """True for a placeholder, a path, or a word that a message says behind a secret's name."""
    bare = value.strip().rstrip(_TRAILING)
    if not bare or bare.casefold() in words("harmless") or (bare.isdigit() and len(bare) <= 3):  # noqa: PLR2004 - a count
        return True
    if _PLACEHOLDER.fullmatch(value.strip()) or _PLACEHOLDER.fullmatch(bare):
        return True
    return bare.startswith(_KNOWN_ROOTS) and _PATH.fullmatch(bare) is not None


_COMPLETE_PLACEHOLDER: Final = re.compile(
    r"your[-_][-_a-z]+|\w*YOUR_\w*|<[^<>]+>|\$\{[^{}]+\}|\$\([^()]+\)|\{\{.*\}\}|\[redacted\]",
    re.DOTALL,
)


def is_no_value(value: str) -> bool:
    """True for what a Secret holds in place of one: a placeholder, a path, a word as `none`."""
    if value.casefold() in words("harmless") or _COMPLETE_PLACEHOLDER.fullmatch(value):
        return True
    return value.startswith(_KNOWN_ROOTS) and _PATH.fullmatch(value) is not None


def _is_value(match: re.Match[str], value: str) -> bool:
    if is_harmless(value) or _is_digest(match, value):
        return False
    before = match.string[max(0, match.start() - 100) : match.start() + match[0].find(value)]
    by_name = _SECRET_BY_NAME.search(before) is not None
    return not (by_name and _NAME_OF_WORDS.fullmatch(value.rstrip(_TRAILING)))


def _is_strong(match: re.Match[str], value: str) -> bool:
    return has_letters_and_digits(value) and not is_address(value) and _is_value(match, value)


def _is_option(match: re.Match[str], value: str) -> bool:
    is_constant = value.replace("_", "").isupper() and value.replace("_", "").isalpha()
    return not is_constant and _is_value(match, value)


def _is_digest(match: re.Match[str], value: str) -> bool:
    """Behind the name of a digest, as in `SHA256:...` of a public key and `checksum/...: ...`."""
    before = match.string[max(0, match.start() - 100) : match.start() + match[0].find(value)]
    name = r"(?i)(?:sha\d+[-:]?|md5[-:]?|(?:checksum|digest|fingerprint)(?:/[\w.-]*)?)\W{0,4}$"
    return re.search(name, before) is not None


CHECKS: Final[Mapping[str, Callable[[re.Match[str], str], bool]]] = {
    "any": lambda _match, _value: True,
    "value": _is_value,
    "strong": _is_strong,
    "option": _is_option,
    "no-name": lambda _match, value: (
        not is_harmless(value)
        and any(letter.isupper() or letter == "_" for letter in value)
        and any(letter.isdigit() for letter in value)
    ),
    "no-id": lambda _match, value: not value.isdigit() and not is_harmless(value),
    "random": lambda match, value: is_drawn_by_chance(value) and not _is_digest(match, value),
    "random-or-hex": lambda match, value: (
        (is_drawn_by_chance(value) or is_hexadecimal_key(value)) and not _is_digest(match, value)
    ),
}
