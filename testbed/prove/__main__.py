"""`python -m testbed.prove`: turns every row red by its own defects, and writes what came of it."""

import argparse
import json
import random
import signal
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

from clusterproof.errors import ClusterproofError
from clusterproof.observe.api import KubeApi
from clusterproof.observe.connect import connect
from clusterproof.outcome import ExitCode
from clusterproof.spec import read_spec
from testbed.prove.batches import batches
from testbed.prove.catalogue import read_catalogue
from testbed.prove.change import heal
from testbed.prove.findings import Finding, Proof, rates
from testbed.prove.pages import write_pages
from testbed.prove.run import JOURNAL, PROJECT, check, quick, restore, suites_for, timed_group
from testbed.prove.steps import Defect

RESULTS = PROJECT / ".testbed" / "proof.jsonl"


def main() -> int:
    """Prove, and say how it went; the exit code is 0 only when nothing was silent or alarmed."""
    options = _options()
    spec = read_spec(options.spec)
    defects = [one for one in read_catalogue(spec) if _chosen(one, options)]
    if options.sample:
        defects = random.Random(options.seed).sample(defects, min(options.sample, len(defects)))  # noqa: S311 - a sample, no secret
    if not defects and not options.restore:
        sys.stderr.write("prove: no defect was chosen\n")
        return ExitCode.USAGE
    signal.signal(signal.SIGTERM, _interrupted)
    api = KubeApi(connect(str(options.kubeconfig)))
    if options.restore:
        left = restore(api, spec.namespaces.values())
        sys.stdout.write(f"{', '.join(left) or 'nothing'} is not as it was\n")
        return ExitCode.FAILED if left else ExitCode.PASSED
    if JOURNAL.is_file():
        sys.stderr.write(
            "prove: an earlier run was killed before it could put the cluster back;"
            " next: python -m testbed.prove --restore\n"
        )
        return ExitCode.INCONCLUSIVE
    done = _earlier(options) if options.resume else {}
    heal(api, spec.namespaces.values())
    for _ in range(3):
        before = check(options.kubeconfig, quick(spec), suites_for(spec, set()))
        red = [row.id for row in before if row.outcome != "passed"]
        if not red:
            break
    else:
        sys.stderr.write(f"prove: expected a green cluster to begin with; red: {', '.join(red)}\n")
        return ExitCode.INCONCLUSIVE
    began = time.time()
    groups = batches(one for one in defects if one.id not in done)
    proofs = [proof for found in done.values() for proof in found]
    for number, group in enumerate(groups, 1):
        found, took_s = timed_group(api, spec, options.kubeconfig, group)
        proofs += found
        _keep(group, found)
        bad = [one for one in found if one.finding is not Finding.RED_AS_DUE]
        names = ", ".join(one.id for one in group)
        sys.stdout.write(f"[{number}/{len(groups)}] {took_s:5.1f} s {len(bad)} amiss: {names}\n")
        for one in bad:
            sys.stdout.write(f"    {one.finding}: {one.row} ({one.defect}): {one.said[:300]}\n")
        sys.stdout.flush()
    figures = rates(proofs, [one.id for one in defects if one.kind == "equivalent"])
    if options.pages:
        write_pages(spec, defects, proofs, figures, time.time() - began, options.pages)
    sys.stdout.write(
        f"{figures.red} of {figures.due} red as due ({figures.kill_rate:.1%}), "
        f"{figures.wrong_reason} for a wrong reason, {figures.silent} silent, "
        f"{figures.false_alarms} false alarms, {figures.equivalents_green} of "
        f"{figures.equivalents} equivalents green, {time.time() - began:.0f} s\n"
    )
    amiss = any(one.finding is not Finding.RED_AS_DUE for one in proofs)
    return ExitCode.FAILED if amiss else ExitCode.PASSED


def _interrupted(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="prove", description=__doc__.splitlines()[0])
    parser.add_argument("--kubeconfig", type=Path, default=PROJECT / ".testbed" / "kubeconfig")
    parser.add_argument("--spec", type=Path, default=PROJECT / "spec" / "self-hosted.yaml")
    parser.add_argument("--row", default="", help="only the defects that must turn this row red")
    parser.add_argument("--defect", default="", help="only defects like this, such as 'hpa-*'")
    parser.add_argument("--kind", default="", help="only wrong, absent, lying or equivalent")
    parser.add_argument("--sample", type=int, default=0, help="only so many, by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run proved")
    parser.add_argument("--restore", action="store_true", help="only undo what a killed run left")
    parser.add_argument(
        "--pages", type=Path, default=None, help="folder for PROOF.md and the matrix"
    )
    return parser.parse_args()


def _chosen(defect: Defect, options: argparse.Namespace) -> bool:
    return (
        (not options.row or options.row in defect.reds)
        and (not options.defect or fnmatch(defect.id, options.defect))
        and (not options.kind or options.kind == defect.kind)
    )


def _keep(group: tuple[Defect, ...], proofs: list[Proof]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    line = {"defects": [one.id for one in group], "proofs": [one.to_json() for one in proofs]}
    with RESULTS.open("a", encoding="utf-8") as results:
        results.write(json.dumps(line) + "\n")


def _earlier(_options: argparse.Namespace) -> dict[str, list[Proof]]:
    """Proofs of an earlier run by defect, where each row was red as due."""
    found: dict[str, list[Proof]] = {}
    if not RESULTS.is_file():
        return found
    for line in RESULTS.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        proofs = [Proof(**{**one, "finding": Finding(one["finding"])}) for one in entry["proofs"]]
        if all(one.finding is Finding.RED_AS_DUE for one in proofs):
            for name in entry["defects"]:
                found[name] = [one for one in proofs if one.defect == name]
    return found


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterproofError as error:
        sys.stderr.write(f"prove: {error}\n")
        sys.exit(ExitCode.USAGE)
