"""Faults that can be switched on, so that a verification suite can be seen to find them.

`POSTHOG_FAULT` holds a comma-separated list of `name` or `name:number`. Everything is off unless
it is named. A share is decided by a hash of the event's uuid, so that a run can be repeated and
the same event is always hit.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import SettingsError

KNOWN: Mapping[str, str] = {
    "accept_and_drop": "web answers 200 and queues nothing, for this share of the events",
    "duplicate": "the worker stores this share of the events twice, under one uuid",
    "late": "the worker holds every batch for this many seconds; others take it over as much later",
    "reject": "web answers 503 to this share of the capture requests",
    "wrong_variant": "/flags answers with another variant for this share of the calls",
    "variant_skew": "/flags gives every user the first variant",
    "mangle_properties": "the worker stores events without their $feature properties",
    "lying_health": "readiness answers 200 and true, whatever the checks say",
    "stalled_worker": "the worker stops consuming; its health says so",
    "lying_worker": "the worker stops consuming, but its heartbeat and health go on",
    "stale_query": "HogQL answers from the cache even when asked for force_blocking",
    "open_query": "HogQL answers without a personal API key",
}


@dataclass(frozen=True)
class Faults:
    """The faults that are switched on, each with its number (1 where none was given)."""

    levels: Mapping[str, float]

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read the value of `POSTHOG_FAULT`.

        Raises:
            SettingsError: A name is unknown or a number is not one.
        """
        levels: dict[str, float] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, number = item.partition(":")
            if name not in KNOWN:
                message = f"POSTHOG_FAULT: unknown fault {name!r}; known: {', '.join(KNOWN)}"
                raise SettingsError(message)
            try:
                level = float(number) if number else 1.0
            except ValueError as error:
                message = f"POSTHOG_FAULT: {item!r} should read {name}:<number>, e.g. {name}:0.01"
                raise SettingsError(message) from error
            if not 0 <= level < float("inf"):
                message = f"POSTHOG_FAULT: {item!r} needs a finite number of at least 0"
                raise SettingsError(message)
            levels[name] = level
        return cls(levels)

    def on(self, name: str) -> bool:
        """Whether the fault is switched on."""
        return self.levels.get(name, 0.0) > 0

    def level(self, name: str) -> float:
        """The fault's number; 0 when it is off."""
        return self.levels.get(name, 0.0)

    def hits(self, name: str, subject: str) -> bool:
        """Whether the fault's share includes this subject (a uuid, a request id)."""
        level = self.levels.get(name, 0.0)
        if level <= 0:
            return False
        digest = hashlib.sha256(f"{name}.{subject}".encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64 < level
