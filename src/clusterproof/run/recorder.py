"""What came of each row of a run: kept as it is reached, and written once, at the end."""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clusterproof.causes.cause import Cause
from clusterproof.causes.find import find_causes
from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json, KubeApi
from clusterproof.observe.rights import rights_of
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.redact.errors import cannot_write
from clusterproof.report.acceptance import remarks
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from clusterproof.report.redacted import redacted
from clusterproof.run.check import Checked
from clusterproof.run.keeping import Keeper
from clusterproof.run.results import finding_from, result_of
from clusterproof.run.since import changes_since
from clusterproof.spec import Area, Row, Spec
from clusterproof.tool import tool_version

if TYPE_CHECKING:
    from clusterproof.causes.finding import Finding


class Recorder:
    """Keeps a result for each row that the run planned.

    Attributes:
        run_id: The name of its report's folder and of its record, and the label of what it makes.
        notes: Sentences about the run as a whole.
        errors: What the run itself did wrong; with one it is no success.
        record: The run, redacted; None until `finish`.
        written: Each report by its file name, once it is written.
    """

    def __init__(self) -> None:
        """Nothing happened yet."""
        self.started_at = time.time()
        self.run_id = _new_run_id()
        self.api: KubeApi | None = None
        self.cluster = ClusterFacts(context="")
        self.keeper = Keeper()
        self.results: dict[str, RowResult] = {}
        self.notes: list[str] = []
        self.errors: list[str] = []
        self.record: RunRecord | None = None
        self.written: dict[str, Path] = {}
        self._checked: dict[str, Row] = {}
        self._findings: dict[str, Finding] = {}

    def plan(self, spec: Spec, rows: Sequence[Row]) -> None:
        """The rows that will be checked; each is NOT_RUN until it is reached."""
        self.started_at = time.time()
        self.keeper.spare(spec)
        for row in rows:
            self.results[row.id] = RowResult(
                id=row.id,
                area=row.area.value,
                title=row.claim,
                outcome=Outcome.NOT_RUN,
                source=f"{spec.places[row.id]}, {row.source}",
                cause="the run ended before this row was reached",
            )

    def begin(self, api: KubeApi) -> None:
        """The run has a connection."""
        self.api = api
        self.cluster = ClusterFacts(context=api.connection.context)

    def meet_cluster(self, server: Json) -> None:
        """The API server answered with its version."""
        if self.api is not None:
            self.cluster = ClusterFacts(
                context=self.api.connection.context,
                server_version=str(server.get("gitVersion", "")),
                nodes=_node_count(self.api),
                uid=_cluster_uid(self.api),
            )

    def reach(
        self,
        row: Row,
        checked: Checked | None,
        error: BaseException | None,
        *,
        started_at: float,
        duration_s: float,
        folder: Path | None,
    ) -> RowResult:
        """Keep what a planned row came to.

        Args:
            row: One of those that were planned.
            checked: The row as it was judged; None where nothing could be looked at, not even the
                API server.
            error: What kept it from being looked at, where it was not.
            started_at: Unix time in seconds; for a row that was not looked at.
            duration_s: Likewise.
            folder: Of the reports of all runs; None where nothing is written.
        """
        result = self.results[row.id]
        if checked is not None:
            result = result_of(checked, result)
            self._learn(checked)
        else:
            result = replace(
                result,
                outcome=Outcome.INCONCLUSIVE,
                started_at=started_at,
                duration_s=duration_s,
                cause=cause_of(error),
                next=getattr(error, "next_command", ""),
            )
        self.results[row.id] = result
        fact = checked.observed.value if checked and checked.observed else None
        self.keeper.learn_from(row, fact)
        if folder is not None:
            explicable = checked is None or checked.is_explicable
            diagnose = explicable and result.outcome is not Outcome.PASSED
            self.keeper.keep(folder / self.run_id, row, result, fact, diagnose=diagnose)
        return result

    def _learn(self, checked: Checked) -> None:
        """A row that did not pass is kept for the search for its cause."""
        row, finding = checked.row, finding_from(checked)
        if checked.outcome in {Outcome.PASSED, Outcome.FAILED}:
            self._checked[row.id] = row
        if finding is not None:
            self._findings[row.id] = finding

    def finish(
        self, spec: Spec, options: Mapping[str, str], folder: Path | None, *, since: Path | None
    ) -> ExitCode:
        """Make the record, and write the reports.

        Args:
            spec: Of the run.
            options: That the run was given, for its record.
            folder: Of the reports of all runs; None where nothing is written.
            since: A record, or a store of them, to compare with.

        Returns:
            What the run comes to; what could not be written is `keeper.trouble`.
        """
        self.record = redacted(self._made(spec, options, since), self.keeper.redactor())
        keeper = self.keeper
        try:
            keeper.clean_again()
            if folder is not None:
                self.written = _reports(self.record, folder / self.run_id, keeper)
        except OSError as error:
            keeper.trouble = keeper.trouble or cannot_write(error, folder or "")
        return ExitCode.NOT_WRITTEN if keeper.trouble else self.record.exit_code

    def _made(self, spec: Spec, options: Mapping[str, str], since: Path | None) -> RunRecord:
        self.notes += remarks(self.results.values())
        if len(self.results) < (planned := len(spec.rows)):
            self.notes.append(f"{len(self.results)} of {planned} rows of the spec were chosen")
        calls = self.api.calls if self.api else ()
        usage = self.api.usage if self.api else None
        rows = _in_order(self.results, spec)
        record = RunRecord(
            run_id=self.run_id,
            started_at=self.started_at,
            finished_at=time.time(),
            cluster=self.cluster,
            profile=spec.profile,
            spec_path=str(spec.path.name),
            tool_version=tool_version(),
            options=dict(options),
            api_calls=usage.calls if usage else 0,
            api_bytes=usage.received_bytes if usage else 0,
            rows=rows,
            causes=self._causes(rows),
            rights=rights_of(call for call in calls if call not in self.keeper.only_read_ahead),
            errors=tuple(self.errors),
        )
        changes = changes_since(since, record) if since else ()
        return replace(record, notes=(*self.notes, *changes))

    def _causes(self, rows: Iterable[RowResult]) -> tuple[Cause, ...]:
        """What explains the rows that did not pass, taken in the order of `rows`."""
        names = [row.id for row in rows]
        findings = [self._findings[name] for name in names if name in self._findings]
        checked = [self._checked[name] for name in names if name in self._checked]
        return find_causes(findings, checked)


