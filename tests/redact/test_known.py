"""A known value that a text was cut within does not come through as its beginning."""

import base64
import json
from collections.abc import Iterator

import pytest

from clusterproof.decoding import View, views
from clusterproof.redact import MASK, Redactor
from clusterproof.redact.redactor import _clean

LONG = "Zk3vQ9rTb1xWm7Ls0PdYh5Nc2Ga8Ufe4JiKoXq6V"
PHRASE = "hunter2hunter2"
REDACTOR = Redactor.of([LONG, PHRASE, "router-key-5Hq", "postgres77x", "https://u:Xq7vRk2@db:5/x"])


@pytest.mark.parametrize("mark", ["…", "...", "", " ...", " […]", "[...]", "....", "\n", " (cut)"])
@pytest.mark.parametrize("length", [6, 9, 15, 16, 17, 30, 39])
@pytest.mark.parametrize("before", ["", "login failed: ", "x='", "data:"])
def test_beginning_before_a_mark_of_a_cut_or_the_end_goes(
    before: str, length: int, mark: str
) -> None:
    shown = REDACTOR.text(f"{before}{LONG[:length]}{mark}")
    # The dots behind a value that looks random anyway may go with it.
    assert shown.startswith(f"{before}{MASK}")
    assert LONG[:4] not in shown
    assert mark.startswith(shown.removeprefix(f"{before}{MASK}"))


@pytest.mark.parametrize("length", range(6, len(PHRASE)))
def test_beginning_of_a_short_value_goes(length: int) -> None:
    assert REDACTOR.text(f"login with {PHRASE[:length]}… failed") == f"login with {MASK}… failed"


def test_beginning_of_an_encoded_value_goes() -> None:
    escaped = json.dumps(f"{PHRASE[:8]}…")
    assert PHRASE[:6] not in REDACTOR.text(f"said {escaped}, twice")
    encoded = base64.b64encode(LONG.encode()).decode()
    assert encoded[:16] not in REDACTOR.text(f"data {encoded[:20]}... and more")


def test_value_that_has_the_dots_of_the_mark_goes() -> None:
    redactor = Redactor.of(["Zk3vQ9rT.b1xWm7Ls0PdY.h5"])
    assert redactor.text("got Zk3vQ9rT....") == f"got {MASK}..."
    assert redactor.text("got Zk3vQ9rT.b1xWm7Ls0PdY....").startswith(f"got {MASK}")


@pytest.mark.parametrize(
    "text",
    [
        f"got {LONG[:5]}…",
        f"with {LONG[:12]} and more",
        f"with {LONG[:30]} and more",
        "waiting for the router...",
        "waiting for postgres",
        "Post https://",
        "no answer from superhunter",
    ],
)
def test_what_is_no_cut_value_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize(
    ("member", "shown"),
    [
        ({"password": [PHRASE, "absent"]}, {"password": [MASK, "absent"]}),
        ({"password": ([PHRASE],)}, {"password": ([MASK],)}),
        ({"db_password": 90210477}, {"db_password": MASK}),
        ({"token": [90210.477]}, {"token": [MASK]}),
        ({"secret": "router-tls"}, {"secret": "router-tls"}),
        ({"secret": ["router-tls", "other-9x"]}, {"secret": ["router-tls", MASK]}),
        (
            {"credentials": [{"name": "x", "password": "p9x"}]},
            {"credentials": [{"name": "x", "password": MASK}]},
        ),
        (
            {"secret": True, "token": 47, "password": None},
            {"secret": True, "token": 47, "password": None},
        ),
    ],
)
def test_what_stands_behind_a_secrets_name_goes_alone_or_in_a_list(
    member: dict[str, object], shown: dict[str, object]
) -> None:
    assert Redactor.of([], spared=["router-tls"]).data(member) == shown


@pytest.mark.parametrize("mark", ["…", "... ", "[truncated] ", "(snip) ", "<shortened>", "\\u2026"])
@pytest.mark.parametrize("length", [8, 15, 30])
def test_the_end_of_a_value_behind_a_mark_of_a_cut_goes(mark: str, length: int) -> None:
    assert REDACTOR.text(f"got {mark}{LONG[-length:]} twice") == f"got {mark}{MASK} twice"
    assert REDACTOR.text(f"got {mark}router is ready") == f"got {mark}router is ready"


@pytest.mark.parametrize("mark", ["[truncated", "(snip", "<shortened", " [cut", "\\u2026"])
def test_a_beginning_before_any_mark_goes(mark: str) -> None:
    shown = REDACTOR.text(f"got {PHRASE[:8]}{mark} and more")
    assert shown == f"got {MASK}{mark} and more"


def test_what_held_no_secret_is_not_searched_again_where_more_is_spared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []

    def counted(text: str) -> Iterator[View]:
        looked.append(text)
        return views(text)

    monkeypatch.setattr("clusterproof.redact.redactor.views", counted)
    redactor = Redactor.of([PHRASE])
    texts = ["nothing in it", f"got {PHRASE}", "nothing in it " * 1000]
    assert [redactor.text(text) for text in texts] == [texts[0], f"got {MASK}", texts[2]]
    sparing = redactor.sparing([f"got {PHRASE}"])
    looked.clear()
    assert [sparing.text(text) for text in (texts[0], texts[2])] == [texts[0], texts[2]]
    assert looked == []
    assert sparing.text(texts[1]) == texts[1]


def test_a_text_that_another_thread_adds_meanwhile_does_not_disturb() -> None:
    done: dict[str, str] = {}

    class Compared(str):
        """A text that is added to `done` by the comparison with it."""

        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            done["another"] = "another"
            return str.__eq__(self, other)

    done |= {"one": Compared("one"), "two": Compared("two")}
    assert _clean(done) == {"one": "one", "two": "two"}


def test_a_long_text_that_is_said_again_is_redacted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a fact that seven rows share; and a redactor that knows more forgets what it did."""
    looked: list[int] = []

    def counted(text: str) -> Iterator[View]:
        looked.append(len(text))
        return views(text)

    monkeypatch.setattr("clusterproof.redact.redactor.views", counted)
    text = f'{{"events": "{"x y " * 12_000}", "password": "hunter2-and-more"}}'
    redactor = Redactor.of(["hunter2-and-more"])
    assert redactor.text(text) == redactor.text(text)
    assert "hunter2" not in redactor.text(text)
    assert looked == [len(text)]
    redactor.sparing(["another-word"]).text(text)
    assert looked == [len(text)] * 2
