"""`python -m testbed.prove`: turns every row red by its own defects, and writes what came of it."""

import argparse
import json
import random
import signal
import sys
import time
from collections.abc import Collection, Sequence
from fnmatch import fnmatch
from pathlib import Path

from clusterproof.checks import read_spec
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.spec import Spec
from testbed.cluster.run import exit_code
from testbed.prove.batches import batches, rows_of
from testbed.prove.catalogue import (
    REFERENCE,
    changed_namespaces,
    folder_of,
    read_catalogue,
    read_exceptions,
)
from testbed.prove.findings import PROOFS, Finding, Proof, rates
from testbed.prove.heal import heal
from testbed.prove.pages import About, write_pages
from testbed.prove.results import earlier, not_due_before
from testbed.prove.run import (
    JOURNAL,
    PROJECT,
    REHEARSAL,
    check,
    quick,
    restore,
    timed_group,
)
from testbed.prove.steps import Defect


def results(profile: str) -> Path:
    """Where the results of a profile are kept."""
    return PROJECT / ".testbed" / f"proof{'' if profile == REFERENCE else f'-{profile}'}.jsonl"


def main() -> int:
    """Prove, and say how it went; the exit code is 0 only when nothing was silent or alarmed."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupted)
    spec = read_spec(options.spec or PROJECT / "spec" / f"{options.profile}.yaml").rehearsed()
    namespaces = changed_namespaces(spec, folder_of(options.profile))
    api = KubeApi(connect(str(options.kubeconfig)))
    if options.restore:
        return _restore(api, namespaces.values())
    defects = _chosen(spec, options)
    if not defects:
        sys.stderr.write("prove: no defect was chosen\n")
        return ExitCode.USAGE
    if JOURNAL.is_file():
        sys.stderr.write(
            "prove: an earlier run was killed before it could put the cluster back;"
            " next: python -m testbed.prove --restore\n"
        )
        return ExitCode.INCONCLUSIVE
    if red := _red_before(api, spec, namespaces.values(), options.kubeconfig):
        sys.stderr.write(f"prove: expected a green cluster to begin with; red: {', '.join(red)}\n")
        return ExitCode.INCONCLUSIVE
    proofs, seconds, left = _prove(api, spec, namespaces.values(), defects, options)
    defects = [defect for defect in defects if defect.id not in left]
    figures = rates(proofs, [defect.id for defect in defects if defect.kind == "equivalent"])
    if options.pages:
        server = str(api.get("/version")["gitVersion"])
        chosen = {defect.id for defect in defects}
        folder = folder_of(options.profile)
        catalogue = read_catalogue(spec, folder)
        left_out = [defect.id for defect in catalogue if defect.id not in chosen]
        wrong = not_due_before(results(options.profile)) if options.resume else []
        before = [proof for proof in wrong if proof not in proofs]
        about = About(seconds, server, read_exceptions(folder), left_out, before)
        write_pages(spec, defects, proofs, figures, about, options.pages)
    sys.stdout.write(
        f"{figures.red} of {figures.due} red as due ({figures.kill_rate:.1%}), "
        f"{figures.wrong_reason} for a wrong reason, {figures.silent} silent, "
        f"{figures.false_alarms} false alarms, {figures.equivalents_green} of "
        f"{figures.equivalents} equivalents green, {seconds:.0f} s\n"
    )
    if left:
        sys.stdout.write(f"prove: left are {', '.join(left)}; next: make prove RESUME=1\n")
    not_due = any(proof.finding is not Finding.RED_AS_DUE for proof in proofs)
    if not_due:
        return ExitCode.FAILED
    return ExitCode.INCONCLUSIVE if left else ExitCode.PASSED


def _prove(
    api: KubeApi,
    spec: Spec,
    namespaces: Collection[str],
    defects: Sequence[Defect],
    options: argparse.Namespace,
) -> tuple[list[Proof], float, list[str]]:
    """The proofs, their seconds, and the ids that `--for-s` left no time for."""
    ends_at = time.monotonic() + options.for_s
    proven, seconds = earlier(results(options.profile), defects) if options.resume else ({}, 0.0)
    proofs = [proof for shown in proven.values() for proof in shown]
    groups = batches(defect for defect in defects if defect.id not in proven)
    rehearsals = {row.id for row in spec.of_kind(REHEARSAL)}
    groups.sort(key=lambda group: bool(rows_of(group) & rehearsals))  # minutes each: last
    left: list[str] = []
    for number, group in enumerate(groups, 1):
        if time.monotonic() >= ends_at:
            left += [defect.id for defect in group]
            continue
        shown, took_s = timed_group(api, spec, options.kubeconfig, group, namespaces)
        proofs += shown
        _keep(results(options.profile), group, shown, took_s)
        seconds += took_s
        bad = [proof for proof in shown if proof.finding is not Finding.RED_AS_DUE]
        names = ", ".join(defect.id for defect in group)
        sys.stdout.write(
            f"[{number}/{len(groups)}] {took_s:5.1f} s {len(bad)} not as due: {names}\n"
        )
        for proof in bad:
            words = str(proof)[:300]
            sys.stdout.write(f"    {proof.finding}: {proof.row} ({proof.defect}): {words}\n")
        sys.stdout.flush()
    heal(api, namespaces)
    return proofs, seconds, left


def _restore(api: KubeApi, namespaces: Collection[str]) -> int:
    left = restore(api, namespaces)
    sys.stdout.write(f"{', '.join(left) or 'nothing'} is not as it was\n")
    return ExitCode.FAILED if left else ExitCode.PASSED


def _red_before(
    api: KubeApi, spec: Spec, namespaces: Collection[str], kubeconfig: Path
) -> list[str]:
    """Rows that are red without any defect, at three looks."""
    red: list[str] = []
    heal(api, namespaces)
    for _ in range(3):
        before = check(kubeconfig, quick(spec, guarded=True))
        red = [row.id for row in before if row.outcome is not Outcome.PASSED]
        if not red:
            break
    return red


def _interrupted(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="prove", description=__doc__.splitlines()[0])
    parser.add_argument("--kubeconfig", type=Path, default=PROJECT / ".testbed" / "kubeconfig")
    parser.add_argument(
        "--profile", default=REFERENCE, help="which spec and which catalogue: %(default)s"
    )
    parser.add_argument("--spec", type=Path, help="another spec of the same rows")
    parser.add_argument("--row", default="", help="only the defects that must turn this row red")
    parser.add_argument("--defect", default="", help="only defects like this, such as 'hpa-*'")
    parser.add_argument("--kind", default="", help="only wrong, absent, lying or equivalent")
    parser.add_argument("--sample", type=int, default=0, help="only so many, by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--for-s", type=float, default=7200.0, help="begin no group after so many seconds"
    )
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run proved")
    parser.add_argument("--restore", action="store_true", help="only undo what a killed run left")
    parser.add_argument(
        "--pages", type=Path, default=None, help="folder for PROOF.md and the matrix"
    )
    return parser.parse_args()


def _chosen(spec: Spec, options: argparse.Namespace) -> list[Defect]:
    chosen = [
        defect
        for defect in read_catalogue(spec, folder_of(options.profile))
        if (not options.row or options.row in defect.reds)
        and fnmatch(defect.id, options.defect or "*")
        and options.kind in {"", defect.kind}
    ]
    if options.sample:
        rehearsals = {row.id for row in spec.of_kind(REHEARSAL)}
        chosen = [defect for defect in chosen if not rehearsals & set(defect.reds)]  # minutes each
        size = min(options.sample, len(chosen))
        return random.Random(options.seed).sample(chosen, size)  # noqa: S311 - a sample, no secret
    return chosen


def _keep(path: Path, group: tuple[Defect, ...], proofs: list[Proof], took_s: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {
        "defects": [defect.id for defect in group],
        "proofs": PROOFS.dump_python(proofs, mode="json"),
        "took_s": round(took_s, 1),
    }
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(exit_code("prove", main, failed=ExitCode.USAGE))
