"""docs/versions.md, from the record."""

from collections.abc import Sequence
from pathlib import Path

from testbed.cluster import minor
from testbed.pages import rendered
from testbed.versions.measured import Measured, pairs

_SHOWN = 300
"""Characters of what was said of a row."""


def page(runs: Sequence[Measured]) -> str:
    """The page in Markdown."""
    ran = {run.pair for run in runs}
    return rendered(
        Path(__file__).with_name("page.md.j2"),
        runs=runs,
        not_run=[minor.named(*pair) for pair in pairs() if pair not in ran],
        date=max((each.date for each in runs), default="never"),
        newest=minor.MINORS[-1],
        oldest=minor.MINORS[0],
        shown=_SHOWN,
    )
