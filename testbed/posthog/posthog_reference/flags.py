"""Feature flags: who gets which variant; pure.

Source: PostHog's documented consistent hash, as `posthog.feature_flags` of SDK 7.91 computes it:
the first 15 hex digits of sha1("<key>.<distinct_id><salt>"), as a share of 0xfffffffffffffff.
Response shapes: rust/feature-flags (api/types.rs, and api/endpoint.rs for `/decide`) and the SDK's
reader of `/flags?v=4`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_LONG_SCALE = float(0xFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class FlagDefinition:
    """A feature flag as PostgreSQL holds it."""

    id: int
    key: str
    name: str
    active: bool
    version: int
    has_experiment: bool
    filters: Mapping[str, Any]


@dataclass(frozen=True)
class FlagMatch:
    """What one flag says for one caller."""

    enabled: bool
    variant: str | None
    payload: Any
    code: str
    description: str
    condition_index: int | None


@dataclass(frozen=True)
class Caller:
    """Whom flags are evaluated for."""

    distinct_id: str
    person_properties: Mapping[str, Any]


def hash_share(key: str, distinct_id: str, salt: str = "") -> float:
    """A number of 0 to 1 that is always the same for the same flag and caller."""
    digest = hashlib.sha1(f"{key}.{distinct_id}{salt}".encode()).hexdigest()  # noqa: S324
    return int(digest[:15], 16) / _LONG_SCALE


def variants_of(filters: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Variant keys with their rollout in percent, in order."""
    multivariate = filters.get("multivariate") or {}
    return [(item["key"], item["rollout_percentage"]) for item in multivariate.get("variants", [])]


def variant_for(flag: FlagDefinition, distinct_id: str) -> str | None:
    """The variant whose range holds the caller's hash; None when the ranges leave a gap."""
    share = hash_share(flag.key, distinct_id, "variant")
    low = 0.0
    for key, percentage in variants_of(flag.filters):
        high = low + percentage / 100
        if low <= share < high:
            return key
        low = high
    return None


class UnsupportedConditionError(ValueError):
    """A release condition uses something that this reference does not evaluate."""


def _matches(condition: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    key, operator = condition.get("key", ""), condition.get("operator") or "exact"
    present, value = key in properties, properties.get(key)
    wanted = condition.get("value")
    choices = [str(item).lower() for item in (wanted if isinstance(wanted, list) else [wanted])]
    if operator == "is_set":
        return present
    if operator == "is_not_set":
        return not present
    if operator == "exact":
        return present and str(value).lower() in choices
    if operator == "is_not":
        return not present or str(value).lower() not in choices
    if operator == "icontains":
        return present and any(choice in str(value).lower() for choice in choices)
    message = f"operator {operator!r}"
    raise UnsupportedConditionError(message)


def evaluate(flag: FlagDefinition, caller: Caller) -> FlagMatch:
    """The first release condition that matches the caller decides.

    Raises:
        UnsupportedConditionError: A condition cannot be evaluated here.
    """
    payloads = flag.filters.get("payloads") or {}
    seen_in_group = False
    for index, group in enumerate(flag.filters.get("groups") or []):
        if not all(
            _matches(item, caller.person_properties) for item in group.get("properties") or []
        ):
            continue
        seen_in_group = True
        rollout = group.get("rollout_percentage")
        if rollout is not None and hash_share(flag.key, caller.distinct_id) > rollout / 100:
            continue
        forced = group.get("variant")
        known = {key for key, _ in variants_of(flag.filters)}
        variant = forced if forced in known else variant_for(flag, caller.distinct_id)
        return FlagMatch(
            enabled=True,
            variant=variant,
            payload=payloads.get(variant or "true"),
            code="condition_match",
            description=f"Matched condition set {index + 1}",
            condition_index=index,
        )
    code, description = (
        ("out_of_rollout_bound", "Out of rollout bound")
        if seen_in_group
        else ("no_condition_match", "No matching condition set")
    )
    return FlagMatch(
        enabled=False,
        variant=None,
        payload=None,
        code=code,
        description=description,
        condition_index=0 if seen_in_group else None,
    )


def _record(flag: FlagDefinition, match: FlagMatch, version: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "id": flag.id,
        "version": flag.version,
        "description": flag.name,
        "payload": match.payload,
        "has_experiment": flag.has_experiment,
    }
    record: dict[str, Any] = {
        "key": flag.key,
        "enabled": match.enabled,
        "variant": match.variant,
        "reason": {
            "code": match.code,
            "condition_index": match.condition_index,
            "description": match.description,
        },
        "metadata": metadata,
    }
    if version >= 4:  # noqa: PLR2004  # /flags?v=4 adds the typed value
        record["value"] = match.variant if match.variant is not None else match.enabled
        record["failed"] = False
        metadata["config_version"] = 1
    return record


def answer(
    definitions: Iterable[FlagDefinition],
    caller: Caller,
    *,
    version: int,
    only: frozenset[str] | None,
    request_id: str,
    evaluated_at_ms: int,
    from_decide: bool = False,
) -> dict[str, Any]:
    """The body of `/flags?v=<version>`; below 2, the legacy lists of values and payloads.

    `/decide` brought the details with its version 4. Its version 2 has the values of the flags that
    are on and version 1 their names; neither says that a flag failed.
    """
    failed = False
    matches: list[tuple[FlagDefinition, FlagMatch]] = []
    for flag in definitions:
        if not flag.active or (only is not None and flag.key not in only):
            continue
        try:
            matches.append((flag, evaluate(flag, caller)))
        except UnsupportedConditionError:
            failed = True
    body: dict[str, Any] = {
        "errorsWhileComputingFlags": failed,
        "requestId": request_id,
        "evaluatedAt": evaluated_at_ms,
    }
    if version >= (4 if from_decide else 2):
        body["flags"] = {flag.key: _record(flag, match, version) for flag, match in matches}
        return body
    values = {
        flag.key: match.variant if match.variant is not None else match.enabled
        for flag, match in matches
    }
    if from_decide and version < 3:  # noqa: PLR2004  # /decide?v=3 brought flags that are off
        del body["errorsWhileComputingFlags"]
        active = {key: on for key, on in values.items() if on}
        return {**body, "featureFlags": active if version == 2 else list(active)}  # noqa: PLR2004
    body["featureFlags"] = values
    body["featureFlagPayloads"] = {
        flag.key: match.payload for flag, match in matches if match.payload is not None
    }
    return body
