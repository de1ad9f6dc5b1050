"""`make init-coverage`: init on every manifest set, judged and measured; no cluster is needed."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from clusterproof.outcome import ExitCode
from testbed.cluster import binaries, minor
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code
from testbed.published.measure import Measured, measure
from testbed.published.page import complaints, markdown
from testbed.published.plane import plane_of
from testbed.published.sets import ManifestSet, manifest_sets

_AT_ONCE = 2


def main() -> int:
    """Measure, write what is asked for, and say what falls short."""
    parser = argparse.ArgumentParser(prog="published", description=__doc__)
    parser.add_argument("--page", type=Path, help="where the page is written")
    parser.add_argument("--only", action="append", default=[], help="a set by name; repeatable")
    parser.add_argument("--fields", action="store_true", help="also list fields without a row")
    options = parser.parse_args()
    known = tuple(manifest_sets())
    if unknown := set(options.only) - {each.name for each in known}:
        names = ", ".join(each.name for each in known)
        parser.error(f"--only: expected one of {names}, got {', '.join(sorted(unknown))}")
    sets = [each for each in known if not options.only or each.name in options.only]
    programs = binaries.ensure(Progress().say, (*binaries.FAMILIES, binaries.KWOK))
    with TemporaryDirectory(prefix="clusterproof-published-") as scratch:
        measured = _measure(programs, Path(scratch), sets)
    text = markdown(measured, time.strftime("%Y-%m-%d", time.gmtime()), minor.VERSION)
    if options.page:
        options.page.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    if options.fields:
        sys.stdout.write(_missed(measured))
    short = complaints(measured)
    sys.stderr.writelines(f"{line}\n" for line in short)
    return ExitCode.FAILED if short else ExitCode.PASSED


def _measure(programs: Path, work: Path, sets: Sequence[ManifestSet]) -> list[Measured]:
    with plane_of(programs, work / "plane", sets) as plane, ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda each: measure(plane, each, work / "runs"), sets))


def _missed(measured: list[Measured]) -> str:
    counts = Counter(
        (
            ref.partition("/")[0],
            ".".join("*" if isinstance(key, int) else key for key in place),
            "unnamed" if (ref, place) in each.coverage.unnamed else "named",
        )
        for each in measured
        for ref, place in each.coverage.fields - each.coverage.read
    )
    return "".join(f"{count} {' '.join(key)}\n" for key, count in counts.most_common())


if __name__ == "__main__":
    sys.exit(exit_code("init-coverage", main, failed=ExitCode.INCONCLUSIVE))
