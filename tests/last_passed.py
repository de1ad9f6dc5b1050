"""When each test that needs the local cluster last passed, and how long it took.

Kept in last-passed.json, which is committed: CI runs only a part of the slow ones, and fails when a
test has not been seen to pass for some days. The hooks are in conftest.py.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

BEGAN = dt.date(2026, 11, 26)
"""The record's first day: a test without a pass counts from it."""

FILE = Path(__file__).with_name("last-passed.json")
ROOT = FILE.parents[1]
PARTS = 4
CHAINS = frozenset({"tests/testbed_cluster/test_live_cluster.py"})
"""Files whose tests bring the cluster up and down in turn."""

SLOW_S = 5.0
"""A test that took longer is a slow one. With fixtures: what its first user waits for."""


@dataclass(frozen=True, slots=True)
class Pass:
    """The last pass of one test.

    Attributes:
        on: The day, in UTC.
        took_s: Its set-up, call and tear-down.
    """

    on: dt.date
    took_s: float


def read(path: Path = FILE) -> dict[str, Pass]:
    """Node id to its last pass; empty where there is no file yet."""
    if not path.is_file():
        return {}
    document: dict[str, list[str | float]] = json.loads(path.read_text("utf-8"))
    return {
        test: Pass(dt.date.fromisoformat(str(day)), float(took_s))
        for test, (day, took_s) in document.items()
    }


def write(passes: Mapping[str, Pass], path: Path = FILE) -> None:
    """One line for each test, so that a diff shows which."""
    lines = (
        f"  {json.dumps(test)}: {json.dumps([str(last.on), round(last.took_s, 1)])}"
        for test, last in sorted(passes.items())
    )
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def complaints(
    tests: Iterable[str], passes: Mapping[str, Pass], today: dt.date, within_days: int
) -> list[str]:
    """One sentence for each test that was not seen to pass in time."""
    sentences = []
    for test in sorted(tests):
        last = passes[test].on if test in passes else None
        age = (today - (last or BEGAN)).days
        if age > within_days:
            observed = f"the last one on {last}" if last else f"none since {BEGAN}"
            sentences.append(
                f"{test}: expected a pass within {within_days} days, observed {observed},"
                f" {age} days ago"
            )
    return sentences


def without_the_gone(passes: Mapping[str, Pass], collected: Iterable[str]) -> dict[str, Pass]:
    """The passes of tests that exist still, as far as a collection of whole files can tell."""
    tests = set(collected)
    files = {_file(test) for test in tests}
    return {
        test: last
        for test, last in passes.items()
        if test in tests or (_file(test) not in files and (ROOT / _file(test)).is_file())
    }


def _file(test: str) -> str:
    return test.partition("::")[0]


def part(tests: Iterable[str], passes: Mapping[str, Pass], seed: int) -> set[str]:
    """The quick tests, and one of PARTS parts of the slow ones; PARTS seeds in a row cover all.

    A test that was never timed counts as slow. Neighbours, which take about the same, go to
    different parts. The tests of a file in CHAINS rest on one another: all of them, or none.
    """
    unit = {test: _file(test) if _file(test) in CHAINS else test for test in tests}
    slow = sorted(
        {
            unit[test]
            for test in unit
            if unit[test] in CHAINS or test not in passes or passes[test].took_s > SLOW_S
        }
    )
    left_out = {name for place, name in enumerate(slow) if place % PARTS != seed % PARTS}
    return {test for test in unit if unit[test] not in left_out}
