"""Judges of configuration: keys that arrive, Pods that are not older, shapes, placeholders."""

from collections.abc import Iterator

from clusterproof.judge.difference import Difference, judge
from clusterproof.observe.configuration import (
    IN_WHITE_SPACE,
    WHITE_SPACE,
    Consumed,
    Placeholders,
    SecretManager,
    SecretShape,
)
from clusterproof.observe.freshness import Freshness
from clusterproof.spec.desired import (
    ConsumedRow,
    FreshRow,
    PlaceholdersRow,
    SecretManagerRow,
    SecretShapeRow,
)


@judge.register
def judge_consumed(rule: ConsumedRow, value: Consumed) -> Iterator[Difference]:
    """The object and the container are there, and each key gets from one to the other."""
    if not value.object_exists:
        yield Difference(str(rule.of), f"a {rule.of.kind}", "absent")
    if not value.container_exists:
        yield Difference(str(rule.workload), f"container {rule.container}", "absent")
    if not (value.object_exists and value.container_exists):
        return
    for key in rule.keys:
        if key not in value.held:
            yield Difference(key, f"a key of {rule.of}", "absent")
        elif key not in value.consumed:
            seen = dict(value.instead).get(key, "not set from it")
            yield Difference(key, f"set in {rule.container} from {rule.of}", seen)


@judge.register
def judge_freshness(rule: FreshRow, value: Freshness) -> Iterator[Difference]:
    """Every Pod has the values that the object has now."""
    if not value.object_exists:
        yield Difference(str(rule.of), f"a {rule.of.kind}", "absent")
    elif value.pods == 0:
        yield Difference(str(rule.workload), "Pods", "none")
    for pod in value.unread:
        yield Difference(pod, f"something of {rule.of} in it", "no container gets any of it")
    for pod, keys in value.stale:
        yield Difference(
            pod,
            f"the values of {value.changed_at or 'now'}",
            f"earlier ones of {', '.join(keys)}",
            "it started before they changed: kubectl rollout restart",
        )


@judge.register
def judge_secret_shape(rule: SecretShapeRow, value: SecretShape) -> Iterator[Difference]:
    """Present, long enough, with its prefix, no placeholder; the value itself is not known here."""
    what = f"{rule.of} {rule.key}"
    if not value.present:
        yield Difference(what, "a value", "absent")
        return
    if value.placeholder:
        yield Difference(what, "a value of your own", "the README's placeholder")
    if _counts(rule, value.flaw):
        yield Difference(what, "a value of your own", value.flaw)
    if value.length < rule.min_length:
        expected = f"at least {rule.min_length} characters"
        yield Difference(what, expected, f"{value.length} characters")
    if not value.prefix_right:
        yield Difference(what, f"prefix {rule.prefix}", "another prefix")


def _counts(rule: SecretShapeRow, flaw: str) -> bool:
    """True for a flaw that the row rules out: a value that may be short may be weak, too."""
    if flaw == IN_WHITE_SPACE:
        return rule.trimmed
    return flaw == WHITE_SPACE or (flaw != "" and rule.min_length >= STRONG_FROM)


STRONG_FROM = 8
"""A row that asks for this many characters is about a password or a key. Our choice."""


@judge.register
def judge_placeholders(rule: PlaceholdersRow, value: Placeholders) -> Iterator[Difference]:
    """None is left, in something that was there to be read."""
    if value.scanned == 0:
        yield Difference(f"namespace {rule.namespace}", "objects", "none")
    for place, placeholder in value.found:
        yield Difference(place, "a value of your own", f"the placeholder {placeholder}")


@judge.register
def judge_secret_manager(rule: SecretManagerRow, value: SecretManager) -> Iterator[Difference]:
    """The Secrets exist; that nothing manages them is a warning in the evidence."""
    for name in value.absent:
        yield Difference(f"Secret/{rule.namespace}/{name}", "a Secret", "absent")
