"""The HTML page in a real browser: every size, keyboard, screen reader, nothing fetched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterproof.report.write import write_reports
from tests.report.browser import Tab, chromium
from tests.report.samples import records

pytestmark = pytest.mark.cluster

RECORDS = records()
SIZES = ((360, 740), (820, 1180), (1600, 1000))
TAB = 9
ENTER = 13
ESCAPE = 27


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("reports")
    return {
        name: write_reports(record, base / name)["report.html"] for name, record in RECORDS.items()
    }


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_fits_every_size_and_fetches_nothing(
    tab: Tab, pages: dict[str, Path], name: str, *, dark: bool
) -> None:
    for width, height in SIZES:
        tab.open(pages[name], width=width, height=height, dark=dark)
        wide = tab.evaluate("document.scrollingElement.scrollWidth")
        assert wide <= width
        assert set(tab.requested) <= {pages[name].as_uri(), "data:,"}
        assert tab.complaints == []


def test_script_in_a_value_does_not_run(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["hostile"])
    assert tab.evaluate("document.title").startswith("Failed: testbed")
    assert tab.evaluate("document.querySelectorAll('img, iframe').length") == 0


def test_content_policy_stops_what_would_get_past_the_escaping(
    tab: Tab, pages: dict[str, Path], tmp_path: Path
) -> None:
    injected = tmp_path / "injected.html"
    text = pages["mixed"].read_text(encoding="utf-8")
    evil = "<script>document.title='owned'</script><img src='https://evil.example/x.png'>"
    injected.write_text(text.replace("</main>", evil + "</main>"), encoding="utf-8")
    tab.open(injected)
    assert tab.evaluate("document.title").startswith("Failed")
    assert len(tab.complaints) == 2
    assert all("Content Security Policy" in complaint for complaint in tab.complaints)


def test_every_difference_is_in_the_page_with_a_command_to_copy(
    tab: Tab, pages: dict[str, Path]
) -> None:
    tab.open(pages["mixed"])
    shown = tab.evaluate(
        "[...document.querySelectorAll('article.failed')].map(a => "
        "[a.querySelector('h4 code').textContent, a.querySelector('pre').textContent])"
    )
    failed = [row for row in RECORDS["mixed"].rows if row.outcome.value == "failed"]
    assert shown == [[row.id, row.next] for row in failed]
    buttons = tab.evaluate("document.querySelectorAll('article.failed button').length")
    assert buttons == len(failed)


def test_keyboard_reaches_everything_and_shows_where_it_is(
    tab: Tab, pages: dict[str, Path]
) -> None:
    tab.open(pages["mixed"])
    stops = []
    for _ in range(90):
        tab.press("Tab", TAB)
        name, outline = tab.evaluate(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            "return [e.tagName + '.' + e.className + '#' + (e.getAttribute('href') || ''),"
            "s.outlineStyle + s.outlineWidth]; })()"
        )
        if name.startswith("BODY"):
            break
        assert outline not in {"none0px", "auto0px"}
        stops.append(name)
    assert stops[0] == "A.skip##main"
    assert sum(stop.startswith("INPUT") for stop in stops) == 1 + 4
    assert sum(stop.startswith("BUTTON") for stop in stops) == 6
    assert sum(stop.startswith("SUMMARY") for stop in stops) == 12


def test_folded_rows_open_by_keyboard_and_by_link(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["all-passed"])
    tab.evaluate("document.querySelector('summary').focus()")
    tab.press("Enter", ENTER)
    assert tab.evaluate("document.querySelector('details').open") is True
    tab.evaluate("location.hash = '#row-row-140-replicas'")
    opened = "document.getElementById('row-row-140-replicas').closest('details').open"
    assert tab.evaluate(f"new Promise(done => setTimeout(() => done({opened}), 100))") is True


def test_screen_reader_is_told_verdict_landmarks_and_figures(
    tab: Tab, pages: dict[str, Path]
) -> None:
    tab.open(pages["mixed"])
    told = tab.accessible()
    roles = [role for role, _ in told]
    assert roles.count("main") == 1
    assert roles.count("complementary") == 1
    assert ("heading", "4 of 150 rows differ from the spec; 4 more could not be judged.") in told
    assert ("image", "4 failed, 2 inconclusive, 2 not run, 142 passed") in told
    assert ("heading", "Failed: egress-90") in told
    assert ("button", "Copy the command") in told
    assert [name for role, name in told if role in {"link", "button", "image"} and not name] == []


def test_printed_page_shows_the_folded_rows(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["all-passed"])
    tab.call("Emulation.setEmulatedMedia", media="print")
    height = tab.evaluate("document.querySelector('details table').getBoundingClientRect().height")
    tab.call("Emulation.setEmulatedMedia", media="")
    assert height > 100


SHOWN = (
    "[...document.querySelectorAll('article.finding:not(.cause), .rows tbody tr')]"
    ".filter(row => !row.closest('[hidden]')).map(row => row.querySelector('code').textContent)"
)


def type_into_the_search(tab: Tab, text: str) -> None:
    tab.call("Input.dispatchKeyEvent", type="keyDown", key="/", text="/")
    tab.call("Input.dispatchKeyEvent", type="keyUp", key="/")
    assert tab.evaluate("document.activeElement.type") == "search"
    tab.call("Input.insertText", text=text)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_rows_are_found_by_words_and_by_outcome_and_all_are_back_with_escape(
    tab: Tab, pages: dict[str, Path], width: int, height: int
) -> None:
    rows = RECORDS["mixed"].rows
    passed = next(row for row in rows if row.outcome.value == "passed")
    tab.open(pages["mixed"], width=width, height=height)
    assert len(tab.evaluate(SHOWN)) == len(rows)
    type_into_the_search(tab, passed.id)
    found = tab.evaluate(SHOWN)
    assert passed.id in found
    assert len(found) < len(rows)
    assert tab.evaluate("document.querySelector('section > .group:not([hidden])').open") is True
    count = tab.evaluate("document.querySelector('.find output').textContent")
    assert count == f"{len(found)} of {len(rows)} rows"
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width
    tab.press("Escape", ESCAPE)
    assert len(tab.evaluate(SHOWN)) == len(rows)
    tab.evaluate("document.querySelector('.find input[value=passed]').click()")
    assert set(tab.evaluate(SHOWN)) == {row.id for row in rows if row.outcome.value != "passed"}
    assert tab.complaints == []


def test_a_link_to_a_row_that_the_search_hides_shows_it(tab: Tab, pages: dict[str, Path]) -> None:
    failed = next(row for row in RECORDS["mixed"].rows if row.outcome.value == "failed")
    tab.open(pages["mixed"])
    type_into_the_search(tab, "a word that no row has")
    assert tab.evaluate(SHOWN) == []
    link = "document.querySelector('article.failed h4 a').getAttribute('href')"
    tab.evaluate(f"location.hash = {link}")
    script = f"new Promise(done => setTimeout(() => done({SHOWN}), 100))"
    assert failed.id in tab.evaluate(script)


def test_the_search_is_not_printed(tab: Tab, pages: dict[str, Path]) -> None:
    tab.open(pages["mixed"])
    tab.call("Emulation.setEmulatedMedia", media="print")
    height = tab.evaluate("document.querySelector('.find').getBoundingClientRect().height")
    tab.call("Emulation.setEmulatedMedia", media="")
    assert height == 0
