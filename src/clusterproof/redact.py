"""Secrets taken out of text: by the values that we know, and by the shapes that we know.

Everything that leaves the process (reports, history, diagnostics, notifications) passes through
here. A value is never shown; its presence and length may be, by whoever observed it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any, Final, TypeVar

from clusterproof.decoding import View, views

T = TypeVar("T")

MASK: Final = "[redacted]"

SHORTEST_KNOWN: Final = 6
"""Known values under this length are not searched for: `true` or `5432` would mask half a report.
Our choice."""

# What a message may say behind a secret's name; also placeholders, which a report must name.
_HARMLESS: Final = (
    r"(?!\[redacted|your-|ph[a-z]_YOUR|sk-(?:ant-)?\.\.\.|<|\$\{|(?:present|absent|missing|set|unset|none|null|true|false|empty|"
    r"required|optional|found|expected|observed|unknown)\b)"
)
_NAMES: Final = (
    r"(?:password|passwd|passphrase|pwd|secret|secret[_.-]?key|token|api[_.-]?key|access[_.-]?key|"
    r"private[_.-]?key|signing[_.-]?key|encryption[_.-]?key|credentials?)"
)

# Each marks the secret itself as group 1.
SHAPES: Final = tuple(
    re.compile(shape)
    for shape in (
        r"(?<![A-Za-z0-9])(ph[a-z]_(?!YOUR)[A-Za-z0-9_-]{10,})",  # PostHog keys
        r"(?<![A-Za-z0-9])(sk-(?:[a-z]{2,8}-)?[A-Za-z0-9_-]{16,})",  # OpenAI, Anthropic
        r"(?<![A-Za-z0-9])(eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*)",  # JWT
        r"(?<![A-Za-z0-9])((?:AKIA|ASIA)[0-9A-Z]{16})",  # AWS
        r"(?<![A-Za-z0-9])((?:gh[opusr]_|github_pat_)[A-Za-z0-9_]{16,})",
        r"(?<![A-Za-z0-9])(xox[abeoprs]-[A-Za-z0-9-]{10,})",  # Slack
        r"(?<![A-Za-z0-9])(hv[sbr]\.[A-Za-z0-9_-]{16,})",  # Vault
        (
            r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
            r"[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z))"
        ),
        r"(?i)\b(?:bearer|basic)\s+(?!token\b|auth)([A-Za-z0-9._~+/=-]{8,})",
        r"(?i)\bhooks\.slack\.com/services/([A-Za-z0-9/_-]{8,})",
        r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s/:@\"']{0,200}:"
        + _HARMLESS
        + r"([^\s/@\"']+)@",
        # name=value, as in an environment, a URL's query or a DSN; quotes may hold spaces
        rf"(?i){_NAMES}[\"']?\s?=\s?[\"']{_HARMLESS}([^\"'\n]+)[\"']",
        rf"(?i){_NAMES}=(?![\"']){_HARMLESS}([^\s&;,\"'<>]+)",
        rf"(?i)(?<![a-z-])--[a-z-]{{0,40}}{_NAMES}\s+(?![\"'-]){_HARMLESS}([^\s&;,\"'<>]+)",
        # "name": "value" as in JSON
        rf"(?i){_NAMES}[\"']\s*:\s*[\"']{_HARMLESS}((?:[^\"'\\\n]|\\.)+)[\"']",
        # name: value alone on its line, as in YAML
        (
            rf"(?im)^[ \t]*(?:- )?[\w.-]{{0,100}}{_NAMES}:[ \t]+"
            rf"[\"']?{_HARMLESS}([^\s\"']{{6,}})[\"']?[ \t]*$"
        ),
        # an environment entry of a Pod, in JSON and in YAML
        (
            rf"(?i)[\"']?name[\"']?\s*:\s*[\"']?\w{{0,100}}{_NAMES}[\"']?\s*,?\s*[\"']?value[\"']?\s*:\s*"
            rf"[\"']?{_HARMLESS}([^\s\"',}}]+)"
        ),
    )
)


@dataclass(frozen=True, slots=True, repr=False)
class Redactor:
    """Takes known values and known shapes out of text and of plain data.

    Attributes:
        known: Values that are secret whatever they look like; kept in memory only.
    """

    known: frozenset[str] = frozenset()

    @classmethod
    def of(cls, values: Iterable[str]) -> "Redactor":
        """One that knows these values, and each of their lines where there are several."""
        parts = {part.strip() for value in values for part in (value, *value.splitlines())}
        return cls(frozenset(part for part in parts if len(part) >= SHORTEST_KNOWN))

    def __repr__(self) -> str:
        """How many values are known, never which."""
        return f"Redactor({len(self.known)} known values)"

    def text(self, text: str) -> str:
        """`text` with each secret replaced by MASK; the same object if there is none.

        What cannot be written as UTF-8 (half a surrogate pair) is spelt out.
        """
        if not text.isascii():
            readable = text.encode(errors="backslashreplace").decode()
            text = text if readable == text else readable
        spans = sorted({span for view in views(text) for span in self._found(view)})
        if not spans:
            return text
        parts: list[str] = []
        done = 0
        for start, end in spans:
            if start >= done:
                parts += (text[done:start], MASK)
            done = max(done, end)
        return "".join((*parts, text[done:]))

    def data(self, value: T) -> T:
        """`value` with the text in it redacted: frozen dataclasses, mappings, sequences, text."""
        redacted: Any = value
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            redacted = self.text(value)
        elif isinstance(value, dict):
            redacted = {self.data(key): self.data(part) for key, part in value.items()}
        elif isinstance(value, (list, tuple)):
            redacted = type(value)(self.data(part) for part in value)
        elif is_dataclass(value) and not isinstance(value, type):
            old = {part.name: getattr(value, part.name) for part in fields(value)}
            new = {name: self.data(part) for name, part in old.items()}
            changed = {name: part for name, part in new.items() if part is not old[name]}
            redacted = replace(value, **changed)
        return redacted  # type: ignore[no-any-return]

    def _found(self, view: View) -> Iterable[tuple[int, int]]:
        text = view.text
        for secret in self.known:
            start = text.find(secret)
            while start >= 0:
                yield view.origin(start, start + len(secret))
                start = text.find(secret, start + 1)
        for shape in SHAPES:
            for match in shape.finditer(text):
                yield view.origin(*match.span(1))
