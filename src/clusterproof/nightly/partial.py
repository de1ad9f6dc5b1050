"""The record of a run that could not write its own: every row that it planned is on it."""

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from clusterproof.bundle.journal import JOURNAL, read_results
from clusterproof.checks import read_spec
from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.nightly.suite import Ended
from clusterproof.options import add_options
from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from clusterproof.tool import tool_version


def record_without_report(
    spec_path: Path, ended: Ended, runs: Path, known: set[str], arguments: Sequence[str] = ()
) -> RunRecord:
    """What the run's journal holds, and NOT_RUN for every other row of the spec.

    Args:
        spec_path: The spec that the suites read.
        ended: How they ended.
        runs: The folder of reports.
        known: The folders in it that were there before.
        arguments: The options of the suites, which say what cluster they looked at.

    Raises:
        SpecError: The spec cannot be read either: there is nothing that a record could list.
    """
    spec = read_spec(spec_path)
    how = ended.stopped or f"the suites ended with exit code {ended.exit_code}"
    cause = f"{how}, before this row was judged and without a report of their own"
    journals = sorted(path for path in runs.glob(f"*/{JOURNAL}") if path.parent.name not in known)
    results, unreadable = read_results(journals[-1]) if journals else ((), 0)
    judged = {row.id: row for row in results}
    rows = tuple(
        judged.get(row.id)
        or RowResult(
            id=row.id,
            area=row.area.value,
            title=row.claim,
            outcome=Outcome.NOT_RUN,
            source=f"{spec.places[row.id]}, {row.source}",
            cause=cause,
        )
        for row in spec.rows
    )
    notes = [f"{how}; this record was made in their place"]
    if unreadable:
        notes.append(
            "expected judged rows of this version in its journal; lines that hold none:"
            f" {unreadable}; their rows are NOT_RUN here"
        )
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(ended.started_at))
    return RunRecord(
        run_id=journals[-1].parent.name if journals else f"{stamp}-night",
        started_at=ended.started_at,
        finished_at=ended.finished_at,
        cluster=_cluster(arguments),
        profile=spec.profile,
        spec_path=spec.path.name,
        tool_version=tool_version(),
        rows=rows,
        notes=tuple(notes),
    )


def _cluster(arguments: Sequence[str]) -> ClusterFacts:
    """The cluster that the suites were told to look at, as far as it can be known now."""
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_options(options, "--kubeconfig", "--context")
    given, _ = options.parse_known_args(arguments)
    try:
        connection = connect(given.kubeconfig, given.context)
    except SpecError:
        return ClusterFacts(context=given.context or "unknown")
    with closing(KubeApi(connection)) as api:
        try:
            return ClusterFacts(context=connection.context, uid=api.cluster_uid())
        except ObservationError:
            return ClusterFacts(context=connection.context)
