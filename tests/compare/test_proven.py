"""Our own verdicts, read from the page that `make prove` writes."""

from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from testbed.compare.proven import ours
from testbed.compare.verdicts import Verdict
from testbed.prove.findings import Finding, Proof, rates
from testbed.prove.pages import About, write_pages
from testbed.prove.steps import Defect

PROJECT = Path(__file__).parents[2]


def defect(name: str, *rows: str) -> Defect:
    """A defect of these rows; an equivalent without any."""
    kind = "wrong" if rows else "equivalent"
    reds = dict.fromkeys(rows, "x")
    fields = {"id": name, "kind": kind, "title": "One", "reds": reds, "steps": [{"settle_s": 1}]}
    return Defect.model_validate(fields)


RED = defect("red", "hpa-min", "hpa-max")
HALF = defect("half", "hpa-min", "hpa-max")
SILENT = defect("silent", "hpa-min")
ABSENT = defect("absent", "hpa-min")
GREEN, LOUD = defect("eq-green"), defect("eq-loud")


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """The page of a proof in which some went well."""
    proofs = [
        Proof("red", "wrong", "hpa-min", Finding.RED_AS_DUE, "a | b"),
        Proof("red", "wrong", "hpa-max", Finding.RED_AS_DUE, "c"),
        Proof("half", "wrong", "hpa-min", Finding.RED_AS_DUE, "d"),
        Proof("silent", "wrong", "hpa-min", Finding.SILENT, "e"),
        Proof("eq-loud,eq-other", "guard", "hpa-max", Finding.FALSE_ALARM, "f"),
    ]
    spec = read_spec(PROJECT / "spec" / "self-hosted.yaml").rehearsed()
    applied = [RED, HALF, SILENT, GREEN, LOUD]
    about = About(60.0, "v1.35.4", {})
    write_pages(spec, applied, proofs, rates(proofs, ["eq-green", "eq-loud"]), about, tmp_path)
    return tmp_path / "PROOF.md"


def test_a_defect_is_ours_when_every_row_of_it_was_red(pages: Path) -> None:
    """Half of them are not enough, and what is not in the proof is not judged."""
    judged = ours([RED, HALF, SILENT, ABSENT, GREEN, LOUD], pages)
    verdicts = [one and one.verdict for one in judged]
    caught, missed = Verdict.CAUGHT, Verdict.MISSED
    assert verdicts == [caught, missed, missed, None, Verdict.QUIET, Verdict.ALARMED]


def test_a_page_without_a_proof_is_refused(tmp_path: Path) -> None:
    """Else everything would look as if it had never been applied."""
    path = tmp_path / "PROOF.md"
    path.write_text("# Proof\n", "utf-8")
    with pytest.raises(ValueError, match="expected rows and their defects, found none"):
        ours([RED], path)
