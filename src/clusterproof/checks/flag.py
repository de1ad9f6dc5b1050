"""Rows `check: flag`: a feature flag gives each user one of its variants, and keeps to it.

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
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.observe.inside import Inside
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.product.posthog.status import SCRIPT
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
    reply = inside.ask(SCRIPT, request, within_s=60.0)
    fields = ("user", "found", "enabled", "variant", "error")
    answers = tuple(
        FlagAnswer(**{field: answer[field] for field in fields}) for answer in reply["asked"]
    )
    counts = {
        variant: sum(answer.variant == variant for answer in answers)
        for variant in sorted({str(answer.variant) for answer in answers if answer.found})
    }
    return Observed(
        answers,
        where=f"{inside.where} -> {settings.host}/flags/?v=2",
        next_command=pods_near(inside.where),
        evidence=(f"{len(answers)} askings: {counts}",),
        how=inside.how,
    )


def look(row: FlagRow, site: Site) -> Observed[tuple[FlagAnswer, ...]]:
    """What the flag evaluates to for some users, each asked twice."""
    users = [f"clusterproof-{site.run_id}-{number}" for number in range(USERS)]
    return ask_flag(posthog_pod(site), site.posthog, row, users)


def judge(row: FlagRow, fact: tuple[FlagAnswer, ...]) -> Judgement:
    """Each user is given a variant that exists, the same at both askings."""
    users = dict.fromkeys(answer.user for answer in fact)
    return judged(_differences(row, fact), (f"{row.flag} for {user}" for user in users))


def _differences(row: FlagRow, fact: tuple[FlagAnswer, ...]) -> Iterator[Difference]:
    expected = " or ".join(row.variants)
    given: dict[str, set[str]] = defaultdict(set)
    wrong: dict[tuple[str, str], list[str]] = defaultdict(list)
    for answer in fact:
        variant = str(answer.variant) if answer.found else "no such flag"
        given[answer.user].add(variant)
        if not answer.found or not answer.enabled or answer.variant not in row.variants:
            code = "variant-unexpected" if answer.found or answer.error else "flag-missing"
            wrong[answer.error or variant, code].append(answer.user)
    for (observed, code), users in wrong.items():
        reason = f"{len(users)} of {len(fact)} askings"
        yield Difference(row.flag, expected, observed, reason, code=code)
    if wrong or not fact:
        return
    torn = [user for user, variants in given.items() if len(variants) > 1]
    if torn:
        yield Difference(
            row.flag,
            "one variant for each user",
            f"{len(torn)} users with two variants",
            ", ".join(torn[:_SHOWN]),
            code="variant-not-sticky",
        )
    missing = set(row.variants) - {answer.variant for answer in fact}
    if row.split and missing:
        yield Difference(
            row.flag,
            f"every variant given to some of {len(given)} users",
            f"nobody was given {', '.join(sorted(missing))}",
            code="variant-missing",
        )


KIND = Kind(
    FlagRow,
    look,
    judge,
    codes=(
        "flag-missing",
        "variant-missing",
        "variant-not-sticky",
        "variant-unexpected",
    ),
)
