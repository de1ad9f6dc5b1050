"""The pages of a proof: what they say of a group that had to be applied again."""

from pathlib import Path

from clusterproof.checks import read_spec
from clusterproof.judgement import Difference
from testbed.prove.findings import PROOFS, Finding, Proof, rates
from testbed.prove.pages import RECORD, About, write_pages
from testbed.prove.steps import Defect

SPEC = read_spec(Path("spec/self-hosted.yaml"))
DEFECT = Defect.model_validate(
    {
        "id": "too-few",
        "kind": "wrong",
        "title": "-",
        "reds": {"router-replicas": "replicas-outside-bounds"},
        "steps": [{"settle_s": 1}],
    }
)
TWO = Difference("spec.replicas", "3", "2", code="replicas-outside-bounds")
LABEL = Difference("labels.app", "a", "a|b", code="field-differs")
RED = Proof("too-few", "wrong", "router-replicas", Finding.RED_AS_DUE, "", (TWO,))
ALARM = Proof("too-few", "guard", "router-label", Finding.FALSE_ALARM, "", (LABEL,))


def page(folder: Path, *not_due: Proof) -> str:
    about = About(60.0, "v1.35.4", {}, not_due_before=not_due)
    write_pages(SPEC, [DEFECT], [RED], rates([RED], []), about, folder)
    return (folder / "PROOF.md").read_text("utf-8")


def test_page_shows_what_was_not_due_before_the_group_was_applied_again(tmp_path: Path) -> None:
    said = page(tmp_path, ALARM)
    assert "## Wrong at an earlier application" in said
    shown = "field-differs: labels.app: expected a, observed a\\|b"
    assert f"| router-label | too-few | false alarm | {shown} |" in said


def test_page_where_all_were_red_as_due_has_no_such_part(tmp_path: Path) -> None:
    assert "earlier application" not in page(tmp_path)


def test_record_beside_the_page_keeps_each_difference_with_its_code(tmp_path: Path) -> None:
    page(tmp_path)
    assert PROOFS.validate_json((tmp_path / RECORD).read_bytes()) == [RED]
