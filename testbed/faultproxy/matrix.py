"""Every fault against every row: `python -m testbed.faultproxy.matrix`.

A run through each fault is compared with a run through no fault. A row may come to what it came to
then, or to INCONCLUSIVE. It may PASS only if every request that its verdict rests on was answered
rightly in the end; which requests those are is noted in the clean run (`looked`).
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from clusterproof.kube.connection import Connection, connect
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from testbed.faultproxy.faults import FAULTS, READING, Fault
from testbed.faultproxy.scratch import PYTEST
from testbed.faultproxy.server import Hit, running
from testbed.settings import patient

PROJECT = Path(__file__).resolve().parents[2]
BOUND_S = 90.0
"""A whole run under any fault."""
KILL_AFTER_S = 240.0
CLEAN = Fault("none", "no fault", act="nothing", on="^$")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the suites through the proxy."""

    outcomes: dict[str, str]
    causes: tuple[str, ...]
    areas: tuple[str, ...]
    exit_code: int
    took_s: float
    output: str
    hits: tuple[Hit, ...]
    looked: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Line:
    """What one fault came to."""

    fault: str
    says: str
    hits: int
    exit_code: int
    passed: int
    failed: int
    inconclusive: int
    areas: int
    unreported: tuple[str, ...]
    false_passes: tuple[str, ...]
    wrong: tuple[str, ...]
    tracebacks: int
    took_s: float
    cause: str

    @property
    def sound(self) -> bool:
        """Nothing that should not be."""
        in_time = self.took_s <= BOUND_S
        faults = (*self.unreported, *self.false_passes, *self.wrong)
        return not (faults or self.tracebacks) and in_time


def verify(
    connection: Connection,
    fault: Fault,
    arguments: Sequence[str],
    answers: dict[str, httpx.Response] | None = None,
) -> Run:
    """One run; an outcome for every row, also of a run that was ended for its slowness."""
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as name,
        running(connection, fault, answers) as proxy,
    ):
        looked = Path(name) / "looked.json"
        command = [*PYTEST, "--report-dir", name]
        command += ["--kubeconfig", str(proxy.kubeconfig), "-p", "tests.safety.looked"]
        began = time.monotonic()
        try:
            ended = subprocess.run(
                [*command, *arguments],
                cwd=PROJECT,
                env={**os.environ, "CLUSTERPROOF_LOOKED": str(looked)},
                capture_output=True,
                text=True,
                timeout=patient(KILL_AFTER_S),
                check=False,
            )
            code, output = ended.returncode, ended.stdout + ended.stderr
        except subprocess.TimeoutExpired:
            code, output = -1, ""
        took_s = time.monotonic() - began
        records = list(Path(name).glob("*/run.json"))
        rows = RunRecord.read(records[0]).rows if records else ()
        return Run(
            outcomes={row.id: row.outcome.value for row in rows},
            causes=tuple(dict.fromkeys(row.cause for row in rows if row.cause)),
            areas=tuple(dict.fromkeys(row.area for row in rows)),
            exit_code=code,
            took_s=took_s,
            output=output,
            hits=proxy.hits,
            looked=json.loads(looked.read_text("utf-8")) if looked.is_file() else {},
        )


def blind(run: Run, fault: Fault, needed: Iterable[str]) -> bool:
    """True when some request was not made, or its last answer was the fault's.

    Pods come and go between two runs: what is asked of one of them is asked of another.
    """
    last: dict[str, dict[str, bool]] = {}
    for hit in run.hits:
        spoiled = hit.faulted and fault.act != "delay"
        last.setdefault(_of_any_pod(f"{hit.verb} {hit.path}"), {})[hit.path] = spoiled
    asked = [last.get(_of_any_pod(request), {"never made": True}) for request in needed]
    return any(any(answers.values()) for answers in asked)


def _of_any_pod(request: str) -> str:
    return re.sub(r"/pods/[^/:]+(:\d+)?(/|$)", r"/pods/*\1\2", request)


def line_of(run: Run, fault: Fault, clean: Run) -> Line:
    """The run judged."""
    passed = [row for row, outcome in run.outcomes.items() if outcome == Outcome.PASSED]
    honest = set() if fault.transient else {Outcome.INCONCLUSIVE, Outcome.NOT_RUN}
    values = list(run.outcomes.values())
    return Line(
        fault=fault.name,
        says=fault.says,
        hits=sum(hit.faulted for hit in run.hits),
        exit_code=run.exit_code,
        passed=len(passed),
        failed=values.count(Outcome.FAILED),
        inconclusive=values.count(Outcome.INCONCLUSIVE),
        areas=len(run.areas),
        unreported=tuple(row for row in clean.outcomes if row not in run.outcomes),
        false_passes=tuple(
            row for row in passed if blind(run, fault, clean.looked.get(row, ["GET /version"]))
        ),
        wrong=tuple(
            f"{row}: {outcome}, without the fault {clean.outcomes.get(row)}"
            for row, outcome in run.outcomes.items()
            if outcome != clean.outcomes.get(row) and outcome not in honest
        ),
        tracebacks=run.output.count("Traceback (most recent call last)"),
        took_s=round(run.took_s, 1),
        cause=run.causes[0] if run.causes else "",
    )


