"""The page that says what was seen in the virtual machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.differences import Difference
from testbed.pages import rendered


def page(outcome: Mapping[str, Any], left: Sequence[Difference]) -> str:
    """The page in Markdown."""
    return rendered(
        Path(__file__).with_name("page.md.j2"),
        outcome=outcome,
        counted=[f"{len(names)} {section}" for section, names in outcome["before"].items()],
        ours=[difference for difference in left if not difference.own_course],
        by_itself=[difference for difference in left if difference.own_course],
    )
