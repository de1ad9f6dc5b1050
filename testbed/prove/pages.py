"""PROOF.md and the matrix of defects and rows, from the proofs."""

import html
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from clusterproof.spec import Spec
from testbed.prove.findings import PROOFS, Finding, Proof, Rates
from testbed.prove.steps import Defect

RECORD = "proof.json"
_MARK = {
    Finding.RED_AS_DUE: "●",
    Finding.WRONG_REASON: "≠",
    Finding.SILENT: "○",
    Finding.FALSE_ALARM: "!",
    Finding.NOT_RESTORED: "↺",
}


@dataclass(frozen=True, slots=True)
class About:
    """What the pages say of the run.

    Attributes:
        took_s: Of all groups, one after the other.
        server: The API server's version.
        exceptions: Rows that have defects of one kind only, with the reason.
        left_out: Ids of the catalogue that were not applied.
        not_due_before: What an earlier application showed, where this one goes on with `--resume`.
    """

    took_s: float
    server: str
    exceptions: Mapping[str, str]
    left_out: Sequence[str] = ()
    not_due_before: Sequence[Proof] = ()


def write_pages(
    spec: Spec,
    defects: Sequence[Defect],
    proofs: Sequence[Proof],
    figures: Rates,
    about: About,
    folder: Path,
) -> None:
    """Write PROOF.md, proof-matrix.html, and what the rows said, with its codes, as proof.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "PROOF.md").write_text(_markdown(spec, defects, proofs, figures, about), "utf-8")
    (folder / "proof-matrix.html").write_text(_matrix(spec, defects, proofs), "utf-8")
    (folder / RECORD).write_text(record(proofs), "utf-8")


def record(proofs: Sequence[Proof]) -> str:
    """The proofs as JSON, one line each."""
    lines = [json.dumps(proof, ensure_ascii=False) for proof in PROOFS.dump_python(list(proofs))]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _markdown(
    spec: Spec, defects: Sequence[Defect], proofs: Sequence[Proof], figures: Rates, about: About
) -> str:
    proven = {proof.row for proof in proofs if proof.finding is Finding.RED_AS_DUE}
    rows = [row for row in spec.rows if row.id in proven]
    applied = [defect for defect in defects if defect.kind != "equivalent"]
    kinds = Counter(defect.kind for defect in applied)
    shares = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    lines = [
        "# Proof: every check, shown red by its own defects and by nothing else",
        "",
        f"Written by `make prove` on {time.strftime('%Y-%m-%d', time.gmtime())}: clusterproof "
        f"{version('clusterproof')}, profile {spec.profile}, Kubernetes {about.server}, a real "
        f"cluster of five nodes on one machine; {about.took_s / 60:.1f} min in all.",
        "",
        "| figure | value |",
        "|---|---|",
        f"| rows shown red | {len(rows)} of {len(spec.rows)} |",
        f"| defects applied | {len(applied)} ({shares}) |",
        f"| red as due (kill rate) | {figures.red} of {figures.due} ({figures.kill_rate:.1%}) |",
        f"| red for a wrong reason | {figures.wrong_reason} |",
        f"| silent | {figures.silent} |",
        f"| false alarms | {figures.false_alarms} |",
        f"| equivalents that stayed green | {figures.equivalents_green} of {figures.equivalents} |",
        "",
        "Defects that cannot be taken for one another are applied together; each row that turns",
        "red belongs to one of them, and every other row that is looked at has to stay green.",
        "A row is red *as due* when it FAILED by a difference with the code that its defect calls",
        "for, and by the values that tell the defect where a code is not enough. INCONCLUSIVE is",
        "not red. Equivalents are applied with the whole of the suites. The matrix is in",
        "[proof-matrix.html](proof-matrix.html), every difference with its code in",
        "[proof.json](proof.json), the catalogue in `testbed/defects/`.",
        "With `--resume`, a group in which something was wrong is applied again once its cause is",
        "mended: this page then shows the last application of each group, and the sum of times.",
        "",
        "## Rows and their defects",
        "",
        "| row | kind | defect | what the row said |",
        "|---|---|---|---|",
    ]
    order = {row.id: number for number, row in enumerate(spec.rows)}
    for proof in sorted(proofs, key=lambda each: (order.get(each.row, -1), each.defect)):
        words = _cell(str(proof))
        finding = "" if proof.finding is Finding.RED_AS_DUE else f" **{proof.finding}**"
        lines.append(f"| {proof.row} | {proof.kind}{finding} | {proof.defect[:80]} | {words} |")
    lines += _not_due_before(about)
    lines += ["", "## Equivalents", "", "Another way to say the same; nothing turned red.", ""]
    lines += [f"* {defect.id}: {defect.title}" for defect in defects if defect.kind == "equivalent"]
    lines += ["", "## Rows with defects of one kind only", ""]
    lines += [f"* {row}: {reason}" for row, reason in about.exceptions.items()]
    if about.left_out:
        lines += ["", "## Of the catalogue, not in this proof", ""]
        lines += [", ".join(f"`{name}`" for name in about.left_out) + "."]
    missing = [row.id for row in spec.rows if row.id not in proven]
    if missing:
        lines += ["", f"Not shown red in this run: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _not_due_before(about: About) -> list[str]:
    """A table of what a mended group showed before, or nothing."""
    if not about.not_due_before:
        return []
    lines = ["", "## Wrong at an earlier application", ""]
    lines += ["Each of these groups was applied again, after its cause was mended.", ""]
    lines += ["| row | defects | finding | what the row said |", "|---|---|---|---|"]
    return lines + [
        f"| {proof.row} | {proof.defect[:80]} | {proof.finding} | {_cell(str(proof))} |"
        for proof in about.not_due_before
    ]


def _cell(words: str) -> str:
    return html.escape(words, quote=False).replace("|", "\\|").replace("\n", " ")[:160]


def _matrix(spec: Spec, defects: Sequence[Defect], proofs: Sequence[Proof]) -> str:
    by_place = {(proof.defect, proof.row): proof for proof in proofs}
    columns = [defect for defect in defects if defect.reds]
    head = "".join(
        f"<th scope=col><span>{html.escape(defect.id)}</span></th>" for defect in columns
    )
    body = []
    for row in spec.rows:
        cells = []
        for defect in columns:
            proof = by_place.get((defect.id, row.id))
            mark = _MARK[proof.finding] if proof else ""
            title = html.escape(f"{defect.id}: {proof}") if proof else ""
            kind = proof.finding.replace(" ", "-") if proof else ""
            cells.append(
                f"<td class={kind!r} title='{title}'>{mark}</td>" if proof else "<td></td>"
            )
        body.append(f"<tr><th scope=row>{html.escape(row.id)}</th>{''.join(cells)}</tr>")
    legend = " ".join(f"{mark} {finding}" for finding, mark in _MARK.items())
    return f"""<!doctype html><html lang=en><meta charset=utf-8><title>Proof matrix</title>
<style>body{{font:12px system-ui;margin:1.5rem}}table{{border-collapse:collapse}}
td{{border:1px solid #ddd;width:12px;height:12px;text-align:center;padding:0}}
th{{font-weight:normal;text-align:right;padding:0 .4rem;white-space:nowrap}}
thead th{{height:16rem;vertical-align:bottom;padding:0}}
thead span{{writing-mode:vertical-rl;transform:rotate(180deg)}}
td.red-as-due{{background:#c0392b;color:#fff}}td.silent,td.red-for-another-reason{{background:#f5c542}}
</style><h1>Which defect turns which row red</h1><p>{legend}</p>
<table><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></html>
"""
