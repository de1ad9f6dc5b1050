"""The step summary to the letter: its parts, their order, and what is cut."""

from clusterproof.outcome import Outcome
from clusterproof.report.summary import to_step_summary
from tests.report.samples import BARE, record, row

P, F, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN
WHOLE = """\
### ❌ Failed: 1 of 5 rows differs from the spec; 2 more could not be judged.

`testbed` v1.35.4, profile `self-hosted`, 2026-11-23 02:00:07 UTC, 44.2 s, 212 API calls

| passed | failed | inconclusive | not-run | accepted |
| ---: | ---: | ---: | ---: | ---: |
| 2 | 1 | 1 | 1 | 0 |

> stopped\\_early

> and more

#### Causes

No single cause: 2 of 2 rows stand on their own.

#### ❌ Failed

<details open><summary>b: expected 3, observed 2</summary>

```text
b: expected 3, observed 2
  claim     It is up
  source    README
```
</details>

#### ❔ Inconclusive

<details open><summary>c: could not look: 403</summary>

```text
c: could not look: 403
  claim     It is up
  source    README
```
</details>

<details><summary>1 row did not run</summary>

| row | cause |
| --- | --- |
| d | too late |

</details>

<details><summary>health: 1 row passed</summary>

| row | observed |
| --- | --- |
| a | 2 |

</details>

<details><summary>metrics: 1 row passed</summary>

| row | observed |
| --- | --- |
| e | 3 |

</details>
"""


def test_a_run_of_everything_is_said_in_its_order() -> None:
    """The verdict, what failed, what could not be looked at, what did not run, what passed."""
    made = record(
        row(1, P, **{**BARE, "id": "a"}),
        row(2, F, **{**BARE, "id": "b"}),
        row(3, U, **{**BARE, "id": "c", "cause": "403"}),
        row(4, N, **{**BARE, "id": "d", "cause": "too late"}),
        row(5, P, **{**BARE, "id": "e", "observed": "", "area": "metrics"}),
        notes=("stopped_early", "and more"),
    )
    assert to_step_summary(made) == WHOLE


def test_a_run_of_passes_has_no_other_parts() -> None:
    """No heading without a row under it."""
    text = to_step_summary(record(row(1, P, **{**BARE, "id": "a"})))
    assert "####" not in text
    assert "did not run" not in text
    assert text.count("<details>") == 1


def test_nothing_that_is_known_of_the_cluster_is_said_as_none() -> None:
    """Facts that are not there leave a word."""
    text = to_step_summary(record(profile=" "))
    assert "profile none, " in text


def test_values_are_no_markup() -> None:
    """Neither of Markdown nor of HTML, in each of the places."""
    value = '<b> "a|b `c` *d* _e_ [f] ~g~ \\h\n\ni'
    made = record(
        row(1, F, **{**BARE, "id": value}),
        row(2, P, **{**BARE, "id": value, "observed": value}),
        profile=value,
        notes=(value,),
    )
    text = to_step_summary(made)
    inline = r'&lt;b&gt; "a|b \`c\` \*d\* \_e\_ \[f\] \~g\~ \\h i'
    cell = inline.replace("|", "\\|")
    assert f"\n> {inline}\n" in text
    assert f"| {cell} | {cell} |\n" in text
    assert "profile `<b> \"a|b 'c' *d* _e_ [f] ~g~ \\h i`, " in text
    assert (
        '<summary>&lt;b&gt; "a|b `c` *d* _e_ [f] ~g~ \\h i: expected 3, observed 2</summary>'
        in text
    )


def test_a_fence_is_never_closed_by_a_value() -> None:
    """A value with one gets another, and the other is taken apart."""
    text = to_step_summary(record(row(1, F, **{**BARE, "id": "a", "observed": "``` and ~~~~"})))
    assert "\n\n~~~~text\na: expected 3, observed ``` and ~ ~ ~ ~\n" in text
    assert text.endswith("\n~~~~\n</details>\n")
    plain = to_step_summary(record(row(1, F, **{**BARE, "id": "a"})))
    assert "</summary>\n\n```text\na: expected 3, observed 2\n" in plain
    assert plain.endswith("\n```\n</details>\n")


def test_a_long_row_is_cut_and_says_so() -> None:
    """In its headline, in its details, and in a table."""
    made = record(row(1, F, **{**BARE, "id": "a", "observed": "x" * 5000}))
    text = to_step_summary(made)
    begin = "a: expected 3, observed "
    assert f"<summary>{begin}{'x' * (300 - len(begin))}</summary>" in text
    body = f"{begin}{'x' * (4000 - len(begin))}\n  ... (cut; the whole is in the report)\n```"
    assert f"```text\n{body}" in text
    passed = record(*(row(n, P, **{**BARE, "id": "a", "observed": "x" * n}) for n in (200, 201)))
    table = to_step_summary(passed)
    assert f"| a | {'x' * 200} |\n| a | {'x' * 200}… |\n" in table


def test_a_row_of_just_the_length_is_whole() -> None:
    """One character more would be cut."""
    bare = {**BARE, "id": "a", "title": "", "source": ""}
    begin = "a: expected 3, observed "
    whole = to_step_summary(record(row(1, F, **{**bare, "observed": "x" * (4000 - len(begin))})))
    assert "(cut" not in whole
    more = to_step_summary(record(row(1, F, **{**bare, "observed": "x" * (4001 - len(begin))})))
    assert "(cut" in more


def test_what_has_no_room_is_counted_and_what_still_has_some_is_kept() -> None:
    """In bytes, and with room for the sentence that says so."""
    rows = [row(n, F, **{**BARE, "id": f"r{n}", "observed": "ü" * 500}) for n in range(3)]
    small = row(9, P, **{**BARE, "id": "small"})
    whole = to_step_summary(record(*rows, small))
    size = len(whole.encode())
    assert to_step_summary(record(*rows, small), limit_bytes=size + 400) == whole
    cut = to_step_summary(record(*rows, small), limit_bytes=size + 399)
    assert "| small |" not in cut
    assert cut.endswith(
        "\n> 1 parts were left out: GitHub takes at most 1 MiB here. "
        "The whole report is in the run's artifacts.\n"
    )
    none = to_step_summary(record(*rows, small), limit_bytes=900)
    assert "> 3 parts were left out" in none
    least = to_step_summary(record(*rows, small), limit_bytes=size - 800)
    assert "| small |" in least
    assert "> 1 parts were left out" in least
