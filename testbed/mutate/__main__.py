"""`python -m testbed.mutate`: mutates our own code, and writes which mutants lived."""

import argparse
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

from clusterproof.outcome import ExitCode
from testbed.cluster.run import exit_code
from testbed.mutate.page import page
from testbed.mutate.reasons import read_reasons
from testbed.mutate.results import Fate, read_mutants, score
from testbed.mutate.workspace import mutated_modules, prepare

PROJECT = Path(__file__).resolve().parents[2]
WORKSPACE = PROJECT / "build" / "mutate"
_AT_ONCE = 200
"""Names on one command line."""


def main() -> int:
    """Mutate, test, and write the page; 0 when nothing survived without a reason."""
    options = _options()
    if options.fresh:
        shutil.rmtree(WORKSPACE, ignore_errors=True)
    prepare(PROJECT, WORKSPACE)
    if not options.page_only:
        _mutmut(options.only)
    if options.again:
        _again()
    mutants = read_mutants(WORKSPACE)
    reasons = read_reasons()
    done = mutated_modules(PROJECT)
    everything = sorted((PROJECT / "src" / "clusterproof").rglob("*.py"))
    names = [path.relative_to(PROJECT / "src" / "clusterproof").as_posix() for path in everything]
    left_out = [name for name in names if not any(fnmatch(name, each) for each in done)]
    text = page(mutants, reasons, left_out, f"mutmut {version('mutmut')}")
    options.pages.joinpath("MUTATION.md").write_text(text, "utf-8")
    total = score("all", mutants)
    sys.stdout.write(
        f"{total.killed} of {total.run} mutants killed ({total.share:.1%}), "
        f"{total.survived} survived, {total.untested} in code that no test calls, "
        f"{total.not_run} not run\n"
    )
    return ExitCode.PASSED


def _mutmut(names: list[str]) -> None:
    """Go on where an earlier run ended; what was judged stays so, unless its code changed.

    `CI` makes Hypothesis draw the same examples each time.
    """
    program = Path(sys.executable).with_name("mutmut")
    subprocess.run(
        [str(program), "run", "--max-children", "1", *names],
        check=True,
        cwd=WORKSPACE,
        env={**os.environ, "CI": "true", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _again() -> None:
    """Try those that lived against the tests as they are now."""
    alive = [
        mutant.name
        for mutant in read_mutants(WORKSPACE)
        if mutant.fate in {Fate.SURVIVED, Fate.NO_TESTS, Fate.TIMED_OUT}
    ]
    for start in range(0, len(alive), _AT_ONCE):
        _mutmut(alive[start : start + _AT_ONCE])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutate", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="mutants, as clusterproof.judge.*")
    parser.add_argument("--again", action="store_true", help="try those that lived once more")
    parser.add_argument("--fresh", action="store_true", help="forget what was found")
    parser.add_argument("--page-only", action="store_true", help="write the page, run nothing")
    parser.add_argument("--pages", type=Path, default=PROJECT / "docs", help="%(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(exit_code("mutate", main, failed=ExitCode.USAGE))
