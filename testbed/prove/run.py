"""Runs groups of defects against the cluster: apply, check, restore, check the restoring."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from clusterproof.errors import ClusterproofError, ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.spec import Spec
from clusterproof.spec.rehearsal import RehearsalRow
from clusterproof.wait import pause
from testbed.prove.batches import rolled_by, rows_of
from testbed.prove.change import Change
from testbed.prove.findings import Finding, Proof, judge_group
from testbed.prove.heal import heal
from testbed.prove.journal import Journal
from testbed.prove.steps import Defect
from testbed.settings import patient

PROJECT = Path(__file__).resolve().parents[2]
JOURNAL = PROJECT / ".testbed" / "proof-journal.json"
QUICK_SPEC = PROJECT / ".testbed" / "proof-spec.yaml"
CHECK_S = 300
REHEARSAL_S = 500
"""Beside it for each rehearsal: three waits that run out, and events that are awaited in vain."""
SETTLE_S = 45
"""A defect that never settles must not be waited for as long as a user's rollout is."""
STEP_SHARE = 0.2
"""Of a rehearsal's own patience with a step: more than its longest step takes here."""
EVENTS_S = 45.0
"""Longer than a worker waits before it takes over what a dead one held, 30 s."""
ARRIVAL_S = 25.0
"""An event of this cluster is there within 3 s."""
LATE = frozenset({"ingestion-late", "ingestion-lag-p95-s"})
REHEARSAL = "rehearsal"
READS_ONLY = frozenset(
    {
        "agrees",
        "consumed",
        "field",
        "fresh",
        "hpa-state",
        "images",
        "limit-range",
        "placeholders",
        "probe",
        "quantity",
        "replicas",
        "room",
        "secret-manager",
        "secret-shape",
        "starts",
        "totals",
        "volume-use",
    }
)
"""The guard of every group: kinds of rows that read the API alone. About a second for all."""


def prove_group(api: KubeApi, spec: Spec, kubeconfig: Path, group: Sequence[Defect]) -> list[Proof]:
    """Apply the defects together, see what turns red, and put the cluster back."""
    journal = Journal(JOURNAL)
    change = Change(api, journal)
    proofs: list[Proof] = []
    everything = any(defect.kind == "equivalent" for defect in group)
    try:
        change.apply([step for defect in group for step in defect.steps])
        change.apply([step for defect in group for step in defect.then])
        plan = spec.path if everything else quick(spec, rows_of(group), guarded=True)
        rehearsals = sum(row.id in rows_of(group) for row in spec.of_kind(REHEARSAL))
        results = check(kubeconfig, plan, rehearsals=rehearsals)
        proofs = judge_group(group, results)
    finally:
        change.restore()
        differing = change.differing()
        if not differing:
            journal.close()
    names = ",".join(defect.id for defect in group)
    proofs += [
        Proof(names, "restore", place, Finding.NOT_RESTORED, "not as it was before")
        for place in differing
    ]
    journal.close()
    pause(max(defect.after_s for defect in group))
    return proofs


def restore(api: KubeApi, namespaces: Iterable[str]) -> list[str]:
    """Undo what an interrupted run left; what is still different."""
    journal = Journal(JOURNAL)
    change = Change(api, journal)
    change.restore()
    differing = change.differing()
    if not differing:
        journal.close()
    heal(api, namespaces)
    return differing


def quick(spec: Spec, rows: Iterable[str] = (), *, guarded: bool = False) -> Path:
    """The same spec, with less patience for what is settling, and for events if none is to be late.

    An event that is lost is awaited in vain, by every group that loses one.

    Args:
        spec: The whole one.
        rows: Those that are due.
        guarded: Keep only rows of the kinds that are due, and of those that read the API alone.
    """
    rows = frozenset(rows)
    kinds = READS_ONLY | {row.check for row in spec.rows if row.id in rows}
    settings: dict[str, Any] = {"settle_s": SETTLE_S}
    posthog = spec.settings.posthog
    if posthog is not None and not LATE & rows:
        settings["posthog"] = {**posthog.model_dump(mode="json"), "within_s": ARRIVAL_S}
    QUICK_SPEC.parent.mkdir(parents=True, exist_ok=True)
    spec_file: dict[str, Any] = {"extends": str(spec.path.resolve()), "settings": settings}
    spec_file["remove"] = [
        row.id
        for row in spec.rows
        if row.id not in rows and (row.check == REHEARSAL or (guarded and row.check not in kinds))
    ]
    spec_file["override"] = {
        row.id: {
            "within_s": row.within_s * STEP_SHARE,
            "events_within_s": EVENTS_S,
            "because": "what never comes about is awaited in vain",
        }
        for row in spec.of_kind(REHEARSAL)
        if row.id in rows and isinstance(row, RehearsalRow)
    }
    QUICK_SPEC.write_text(json.dumps(spec_file), encoding="utf-8")
    return QUICK_SPEC


def check(kubeconfig: Path, spec: Path, *, rehearsals: int = 0) -> tuple[RowResult, ...]:
    """The results of the suites, run as a user runs them.

    Args:
        kubeconfig: Of the cluster.
        spec: The file.
        rehearsals: How many rows of the spec are rehearsals; they are asked for if there are some.

    Raises:
        ObservationError: The run ended without a record.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", str(PROJECT / "suites"), "-q", "--tb=no"]
        command += ["--kubeconfig", str(kubeconfig), "--spec", str(spec)]
        command += ["--report-dir", folder, *(["--rehearse"] if rehearsals else [])]
        run = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=patient(CHECK_S + REHEARSAL_S * rehearsals),
            cwd=PROJECT,
        )
        records = list(Path(folder).glob("*/run.json"))
        if not records:
            words = (run.stdout + run.stderr)[-400:]
            raise ObservationError(
                f"the suites left no record (exit code {run.returncode}): {words}"
            )
        return RunRecord.read(records[0]).rows


def timed_group(
    api: KubeApi,
    spec: Spec,
    kubeconfig: Path,
    group: Sequence[Defect],
    namespaces: Iterable[str],
) -> tuple[list[Proof], float]:
    """As `prove_group`, with the seconds that it took; an error of ours is a silent row."""
    began = time.monotonic()
    try:
        heal(api, namespaces, rolled_next=rolled_by(group))
        proofs = prove_group(api, spec, kubeconfig, group)
    except (ClusterproofError, subprocess.SubprocessError) as error:
        words = f"could not be proven: {type(error).__name__}: {error}"[:600]
        proofs = [
            Proof(defect.id, defect.kind, row, Finding.SILENT, words)
            for defect in group
            for row in list(defect.reds) or ["(all rows)"]
        ]
    return proofs, time.monotonic() - began
