"""A load run as every other run: a RunRecord, so that all reports and the history take it.

Each finding is a row of the area `load`. The series of a history is the profile, which names
scenario and shape: runs that offered another load are not compared.
"""

from clusterproof.load.analysis import Analysis, Inputs
from clusterproof.load.finding import Finding
from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from clusterproof.tool import tool_version

AREA = "load"


def run_record(analysis: Analysis, inputs: Inputs, *, spec_path: str) -> RunRecord:
    """The judged run, with a row for each finding.

    Args:
        analysis: What was judged.
        inputs: What it was judged by.
        spec_path: Where the load spec was read.
    """
    generator, recording = inputs.generator, inputs.recording
    started_at = float(generator["started_at"])
    finished_at = max(recording.ended_at, started_at + analysis.plan.duration_s)
    return RunRecord(
        run_id=recording.run or f"{started_at:.0f}",
        started_at=started_at,
        finished_at=finished_at,
        cluster=ClusterFacts(context=recording.context, uid=recording.cluster_uid),
        profile=f"{AREA}-{generator['scenario']}-{generator['shape']}",
        spec_path=spec_path,
        tool_version=tool_version(),
        options={"host": str(generator["host"])},
        rows=tuple(
            _row(finding, started_at, finished_at - started_at)
            for finding in analysis.verdict.findings
        ),
        notes=tuple(recording.notes),
    )


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
