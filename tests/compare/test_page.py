"""The page: figures by tool, and every defect with what was said of it."""

from testbed.compare.findings import Finding
from testbed.compare.page import About, page
from testbed.compare.tools import Tool
from testbed.compare.verdicts import Judged, Verdict
from testbed.prove.steps import Defect

SAID = Finding("image", "Deployment/a", "latest")
JUDGED = (
    Judged("one", "wrong", "t", Verdict.CAUGHT, (SAID, SAID)),
    Judged("two", "absent", "t", Verdict.MISSED),
    Judged("three", "lying", "t", Verdict.NOT_SEEN),
    Judged("four", "lying", "t", Verdict.CAUGHT, (SAID,), "It is of the carrier."),
    Judged("eq", "equivalent", "t", Verdict.ALARMED, (SAID,)),
    Judged("one", "wrong", "clusterproof", Verdict.CAUGHT),
    Judged("two", "absent", "clusterproof", Verdict.CAUGHT),
)


def defect(name: str, kind: str) -> Defect:
    """An entry of the catalogue."""
    reds = {} if kind == "equivalent" else {"row": "x"}
    fields = {"id": name, "kind": kind, "title": "One", "reds": reds, "steps": [{"settle_s": 1}]}
    return Defect.model_validate(fields)


def test_the_page_says_who_caught_what() -> None:
    """All of it is filled into what a person wrote."""
    defects = [defect(one.defect, one.kind) for one in JUDGED if one.tool == "t"]
    tool = Tool("t", "v1", lambda folders: [[] for _ in folders])
    text = page(defects, JUDGED, About([tool], {"t": 0.5}, {"t": [SAID]}, 4))
    assert "t v1. 4 defects and 1 equivalents of `testbed/defects/`,\n4 versions" in text
    assert (
        "| t | 1 / 0 / 0 | 0 / 1 / 0 | 1 / 0 / 1 | 2 / 1 / 1 | 2 of 3 (67%) | 1 of 3 (33%) "
        "| 1 of 1 | 0.50 s |"
    ) in text
    assert "* caught by a static tool and by our checks: 1\n* by our checks alone: 1" in text
    assert "* by a static tool, and not in our last proof: 1 (`four`)" in text
    assert "* by no static tool, and not in our last proof: 1 (`three`)" in text
    assert "* missed by all: 0\n" in text
    assert "* It is of the carrier. `four`." in text
    assert "| one | wrong | ● | ● | image x2 |" in text
    assert "| two | absent | ○ | ● |  |" in text
    assert "| three | lying | - | not in the proof |  |" in text
    assert "| four | lying | (●) | not in the proof | image |" in text
    assert "| eq | t | image |" in text
    assert "| t | image | 1 | latest |" in text
