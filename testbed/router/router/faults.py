"""Faults that can be switched on, so that a verification can be seen to find them.

`ROUTER_FAULT` holds a comma-separated list of `name` or `name:number`; it counts only together with
`ROUTER_FAULTS_ALLOWED=1`. Everything is off unless it is named. Shares are exact, not random: a
share of 0.01 hits every hundredth event of a Pod, so that a run can be repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import SettingsError

KNOWN: Mapping[str, str] = {
    "drop_events": "this share of the exposure events is never sent, yet counted as sent",
    "double_count": "this share of the requests is counted twice in model_router_requests_total",
    "split": "the first variant gets this percentage, whatever the A/B test declares",
    "unsticky": "the variant is drawn anew for each request of a user",
    "wrong_variant": "this share of the exposure events names the other variant",
    "lying_health": "/health and /ready answer 200 and ok, whatever the checks say",
    "never_ready": "/ready answers 503 for ever",
    "frozen_metric": "model_router_requests_total never moves",
    "no_exposure_metric": "model_router_ab_test_exposures_total is not exported",
    "stall": "the whole server stops once for this many seconds, see stall_after",
    "stall_after": "the stall begins at this request of the Pod (default 100)",
    "cut_on_sigterm": "on SIGTERM the process ends at once: requests and events are lost",
    "fail_requests": "this share of the routed requests is answered with 500",
}


@dataclass(frozen=True)
class Faults:
    """The faults that are switched on, each with its number (1 where none was given)."""

    levels: Mapping[str, float]

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read the value of `ROUTER_FAULT`.

        Raises:
            SettingsError: A name is unknown or a number is not one.
        """
        levels: dict[str, float] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, number = item.partition(":")
            if name not in KNOWN:
                raise SettingsError(
                    f"ROUTER_FAULT: unknown fault {name!r}; known: {', '.join(KNOWN)}"
                )
            try:
                levels[name] = float(number) if number else 1.0
            except ValueError as error:
                raise SettingsError(
                    f"ROUTER_FAULT: {item!r} should read {name}:NUMBER, e.g. {name}:0.01"
                ) from error
        return cls(levels)

    def on(self, name: str) -> bool:
        """Whether a fault is switched on."""
        return name in self.levels

    def level(self, name: str, default: float = 0.0) -> float:
        """The number of a fault; `default` when it is off."""
        return self.levels.get(name, default)

    def hits(self, name: str, number: int) -> bool:
        """Whether the `number`-th occasion (from 1) is among the share that the fault hits."""
        share = self.levels.get(name, 0.0)
        return int(number * share) > int((number - 1) * share)
