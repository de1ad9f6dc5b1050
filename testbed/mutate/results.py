"""What became of each mutant, from the files that mutmut leaves beside the mutated modules."""

import ast
import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SRC = Path("src")
_KILLED = (1, 3)
"""pytest: a test failed, or pytest itself did."""
_TIMED_OUT = (-24, 24, 36, 152, 255)
_SURVIVED = 0
_NO_TESTS = (5, 33)
_STOPPED = (None, 2)
"""Not judged: never begun, or the run was stopped meanwhile."""


class Fate(StrEnum):
    """What the tests made of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    NO_TESTS = "no test calls it"
    NOT_RUN = "not run"
    BROKEN = "ended the tests otherwise"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed function.

    Attributes:
        name: As mutmut names it.
        module: Path below src/clusterproof.
        function: `name` or `Class.name`.
        was: The lines that were changed, joined.
        now: What they were changed to.
    """

    name: str
    module: str
    function: str
    fate: Fate
    was: str
    now: str


def read_mutants(folder: Path) -> list[Mutant]:
    """Every mutant in a workspace, by module and place."""
    root = folder / "mutants" / SRC / "clusterproof"
    return [
        mutant
        for meta in sorted(root.rglob("*.py.meta"))
        for mutant in _of_module(meta, meta.relative_to(root).as_posix().removesuffix(".meta"))
    ]


def _of_module(meta: Path, module: str) -> Iterator[Mutant]:
    codes: dict[str, int | None] = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    bodies = bodies_of(meta.with_suffix("").read_text(encoding="utf-8"))
    for name, code in codes.items():
        mangled = name.rpartition(".")[2]
        original = f"{mangled.rpartition('__mutmut_')[0]}__mutmut_orig"
        was, now = changed_lines(bodies[original], bodies[mangled])
        yield Mutant(name, module, function_of(original), fate_of(code), was, now)


def fate_of(code: int | None) -> Fate:
    """The fate that an exit code of mutmut's worker stands for."""
    if code in _STOPPED:
        return Fate.NOT_RUN
    if code in _KILLED:
        return Fate.KILLED
    if code in _TIMED_OUT:
        return Fate.TIMED_OUT
    if code == _SURVIVED:
        return Fate.SURVIVED
    return Fate.NO_TESTS if code in _NO_TESTS else Fate.BROKEN


def function_of(mangled: str) -> str:
    """`name` or `Class.name` of a function's original, as mutmut names it."""
    name = mangled.removesuffix("__mutmut_orig")
    return name.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in name else name.removeprefix("x_")


def bodies_of(source: str) -> dict[str, list[str]]:
    """Name to lines of each function; its name, which differs by mutant, is left out."""
    lines = source.splitlines()
    return {
        node.name: [
            lines[node.lineno - 1].replace(node.name, ""),
            *lines[node.lineno : node.end_lineno],
        ]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def changed_lines(was: list[str], now: list[str]) -> tuple[str, str]:
    """The lines that differ, each side joined by spaces."""
    matcher = difflib.SequenceMatcher(a=was, b=now, autojunk=False)
    spans = [span for span in matcher.get_opcodes() if span[0] != "equal"]
    before = " ".join(line.strip() for _, low, high, _, _ in spans for line in was[low:high])
    after = " ".join(line.strip() for _, _, _, low, high in spans for line in now[low:high])
    return before, after


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one module, or of all."""

    module: str
    mutants: int
    killed: int
    survived: int
    untested: int
    not_run: int

    @property
    def run(self) -> int:
        """Mutants that were judged."""
        return self.mutants - self.not_run

    @property
    def share(self) -> float:
        """Killed of those judged (0 to 1); a mutant that no test calls is not killed."""
        return self.killed / self.run if self.run else 0.0


def score(module: str, mutants: list[Mutant]) -> Score:
    """The figures of these mutants; one that hangs the tests, or ends them otherwise, is killed."""
    fates = [mutant.fate for mutant in mutants]
    return Score(
        module,
        len(fates),
        sum(fate in {Fate.KILLED, Fate.TIMED_OUT, Fate.BROKEN} for fate in fates),
        fates.count(Fate.SURVIVED),
        fates.count(Fate.NO_TESTS),
        fates.count(Fate.NOT_RUN),
    )
