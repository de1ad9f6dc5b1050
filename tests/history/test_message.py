"""The message about a run, to the letter: its blocks, their order, and what is cut."""

from typing import Any

import pytest

from clusterproof.history.compare import Comparison
from clusterproof.notify.message import message, worth_telling
from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts
from tests.report.samples import record, row

P, F, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN
FACTS = "2026-11-23 02:00:07 UTC, 44.2 s, run 2026-11-23t0200z-5f3a"
QUIET = Comparison("a", "b")


def sections(payload: dict[str, Any]) -> list[str]:
    """The texts behind the header."""
    header, *rest = payload["blocks"]
    assert header["type"] == "header"
    assert {(one["type"], one["text"]["type"]) for one in rest} == {("section", "mrkdwn")}
    return [one["text"]["text"] for one in rest]


def test_a_message_is_a_header_facts_and_findings() -> None:
    """What failed, or else what could not be judged."""
    made = record(row(1, P), row(2, F, id="b", expected="3", observed="2"), row(3, U, id="c"))
    title = "❌ testbed: 1 of 3 rows differs from the spec; 1 more could not be judged."
    payload = message(made)
    assert payload["text"] == title
    assert payload["blocks"][0] == {"type": "header", "text": {"type": "plain_text", "text": title}}
    assert sections(payload) == [FACTS, "`b` expected 3, observed 2"]
    blind = record(row(1, U, id="c"), row(2, N, id="d", cause="too\nlate"))
    payload = message(blind)
    assert payload["text"].startswith("❔ testbed: No difference was seen")
    assert sections(payload) == [FACTS, "`c` 403: may not list pods\n`d` too late"]


def test_a_pass_is_the_header_and_the_facts() -> None:
    """With notes and a link, where there are any."""
    made = record(row(1, P), notes=tuple(f"<{n}>" for n in range(6)))
    payload = message(made, link="https://a.example/?x=1&y=2|3")
    assert payload["text"] == "✅ testbed: All 1 row are as the spec says."
    assert sections(payload) == [
        FACTS,
        *(f"&lt;{n}&gt;" for n in range(5)),
        "<https://a.example/?x=1&amp;y=2%7C3|The whole report>",
    ]


def test_changes_are_named_by_their_kind() -> None:
    """In the order of their weight."""
    seen = Comparison(
        "a",
        "b",
        new_failures=("n1", "n2"),
        still_failing=("s",),
        mended=("m",),
        new_unknowns=("u",),
        vanished=("v",),
        appeared=("x",),
    )
    assert sections(message(record(row(1, P)), comparison=seen))[1:] == [
        "*New:* `n1`, `n2`",
        "*Vanished:* `v`",
        "*Mended:* `m`",
        "*Newly not judged:* `u`",
    ]
    assert sections(message(record(row(1, P)), comparison=QUIET))[1:] == [
        "Nothing changed since the run before."
    ]


@pytest.mark.parametrize(("count", "more"), [(10, ""), (12, " and 2 more")])
def test_ten_rows_are_named_and_the_rest_counted(count: int, more: str) -> None:
    """Of the changes and of the findings."""
    ids = tuple(f"r{n}" for n in range(count))
    named = ", ".join(f"`r{n}`" for n in range(10))
    made = record(*(row(n, F, id=one, expected="3", observed="2") for n, one in enumerate(ids)))
    _, new, found = sections(message(made, comparison=Comparison("a", "b", new_failures=ids)))
    assert new == f"*New:* {named}{more}"
    lines = [f"`r{n}` expected 3, observed 2" for n in range(10)]
    assert found.split("\n") == [*lines, *([more.strip()] if more else [])]


def test_values_are_cut_and_are_no_markup() -> None:
    """A cut text ends in a mark, and is no longer than its limit."""
    made = record(row(1, F, id="a`b & c" + "x" * 100, expected="<3>", observed="y" * 400))
    (_, found) = sections(message(made))
    name = "a'b &amp; c" + "x" * 92 + "…"
    said = "expected &lt;3&gt;, observed "
    assert found == f"`{name}` {said}{'y' * (279 - len('expected <3>, observed '))}…"
    short = record(row(1, F, id="x" * 100, expected="3", observed="y" * (280 - 22)))
    (_, whole) = sections(message(short))
    assert "…" not in whole


def test_header_and_sections_keep_to_the_limits_of_slack() -> None:
    """150 characters in a header, 3000 in a section."""
    cluster = ClusterFacts(context="c" * 3100)
    payload = message(record(row(1, P), cluster=cluster, notes=("n" * 3001, "n" * 3000)))
    assert payload["blocks"][0]["text"]["text"] == f"✅ {'c' * 147}…"
    assert payload["text"] == f"✅ {'c' * 2997}…"
    assert sections(payload)[1:] == ["n" * 2999 + "…", "n" * 3000]


def test_a_pass_without_a_run_before_is_kept_quiet() -> None:
    """There is nothing that it could have changed."""
    assert not worth_telling(record(row(1, P)), None)
    assert not worth_telling(record(row(1, P)), QUIET)
    assert worth_telling(record(row(1, P)), Comparison("a", "b", mended=("m",)))
    assert worth_telling(record(row(1, N)), None)
