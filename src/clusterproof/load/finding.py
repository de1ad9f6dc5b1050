"""What a load run can say: one finding per claim, each with the link of the chain it is about."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from clusterproof.outcome import Outcome, verdict


class Link(StrEnum):
    """The links from the offered load to the answer, in the order in which they can break."""

    GENERATOR = "generator"
    OBSERVER = "observer"
    DEMAND = "demand"
    METRICS = "metrics"
    CPU_REQUEST = "cpu request"
    HPA_BOUNDS = "HPA bounds"
    HPA_POLICY = "HPA policy"
    HPA_DECISION = "HPA decision"
    QUOTA = "quota"
    SCHEDULER = "scheduler"
    READINESS = "readiness"
    SERVICE = "Service"
    TERMINATION = "termination"
    GATEWAY = "gateway"
    ANSWERS = "answers"
    LATENCY = "latency"
    REQUEST_COUNTER = "request counter"
    EXPOSURES = "exposures"
    EVENTS = "PostHog events"
    SPLIT = "A/B split"
    STICKINESS = "A/B stickiness"


_ORDER = {link: index for index, link in enumerate(Link)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim about the run.

    Attributes:
        id: Kebab-case, never reused.
        link: The link that is broken when the claim fails.
        expected: What was claimed, with its figure.
        observed: What was seen, with its figure.
        evidence: Sentences that a reader can check.
    """

    id: str
    link: Link
    outcome: Outcome
    expected: str
    observed: str
    evidence: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Finding":
        """What `to_json` wrote."""
        link, outcome, evidence = Link(data["link"]), Outcome(data["outcome"]), data["evidence"]
        return cls(data["id"], link, outcome, data["expected"], data["observed"], tuple(evidence))


def own_claim(
    row: str,
    link: Link,
    holds: bool,  # noqa: FBT001 - the claim itself
    expected: str,
    observed: str,
    evidence: tuple[str, ...] = (),
) -> Finding:
    """A claim about our own generator or observer: where it does not hold, INCONCLUSIVE."""
    outcome = Outcome.PASSED if holds else Outcome.INCONCLUSIVE
    return Finding(row, link, outcome, expected, observed, evidence)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The run in one word, and the link that broke."""

    outcome: Outcome
    broken: Link | None
    findings: tuple[Finding, ...]


def judge_run(findings: Iterable[Finding]) -> Verdict:
    """The verdict of all findings.

    A generator that was not credible makes the run INCONCLUSIVE whatever else was seen: its
    figures are not those of the target. The broken link is the first in the chain's order, for
    what lies behind it is its consequence.
    """
    every_finding = tuple(findings)
    of_generator = [f.outcome for f in every_finding if f.link is Link.GENERATOR]
    if any(outcome is not Outcome.PASSED for outcome in of_generator):
        return Verdict(Outcome.INCONCLUSIVE, Link.GENERATOR, every_finding)
    for wanted in (Outcome.FAILED, Outcome.INCONCLUSIVE):
        broken = [f.link for f in every_finding if f.outcome is wanted]
        if broken:
            return Verdict(wanted, min(broken, key=_ORDER.__getitem__), every_finding)
    return Verdict(verdict(f.outcome for f in every_finding), None, every_finding)
