"""What every page shares, to the letter: safe text, bars, and the policy of the page."""

import base64
import hashlib
import re

import pytest
from jinja2 import UndefinedError

from clusterproof.outcome import Outcome
from clusterproof.report import palette
from clusterproof.report.html import to_html
from clusterproof.report.pages import (
    LONGEST,
    area_name,
    asset,
    bar,
    content_policy,
    environment,
    shown,
    style,
)
from clusterproof.report.record import ClusterFacts
from tests.report.page import Page
from tests.report.samples import record, row

P, F, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    """One of just the length is whole."""
    assert shown("x" * LONGEST) == "x" * LONGEST
    assert shown("x" * (LONGEST + 2)) == (
        "x" * LONGEST + " … (2 more characters; the whole is in run.json)"
    )


def test_what_draws_nothing_is_spelt_out() -> None:
    """Also what turns the text around it."""
    assert shown("a\x00b\u202ec\nd") == "a\\u0000b\\u202ec\nd"


@pytest.mark.parametrize(
    ("area", "name"),
    [
        ("network-policy", "Network policy"),
        ("", "No area"),
        ("-", "No area"),
        ("a\x07", "A\\u0007"),
    ],
)
def test_an_area_is_named_as_a_person_would(area: str, name: str) -> None:
    """One without a name, too."""
    assert area_name(area) == name


def test_a_bar_is_the_share_of_each_outcome_worst_first() -> None:
    """With its figures as words."""
    rows = [row(n, one) for n, one in enumerate((P, P, P, P, F, U, N, N))]
    assert bar(rows) == (
        '<svg class="bar" role="img" aria-label="1 failed, 1 inconclusive, 2 not run, 4 passed" '
        'viewBox="0 0 100 8" preserveAspectRatio="none">'
        '<rect class="failed" x="0.00" y="0" width="12.50" height="8"/>'
        '<rect class="inconclusive" x="12.50" y="0" width="12.50" height="8"/>'
        '<rect class="not-run" x="25.00" y="0" width="25.00" height="8"/>'
        '<rect class="passed" x="50.00" y="0" width="50.00" height="8"/></svg>'
    )
    assert bar([]) == (
        '<svg class="bar" role="img" aria-label="no rows" '
        'viewBox="0 0 100 8" preserveAspectRatio="none"></svg>'
    )


def test_a_page_may_load_nothing_and_run_only_its_own() -> None:
    """Known by their digests."""

    def digest(text: str) -> str:
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert content_policy("a", "ü") == (
        f"default-src 'none'; img-src data:; style-src '{digest('a')}'; "
        f"script-src '{digest('ü')}'; base-uri 'none'; form-action 'none'"
    )


def test_the_palette_is_for_both_settings_of_a_reader() -> None:
    """Dark on a screen only: paper is white."""
    light, dark = palette.variables().split("\n")
    assert light.startswith(":root{color-scheme:light dark;--paper:#fdfdfb;--panel:#f4f4f0;")
    assert light.endswith("--accepted-soft:#efeaf8;}")
    assert dark.startswith(
        "@media screen and (prefers-color-scheme:dark){:root{--paper:#141517;--panel:#1c1e21;"
    )
    assert dark.endswith("--accepted-soft:#272038;}}")


def drawn(template: str, **values: object) -> str:
    """What a template makes of these values; the environment is made anew."""
    return environment.__wrapped__().from_string(template).render(**values)


def test_templates_escape_what_they_are_given_and_refuse_what_they_do_not_know() -> None:
    """A line with a statement alone leaves nothing."""
    assert drawn("{{ x }}", x="<b>") == "&lt;b&gt;"
    assert drawn("a\n  {% if true %}\nb\n  {% endif %}\nc") == "a\nb\nc"
    with pytest.raises(UndefinedError):
        drawn("{{ x }}")
    assert drawn("{{ range(2) | list }}") == "[0, 1]"


