"""docs/INIT.md: what `make init-coverage` measured."""

from collections.abc import Sequence
from typing import Final

from testbed.published.measure import Measured

LEAST_SHARE: Final = 0.8
_HEAD: Final = """\
# init on published charts

Written by `make init-coverage` on {day}. {count} manifest sets, each in the shape that a published
chart of this version has (`tests/generate/published`), were applied to a control plane of
Kubernetes {version} with simulated nodes (kwok). There `clusterproof init` wrote a spec of each,
and `clusterproof verify --read-only` judged it.

| Set | Objects | Fields | Covered | Neither read nor named | Rows | Passed | Left out | Green |
|---|---:|---:|---:|---:|---:|---:|---|---|
"""
_FOOT: Final = """
A *field* is a leaf of an object as it was written: not its `metadata` and `status`, but with
defaults that somebody wrote out, and with the keys of Secrets; not an empty value that the API
server drops, as nobody can tell it from one that was not written. It is *covered* when a row
compares it. *Neither read nor named* are the fields that no row compares and that init does not
list either: a line of each object lists what somebody set, and a line of each kind what is at its
default or set by Kubernetes. *Left out* are the rows about what an autoscaler says of itself:
nothing measures simulated Pods, and its controller does not run there. Each Ingress was given an
address, as its controller would.
"""


def markdown(measured: Sequence[Measured], day: str, version: str) -> str:
    """The page."""
    head = _HEAD.format(day=day, count=len(measured), version=version)
    return head + "".join(map(_line, measured)) + _FOOT


def _line(each: Measured) -> str:
    cover = each.coverage
    left_out = ", ".join(f"`{row_id}`" for row_id in each.left_out) or "none"
    cells = (
        each.of.title,
        len(each.of.objects),
        len(cover.fields),
        f"{100 * cover.share:.0f} %",
        len(cover.unnamed),
        each.rows,
        each.passed,
        left_out,
        "yes" if each.is_green else "**no**",
    )
    return f"| {' | '.join(map(str, cells))} |\n"


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
