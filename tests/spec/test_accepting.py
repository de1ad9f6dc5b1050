"""Known differences, accepted for a time: data beside the spec, each refused if it is wrong."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clusterproof.checks import accepted_schema, kinds, read_spec
from clusterproof.checks import rows as known_rows
from clusterproof.errors import SpecError
from clusterproof.spec import reading
from clusterproof.spec.accepting import LONGEST_DAYS

TODAY = date(2026, 11, 27)
ENTRY = {
    "row": "a-row",
    "codes": ["field-differs"],
    "reason": "the new value comes with the next release",
    "owner": "platform team",
    "expires": "2026-12-31",
}
ROWS = """area: configuration
rows:
  - {id: a-row, claim: It is as it is, source: here, check: field, of: ConfigMap/ns/cm,
     path: data.A, expect: {equals: a}}
"""


def spec(folder: Path, *entries: Any, **file: Any) -> Path:  # noqa: ANN401 - what a person writes
    """A spec with these entries in the file of accepted differences."""
    (folder / "rows.yaml").write_text(ROWS, "utf-8")
    (folder / "accepted.yaml").write_text(json.dumps({"accepted": entries, **file}), "utf-8")
    path = folder / "spec.yaml"
    path.write_text("name: mine\ninclude: [rows.yaml]\naccepted: [accepted.yaml]\n", "utf-8")
    return path


def read(path: Path) -> reading.Spec:
    return reading.read_spec(path, known_rows(), today=TODAY)


def test_an_entry_is_read(tmp_path: Path) -> None:
    (entry,) = read(spec(tmp_path, ENTRY, version=1)).accepted
    assert (entry.row, entry.codes, entry.owner) == ("a-row", ("field-differs",), "platform team")
    assert entry.expires == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"row": "no-row"}, "expected the id of a row, got 'no-row'"),
        (
            {"codes": ["pod-stale"]},
            "expected codes of a-row (field): field-absent, field-differs, object-absent,"
            " object-deleted;"
            " got 'pod-stale'",
        ),
        ({"codes": []}, "codes: "),
        ({"codes": ["Field differs"]}, "codes.0: "),
        ({"expires": None}, "expected a date such as 2026-12-31"),
        ({"expires": "soon"}, "expected a date such as 2026-12-31, got 'soon'"),
        (
            {"expires": "2027-02-26"},
            "expected an expiry within 90 days, 2027-02-25 at the latest; got 2027-02-26",
        ),
        ({"reason": "why"}, "reason: "),
        ({"owner": ""}, "owner: "),
        ({"until": "ever"}, "until: "),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError) as refused:
        read(spec(tmp_path, ENTRY | change))
    said = str(refused.value)
    assert said.startswith(f"{tmp_path}/accepted.yaml:1: ")
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize("missing", sorted(ENTRY))
def test_nothing_of_an_entry_may_be_left_out(missing: str, tmp_path: Path) -> None:
    entry = {key: value for key, value in ENTRY.items() if key != missing}
    with pytest.raises(SpecError, match=f"{missing}: Field required"):
        read(spec(tmp_path, entry))


@pytest.mark.parametrize(
    ("file", "words"),
    [({"version": 2}, "version: "), ({"rows": []}, "expected one of: accepted, version")],
)
def test_a_file_of_another_form_is_refused(
    file: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=words):
        read(spec(tmp_path, ENTRY, **file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = spec(tmp_path)
    (tmp_path / "accepted.yaml").unlink()
    with pytest.raises(SpecError, match=r"spec.yaml:3: .*there is no accepted.yaml"):
        read(path)


def test_the_longest_time_is_allowed_and_the_past_is_read(tmp_path: Path) -> None:
    """An entry that has expired is no mistake of the spec: its row is red again."""
    last = date.fromordinal(TODAY.toordinal() + LONGEST_DAYS).isoformat()
    for expires in (last, "2020-01-01"):
        assert len(read(spec(tmp_path, ENTRY | {"expires": expires})).accepted) == 1


def test_what_is_accepted_is_inherited_with_its_row_and_not_without(tmp_path: Path) -> None:
    spec(tmp_path, ENTRY | {"expires": "2020-01-01"})
    for more, count in (("", 1), ("remove: [a-row]\n", 0)):
        (tmp_path / "child.yaml").write_text(f"extends: spec.yaml\n{more}", "utf-8")
        assert len(read_spec(tmp_path / "child.yaml").accepted) == count


def test_editors_know_every_code() -> None:
    offered = accepted_schema()["properties"]["accepted"]["items"]["properties"]["codes"]["items"]
    assert set(offered["enum"]) == {code for kind in kinds().values() for code in kind.codes}
    assert accepted_schema()["properties"]["version"]["const"] == 1
