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
    decisions: int = 0,
) -> Account:
    """Put generated cases of a rule to both, until there are so many cases and decisions.

    Args:
        oracle: The running program.
        rule: What is put.
        cases: At least how many.
        seed_: The same seed gives the same cases.
        each: Called with every case.
        decisions: At least how many.

    Raises:
        ValueError: A batch without a single case: there are no others.
    """
    account = Account()
    number = 0
    while number * BATCH < cases or account.decisions < decisions:
        before = account.decisions
        _put_batch(oracle, rule, min(BATCH, cases or BATCH), f"{seed_}.{number}", account, each)
        if account.decisions == before:
            raise ValueError(f"expected {decisions} decisions, got {before} and no more cases")
        number += 1
    return account


def _put_batch(
    oracle: Program,
    rule: Rule,
    cases: int,
    seed_: str,
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
