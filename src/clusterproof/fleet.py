"""`clusterproof verify --contexts a,b,c`: each cluster by its own process, and one page for all.

No engine of our own: the runs are independent, one after the other, and each leaves the record and
the reports that it would leave by itself. A run that cannot be made is a cluster that was not seen.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from clusterproof.errors import SpecError
from clusterproof.outcome import ExitCode
from clusterproof.project import run_suites
from clusterproof.report.files import replace_file
from clusterproof.report.fleet import Member, compared, exit_code_of, to_fleet_html, twins
from clusterproof.report.record import RunRecord
from clusterproof.usage import say

PAGE = "fleet.html"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def contexts_of(text: str) -> tuple[str, ...]:
    """The contexts that the option names.

    Raises:
        SpecError: None, or one of them twice.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) != len(names):
        raise SpecError(f"--contexts: expected contexts with commas, each once; got {text!r}")
    return names


def verify(contexts: Sequence[str], arguments: Sequence[str], reports: Path) -> ExitCode:
    """Verify each cluster, and write the page.

    Args:
        contexts: Of the kubeconfig.
        arguments: Options of the suites, the same for all.
        reports: Where each has a folder of its own, and the page its place.
    """
    folders = _folders(contexts)
    members: list[Member] = []
    interrupted = False
    for context in contexts:
        if interrupted:
            members.append(Member(context, None, "not looked at: interrupted before"))
            continue
        say(f"\n=== {context} ===")
        member, code = _member(context, arguments, reports, folders[context])
        members.append(member)
        interrupted = code == ExitCode.INTERRUPTED
    reports.mkdir(parents=True, exist_ok=True)
    page = reports / PAGE
    replace_file(page, to_fleet_html(members).encode(errors="backslashreplace"))
    say("\n=== all of them ===")
    for member in members:
        say(f"{member.outcome.value:<13} {member.context}  {member.trouble}".rstrip())
    for row in compared(members):
        outcomes = {(result.outcome.value if result else "no such row") for result in row.results}
        if len(outcomes) > 1:
            say(f"differs by cluster: {row.id}: {', '.join(sorted(outcomes))}")
    for same in twins(members):
        say(f"one cluster under several names: {', '.join(same)}")
    say(f"report  {page}")
    return ExitCode.INTERRUPTED if interrupted else exit_code_of(members)


def _member(
    context: str, arguments: Sequence[str], reports: Path, folder: str
) -> tuple[Member, int]:
    """One cluster, and the exit code of its run."""
    place = reports / folder
    known = {path.parent.name for path in place.glob("*/run.json")}
    options = [*arguments, f"--context={context}", f"--report-dir={place}"]
    code = run_suites(options)
    written = sorted(path for path in place.glob("*/run.json") if path.parent.name not in known)
    if not written:
        return Member(context, None, f"no run was made: exit code {code}"), code
    path = written[-1]
    record = RunRecord.read(path)
    is_strange = code not in {ExitCode.PASSED, ExitCode.FAILED, ExitCode.INCONCLUSIVE}
    trouble = f"its run ended with exit code {code}" if is_strange else ""
    page = f"{folder}/{path.parent.name}/report.html"
    return Member(context, record, trouble, page), code


def _folders(contexts: Sequence[str]) -> dict[str, str]:
    """A folder's name for each: contexts may be ARNs, with characters that no file should have."""
    taken: dict[str, str] = {}
    for context in contexts:
        name = _UNSAFE.sub("-", context).strip("-.") or "context"
        taken[context] = name if name not in taken.values() else f"{name}-{len(taken)}"
    return taken
