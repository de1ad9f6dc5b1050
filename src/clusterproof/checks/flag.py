"""Rows `check: flag`: a feature flag gives each user one of its variants, and keeps to it.

A PostHog that is older than /flags is asked by /decide; docs/POSTHOG.md tells what follows.
Source: PostHog docs, "Feature flags: the /flags endpoint", version 2 (read 2026-11-23);
posthog/api/decide.py (stored versions, read 2026-11-27).
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
FLAGS = "/flags/?v=2"


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
        path: Of the endpoint that answered.
        failed: PostHog could not evaluate this flag.
        partial: PostHog could not evaluate some flag (errorsWhileComputingFlags).
        reason: Why the flag is on or off; "" where PostHog does not tell.
        request_id: PostHog's own name of the request, or "".
    """

    user: str
    found: bool
    enabled: bool = False
    variant: str | None = None
    error: str = ""
    status: int = 200
    limited: bool = False
    empty: bool = False
    path: str = FLAGS
    failed: bool = False
    partial: bool = False
    reason: str = ""
    request_id: str = ""


def ask_flag(
    inside: Inside, settings: PosthogSettings, row: FlagRow, users: Iterable[str]
) -> Observed[tuple[FlagAnswer, ...]]:
    """What a flag evaluates to for some users, each asked twice (POST /flags/?v=2, or /decide).

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
    answers = tuple(FlagAnswer(**answer) for answer in reply["asked"])
    counts = {
        variant: sum(answer.variant == variant for answer in answers)
        for variant in sorted({str(answer.variant) for answer in answers if answer.found})
    }
    return Observed(
        answers,
        where=f"{inside.where} -> {settings.host}{' and '.join(_paths(answers))}",
        next_command=pods_near(inside.where),
        evidence=(
            f"{len(answers)} askings: {counts}",
            _defined(reply["defined"]),
            *_noted(answers),
        ),
        how=inside.how,
    )


def _paths(answers: Iterable[FlagAnswer]) -> list[str]:
    return sorted({answer.path for answer in answers}, reverse=True) or [FLAGS]


def _noted(answers: tuple[FlagAnswer, ...]) -> Iterator[str]:
    """What is to be known of the answers beside the variants."""
    if older := sum(answer.path != FLAGS for answer in answers):
        path = _paths(answers)[-1]
        yield f"{path} answered {older} askings: this PostHog has no /flags, which newer SDKs ask"
    if partial := [answer for answer in answers if answer.partial]:
        named = next((answer.request_id for answer in partial if answer.request_id), "none")
        yield f"errorsWhileComputingFlags in {len(partial)} answers (first requestId: {named})"


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
        sound = answer.found and answer.enabled and not answer.failed
        if not sound or answer.variant not in row.variants:
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
    reason = answer.reason or "no reason is told"
    off = answer.found and not answer.enabled and answer.variant is None
    cases = (
        (
            answer.limited,
            "quotaLimited: the plan has no flag requests left",
            "flag-quota-limited",
        ),
        (answer.empty, "an answer without any flag", "flags-absent"),
        (answer.failed, f"PostHog could not evaluate it: {reason}", "flag-failed"),
        (answer.error, answer.error, "variant-unexpected"),
        (
            answer.partial and not answer.found,
            "errorsWhileComputingFlags, and the flag is not in the answer",
            "flag-failed",
        ),
        (off, f"off: {reason}", "flag-off"),
        (answer.found, variant, "variant-unexpected"),
    )
    return next(((text, code) for holds, text, code in cases if holds), (variant, "flag-missing"))


KIND = Kind(
    FlagRow,
    look,
    judge,
    codes=(
        "flag-failed",
        "flag-missing",
        "flag-off",
        "flag-quota-limited",
        "flags-absent",
        "variant-missing",
        "variant-not-sticky",
        "variant-unexpected",
    ),
)