def main() -> int:
    """Run them all, say each line as it comes, and write the whole as JSON."""
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__.splitlines()[0])
    parser.add_argument("--kubeconfig", default=str(PROJECT / ".testbed" / "kubeconfig"))
    parser.add_argument("--faults", default="", help="names, separated by commas; default: READING")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--table", type=Path, default=None, help="write the lines as Markdown")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="ask the real API server for each path once, so that a busy cluster blurs nothing",
    )
    parser.add_argument("--at-once", type=int, default=1, help="runs side by side")
    parser.add_argument("rest", nargs="*", default=[])
    options = parser.parse_args()
    names = [name for name in options.faults.split(",") if name] or [
        fault.name for fault in READING
    ]
    arguments = options.rest or ["suites", "--read-only"]
    connection = connect(options.kubeconfig)
    answers: dict[str, httpx.Response] | None = {} if options.keep else None
    clean = verify(connection, CLEAN, arguments, answers)
    lines = []

    def line_for(name: str) -> Line:
        """A fault's line; where it is wrong: has the cluster changed, or were we misled?"""
        run = verify(connection, FAULTS[name], arguments, answers)
        line = line_of(run, FAULTS[name], clean)
        if line.wrong:
            line = line_of(run, FAULTS[name], verify(connection, CLEAN, arguments, answers))
        return line

    # Most of a fault's time is waiting. Runs that write hold a Lease: of those, one at a time.
    with ThreadPoolExecutor(options.at_once) as pool:
        for line in pool.map(line_for, names):
            lines.append(line)
            if options.json is not None:  # as it grows: a long matrix may be ended early
                plain = [asdict(each) for each in lines]
                options.json.write_text(json.dumps(plain, indent=1), "utf-8")
            sys.stdout.write(said(line))
            sys.stdout.flush()
    if options.table is not None:
        options.table.write_text(table(lines), "utf-8")
    bad = [each.fault for each in lines if not each.sound]
    sys.stdout.write(f"{summary(clean, lines)}; unsound: {', '.join(bad) or 'none'}\n")
    return 1 if bad else 0


def table(lines: Iterable[Line]) -> str:
    """The lines as a table in Markdown."""
    text = (
        "| Fault | What happens | Hit | Exit | Passed | Failed | Inconclusive | False passes "
        "| Wrong | Tracebacks | Seconds |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    )
    for line in lines:
        cells = [line.fault, line.says, line.hits, line.exit_code, line.passed, line.failed]
        cells += [line.inconclusive, len(line.false_passes), len(line.wrong), line.tracebacks]
        text += f"| {' | '.join(map(str, [*cells, line.took_s]))} |\n"
    return text


def summary(clean: Run, lines: Sequence[Line]) -> str:
    """The sums of the lines, beside the run without a fault."""
    passed = list(clean.outcomes.values()).count(Outcome.PASSED)
    false_passes, wrong = (
        sum(len(getattr(line, name)) for line in lines) for name in ("false_passes", "wrong")
    )
    return (
        f"without a fault {passed} rows pass, {len(clean.outcomes) - passed} are inconclusive\n"
        f"{len(lines)} faults, {len(clean.outcomes)} rows of {len(clean.areas)} areas each:"
        f" {false_passes} false passes, {wrong} wrong verdicts,"
        f" {sum(line.tracebacks for line in lines)} tracebacks,"
        f" longest run {max(line.took_s for line in lines)} s"
    )


def said(line: Line) -> str:
    """One line for a reader, with whatever is wrong beneath it."""
    text = (
        f"{line.fault:24} hits {line.hits:4} exit {line.exit_code:2} passed {line.passed:3} "
        f"failed {line.failed:3} inconclusive {line.inconclusive:3} {line.took_s:6.1f} s "
        f"false passes {len(line.false_passes)} wrong {len(line.wrong)} "
        f"tracebacks {line.tracebacks}\n    {line.cause[:200]}\n"
    )
    for complaint in (*line.unreported, *line.false_passes, *line.wrong):
        text += f"    ! {complaint}\n"
    return text


if __name__ == "__main__":
    sys.exit(main())
