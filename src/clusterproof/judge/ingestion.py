"""Judges of PostHog: what became of events, exposures and flags, and its own status page."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from clusterproof.judge.difference import Difference, Doubt, judge
from clusterproof.judge.fields import meets
from clusterproof.kube.paths import shown
from clusterproof.observe.counting import Routed
from clusterproof.observe.ingestion import EventBatch, EventFate, Exposures, FlagAnswer
from clusterproof.observe.posthog_status import Figure
from clusterproof.spec.behaviour import ExposureRow, FlagRow, IngestionRow, StatusRow

_SHOWN = 3


def durable(batch: EventBatch) -> list[EventFate]:
    """The events that were read back."""
    return [one for one in batch.events if one.lag_s is not None]


def accepted_count(batch: EventBatch) -> int:
    """How many PostHog took, as far as the SDK knows; what was read back was taken for sure."""
    rejected = sum(bool(one.error) and one.lag_s is None for one in batch.events)
    return max(len(batch.events) - rejected - batch.unsent, len(durable(batch)))


def lag_p95_s(batch: EventBatch) -> float | None:
    """The lag that 95 of 100 events that arrived did not exceed (nearest rank)."""
    lags = sorted(one.lag_s for one in batch.events if one.lag_s is not None)
    return lags[math.ceil(0.95 * len(lags)) - 1] if lags else None


FIGURES: Mapping[str, Callable[[EventBatch], float | int | None]] = {
    "accepted": lambda batch: accepted_count(batch) / len(batch.events),
    "durable": lambda batch: len(durable(batch)) / len(batch.events),
    "lost": lambda batch: accepted_count(batch) - len(durable(batch)),
    "duplicate": lambda batch: sum(max(0, one.stored - 1) for one in batch.events),
    "late": lambda batch: sum((one.lag_s or 0) > batch.late_after_s for one in batch.events),
    "altered": lambda batch: sum(bool(one.altered) for one in batch.events),
    "lag_p95_s": lag_p95_s,
}


_OF_STORED = frozenset({"duplicate", "late", "altered"})
"""Figures about events that were read back."""


@judge.register
def judge_batch(rule: IngestionRow, value: EventBatch) -> Iterator[Difference]:
    """The figure meets the row; a lag of events of which none came back meets nothing."""
    if not value.events:
        raise Doubt("no event was sent")
    if rule.figure == "lost" and not accepted_count(value):
        raise Doubt(f"none of {len(value.events)} events was accepted: none could be lost")
    if rule.figure in _OF_STORED and not durable(value):
        raise Doubt(f"none of {len(value.events)} events came back: nothing says {rule.figure}")
    figure = FIGURES[rule.figure](value)
    if figure is None:
        yield Difference(rule.figure, str(rule.expect), "no event came back")
    elif not meets(rule.expect, figure):
        seen = f"{figure:.4g} of {len(value.events)} sent"
        if rule.figure in {"accepted", "durable"}:
            seen = f"{figure:.4g} ({round(figure * len(value.events))} of {len(value.events)})"
        if rule.figure == "lag_p95_s":
            seen = f"{figure:.3g} s"
        yield Difference(rule.figure, str(rule.expect), seen, _because(rule.figure, value))


def _because(figure: str, batch: EventBatch) -> str:
    if figure == "accepted":
        errors = list(dict.fromkeys(one.error for one in batch.events if one.error))
        unsent = [f"{batch.unsent} still unsent"] if batch.unsent else []
        return "; ".join([*errors[:_SHOWN], *unsent])
    if figure in {"durable", "lost"}:
        gone = [one.uuid for one in batch.events if one.lag_s is None and not one.error]
        if not gone:
            return ""
        return f"not read back within {batch.within_s:g} s, such as {', '.join(gone[:_SHOWN])}"
    if figure == "altered":
        return "; ".join(one.altered[0] for one in batch.events if one.altered)[:300]
    if figure == "duplicate":
        twice = [one.uuid for one in batch.events if one.stored > 1]
        return f"such as {', '.join(twice[:_SHOWN])}"
    return ""


@judge.register
def judge_exposures(rule: ExposureRow, value: Exposures) -> Iterator[Difference]:
    """The figure meets the row."""
    if not value.answers:
        raise Doubt("no request was sent")
    figure, reason = _EXPOSURE_FIGURES[rule.figure](value)
    if not meets(rule.expect, figure):
        yield Difference(rule.figure, str(rule.expect), f"{figure:.4g}", reason)


def _routed(value: Exposures) -> tuple[float, str]:
    unrouted = [one for one in value.answers if not (one.is_ab_test and one.variant)]
    why = dict.fromkeys(one.error or f"status {one.status}, no variant" for one in unrouted)
    return 1 - len(unrouted) / max(1, len(value.answers)), "; ".join(list(why)[:_SHOWN])


def _exposed(value: Exposures) -> list[Routed]:
    """The answers by an A/B test.

    Raises:
        Doubt: There is none: nothing says what becomes of an exposure.
    """
    exposed = [one for one in value.answers if one.is_ab_test]
    if not exposed:
        why = next((f": {one.error}" for one in value.answers if one.error), "")
        raise Doubt(f"none of {len(value.answers)} requests was answered by an A/B test{why}")
    return exposed


def _durable(value: Exposures) -> tuple[float, str]:
    exposed = _exposed(value)
    unnamed = sum(not one.exposure for one in exposed)
    gone = [one.exposure for one in exposed if one.exposure and one.exposure not in value.stored]
    reason = [f"{unnamed} answers name no event"] if unnamed else []
    if gone:
        reason.append(f"not read back: {len(gone)}, such as {', '.join(gone[:_SHOWN])}")
    return 1 - (unnamed + len(gone)) / max(1, len(exposed)), "; ".join(reason)


def _wrong_variant(value: Exposures) -> tuple[float, str]:
    wrong = []
    if not any(one.exposure in value.stored for one in _exposed(value)):
        raise Doubt("no exposure event was read back: nothing says which variant it has")
    for one in _exposed(value):
        stored = value.stored.get(one.exposure)
        if stored is None:
            continue
        found = stored.properties.get(value.variant_property)
        if found != one.variant or stored.distinct_id != one.user:
            wrong.append(
                f"{one.user} was answered {one.variant}, the event says {stored.distinct_id} "
                f"{shown(found)}"
            )
    return len(wrong), "; ".join(wrong[:_SHOWN])


def _unsticky(value: Exposures) -> tuple[float, str]:
    given: dict[str, set[str]] = defaultdict(set)
    exposed = _exposed(value)
    if max(Counter(one.user for one in exposed).values()) == 1:
        raise Doubt("no user was answered twice: nothing says whether a variant stays")
    for one in exposed:
        given[one.user].add(one.variant)
    torn = [f"{user}: {', '.join(sorted(had))}" for user, had in given.items() if len(had) > 1]
    return len(torn), "; ".join(torn[:_SHOWN])


_EXPOSURE_FIGURES: Mapping[str, Callable[[Exposures], tuple[float, str]]] = {
    "routed": _routed,
    "durable": _durable,
    "wrong_variant": _wrong_variant,
    "unsticky": _unsticky,
}


@judge.register
def judge_flag(rule: FlagRow, value: tuple[FlagAnswer, ...]) -> Iterator[Difference]:
    """Each user is given a variant that exists, the same at both askings."""
    expected = " or ".join(rule.variants)
    given: dict[str, set[str]] = defaultdict(set)
    wrong: dict[str, list[str]] = defaultdict(list)
    for one in value:
        seen = str(one.variant) if one.found else "no such flag"
        given[one.user].add(seen)
        if not one.found or not one.enabled or one.variant not in rule.variants:
            wrong[one.error or seen].append(one.user)
    for seen, users in wrong.items():
        reason = f"{len(users)} of {len(value)} askings"
        yield Difference(rule.flag, expected, seen, reason)
    torn = [user for user, seen in given.items() if len(seen) > 1]
    if torn and not wrong:
        seen = f"{len(torn)} users with two variants"
        yield Difference(rule.flag, "one variant for each user", seen, ", ".join(torn[:_SHOWN]))
    missing = set(rule.variants) - {one.variant for one in value}
    if rule.split and missing and not wrong:
        wanted = f"every variant given to some of {len(given)} users"
        yield Difference(rule.flag, wanted, f"nobody was given {', '.join(sorted(missing))}")


@judge.register
def judge_figure(rule: StatusRow, value: Figure) -> Iterator[Difference]:
    """What PostHog says meets the row, and nothing that we saw speaks against it."""
    if not meets(rule.expect, value.value):
        yield Difference(rule.figure, str(rule.expect), shown(value.value))
    elif value.contradiction:
        reason = "the status page says so, what was seen does not"
        yield Difference(rule.figure, str(rule.expect), value.contradiction, reason)
