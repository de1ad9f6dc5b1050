"""One self-contained HTML page: verdict, differences, blind spots, passes, facts of the run."""

import re
from collections.abc import Iterable
from typing import Final

from clusterproof.causes.cause import Cause
from clusterproof.outcome import Outcome
from clusterproof.report import causes
from clusterproof.report.pages import Item, by_area, environment, own_parts
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.report.words import duration, iso, size, verdict_sentence

_SAFE_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def to_html(record: RunRecord) -> str:
    """The record as one page that loads nothing from elsewhere."""
    items = _items(record.rows)
    not_run = [item for item in items if item.row.outcome is Outcome.NOT_RUN]
    template = environment().get_template("report.html.j2")
    return template.render(
        record=record,
        sentence=verdict_sentence(record),
        differences=_by_area(items, record.areas, Outcome.FAILED),
        unknown=_by_area(items, record.areas, Outcome.INCONCLUSIVE),
        known=_by_area(items, record.areas, Outcome.ACCEPTED),
        not_run=not_run,
        passes=_by_area(items, record.areas, Outcome.PASSED),
        areas=by_area(record.rows, lambda row: row.area),
        facts=_facts(record),
        causes=[(cause, _explained(cause, items)) for cause in record.causes],
        causes_sentence=causes.sentence(record),
        **own_parts(),
    )


def _items(rows: Iterable[RowResult]) -> list[Item]:
    """Anchors that are unique and safe, whatever a row is called."""
    taken: set[str] = set()
    items = []
    for number, row in enumerate(rows, 1):
        anchor = f"row-{row.id}"
        if not _SAFE_ID.fullmatch(row.id) or anchor in taken:
            anchor = f"entry-{number}"
        taken.add(anchor)
        items.append(Item(row, anchor))
    return items


def _explained(cause: Cause, items: list[Item]) -> list[Item]:
    """The rows of a cause, its own first, each with its anchor."""
    by_id = {item.row.id: item for item in items}
    return [by_id[name] for name in cause.explained if name in by_id]


def _by_area(
    items: list[Item], areas: tuple[str, ...], outcome: Outcome
) -> list[tuple[str, list[Item]]]:
    chosen = (item for item in items if item.row.outcome is outcome)
    grouped = by_area(chosen, lambda item: item.row.area)
    return sorted(grouped, key=lambda group: areas.index(group[0]))


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    cluster = record.cluster
    facts = [
        ("Cluster", cluster.context),
        ("Cluster UID", cluster.uid),
        ("Kubernetes", cluster.server_version),
        ("Nodes", str(cluster.nodes) if cluster.nodes else ""),
        ("Profile", record.profile),
        ("Spec", record.spec_path),
        ("Options", " ".join(f"{name}={value}" for name, value in record.options.items())),
        ("Started", iso(record.started_at)),
        ("Finished", iso(record.finished_at)),
        ("Took", duration(record.duration_s)),
        ("API calls", f"{record.api_calls}, {size(record.api_bytes)} answered"),
        ("Rights used", "\n".join(record.rights)),
        ("clusterproof", record.tool_version),
        ("Run", record.run_id),
    ]
    return [(name, text) for name, text in facts if text]
