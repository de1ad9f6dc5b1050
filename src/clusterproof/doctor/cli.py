"""`clusterproof doctor`: what a run will be able to see, before it is made."""

import argparse
import importlib.util
import platform
import re
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clusterproof.checks import read_spec
from clusterproof.doctor.rights import granted_of, rights_at_times, rights_by_row, writes
from clusterproof.errors import ClusterproofError, ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.nightly.rights import Grant
from clusterproof.observe.cluster import Cluster
from clusterproof.options import add_options
from clusterproof.outcome import ExitCode
from clusterproof.project import spec_file
from clusterproof.redact import Redactor
from clusterproof.spec import renamed
from clusterproof.tool import tool_version
from clusterproof.usage import Subparsers

OLDEST_PYTHON: Final = (3, 11)
OLDEST_KUBERNETES: Final = (1, 27)
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")
_SHOWN_ROWS: Final = 5
_FEW_S: Final = 5.0
"""A clock that differs by more makes ages and Lease times hard to read; our choice."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at.

    Attributes:
        mark: `ok`, `!!` (some rows will be INCONCLUSIVE) or `no` (no run can be made).
    """

    mark: str
    subject: str
    text: str

    def __str__(self) -> str:
        """As the terminal shows it."""
        return f"{self.mark:<3} {self.subject:<11} {self.text}"


def mount(commands: Subparsers) -> None:
    """Add `doctor` to another command's subcommands."""
    command = commands.add_parser(
        "doctor",
        help="show what a run will be able to see: Python, kubeconfig, server, rights, open rows",
        description="Look at the machine, the kubeconfig, the API server and our rights there, and"
        " say which rows of the spec they open. Changes nothing: rights are asked for by"
        " SelfSubjectAccessReview. Exit code: 0 when every row is open, 6 when some are not, 4 when"
        " no run can be made.",
    )
    add_options(command, "--kubeconfig", "--context", "--profile", "--spec", "--namespace")
    command.add_argument(
        "--read-only", action="store_true", help="for a run that makes no Pod and enters none"
    )
    command.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace, _rest: list[str]) -> int:
    redactor = Redactor()

    def say(line: Line) -> str:
        sys.stdout.write(f"{redactor.text(str(line))}\n")
        sys.stdout.flush()
        return line.mark

    marks = [say(line) for line in _of_the_machine()]
    try:
        spec = read_spec(
            Path(options.spec or spec_file(options.profile)), renamed(options.namespace)
        )
        marks.append(say(Line("ok", "spec", f"{spec.name}, {spec.profile}: {len(spec.rows)} rows")))
    except SpecError as error:
        marks.append(say(Line("no", "spec", str(error))))
        return ExitCode.USAGE
    try:
        api = KubeApi(connect(options.kubeconfig, options.context))
    except SpecError as error:
        marks.append(say(Line("no", "kubeconfig", str(error))))
        return ExitCode.USAGE
    try:
        marks.append(say(Line("ok", "kubeconfig", str(api.connection))))
        marks += [say(line) for line in _of_the_server(api)]
        by_row = rights_by_row(spec, Cluster(api))
        at_times = {row.id: rights_at_times(row, spec.settings) for row in spec.rows}
        granted = granted_of(api, {grant for grants in by_row.values() for grant in grants})
        lines = of_rights(by_row, granted, read_only=options.read_only)
        marks += [say(line) for line in lines]
        if options.read_only:
            at_times = {row: rights for row, rights in at_times.items() if not writes(by_row[row])}
        others = granted_of(api, {grant for grants in at_times.values() for grant in grants})
        marks += [say(line) for line in of_rights_at_times(at_times, others)]
    except ObservationError as error:
        following = f"; next: {error.next_command}" if error.next_command else ""
        marks.append(say(Line("no", "server", f"{error}{following}")))
        return ExitCode.INCONCLUSIVE
    finally:
        api.close()
    if "no" in marks:
        return ExitCode.USAGE
    return ExitCode.INCONCLUSIVE if "!!" in marks else ExitCode.PASSED