def cause_of(error: BaseException | None) -> str:
    """Why nothing could be looked at; whatever is no `ObservationError` is an error of our own."""
    if isinstance(error, ObservationError):
        return str(error)
    return f"an error of clusterproof itself: {type(error).__name__}: {error}"


def _new_run_id() -> str:
    """Sorts by time; two runs that begin in one second have two."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def _node_count(api: KubeApi) -> int:
    """How many nodes there are; 0 where we may not know."""
    try:
        page = api.get("/api/v1/nodes", limit="1")
    except ObservationError:
        return 0
    return len(page.get("items") or []) + int(page["metadata"].get("remainingItemCount", 0))


def _cluster_uid(api: KubeApi) -> str:
    """What tells two clusters of one name apart; "" where we may not know."""
    try:
        return api.cluster_uid()
    except ObservationError:
        return ""


def _reports(record: RunRecord, folder: Path, keeper: Keeper) -> dict[str, Path]:
    from clusterproof.report.write import write_reports  # noqa: PLC0415 - jinja2 only when needed

    return write_reports(record, folder, redactor=keeper.redactor())


def _in_order(results: Mapping[str, RowResult], spec: Spec) -> tuple[RowResult, ...]:
    """The results in the order of the areas, and within one in the spec's."""
    areas = [area.value for area in Area]
    places = {row.id: place for place, row in enumerate(spec.rows)}
    return tuple(
        sorted(results.values(), key=lambda result: (areas.index(result.area), places[result.id]))
    )
