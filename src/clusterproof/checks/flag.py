"""Rows `check: flag`.

Source: PostHog docs, "Feature flags: the /flags endpoint", version 2 (read 2026-11-23).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import posthog_pod
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.observe.inside import Inside
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.spec.row import Row
from clusterproof.spec.settings import PosthogSettings

_SHOWN = 3
USERS = 20
"""With two variants of equal share, one run in 500,000 would see only one of them."""


class FlagRow(Row):
    """A feature flag evaluates to one of its variants, the same at each asking.

    Attributes:
        split: Each variant is given to some of the users.
    """

    check: Literal["flag"]
    flag: str
    variants: tuple[str, ...] = Field(min_length=1)
    split: bool = False


@dataclass(frozen=True, slots=True)
class FlagAnswer:
    """What the flag evaluated to for one user at one asking."""

    user: str
    found: bool
    enabled: bool = False
    variant: str | None = None
    error: str = ""


def ask_flag(
    inside: Inside, settings: PosthogSettings, row: FlagRow, users: Iterable[str]
) -> Observed[tuple[FlagAnswer, ...]]:
    """What a flag evaluates to for some users, each asked twice (POST /flags/?v=2).

    Raises:
        ObservationError: The Pod could not run the script.
    """
    request = {"do": "flags", "host": settings.host, "flag": row.flag, "users": list(users)}
    said = inside.ask("status", request, within_s=60.0)
    value = tuple(
        FlagAnswer(one["user"], one["found"], one["enabled"], one["variant"], one["error"])
        for one in said["asked"]
    )
    counts = {
        variant: sum(one.variant == variant for one in value)
        for variant in sorted({str(one.variant) for one in value if one.found})
    }
    return Observed(
        value,
        where=f"{inside.where} -> {settings.host}/flags/?v=2",
        next_command=pods_near(inside.where),
        evidence=(f"{len(value)} askings: {counts}",),
        how=inside.how,
    )


def look(row: FlagRow, site: Site) -> Observed[tuple[FlagAnswer, ...]]:
    """What the flag evaluates to for some users, each asked twice."""
    users = [f"clusterproof-{site.run_id}-{number}" for number in range(USERS)]
    return ask_flag(posthog_pod(site), site.posthog, row, users)


def differences(row: FlagRow, value: tuple[FlagAnswer, ...]) -> Iterator[Difference]:
    """Each user is given a variant that exists, the same at both askings."""
    expected = " or ".join(row.variants)
    given: dict[str, set[str]] = defaultdict(set)
    wrong: dict[str, list[str]] = defaultdict(list)
    for one in value:
        seen = str(one.variant) if one.found else "no such flag"
        given[one.user].add(seen)
        if not one.found or not one.enabled or one.variant not in row.variants:
            wrong[one.error or seen].append(one.user)
    for seen, users in wrong.items():
        reason = f"{len(users)} of {len(value)} askings"
        yield Difference(row.flag, expected, seen, reason)
    torn = [user for user, seen in given.items() if len(seen) > 1]
    if torn and not wrong:
        seen = f"{len(torn)} users with two variants"
        yield Difference(row.flag, "one variant for each user", seen, ", ".join(torn[:_SHOWN]))
    missing = set(row.variants) - {one.variant for one in value}
    if row.split and missing and not wrong:
        wanted = f"every variant given to some of {len(given)} users"
        yield Difference(row.flag, wanted, f"nobody was given {', '.join(sorted(missing))}")


def judge(row: FlagRow, fact: tuple[FlagAnswer, ...]) -> Judgement:
    """Each user is given a variant that exists, the same at both askings."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(FlagRow, look, judge)
