"""The shapes of secrets, read from `shapes.toml`."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources
from typing import Any, Final

from clusterproof.redact.random_text import (
    has_letters_and_digits,
    is_address,
    is_drawn_by_chance,
    is_hexadecimal_key,
)

_NAME: Final = "NAMES"
"""Stands in a pattern for the names of secrets, the list `sure` under [names]."""
_LOOKED_BACK: Final = 100
"""Characters before a match that say what its name is of."""


@dataclass(frozen=True)
class Shape:
    """One shape; see the head of `shapes.toml`."""

    id: str
    anchors: tuple[str, ...]
    needs: tuple[str, ...]
    source: str
    each: str
    check: str
    readable: bool
    secret: tuple[str, ...]
    harmless: tuple[str, ...]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled on first use: most runs need few of them."""
        source = self.source.replace(_NAME, _names("sure")).replace("HINTS", _names("hints"))
        return re.compile(source)

    @cached_property
    def members(self) -> re.Pattern[str] | None:
        """One secret in what `pattern` found; None where that is one."""
        return re.compile(self.each) if self.each else None

    def may_be_in(self, lower: str) -> bool:
        """Whether a text in lower case has what each of this shape needs."""
        return not self.needs or any(text in lower for text in self.needs)

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """What `pattern.finditer` finds, without a search where no name of a secret stands."""
        if _NAME not in self.source:
            return self.pattern.finditer(text)
        names = names_in(text)
        if self.source.startswith(f"(?i){_NAME}"):
            return self._from(names, text)
        return self.pattern.finditer(text) if names else iter(())

    def _from(self, names: tuple[int, ...], text: str) -> Iterator[re.Match[str]]:
        done = 0
        for start in names:
            match = self.pattern.match(text, start) if start >= done else None
            if match is not None:
                yield match
                done = match.end()

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets of this shape stand in `text`."""
        accepts = CHECKS[self.check]
        for match in self.matches(text):
            group = next(
                (name for name in ("value", "quoted") if match.groupdict().get(name) is not None),
                match.lastindex or 1,
            )
            start, end = match.span(group)
            before = text[max(0, match.start() - _LOOKED_BACK) : start]
            if self.members is None:
                if start < end and accepts(before, match[group]):
                    yield start, end
                continue
            for member in self.members.finditer(match[group]):
                first, last = member.span(member.lastindex or 1)
                if accepts(before, match[group][first:last]):
                    yield start + first, start + last


@cache
def _document() -> Mapping[str, Any]:
    text = resources.files(__package__).joinpath("shapes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def shapes() -> tuple[Shape, ...]:
    """All of them, in the order of the file."""
    return tuple(
        Shape(
            id=entry["id"],
            anchors=tuple(_anchors(entry["anchors"])),
            needs=tuple(entry.get("needs", ())),
            source=entry["pattern"],
            each=entry.get("each", ""),
            check=entry.get("check", "value"),
            readable=entry.get("readable", False),
            secret=tuple(entry["secret"]),
            harmless=tuple(entry["harmless"]),
        )
        for entry in _document()["shape"]
    )


def _anchors(given: list[str]) -> Iterator[str]:
    for anchor in given:
        yield from _document()["names"]["anchors"].split() if anchor == _NAME else (anchor,)


@cache
def _names(kind: str) -> str:
    """A pattern under [names], in one line."""
    return "".join(_document()["names"][kind].splitlines())


@cache
def words_of_names(kind: str) -> frozenset[str]:
    """The words of a list under [names]."""
    return frozenset(_document()["names"][kind].split())


@cache
def words(kind: str) -> frozenset[str]:
    """The words of a list under [words]."""
    return frozenset(_document()["words"][kind].split())


@cache
def _sure_name() -> re.Pattern[str]:
    return re.compile(f"(?i)(?:{_names('sure')})$")


@cache
def _name() -> re.Pattern[str]:
    return re.compile(f"(?i)(?={_names('sure')})")


@lru_cache(maxsize=1)
def names_in(text: str) -> tuple[int, ...]:
    """Where a name of a secret begins: searched for once, for all shapes that have one."""
    return tuple(match.start() for match in _name().finditer(text))


@cache
def _public_name() -> re.Pattern[str]:
    return re.compile(rf"(?i)(?:{_names('public')})\W{{0,4}}$")


_LONGEST_NAME: Final = 40
_DIGEST: Final = re.compile(
    r"(?i)(?:sha\d+[-:]?|md5[-:]?|(?:checksum|digest|fingerprint)(?:/[\w.-]*)?)\W{0,4}$"
)
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
    r"(?:(?:^|[^A-Za-z_])(?:[a-z]+Secret|(?:(?!client)[a-z.]+[-/.])*[Ss]ecret)|credentials)"
    r"s?[\"'\])]{0,3}\s*(?::|=|,|\sis\s)?\s*[\[\"'`]{0,2}\s*$"
)
_NAME_OF_WORDS: Final = re.compile(
    r"(?:[a-z]{2,}\d{0,4}|v?\d{1,4})(?:[-.](?:[a-z]{2,}\d{0,4}|v?\d{1,4}))*"
)
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


def _is_value(before: str, value: str) -> bool:
    if is_harmless(value) or _is_digest(before):
        return False
    return not (_SECRET_BY_NAME.search(before) and _NAME_OF_WORDS.fullmatch(_bare(value)))


def _bare(value: str) -> str:
    return value.rstrip(_TRAILING)


def _is_strong(before: str, value: str) -> bool:
    return has_letters_and_digits(value) and not is_address(value) and _is_value(before, value)


_SIGN: Final = re.compile(r"[;!#$&?|]")


def _is_user_info(before: str, value: str) -> bool:
    has_digit = any(map(str.isdigit, value))
    is_odd = _SIGN.search(value) is not None and has_digit and _is_value(before, value)
    return is_odd or _is_strong(before, value)


def _is_option(before: str, value: str) -> bool:
    is_constant = value.replace("_", "").isupper() and value.replace("_", "").isalpha()
    return not is_constant and _is_value(before, value)


def _is_member(before: str, value: str) -> bool:
    """Of a list: of passwords whatever stands there, of others what is no plain word."""
    if re.search(r"(?i)pass|pw|kennwort", before[-_LONGEST_NAME:]):
        return _is_value(before, value)
    return _is_strong(before, value)


def _is_no_field(before: str, value: str) -> bool:
    """Not the next name of a list of names."""
    return _is_strong(before, value) and not names_a_secret(value.rstrip("0123456789_"))


def _is_digest(before: str) -> bool:
    """Behind the name of a digest, as in `SHA256:...` of a public key and `checksum/...: ...`."""
    return _DIGEST.search(before) is not None


def _is_public(before: str) -> bool:
    """Behind the name of an id, of a digest or of a public key."""
    return _public_name().search(before) is not None


CHECKS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "any": lambda _before, _value: True,
    "value": _is_value,
    "strong": _is_strong,
    "option": _is_option,
    "user-info": _is_user_info,
    "member": _is_member,
    "no-field": _is_no_field,
    "no-name": lambda _before, value: (
        not is_harmless(value)
        and (
            any(letter.isupper() for letter in value)
            or ("_" in value and any(letter.isdigit() for letter in value))
        )
    ),
    "no-id": lambda _before, value: not value.isdigit() and not is_harmless(value),
    "random": lambda before, value: is_drawn_by_chance(value) and not _is_public(before),
    "random-or-hex": lambda before, value: (
        (is_drawn_by_chance(value) or is_hexadecimal_key(value)) and not _is_public(before)
    ),
}
"""What must be true of the text before a value, and of the value."""
