"""No text makes a shape slow: the time of a search grows with the text, not with its square.

The texts are those that make a pattern begin anew at each place, and look far each time: what a
shape begins with, again and again, and its examples with one blank grown to the length of a log.
"""

import re
import time
from collections.abc import Iterator

import pytest

from clusterproof.redact.shapes import Shape, shapes
from tests.redact.examples import filled, parts

LENGTH = 100_000
PART = 4
UNSEEN_S = 0.5
"""Under this a search is quick enough, and too quick to compare."""

JOINTS = ("", " ", "-", ".")


def spelt(shape: Shape) -> set[str]:
    """The shape's anchors as its examples spell them, and what the examples have before them."""
    begun: set[str] = set()
    for example in shape.secret:
        text, _ = parts(filled(example))
        for anchor in shape.anchors:
            if (start := text.lower().find(anchor)) >= 0:
                begun |= {text[start : start + len(anchor)], text[: start + len(anchor)]}
    return begun


def pumped(shape: Shape) -> Iterator[tuple[str, str, str]]:
    """What a text begins with, what is repeated in it, and what it ends with."""
    units = {" ", "\n", *(begun + joint for begun in spelt(shape) for joint in JOINTS)}
    for example in (*shape.secret, *shape.harmless):
        text, _ = parts(filled(example))
        units.add(text)
        for blank in re.finditer(r"\s|(?<=[\"':=,])", text):
            yield text[: blank.start()], blank[0] or " ", text[blank.end() :]
    for unit in units:
        yield "", unit, ""


def taken(shape: Shape, text: str) -> float:
    """Seconds of the processor to search `text`."""
    begun = time.process_time()
    for _ in shape.spans(text):
        pass
    return time.process_time() - begun


@pytest.mark.parametrize("shape", shapes(), ids=[shape.id for shape in shapes()])
def test_time_grows_with_the_text_and_not_with_its_square(shape: Shape) -> None:
    for head, unit, tail in pumped(shape):
        count = LENGTH // len(unit)
        whole = taken(shape, head + unit * count + tail)
        if whole > UNSEEN_S:
            part = taken(shape, head + unit * (count // PART) + tail)
            # Linear: PART times as long; quadratic: PART * PART.
            assert whole < part * PART * 2, f"{head!r} + {unit!r} * {count} + {tail!r}: {whole} s"
