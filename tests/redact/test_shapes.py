"""Each shape takes out what its examples mark, and nothing of what they call harmless."""

import re

import pytest

from clusterproof.redact import MASK, Redactor
from clusterproof.redact.shapes import Shape, shapes
from tests.redact.examples import filled, parts

SECRET = [(shape, example) for shape in shapes() for example in shape.secret]
HARMLESS = sorted({example for shape in shapes() for example in shape.harmless})
DRAWS = 25


@pytest.mark.parametrize("example", [example for _, example in SECRET])
def test_a_shape_takes_out_what_is_marked_and_nothing_else(example: str) -> None:
    wrong = []
    for _ in range(DRAWS):
        marked = filled(example)
        text, _ = parts(marked)
        shown = Redactor().text(text)
        if shown != re.sub("«.*?»", MASK, marked, flags=re.DOTALL):
            wrong.append((text, shown))
    assert wrong == []


@pytest.mark.parametrize(
    ("shape", "example"), SECRET, ids=[f"{s.id}-{n}" for n, (s, _) in enumerate(SECRET)]
)
def test_an_example_is_found_by_the_shape_that_it_stands_under(shape: Shape, example: str) -> None:
    text, marked = parts(filled(example))
    assert any(anchor in text.lower() for anchor in shape.anchors)
    assert {text[start:end] for start, end in shape.spans(text)} >= set(marked)


@pytest.mark.parametrize("shape", shapes(), ids=[shape.id for shape in shapes()])
def test_where_a_name_stands_is_searched_for_once_and_nothing_is_missed(shape: Shape) -> None:
    examples = [parts(filled(example))[0] for _, example in SECRET]
    texts = [*examples, " ".join(examples), "key: none", "kEy_PASSWORD=a pwpassword=b", ""]
    for text in texts:
        matches = [match.span() for match in shape.matches(text)]
        assert matches == [match.span() for match in shape.pattern.finditer(text)]


@pytest.mark.parametrize("example", HARMLESS)
def test_what_is_harmless_stays(example: str) -> None:
    texts = [filled(example) for _ in range(DRAWS)]
    assert [(text, shown) for text in texts if (shown := Redactor().text(text)) != text] == []


def test_each_shape_has_examples_of_both_sorts_and_its_own_id() -> None:
    assert all(shape.secret and shape.harmless for shape in shapes())
    assert len({shape.id for shape in shapes()}) == len(shapes())


@pytest.mark.parametrize(
    ("before", "random"),
    [
        (
            "https://x.blob.core.windows.net/a?sv=2024&sig=",
            "Wp2LOTAGJPsbTNgfTz7BQfJBFaVoLOg61HTm4t",
        ),
        ("CONSUMER=", "wp7QIxMyeRWCOiN0NJ3FT3j92nGyjRrD"),
        ("APP_KEY=", "wP29QWi8ICHKAwQNl6KlYc4n0VG7rmIx"),
        ("aws_secret_access_key=", "DwpsLyJ658ITeiKT7GZUIu9BOhMD1yCd1NYx+ImA"),
    ],
)
def test_random_text_that_says_pw_backwards_takes_nothing_beside_it(
    before: str, random: str
) -> None:
    """What it stands behind is a name that a reader needs."""
    assert Redactor().text(f"{before}{random}") == f"{before}{MASK}"


def test_a_password_that_is_written_backwards_is_taken_out() -> None:
    assert MASK in Redactor().text("9mXqtRzW42kLpQ=drowssap")