def test_templates_have_our_words_and_signs() -> None:
    """As filters and as names."""
    rows = [row(1), row(2), row(3, N, cause="late")]
    assert drawn("{{ rows | passed_count }} {{ rows[2] | cause }}", rows=rows) == "2 late"
    assert drawn("{{ 2048 | size }} {{ 1.5 | duration }} {{ 0 | moment }}") == (
        "2.0 KiB 1.5 s 1970-01-01 00:00:00 UTC"
    )
    assert drawn("{{ 'a-b' | area }} {{ x | shown }}", x="\x00") == "A b \\u0000"
    assert drawn("{{ sign[passed] }} {{ word[not_run] }} {{ bar([]) }}") == f"✓ Not run {bar([])}"


def facts_of(**changes: object) -> dict[str, str]:
    """The facts of a run, as the page lists them."""
    text = to_html(record(row(1), **changes))
    return dict(
        re.findall(r'<dt>(.*?)</dt><dd><span class="value">(.*?)</span></dd>', text, re.DOTALL)
    )


def test_a_page_has_the_facts_of_its_run() -> None:
    """Each behind its name."""
    assert facts_of() == {
        "Cluster": "testbed",
        "Cluster UID": "c0ffee-1",
        "Kubernetes": "v1.35.4",
        "Nodes": "5",
        "Profile": "self-hosted",
        "Spec": "spec",
        "Options": "kubeconfig=.testbed/kubeconfig profile=self-hosted",
        "Started": "2026-11-23T02:00:07Z",
        "Finished": "2026-11-23T02:00:51Z",
        "Took": "44.2 s",
        "API calls": "212, 1.8 MiB answered",
        "Rights used": "get, list pods in voicehelper-prod, posthog\ncreate pods/exec",
        "clusterproof": "0.1.0",
        "Run": "2026-11-23t0200z-5f3a",
    }


def test_what_is_not_known_of_a_run_has_no_line() -> None:
    """No name without a value."""
    known = facts_of(
        cluster=ClusterFacts(context="testbed"), profile="", spec_path="", options={}, rights=()
    )
    assert list(known) == [
        "Cluster",
        "Started",
        "Finished",
        "Took",
        "API calls",
        "clusterproof",
        "Run",
    ]


def test_a_page_has_its_style_and_its_script_in_it() -> None:
    """As they are: nothing of them is escaped."""
    text = to_html(record(row(1)))
    assert f"<style>{style()}</style>" in text
    assert f"<script>{asset('page.js')}</script>" in text


def anchors(*ids: str) -> list[str]:
    """The ids on a page of rows with these ids, in order."""
    page = Page(to_html(record(*(row(n, F, id=one) for n, one in enumerate(ids)))))
    wanted = ("row-", "entry-")
    found = [attributes.get("id") or "" for _, attributes in page.elements]
    return [one for one in found if one.startswith(wanted)]


def test_a_row_can_be_linked_to_by_its_id() -> None:
    """By its place, where the id is not safe or stands twice."""
    assert anchors("web-1", "web-1", "A B", "") == ["row-web-1", "entry-2", "entry-3", "entry-4"]


def test_each_area_has_its_own_rows_in_each_part() -> None:
    """An area without such a row is not named there."""
    rows = (
        row(1, F, id="a", area="health"),
        row(2, P, id="b", area="health"),
        row(3, U, id="c", area="metrics"),
        row(4, N, id="d", area="storage"),
    )
    text = to_html(record(*rows))
    shares = re.findall(r'<th scope="row">(\w+)</th><td>.*?<td class="number">(.*?)</td>', text)
    assert shares == [("Health", "1 / 2"), ("Metrics", "0 / 1"), ("Storage", "0 / 1")]
    assert '<summary>Health <span class="quiet">1</span></summary>' in text
    assert text.count("<summary>") == 1
    page = Page(text)
    headings = [text.split()[0] for level, text in page.headings if level == 3]
    assert headings[:2] == ["Health", "Metrics"]
    assert "1 of 4 rows differs from the spec; 2 more could not be judged." in page.text
