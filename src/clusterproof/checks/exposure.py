"""Rows `check: exposure`: each routed request leaves its exposure event in PostHog.

Source: PostHog docs, "Experiments: exposures" (read 2026-11-23).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import exposures, traffic
from clusterproof.checks.site import Site
from clusterproof.compare import meets
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.paths import shown
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.product.posthog.ingestion import Reading, Stored
from clusterproof.product.router.counting import Routed, is_routed
from clusterproof.product.router.traffic import PodFate, Traffic
from clusterproof.spec.row import Expectation, Row

_SHOWN = 3
WARM_S = 120.0
"""A Pod that is Ready for less than this may have been asked before it was warm. Our choice."""
_CODES: Mapping[str, str] = {
    "routed": "request-not-routed",
    "durable": "exposure-lost",
    "wrong_variant": "variant-differs",
    "unsticky": "variant-not-sticky",
}


class ExposureRow(Row):
    """One figure of routed requests whose exposure events are read back by uuid."""

    check: Literal["exposure"]
    figure: Literal["routed", "durable", "wrong_variant", "unsticky"]
    expect: Expectation


@dataclass(frozen=True, slots=True)
class Exposures:
    """Routed requests, and their exposure events by uuid.

    Attributes:
        variant_property: The property of the event that holds the variant.
        by_pod: What each Pod answered by itself, where a request was not routed.
        reading: How the reading back went; None where the figure needs none, and in a record of an
            earlier version, which has none that failed.
    """

    answers: tuple[Routed, ...]
    stored: Mapping[str, Stored]
    variant_property: str
    reading: Reading | None = None
    by_pod: tuple[PodFate, ...] = ()


_OF_EVENTS = frozenset({"durable", "wrong_variant"})
"""Figures about events; the others rest on the answers alone, and need no PostHog."""


def look(row: ExposureRow, site: Site) -> Observed[Exposures]:
    """Our routed requests, with the events that tell PostHog of them where the figure is theirs."""
    variant = site.traffic_settings.variant_property
    read_back = site.shared(exposures) if row.figure in _OF_EVENTS else None
    return read_exposures(site.shared(traffic), read_back, variant)


def read_exposures(
    traffic: Traffic,
    read_back: tuple[Mapping[str, Stored], Reading] | None,
    variant_property: str,
) -> Observed[Exposures]:
    """The exposure events of our own routed requests."""
    stored, reading = read_back or ({}, None)
    answers = traffic.answers
    named = {answer.exposure for answer in answers if answer.is_ab_test and answer.exposure}
    variants = sorted({answer.variant for answer in answers if answer.variant})
    return Observed(
        Exposures(answers, stored, variant_property, reading, traffic.by_pod),
        where=traffic.where,
        next_command=pods_near(traffic.where),
        evidence=(
            f"{len(answers)} requests of {len({answer.user for answer in answers})} "
            f"users; variants {', '.join(variants) or 'none'}",
            f"{len(named)} exposure events named"
            + (f", {len(named & set(stored))} read back" if reading is not None else ""),
            *(reading.evidence if reading is not None else ()),
            *map(str, traffic.by_pod),
        ),
        how=traffic.how,
    )


def judge(row: ExposureRow, fact: Exposures) -> Judgement:
    """The figure meets the row."""
    if reason := _doubt(row, fact):
        return Doubt(reason)
    figure, reason = _FIGURES[row.figure](fact)
    if not meets(row.expect, figure):
        observed, code = f"{figure:.4g}", _CODES[row.figure]
        return Failed(Difference(row.figure, str(row.expect), observed, reason, code=code))
    answers = fact.answers if row.figure == "routed" else _exposed(fact)
    if row.figure == "wrong_variant":
        answers = [answer for answer in answers if answer.exposure in fact.stored]
    users = dict.fromkeys(answer.user for answer in answers)
    return judged((), (f"{row.figure} for {user}" for user in users))


def _doubt(row: ExposureRow, fact: Exposures) -> str:
    """Why nothing can be said of the figure, or ""."""
    if not fact.answers:
        return "no request was sent"
    if row.figure == "routed":
        return ""
    exposed = _exposed(fact)
    if not exposed:
        why = next((f": {answer.error}" for answer in fact.answers if answer.error), "")
        return f"none of {len(fact.answers)} requests was answered by an A/B test{why}"
    if row.figure == "unsticky":
        most = max(Counter(answer.user for answer in exposed).values())
        once = "no user was answered twice: nothing says whether a variant stays"
        return once if most == 1 else ""
    return _doubt_of_reading(row, fact)


def _doubt_of_reading(row: ExposureRow, fact: Exposures) -> str:
    named = {answer.exposure for answer in _exposed(fact) if answer.exposure}
    if fact.reading is not None and not named:
        return (
            "the router named no exposure event (header X-Exposure-Event-Id) in "
            f"{len(fact.answers)} answers: there is no uuid to read back"
        )
    if fact.reading is not None and fact.reading.unseen and named - set(fact.stored):
        return fact.reading.unseen
    if row.figure == "wrong_variant" and not named & set(fact.stored):
        return "no exposure event was read back: nothing says which variant it has"
    return ""


def _exposed(fact: Exposures) -> list[Routed]:
    """The answers by an A/B test."""
    return [answer for answer in fact.answers if answer.is_ab_test]


def _routed(fact: Exposures) -> tuple[float, str]:
    unrouted = [answer for answer in fact.answers if not is_routed(answer)]
    why = dict.fromkeys(
        answer.error or f"status {answer.status}, no variant" for answer in unrouted
    )
    reasons = [*list(why)[:_SHOWN], *_whose(fact.by_pod)]
    return 1 - len(unrouted) / len(fact.answers), "; ".join(reasons)


def _whose(by_pod: tuple[PodFate, ...]) -> Iterator[str]:
    """Which Pods do not route, or did not a moment ago."""
    unsound = [fate for fate in by_pod if not fate.is_sound]
    young = [fate for fate in by_pod if fate.ready_s is not None and fate.ready_s < WARM_S]
    if unsound:
        named = ", ".join(map(str, unsound[:_SHOWN]))
        pods = "1 Pod" if len(by_pod) == 1 else f"{len(by_pod)} Pods"
        yield f"asked directly, {len(unsound)} of {pods} did not route: {named}"
    elif young:
        named = ", ".join(map(str, young[:_SHOWN]))
        yield f"{_all_routed(by_pod)}; Ready before it could route? {named}"
    elif by_pod:
        yield _all_routed(by_pod)


def _all_routed(by_pod: tuple[PodFate, ...]) -> str:
    pods = "the Pod that was" if len(by_pod) == 1 else f"each of the {len(by_pod)} Pods that were"
    return f"later {pods} asked directly routed every request"


def _durable(fact: Exposures) -> tuple[float, str]:
    exposed = _exposed(fact)
    unnamed = sum(not answer.exposure for answer in exposed)
    lost = [
        answer.exposure
        for answer in exposed
        if answer.exposure and answer.exposure not in fact.stored
    ]
    reasons = [f"{unnamed} answers name no event"] if unnamed else []
    if lost:
        reasons.append(f"not read back: {len(lost)}, such as {', '.join(lost[:_SHOWN])}")
    return 1 - (unnamed + len(lost)) / len(exposed), "; ".join(reasons)


def _wrong_variant(fact: Exposures) -> tuple[float, str]:
    wrong = []
    for answer in _exposed(fact):
        stored = fact.stored.get(answer.exposure)
        if stored is None:
            continue
        variant = stored.properties.get(fact.variant_property)
        if variant != answer.variant or stored.distinct_id != answer.user:
            wrong.append(
                f"{answer.user} was answered {answer.variant}, the event says {stored.distinct_id} "
                f"{shown(variant)}"
            )
    return len(wrong), "; ".join(wrong[:_SHOWN])


def _unsticky(fact: Exposures) -> tuple[float, str]:
    given: dict[str, set[str]] = defaultdict(set)
    for answer in _exposed(fact):
        given[answer.user].add(answer.variant)
    torn = [
        f"{user}: {', '.join(sorted(variants))}"
        for user, variants in given.items()
        if len(variants) > 1
    ]
    return len(torn), "; ".join(torn[:_SHOWN])


_FIGURES: Mapping[str, Callable[[Exposures], tuple[float, str]]] = {
    "routed": _routed,
    "durable": _durable,
    "wrong_variant": _wrong_variant,
    "unsticky": _unsticky,
}


KIND = Kind(
    ExposureRow,
    look,
    judge,
    begin=(exposures,),
    codes=(
        "exposure-lost",
        "request-not-routed",
        "variant-differs",
        "variant-not-sticky",
    ),
)