def _of_the_machine() -> Iterable[Line]:
    folder = Path(__file__).resolve().parents[1]
    yield Line("ok", "clusterproof", f"{tool_version()}, from {folder}")
    version = platform.python_version()
    system = f"{platform.system()} {platform.machine()}"
    mark = "ok" if sys.version_info >= OLDEST_PYTHON else "no"
    yield Line(mark, "python", f"{version} on {system}, {sys.executable}")
    extra = "installed" if importlib.util.find_spec("locust") else "not installed: no load runs"
    yield Line("ok", "extra load", extra)


def _of_the_server(api: KubeApi) -> Iterable[Line]:
    began = time.monotonic()
    version = str(api.get("/version").get("gitVersion", ""))
    took_ms = (time.monotonic() - began) * 1000
    yield Line(
        "ok" if is_new_enough(version) else "no",
        "server",
        f"Kubernetes {version or 'of an unknown version'}, answered in {took_ms:.0f} ms"
        + ("" if is_new_enough(version) else "; v1.27 or newer is needed"),
    )
    apart_s = abs(api.now().timestamp() - time.time())
    if apart_s > _FEW_S:
        yield Line("ok", "clock", f"{apart_s:.0f} s apart from the server's, whose clock counts")
    try:
        yield Line("ok", "cluster", f"uid {api.cluster_uid()}")
    except ClusterproofError as error:
        yield Line("ok", "cluster", f"its uid is not known ({error}): a history cannot tell it")


def is_new_enough(version: str) -> bool:
    """Whether a server of this `gitVersion` (`v1.35.4`, `v1.33.5-eks-...`) is supported."""
    match = _VERSION.match(version)
    return match is not None and (int(match[1]), int(match[2])) >= OLDEST_KUBERNETES


def of_rights(
    by_row: Mapping[str, frozenset[Grant]], granted: Mapping[Grant, bool], *, read_only: bool
) -> Iterable[Line]:
    """The rights that are missing and the rows that each of them closes; then the rows in all.

    A right for all namespaces holds in each, which the API server's answer has in it already.
    """
    closed: dict[str, str] = {}
    for grant, allowed in granted.items():
        rows = [row for row, grants in by_row.items() if grant in grants]
        if allowed or not rows:
            continue
        closed |= dict.fromkeys(rows, str(grant))
        yield Line("!!", "no right to", f"{grant}: closes {_some(rows)}")
    held = sum(granted.values())
    mark = "ok" if held == len(granted) else "!!"
    yield Line(mark, "rights", f"{held} of {len(granted)} granted")
    if read_only:
        own = [row for row, grants in by_row.items() if writes(grants) and row not in closed]
        closed |= dict.fromkeys(own, "--read-only")
        if own:
            yield Line("!!", "read-only", f"closes {len(own)} rows that make a Pod or enter one")
    opened = len(by_row) - len(closed)
    yield Line(
        "!!" if closed else "ok",
        "rows",
        f"{opened} of {len(by_row)} can be judged"
        + (f"; {len(closed)} will be INCONCLUSIVE" if closed else ""),
    )


def of_rights_at_times(
    by_row: Mapping[str, Mapping[Grant, str]], granted: Mapping[Grant, bool]
) -> Iterable[Line]:
    """The missing rights that rows take only in some states of the cluster: these close nothing."""
    closed: dict[tuple[Grant, str], list[str]] = {}
    for row, states in by_row.items():
        for grant, state in states.items():
            if not granted[grant]:
                closed.setdefault((grant, state), []).append(row)
    for (grant, state), rows in sorted(closed.items()):
        yield Line("ok", "no right to", f"{grant}: closes {_some(rows)} where {state}")


def _some(rows: list[str]) -> str:
    more = f" and {len(rows) - _SHOWN_ROWS} more" if len(rows) > _SHOWN_ROWS else ""
    return f"{', '.join(rows[:_SHOWN_ROWS])}{more}"
