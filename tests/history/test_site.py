"""The static site: whole, linked, safe, and light; the big one in a real browser."""

import posixpath
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from clusterproof.history.site import write_site
from clusterproof.history.store import History
from clusterproof.outcome import Outcome
from tests.history.nights import DAY_S, FIRST, night, year
from tests.report.browser import Tab, chromium
from tests.report.page import Page
from tests.report.samples import HOSTILE, row

NOW = FIRST + 366.5 * DAY_S


def site_of(base: Path, nights: int, rows: int) -> Path:
    with History(base / "h.sqlite3") as history:
        for record in year(nights, rows):
            history.add(record)
        write_site(history, base / "site", now=FIRST + (nights + 1.5) * DAY_S)
    return base / "site"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_of(tmp_path_factory.mktemp("small"), 60, 50)


def series_folder(site: Path) -> Path:
    (folder,) = (path for path in site.iterdir() if path.is_dir())
    return folder


def test_every_page_is_well_formed_and_every_link_leads_to_a_page(small: Path) -> None:
    pages = sorted(small.rglob("*.html"))
    assert len(pages) == 59 + 50 + 2
    for path in pages:
        page = Page(path.read_text(encoding="utf-8"))
        ids = {attributes.get("id") for _, attributes in page.elements}
        for link in page.all("a") + page.all("link"):
            address = link["href"] or ""
            if address.startswith("data:,"):
                continue
            if address.startswith("#"):
                assert address[1:] in ids
                continue
            target = posixpath.normpath(posixpath.join(path.parent.as_posix(), address))
            assert Path(target).is_file(), (path, address)
        assert not page.all("script") + page.all("img")


def test_every_page_can_be_walked_by_headings_and_landmarks(small: Path) -> None:
    for path in small.rglob("*.html"):
        page = Page(path.read_text(encoding="utf-8"))
        levels = [level for level, _ in page.headings]
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert len(page.all("main")) == len(page.all("nav")) == 1
        assert all("scope" in each for each in page.all("th"))
        assert all(each.get("aria-label") for each in page.all("svg"))
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_series_page_tells_the_verdict_the_first_bad_night_and_the_absent_ones(
    small: Path,
) -> None:
    text = Page((series_folder(small) / "index.html").read_text(encoding="utf-8")).text
    assert "row-017-replicas2026-02-152026-02-14" in text.replace("\n", "")
    assert "2 nights without one" in text
    assert "2026-02-10" in text
    assert "Flake ledger" in text


def test_row_page_says_since_when(small: Path) -> None:
    path = series_folder(small) / "rows" / "row-017-replicas.html"
    text = Page(path.read_text(encoding="utf-8")).text
    assert "Failing since 2026-02-15; last good 2026-02-14." in text


def test_run_page_names_what_is_new(small: Path) -> None:
    path = series_folder(small) / "runs" / "night-045.html"
    page = Page(path.read_text(encoding="utf-8"))
    assert "New failures" in page.text
    assert any(text.startswith("New failures") for _, text in page.headings)


def test_a_store_without_runs_makes_a_page_that_says_so(tmp_path: Path) -> None:
    with History(tmp_path / "h") as history:
        assert write_site(history, tmp_path / "site", now=NOW) == 1
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "No run is kept yet." in text


def test_hostile_names_stay_text_and_stay_in_the_site(tmp_path: Path) -> None:
    names = [*HOSTILE[:7], "../../../etc/passwd", "..", "a/b", "CON", "x" * 300, ""]
    rows = [row(number, Outcome.FAILED, id=name) for number, name in enumerate(names)]
    with History(tmp_path / "h") as history:
        for number, name in enumerate(names):
            history.add(night(number, *rows, run_id=name or "empty", profile=HOSTILE[0]))
        write_site(history, tmp_path / "site", now=NOW)
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) == 2 * len(names) + 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h", "site"]
    for path in pages:
        page = Page(path.read_text(encoding="utf-8"))
        assert not page.all("script") + page.all("img")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_of(tmp_path_factory.mktemp("big"), 365, 150)


@pytest.mark.cluster
def test_a_year_of_150_rows_is_made_fast_and_its_pages_are_light(big: Path) -> None:
    with History(big.parent / "h.sqlite3") as history:
        begun = time.monotonic()
        pages = write_site(history, big, now=NOW)
        took = time.monotonic() - begun
    sizes = [path.stat().st_size for path in big.rglob("*.html")]
    assert pages == len(sizes) == 358 + 150 + 2
    assert took < 20
    assert max(sizes) < 300_000
    assert sum(sizes) < 12_000_000
    assert (big.parent / "h.sqlite3").stat().st_size < 6_000_000


@pytest.mark.cluster
@pytest.mark.parametrize("width", [360, 820, 1600])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_big_pages_fit_and_fetch_only_the_style(
    tab: Tab, big: Path, width: int, *, dark: bool
) -> None:
    folder = series_folder(big)
    for path in (
        big / "index.html",
        folder / "index.html",
        folder / "rows" / "row-044-replicas.html",
        folder / "runs" / "night-341.html",
    ):
        begun = time.monotonic()
        tab.open(path, width=width, height=900, dark=dark)
        assert time.monotonic() - begun < 3
        assert tab.evaluate("document.scrollingElement.scrollWidth") <= width
        assert set(tab.requested) <= {path.as_uri(), (big / "style.css").as_uri(), "data:,"}
        assert tab.complaints == []
        # The style arrived: without it a skip link would stand in the page.
        assert tab.evaluate("document.querySelector('.skip').getBoundingClientRect().right") <= 0


@pytest.mark.cluster
def test_links_lead_from_the_clusters_to_a_row_and_back(tab: Tab, big: Path) -> None:
    tab.open(big / "index.html")
    path = big / "index.html"
    for link in ("main section h2 a", "table a", ".trail a"):
        address = tab.evaluate(f"document.querySelector({link!r}).href")
        path = Path(address.removeprefix("file://"))
        tab.open(path)
        assert tab.evaluate("document.querySelectorAll('h1').length") == 1
    assert path == big / "index.html"


@pytest.mark.cluster
def test_screen_reader_is_told_the_figures_of_the_charts(tab: Tab, big: Path) -> None:
    tab.open(series_folder(big) / "index.html")
    told = tab.accessible()
    images = [name for role, name in told if role == "image"]
    assert any(name.startswith("358 runs, ") for name in images)
    assert any(name.startswith("Duration of the run: last 44.0 s") for name in images)
    assert all(images)
    assert [name for role, name in told if role == "link" and not name] == []
