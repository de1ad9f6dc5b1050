"""Which changes of our rules the cases of an oracle notice: `python -m testbed.oracles.mutants`.

mutmut changes each function of a rule's modules in every way that it knows. The real program
answers the cases once; then each mutant is tried on them, until a decision is not that program's.
NetworkPolicies and environments are decided by no program but by a running cluster. Their cases are
those that it was given, and our answer stands for its own: a case on which both differ fails there.
"""

import argparse
import importlib
import importlib.util
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from testbed.cluster import binaries
from testbed.mutate.results import bodies_of, changed_lines, function_of
from testbed.oracles.program import Json, Program, running, say

MODULES = {
    "members": ("kube.objects", "kube.selectors", "kube.services", "kube.endpoints", "kube.pods"),
    "authorities": ("kube.tls",),
    "quantities": ("kube.quantity",),
    "selectors": ("kube.selectors",),
    "requests": ("kube.requests",),
    "claims": ("kube.limits",),
    "admission": ("kube.limits", "kube.quota"),
    "places": ("kube.nodes", "kube.scheduling"),
    "scaling": ("load.hpa.proposal", "load.hpa.total", "load.hpa.normalise", "load.hpa.controller"),
    "references": ("kube.env",),
    "environments": ("kube.env",),
    "ports": ("kube.services",),
    "policies": ("kube.policies",),
    "paths": ("kube.paths",),
    "pages": ("observe.metrics",),
    "certificates": ("checks.certificate",),
}
"""The modules of clusterproof that have each rule; each module after those that it imports."""

_WITHIN_S = 5
"""A mutant that takes longer over a case is noticed."""

_Decide = Callable[[Program, Any], Iterator[tuple[object, object]]]


class Recorder(Program):
    """Asks a program, and keeps its answers."""

    def __init__(self, program: Program) -> None:
        """Ask this program."""
        self._program = program
        self._answers: list[Json] = []

    def next_case(self) -> list[Json]:
        """The answers from here on."""
        self._answers = []
        return self._answers

    def ask(self, question: str, **parts: Any) -> Json:  # noqa: ANN401 - raw JSON
        """Its answer."""
        answer = self._program.ask(question, **parts)
        self._answers.append(answer)
        return answer


class Replay(Program):
    """Gives answers of before, in their order."""

    def __init__(self, answers: Sequence[Json]) -> None:
        """Give these."""
        self._answers = iter(answers)

    def ask(self, question: str, **parts: Any) -> Json:  # noqa: ANN401, ARG002 - as Program's
        """The next answer."""
        return next(self._answers)


@dataclass
class Rule:
    """A rule with its cases, and what the real program says to each."""

    decide: _Decide
    cases: list[tuple[Any, list[Json]]] = field(default_factory=list)

    def notices(self) -> bool:
        """Whether a case is decided otherwise than the real program decides it."""
        return any(self._differs(*case) for case in self.cases)

    def _differs(self, case: object, answers: list[Json]) -> bool:
        try:
            with _bounded():
                return any(ours != theirs for ours, theirs in self.decide(Replay(answers), case))
        except Exception:  # noqa: BLE001 - a mutant may raise anything
            return True


