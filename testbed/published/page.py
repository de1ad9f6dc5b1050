"""docs/INIT.md: what `make init-coverage` measured."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from testbed.pages import rendered
from testbed.published.measure import Measured

LEAST_SHARE: Final = 0.8


def markdown(measured: Sequence[Measured], day: str, version: str) -> str:
    """The page."""
    template = Path(__file__).with_name("page.md.j2")
    return rendered(template, measured=measured, day=day, version=version)


def complaints(measured: Sequence[Measured]) -> list[str]:
    """What is not as it should be, one line each."""
    sentences = []
    for each in measured:
        title, cover = each.of.title, each.coverage
        if cover.unnamed:
            fields = ", ".join(
                f"{ref} {'.'.join(map(str, at))}" for ref, at in sorted(cover.unnamed, key=str)
            )
            sentences.append(f"{title}: neither read nor named: {fields}")
        if cover.share < LEAST_SHARE:
            share, least = f"{100 * cover.share:.0f} %", f"{100 * LEAST_SHARE:.0f} %"
            sentences.append(f"{title}: expected {least} of its fields covered, observed {share}")
        sentences += [f"{title}: no row and no line is about {ref}" for ref in cover.silent]
        sentences += [f"{title}: {row_id} {outcome}" for row_id, outcome in each.wrong.items()]
        sentences += [f"{title}: {error}" for error in each.errors]
        if not each.is_green and not each.wrong and not each.errors:
            sentences.append(f"{title}: no row passed")
    return sentences
