"""Mutants are tried on cases that the real program has answered before."""

from collections.abc import Iterator

import pytest

from testbed.oracles import mutants
from testbed.oracles.kubernetes.compare import RULES
from testbed.oracles.mutants import Recorder, Replay, Rule
from testbed.oracles.program import Json, Program
from testbed.oracles.reading.subjects import SUBJECTS


class Doubling(Program):
    """A program that doubles a number."""

    def __init__(self) -> None:
        """Count what is asked."""
        self.asked = 0

    def ask(self, question: str, **parts: int) -> Json:
        """Twice the number."""
        del question
        self.asked += 1
        return {"twice": parts["number"] * 2}


def decided_with(factor: int, program: Program, case: int) -> Iterator[tuple[object, object]]:
    yield case * factor, program.ask("double", number=case)["twice"]


def rule_of(factor: int, *cases: int) -> Rule:
    """A rule of ours that multiplies, with what a program says of these cases."""
    program = Doubling()
    recorder = Recorder(program)
    rule = Rule(lambda replay, case: decided_with(factor, replay, case))
    for case in cases:
        rule.cases.append((case, recorder.next_case()))
        recorder.ask("double", number=case)
    return rule


def test_a_rule_that_decides_as_the_program_does_is_not_noticed() -> None:
    rule = rule_of(2, 1, 2, 3)
    assert not rule.notices()
    assert not rule.notices()


def test_a_case_that_is_decided_otherwise_is_noticed() -> None:
    assert rule_of(3, 0, 1).notices()
    assert not rule_of(3, 0).notices()


def test_what_raises_is_noticed() -> None:
    rule = rule_of(2, 1)
    rule.decide = lambda _replay, _case: iter([(1 // 0, 2)] if rule.cases else [])
    assert rule.notices()


def test_what_takes_too_long_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "_WITHIN_S", 0.05)

    def without_end(_replay: Program, _case: int) -> Iterator[tuple[object, object]]:
        while True:
            yield 1, 1

    rule = rule_of(2, 1)
    rule.decide = without_end
    assert rule.notices()


def test_the_program_is_asked_once() -> None:
    program = Doubling()
    recorder = Recorder(program)
    answers = recorder.next_case()
    assert recorder.ask("double", number=4) == {"twice": 8}
    assert Replay(answers).ask("double") == {"twice": 8}
    assert program.asked == 1


def test_each_rule_of_the_oracles_has_mutants() -> None:
    subjects = {subject.name for subject in SUBJECTS}
    assert mutants.MODULES.keys() == {*RULES, *subjects, *mutants.OF_A_CLUSTER}


@pytest.mark.parametrize("name", mutants.OF_A_CLUSTER)
def test_what_a_cluster_decides_is_decided_so_without_a_mutant(name: str) -> None:
    rule = mutants.OF_A_CLUSTER[name](3)
    assert len(rule.cases) >= 3
    assert not rule.notices()


def test_an_environment_that_a_container_was_not_given_is_noticed() -> None:
    rule = mutants.OF_A_CLUSTER["environments"](1)
    (_, [answer]), *_ = rule.cases
    answer["given"]["V1"] = b"another"
    assert rule.notices()


def test_a_variable_of_which_a_mutant_knows_no_more_is_noticed() -> None:
    """A value of None is compared with nothing, so which these are is a decision of its own."""
    rule = mutants.OF_A_CLUSTER["environments"](5)
    for _, [answer] in rule.cases:
        given = answer["given"] or {}
        for name in [name for name, text in given.items() if text is None]:
            given[name] = b"known"
    assert rule.notices()