def main() -> int:
    """Try mutants of each rule; 1 where a rule has too few that its cases notice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rules", nargs="*", metavar="RULE", help=f"of {', '.join(MODULES)}; all")
    parser.add_argument("--cases", type=int, default=1000, help="of each rule")
    parser.add_argument("--mutants", type=int, default=60, help="of each rule, at most")
    parser.add_argument("--least", type=int, default=20, help="that must be noticed")
    parser.add_argument("--seed", type=int, default=1, help="of the cases and of the choice")
    options = parser.parse_args()
    rules = options.rules or list(MODULES)
    if unknown := set(rules) - MODULES.keys():
        parser.error(f"expected rules of {', '.join(MODULES)}; got {', '.join(sorted(unknown))}")
    chosen = dict.fromkeys(
        f"clusterproof.{name}" for rule, names in MODULES.items() if rule in rules for name in names
    )
    sources = {name: _load_mutated(name) for name in chosen}
    few = 0
    with running(binaries.ORACLE) as oracle, running(binaries.READING) as reader:
        for name in rules:
            rule = _recorded(name, oracle, reader, options.cases, options.seed)
            names = [f"clusterproof.{module}" for module in MODULES[name]]
            reached = sorted(_reached(rule, names))
            some = Random(f"{name} {options.seed}").sample(  # noqa: S311 - a choice, no secret
                reached, min(options.mutants, len(reached))
            )
            alive = [mutant for mutant in sorted(some) if not _is_noticed(rule, mutant)]
            noticed = len(some) - len(alive)
            few += noticed < options.least
            say(
                f"{name}: {noticed} of {len(some)} mutants noticed by {len(rule.cases)} cases,"
                f" of {len(reached)} in functions that they call"
            )
            for mutant in alive:
                say(_shown(mutant, sources))
    return int(few > 0)


def _load_mutated(name: str) -> str:
    """Import a module with all of its mutants in it and none of them chosen; its source then.

    Raises:
        ValueError: It has been imported already.
    """
    from mutmut.mutation.file_mutation import mutate_file_contents  # noqa: PLC0415 - its own group

    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None or name in sys.modules:
        raise ValueError(f"expected a module that is not imported yet, got {name}")
    path = Path(spec.origin)
    code = str(mutate_file_contents(path.name, path.read_text(encoding="utf-8")).code)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    parent, _, leaf = name.rpartition(".")
    setattr(importlib.import_module(parent), leaf, module)
    exec(compile(code, path, "exec"), module.__dict__)  # noqa: S102 - our own source
    return code


def _recorded(name: str, oracle: Program, reader: Program, cases: int, seed: int) -> Rule:
    """The rule's cases by this seed.

    Raises:
        ValueError: A case is decided otherwise with no mutant at all.
    """
    # Imported here: by now their rules are the mutated ones.
    from testbed.oracles.kubernetes.compare import RULES  # noqa: PLC0415
    from testbed.oracles.kubernetes.put import put  # noqa: PLC0415
    from testbed.oracles.reading.subjects import SUBJECTS  # noqa: PLC0415

    if name in OF_A_CLUSTER:
        rule = OF_A_CLUSTER[name](cases)
    elif name in RULES:
        rule = Rule(lambda program, case: (each[1:] for each in RULES[name].decide(program, case)))
        recorder = Recorder(oracle)
        put(
            recorder,
            RULES[name],
            cases,
            seed,
            lambda case: rule.cases.append((case, recorder.next_case())),
        )
    else:
        subject = next(each for each in SUBJECTS if each.name == name)
        rule = Rule(
            lambda program, case: iter([(subject.ours(case), subject.theirs(program, case))])
        )
        recorder, random = Recorder(reader), Random(f"{name} {seed}")  # noqa: S311 - cases
        for _ in range(cases):
            case, _features = subject.draw(random)
            rule.cases.append((case, recorder.next_case()))
            subject.theirs(recorder, case)
    if rule.notices():
        raise ValueError(f"{name}: a case is decided otherwise without a mutant")
    return rule


def _of_policies(sets: int) -> Rule:
    """The packets of `make policies`, of so many sets at most, with the addresses of the table."""
    from testbed.oracles.policies.__main__ import SEED, SETS  # noqa: PLC0415
    from testbed.oracles.policies.draw import draw_set  # noqa: PLC0415
    from testbed.oracles.policies.reading import reaches  # noqa: PLC0415
    from testbed.oracles.policies.world import read_world  # noqa: PLC0415

    world, random = read_world(), Random(SEED)  # noqa: S311 - cases

    def arrive(case: Any) -> list[bool]:  # noqa: ANN401 - policies and packets
        policies, rows = case
        return [reaches(world, policies, world.flow(row)) for row in rows]

    drawn = [draw_set(random, world) for _ in range(min(sets, SETS))]
    return Rule(
        lambda answers, case: iter([(arrive(case), answers.ask("dialled")["arrive"])]),
        [(case, [{"arrive": arrive(case)}]) for case in drawn],
    )


def _of_environments(containers: int) -> Rule:
    """Containers that the test of the kubelet starts, and those that it does not let start."""
    from clusterproof.kube.env import environment_of  # noqa: PLC0415
    from testbed.oracles.environment import LACKING, SEED, drawn  # noqa: PLC0415

    case = drawn(SEED)

    def decide(answers: Program, container: Json) -> Iterator[tuple[object, object]]:
        given = answers.ask("started")["given"]
        if given is None:
            yield bool(environment_of(container, lambda _kind, _name: None).missing), True
        else:
            yield case.differing(container, given), {}
            values = ((name, got.value) for name, got in case.expected(container).items())
            yield _unknown(values), _unknown(given.items())

    started = [
        (each, [{"given": {name: got.value for name, got in case.expected(each).items()}}])
        for each in case.containers[:containers]
    ]
    return Rule(decide, [*started, *((each, [{"given": None}]) for each in LACKING.values())])


def _unknown(values: Iterable[tuple[str, bytes | None]]) -> set[str]:
    """The variables whose values only a kubelet knows, which are compared with nothing."""
    return {name for name, text in values if text is None}


OF_A_CLUSTER: dict[str, Callable[[int], Rule]] = {
    "policies": _of_policies,
    "environments": _of_environments,
}
"""Rules whose cases a running cluster decides, with at most so many of them."""


def _reached(rule: Rule, modules: Sequence[str]) -> Iterator[str]:
    """The mutants of the functions that the cases call."""
    called: set[str] = set()
    tables = [
        (module, table)
        for module in modules
        for name, table in vars(sys.modules[module]).items()
        if name.startswith("mutants_x")
    ]
    for _, table in tables:
        table["_mutmut_orig"] = _noting(table["_mutmut_orig"], called)
    rule.notices()
    for module, table in tables:
        original = table["_mutmut_orig"]
        if original.__name__ in called:
            yield from (f"{module}.{mutant}" for mutant in table if mutant != "_mutmut_orig")
        table["_mutmut_orig"] = original.__wrapped__


def _noting(function: Callable[..., Any], called: set[str]) -> Callable[..., Any]:
    @wraps(function)
    def noting(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it returns
        called.add(function.__name__)
        return function(*args, **kwargs)

    return noting


def _is_noticed(rule: Rule, mutant: str) -> bool:
    from mutmut.mutation.trampoline import set_mutant_under_test  # noqa: PLC0415 - its own group

    set_mutant_under_test(mutant)
    try:
        return rule.notices()
    finally:
        set_mutant_under_test("")


@contextmanager
def _bounded() -> Iterator[None]:
    """Ends what takes too long.

    Raises:
        TimeoutError: It did.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, _WITHIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _shown(mutant: str, sources: dict[str, str]) -> str:
    """A mutant that no case noticed, as a person looks at it."""
    module, _, name = mutant.rpartition(".")
    bodies = bodies_of(sources[module])
    original = f"{name.rpartition('__mutmut_')[0]}__mutmut_orig"
    was, now = changed_lines(bodies[original], bodies[name])
    return (
        f"  lives: {module.removeprefix('clusterproof.')}:{function_of(original)}: {was} -> {now}"
    )


if __name__ == "__main__":
    sys.exit(main())
