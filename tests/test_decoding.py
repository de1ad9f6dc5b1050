"""Views of a text with one encoding undone, and the way back into the text."""

import base64

import pytest

from clusterproof.decoding import GAP, View, views


def readings(text: str) -> list[View]:
    """Every view of a text."""
    return list(views(text))


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("a%20b", "a b"),
        ("a+b", "a b"),
        ("%c3%a4", "ä"),
        ("%ff", "\ufffd"),
        ("a=\nb=C3=A4", "abä"),
        ("?name=4F=41", "?name=4FA"),
        (r"\u00e4\ud83d\ude00", "ä😀"),
        (r"\xc3\xa4", "ä"),
        (r"caf\xe9", "café"),
        (r"\xff", "ÿ"),
        (r"a\nb\tc\"d\/e", 'a\nb\tc"d/e'),
        (r"\b\f\r\\", "\b\f\r\\"),
        (r"\ud83d!", "\ufffd!"),
        ("&lt;a&#62;&#x41;&amp;", "<a>A&"),
        ("a=20b", "a b"),
        ("%2541", "A"),
    ],
)
def test_an_encoding_is_undone(text: str, reading: str) -> None:
    """Also where two stand one in the other, and what is no text is marked."""
    assert reading in [view.text for view in readings(text)]


@pytest.mark.parametrize("skipped", range(4))
def test_base64_is_read_wherever_it_begins(skipped: int) -> None:
    """Behind up to three letters that are none of it; both alphabets, padded or not."""
    data = "a secret value, äöü?>".encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for letters in (encode(data).decode(), encode(data).decode().rstrip("=")):
            found = [view.text for view in readings("x" * skipped + letters)]
            assert any("a secret value, äöü?>" in text for text in found)


@pytest.mark.parametrize(
    "text", ["6120736563726574", "61 20 73 65 63 72 65 74", "61:20:73:65:63:72:65:74"]
)
def test_hex_is_read_however_it_is_grouped(text: str) -> None:
    """Also behind one digit that is none of it."""
    assert any("a secret" in view.text for view in readings(text))
    assert any("a secret" in view.text for view in readings(f"f{text}"))


@pytest.mark.parametrize("more", ["", "x"])
def test_base64_is_read_to_its_last_letter(more: str) -> None:
    """An X may be one, and a letter too many at the end takes nothing with it."""
    letters = base64.b64encode(b"a secretW").decode()
    assert letters.endswith("X")
    assert any("a secretW" in view.text for view in readings(letters + more))


def test_readings_of_one_piece_are_kept_apart() -> None:
    """So that nothing is found across two of them."""
    letters = base64.b64encode(b"a secret value").decode()
    undone = next(view for view in readings(letters) if "a secret value" in view.text)
    assert undone.text.endswith(GAP)


@pytest.mark.parametrize(
    "text", [base64.b64encode(b"a secret value").decode(), b"a secret value".hex()]
)
def test_each_alignment_of_a_piece_is_read_once(text: str) -> None:
    """A further one would be the first again, without its beginning."""
    undone = next(view for view in readings(text) if "a secret value" in view.text)
    assert undone.text.count("secret value") == undone.text.count("cret value") == 1


def test_what_reaches_into_the_gap_points_back_to_the_whole_piece() -> None:
    """As a key does whose end is not there: it is secret up to the end of the text."""
    letters = base64.b64encode(b"a secret value").decode()
    undone = next(view for view in readings(f"key: {letters}, more") if "secret" in view.text)
    assert undone.text[-1] == GAP
    assert undone.origin(0, len(undone.text)) == (5, 5 + len(letters))


def test_a_text_is_read_backwards() -> None:
    """With the way back."""
    backwards = next(view for view in readings("abcdef") if view.mirrored)
    assert backwards.text == "fedcba"
    start = backwards.text.index("dc")
    assert backwards.origin(start, start + 2) == (2, 4)


@pytest.mark.parametrize(
    ("text", "part", "source"),
    [
        ("see %73%65cret now", "secret", "%73%65cret"),
        ("see s%65cret now", "secret", "s%65cret"),
        ("see secre%74 now", "now", "now"),
        ("see secre%74 now", "see", "see"),
        ("x &lt;secret&gt; y", "<secret>", "&lt;secret&gt;"),
        ("x %26lt;secret y", "<s", "%26lt;s"),
        (r"x\"\"y", 'x"', r"x\""),
    ],
)
def test_what_was_read_points_back_to_where_it_stands(text: str, part: str, source: str) -> None:
    """The whole of each piece that it touches, through every layer."""
    spans = []
    for view in readings(text):
        start = view.text.find(part)
        if start >= 0:
            low, high = view.origin(start, start + len(part))
            spans.append(text[low:high])
    assert source in spans


def test_a_piece_that_is_a_value_points_back_as_a_whole() -> None:
    """No part of base64 stands for a part of what it says."""
    letters = base64.b64encode(b"a secret value").decode()
    text = f"key: {letters}, more"
    view = next(view for view in readings(text) if "secret" in view.text)
    start = view.text.index("secret")
    low, high = view.origin(start, start + len("secret"))
    assert text[low:high] == letters


def test_a_text_without_any_encoding_has_two_views() -> None:
    """Itself and backwards."""
    assert [view.text for view in readings("a b.")] == ["a b.", ".b a"]
    assert [view.text for view in readings("&zzzz;")] == ["&zzzz;", ";zzzz&"]
