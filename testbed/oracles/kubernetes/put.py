"""Put the cases of a rule to both sides, and keep account."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings

from testbed.oracles.kubernetes.compare import Rule
from testbed.oracles.program import Program

BATCH = 500
"""Cases by one seed: Hypothesis draws a case like those before it, so more would be less."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One decision that was not Kubernetes' own."""

    case: object
    what: str
    ours: object
    theirs: object


@dataclass(slots=True)
class Account:
    """How many were put, and what was decided differently."""

    cases: int = 0
    decisions: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)


def put(
    oracle: Program,
    rule: Rule,
    cases: int,
    seed_: int,
    each: Callable[[object], None] = lambda _case: None,
) -> Account:
    """Put this many generated cases of a rule to both.

    Args:
        oracle: The running program.
        rule: What is put.
        cases: How many.
        seed_: The same seed gives the same cases.
        each: Called with every case.
    """
    account = Account()
    for done in range(0, cases, BATCH):
        _put_batch(oracle, rule, min(BATCH, cases - done), seed_ + done, account, each)
    return account


def _put_batch(
    oracle: Program,
    rule: Rule,
    cases: int,
    seed_: int,
    account: Account,
    each: Callable[[object], None],
) -> None:
    @seed(seed_)
    @settings(
        max_examples=cases,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(rule.cases)
    def run(case: object) -> None:
        account.cases += 1
        each(case)
        for what, ours, theirs in rule.decide(oracle, case):
            account.decisions += 1
            if ours != theirs:
                account.disagreements.append(Disagreement(case, what, ours, theirs))

    run()
