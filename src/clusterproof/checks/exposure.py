"""Rows `check: exposure`.

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
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, Undecided, compared_in, judged
from clusterproof.kube.paths import shown
from clusterproof.observe.counting import Routed
from clusterproof.observe.ingestion import Reading, Stored
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.observe.traffic import Traffic
from clusterproof.spec.row import Expectation, Row

_SHOWN = 3


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
    """

    answers: tuple[Routed, ...]
    stored: Mapping[str, Stored]
    variant_property: str


def read_exposures(
    traffic: Traffic,
    back: tuple[Mapping[str, Stored], Reading],
    row: ExposureRow,
    variant_property: str,
) -> Observed[Exposures]:
    """The exposure events of our own routed requests.

    Raises:
        ObservationError: The router says no event id, or HogQL could not be read.
    """
    stored, reading = back
    needed = {one.exposure for one in traffic.answers if one.is_ab_test and one.exposure}
    if row.figure in {"durable", "wrong_variant"}:
        if not needed:
            raise ObservationError(
                "the router named no exposure event (header X-Exposure-Event-Id) in "
                f"{len(traffic.answers)} answers: there is no uuid to read back"
            )
        if reading.unseen and needed - set(stored):
            raise ObservationError(reading.unseen)
    variants = sorted({one.variant for one in traffic.answers if one.variant})
    return Observed(
        Exposures(traffic.answers, stored, variant_property),
        where=traffic.where,
        next_command=pods_near(traffic.where),
        evidence=(
            f"{len(traffic.answers)} requests of {len({one.user for one in traffic.answers})} "
            f"users; variants {', '.join(variants) or 'none'}",
            f"{len(needed)} exposure events named, {len(needed & set(stored))} read back",
        ),
        how=traffic.how,
    )


def look(row: ExposureRow, site: Site) -> Observed[Exposures]:
    """Our routed requests, with the events that tell PostHog of them."""
    variant = site.traffic_settings.variant_property
    return read_exposures(site.shared(traffic), site.shared(exposures), row, variant)


def differences(rule: ExposureRow, value: Exposures) -> Iterator[Difference]:
    """The figure meets the row."""
    if not value.answers:
        raise Undecided("no request was sent")
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
        Undecided: There is none: nothing says what becomes of an exposure.
    """
    exposed = [one for one in value.answers if one.is_ab_test]
    if not exposed:
        why = next((f": {one.error}" for one in value.answers if one.error), "")
        raise Undecided(f"none of {len(value.answers)} requests was answered by an A/B test{why}")
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
        raise Undecided("no exposure event was read back: nothing says which variant it has")
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
        raise Undecided("no user was answered twice: nothing says whether a variant stays")
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


def judge(row: ExposureRow, fact: Exposures) -> Judgement:
    """The figure meets the row."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(ExposureRow, look, judge, begin=(exposures,))
