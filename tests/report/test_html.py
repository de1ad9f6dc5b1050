"""The HTML page, read as text: order, escaping, contrast, and nothing loaded from elsewhere."""

import itertools

import pytest

from clusterproof.causes.cause import Cause
from clusterproof.outcome import Outcome
from clusterproof.report import palette
from clusterproof.report.html import to_html
from tests.report.page import Page
from tests.report.samples import record, records, row

RECORDS = records()


@pytest.mark.parametrize("name", RECORDS)
def test_page_is_well_formed_and_loads_nothing(name: str) -> None:
    page = Page(to_html(RECORDS[name]))
    assert len(page.all("script")) == 1
    assert not page.all("img") + page.all("iframe") + page.all("object") + page.all("form")
    addresses = [each.get("href") or "" for each in page.all("a") + page.all("link")]
    assert [each for each in addresses if not each.startswith(("#", "data:,"))] == []
    assert not any("src" in attributes for _, attributes in page.elements)
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    policy = next(each for each in page.all("meta") if "http-equiv" in each)
    assert "default-src 'none'" in (policy["content"] or "")


@pytest.mark.parametrize("name", RECORDS)
def test_page_can_be_walked_by_headings_landmarks_and_names(name: str) -> None:
    page = Page(to_html(RECORDS[name]))
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert [len(page.all(tag)) for tag in ("header", "main", "aside", "footer")] == [1, 1, 1, 1]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        named_by = attributes.get("aria-labelledby")
        assert named_by is None or named_by in ids
    inside = [(each["href"] or "")[1:] for each in page.all("a")]
    assert set(inside) <= set(ids)
    assert all(each.get("aria-label") for each in page.all("svg"))
    assert all("scope" in each for each in page.all("th"))


def test_order_is_verdict_differences_blind_spots_passes() -> None:
    page = Page(to_html(RECORDS["mixed"]))
    shown = [text.split(" ")[0] for level, text in page.headings if level <= 2]
    assert shown == ["4", "Causes", "Differences", "Inconclusive", "Not", "Passed", "By", "The"]
    assert page.headings[0][1] == "4 of 150 rows differ from the spec; 4 more could not be judged."


def test_causes_come_first_and_lead_to_the_rows_that_they_explain() -> None:
    hostile = "<script>document.title='owned'</script>"
    cause = Cause(
        subject="Service/ns/db",
        what="Service/ns/db does not exist",
        evidence=(hostile,),
        remedy="make it",
        show="kubectl -n ns get service",
        rows=("b",),
        symptoms=("c",),
        fit="as 'A Service is gone' did: 2 of its 2 rows, and no other",
    )
    rows = (row(1, Outcome.FAILED, id="b"), row(2, Outcome.INCONCLUSIVE, id="c"))
    page = Page(to_html(record(*rows, causes=(cause,))))
    assert len(page.all("script")) == 1
    links = [each["href"] for each in page.all("a")]
    assert {"#cause-1", "#row-b", "#row-c"} <= set(links)
    for words in (cause.what, hostile, cause.remedy, cause.show, cause.fit, "2 rows"):
        assert words in page.text
    assert page.text.index(cause.what) < page.text.index("Differences")


def test_a_difference_shows_all_that_is_known() -> None:
    text = Page(to_html(RECORDS["one-failed"])).text
    row = RECORDS["one-failed"].rows[0]
    for part in (row.id, row.title, row.expected, row.observed, row.where, row.source, row.next):
        assert part in text
    for part in (*row.evidence, *row.differences, row.how):
        assert part in text


def test_nothing_checked_is_said_and_not_green() -> None:
    page = Page(to_html(RECORDS["empty"]))
    assert "Nothing was checked." in page.text
    assert "it is not a pass" in page.text
    assert "Inconclusive" in page.text


def test_hostile_values_are_text() -> None:
    text = to_html(RECORDS["hostile"])
    page = Page(text)
    assert "<script>document.title='owned'</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\u202e" not in text
    assert "\\u202egnp.exe" in page.text
    assert "\\ud800" in page.text


def test_long_values_are_cut_and_say_so() -> None:
    text = to_html(RECORDS["long"])
    assert len(text) < 60_000
    assert "more characters; the whole is in run.json" in text


def test_150_rows_stay_light() -> None:
    assert len(to_html(RECORDS["mixed"]).encode()) < 250_000


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_contrast_is_at_least_4_5_for_text_and_3_for_bars(colours: dict[str, str]) -> None:
    weak = {}
    wanted = [(*pair, 4.5) for pair in palette.PAIRS] + [(*pair, 3.0) for pair in palette.BARS]
    for text, ground, least in wanted:
        low, high = sorted((luminance(colours[text]), luminance(colours[ground])))
        contrast = (high + 0.05) / (low + 0.05)
        if contrast < least:
            weak[text, ground] = round(contrast, 2)
    assert weak == {}


def test_light_and_dark_define_the_same_names() -> None:
    assert set(palette.LIGHT) == set(palette.DARK)
