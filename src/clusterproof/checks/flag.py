"""Rows `check: flag`: a feature flag gives each user one of its variants, and keeps to it.

Source: PostHog docs, "Feature flags: the /flags endpoint", version 2 (read 2026-11-23).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import posthog_pod
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt, Judgement, judged
from clusterproof.observe.inside import Inside
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.product.posthog.cost import FLAG_USERS
from clusterproof.product.posthog.status import SCRIPT
from clusterproof.spec.row import Row
from clusterproof.spec.settings import PosthogSettings

_SHOWN = 3
_THROTTLED = 429


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
    """What the flag evaluated to for one user at one asking.

    Attributes:
        status: Of the answer; 0 where there was none.
        limited: PostHog says that the plan has no flag requests left.
        empty: The answer has no flags at all.
    """

    user: str
    found: bool
    enabled: bool = False
    variant: str | None = None
    error: str = ""
    status: int = 200
    limited: bool = False
    empty: bool = False


def ask_flag(
    inside: Inside, settings: PosthogSettings, row: FlagRow, users: Iterable[str]
) -> Observed[tuple[FlagAnswer, ...]]:
    """What a flag evaluates to for some users, each asked twice (POST /flags/?v=2).

    Raises:
        ObservationError: The Pod could not run the script.
    """
    request = {
        "do": "flags",
        "host": settings.host,
        "query_host": settings.query_host,
        "project_id": settings.project_id,
        "flag": row.flag,
        "users": list(users),
    }
    reply = inside.ask(SCRIPT, request, within_s=120.0)
    fields = ("user", "found", "enabled", "variant", "error", "status", "limited", "empty")
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
        evidence=(f"{len(answers)} askings: {counts}", _defined(reply["defined"])),
        how=inside.how,
    )


def _defined(known: Mapping[str, Any]) -> str:
    """What the project's settings say of the flag, as far as the personal key may read them."""
    if known["error"]:
        return f"the flag's settings were not read (scope feature_flag:read): {known['error']}"
    if not known["found"]:
        return "the project that the personal key reads has no such flag"
    state = "deleted" if known["deleted"] else "active" if known["active"] else "switched off"
    return f"in the project's settings the flag is {state}, variants {', '.join(known['variants'])}"


def look(row: FlagRow, site: Site) -> Observed[tuple[FlagAnswer, ...]]:
    """What the flag evaluates to for some users, each asked twice."""
    users = [f"clusterproof-{site.run_id}-{number}" for number in range(FLAG_USERS)]
    return ask_flag(posthog_pod(site), site.posthog, row, users)


def judge(row: FlagRow, fact: tuple[FlagAnswer, ...]) -> Judgement:
    """Each user is given a variant that exists, the same at both askings."""
    if any(answer.status == _THROTTLED for answer in fact):
        return Doubt("PostHog limits the rate of flag requests (429), also after the wait it asks")
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
            wrong[_wrong(answer, variant)].append(answer.user)
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


def _wrong(answer: FlagAnswer, variant: str) -> tuple[str, str]:
    """What was observed, and its code."""
    if answer.limited:
        return "quotaLimited: the plan has no flag requests left", "flag-quota-limited"
    if answer.empty:
        return "an answer without any flag", "flags-absent"
    if answer.found or answer.error:
        return answer.error or variant, "variant-unexpected"
    return variant, "flag-missing"


KIND = Kind(
    FlagRow,
    look,
    judge,
    codes=(
        "flag-missing",
        "flag-quota-limited",
        "flags-absent",
        "variant-missing",
        "variant-not-sticky",
        "variant-unexpected",
    ),
)
