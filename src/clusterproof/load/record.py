"""A load run as every other run: a RunRecord, so that all reports and the history take it.

Each finding is a row of the area `load`. The series of a history is the profile, which names
scenario and shape, and what scales or cuts it: runs that offered another load are not compared.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from clusterproof.load.finding import Finding
from clusterproof.load.recording import Recording
from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from clusterproof.tool import tool_version

AREA = "load"


def run_record(
    findings: Iterable[Finding],
    generator: Mapping[str, Any],
    recording: Recording | None = None,
    *,
    spec_path: str,
) -> RunRecord:
    """The judged run, with a row for each finding.

    Args:
        findings: What was judged.
        generator: generator.json.
        recording: What was seen of the cluster, where anybody watched.
        spec_path: Where the load spec was read.
    """
    started_at = float(generator["started_at"])
    finished_at = started_at + float(generator["duration_s"])
    cluster = ClusterFacts(context="", uid="")
    if recording is not None:
        finished_at = max(recording.ended_at, finished_at)
        cluster = ClusterFacts(context=recording.context, uid=recording.cluster_uid)
    return RunRecord(
        run_id=str(generator.get("run") or f"{started_at:.0f}"),
        started_at=started_at,
        finished_at=finished_at,
        cluster=cluster,
        profile=_profile(generator),
        spec_path=spec_path,
        tool_version=tool_version(),
        options={"host": str(generator["host"])},
        rows=tuple(_row(finding, started_at, finished_at - started_at) for finding in findings),
        notes=() if recording is None else tuple(recording.notes),
    )


def _profile(generator: Mapping[str, Any]) -> str:
    """What was offered: `load-router-step`, at half its rate and for a minute `…-rate-0.5-60s`."""
    parts = [AREA, str(generator["scenario"]), str(generator["shape"])]
    for of in ("rate", "time"):
        factor = float(generator.get(f"{of}_factor", 1.0))
        parts += [f"{of}-{factor:g}"] if factor != 1 else []
    if generator.get("is_cut"):
        parts.append(f"{float(generator['duration_s']):g}s")
    return "-".join(parts)


def _row(finding: Finding, started_at: float, duration_s: float) -> RowResult:
    difference = f"expected {finding.expected}, observed {finding.observed}"
    return RowResult(
        id=finding.id,
        area=AREA,
        title=f"{finding.link}: {finding.expected}",
        outcome=finding.outcome,
        expected=finding.expected,
        observed=finding.observed,
        where=str(finding.link),
        evidence=finding.evidence,
        source="docs/load.md",
        differences=(difference,) if finding.outcome is Outcome.FAILED else (),
        started_at=started_at,
        duration_s=duration_s,
        how="load run",
        cause=finding.observed if finding.outcome is Outcome.INCONCLUSIVE else "",
    )
