"""PROOF.md and the matrix of defects and rows, from the proofs."""

import html
import time
from collections.abc import Sequence
from pathlib import Path

from clusterproof.spec import Spec
from testbed.prove.findings import Finding, Proof, Rates
from testbed.prove.steps import Defect

_MARK = {
    Finding.RED_AS_DUE: "●",
    Finding.WRONG_REASON: "≠",
    Finding.SILENT: "○",
    Finding.FALSE_ALARM: "!",
    Finding.NOT_RESTORED: "↺",
}


def write_pages(
    spec: Spec,
    defects: Sequence[Defect],
    proofs: Sequence[Proof],
    figures: Rates,
    took_s: float,
    folder: Path,
) -> None:
    """Write PROOF.md and proof-matrix.html into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "PROOF.md").write_text(_markdown(spec, defects, proofs, figures, took_s), "utf-8")
    (folder / "proof-matrix.html").write_text(_matrix(spec, defects, proofs), "utf-8")


def _markdown(
    spec: Spec, defects: Sequence[Defect], proofs: Sequence[Proof], figures: Rates, took_s: float
) -> str:
    proven = {one.row for one in proofs if one.finding is Finding.RED_AS_DUE}
    rows = [row for row in spec.rows if row.id in proven]
    lines = [
        "# Proof: every check, shown red by its own defect",
        "",
        f"Written by `make prove` on {time.strftime('%Y-%m-%d', time.gmtime())}, "
        f"profile {spec.profile}, in {took_s / 60:.1f} min on the local cluster.",
        "",
        "| figure | value |",
        "|---|---|",
        f"| rows shown red | {len(rows)} of {len(spec.rows)} |",
        f"| defects applied | {sum(one.kind != 'equivalent' for one in defects)} |",
        f"| red as due | {figures.red} of {figures.due} ({figures.kill_rate:.1%}) |",
        f"| red for a wrong reason | {figures.wrong_reason} |",
        f"| silent | {figures.silent} |",
        f"| false alarms | {figures.false_alarms} |",
        f"| equivalents that stayed green | {figures.equivalents_green} of {figures.equivalents} |",
        "",
        "Defects that cannot be taken for one another are applied together; each row that turns",
        "red belongs to one of them, and every row of the guard that none of them may touch has to",
        "stay green.",
        "",
        "| row | defect | kind | what the row said |",
        "|---|---|---|---|",
    ]
    for one in sorted(proofs, key=lambda proof: proof.row):
        said = one.said.replace("|", "\\|").replace("\n", " ")[:200]
        finding = "" if one.finding is Finding.RED_AS_DUE else f" **{one.finding}**"
        lines.append(f"| {one.row} | {one.defect[:80]} | {one.kind}{finding} | {said} |")
    missing = [row.id for row in spec.rows if row.id not in proven]
    if missing:
        lines += ["", f"Not shown red in this run: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _matrix(spec: Spec, defects: Sequence[Defect], proofs: Sequence[Proof]) -> str:
    by_place = {(one.defect, one.row): one for one in proofs}
    columns = [one for one in defects if one.reds]
    head = "".join(f"<th scope=col><span>{html.escape(one.id)}</span></th>" for one in columns)
    body = []
    for row in spec.rows:
        cells = []
        for defect in columns:
            proof = by_place.get((defect.id, row.id))
            mark = _MARK[proof.finding] if proof else ""
            title = html.escape(f"{defect.id}: {proof.said}") if proof else ""
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
