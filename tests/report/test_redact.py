"""Redaction: planted secrets in every encoding, in every place, and none comes through."""

import base64
import html
import json
import quopri
import secrets
import shlex
import string
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clusterproof.outcome import Outcome
from clusterproof.redact import MASK, Redactor
from clusterproof.redact.values import worth_searching
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord

TOKEN = string.ascii_letters + string.digits


def token(length: int) -> str:
    return "".join(secrets.choice(TOKEN) for _ in range(length))


# Made anew in each run: a fixed set could be passed by luck.
PLANTED: tuple[str, ...] = (
    *(f"phc_{token(43)}" for _ in range(5)),
    *(f"phx_{token(43)}" for _ in range(3)),
    *(f"sk-{token(48)}" for _ in range(4)),
    *(f"sk-ant-api03-{token(80)}" for _ in range(4)),
    *(f"eyJ{token(20)}.eyJ{token(60)}.{token(43)}" for _ in range(4)),
    *(token(32) for _ in range(6)),
    *(token(8) + "+/=" + token(8) + "&<>\"'" for _ in range(3)),
    *(token(4) + " %41 =4F &amp; \\n " + token(4) for _ in range(3)),
    *(f"pä$$-wörd-{token(10)}" for _ in range(3)),
    *(f"密码{token(12)}" for _ in range(2)),
    token(6),
    token(128),
    "a" * 20,
)


def wrapped_base64(text: str) -> str:
    return base64.encodebytes(f"user:{text * 3}".encode()).decode()


def aligned(before: str) -> Callable[[str], str]:
    return lambda text: base64.b64encode(f"{before}{text}!tail".encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64-unpadded-url": lambda text: (
        base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    ),
    "base64-aligned-1": aligned(":"),
    "base64-aligned-2": aligned("a:"),
    "base64-wrapped": wrapped_base64,
    "url": lambda text: urllib.parse.quote(text, safe=""),
    "url-form": urllib.parse.quote_plus,
    "url-lower-case-every-byte": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "hex": lambda text: text.encode().hex(),
    "hex-dump": lambda text: text.encode().hex(" ").upper(),
    "json": json.dumps,
    "json-all-escaped": lambda text: "".join(
        f"\\u{int.from_bytes(pair, 'big'):04x}"
        for pair in zip(*[iter(text.encode("utf-16-be"))] * 2, strict=True)
    ),
    "python-repr": repr,
    "html": html.escape,
    "html-numeric": lambda text: "".join(f"&#x{ord(letter):x};" for letter in text),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode(),
    "reversed": lambda text: text[::-1],
    "json-in-json": lambda text: json.dumps(json.dumps(text)),
    "json-in-base64": lambda text: base64.b64encode(json.dumps({"k": text}).encode()).decode(),
    "base64-in-url": lambda text: urllib.parse.quote(base64.b64encode(text.encode()).decode(), ""),
}
KNOWN_ENCODINGS = ENCODINGS | {
    "base64-utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "shell-quoted": shlex.quote,
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base85": lambda text: base64.b85encode(text.encode()).decode(),
    "bytes-list": lambda text: " ".join(str(byte) for byte in text.encode()),
    "bytes-in-c": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "coloured": lambda text: f"{text[:3]}\x1b[31m{text[3:]}\x1b[0m",
    "without-width": lambda text: f"{text[:2]}\u200b{text[2:]}",
    "two-literals": lambda text: f'"{text[:3]}" "{text[3:]}"',
    "json-three-deep": lambda text: json.dumps(json.dumps(json.dumps({"k": text}))),
    "yaml-single-quoted": lambda text: "'" + text.replace("'", "''") + "'",
    "folded": lambda text: f"{text[:3]}\n    {text[3:]}",
    "continued": lambda text: f"{text[:2]}\\\n  {text[2:]}",
    "octal": lambda text: "".join(
        letter if letter.isascii() else "".join(f"\\{byte:03o}" for byte in letter.encode())
        for letter in text
    ),
}
PLACES = (
    "{}",
    "waiting for {} to be ready",
    "https://example.com/x?y={}&z=1",
    '{{"level":"info","value":"{}"}}',
    "DEBUG conn {}\nnext line",
)


def decodings(text: str) -> str:
    """What a determined reader gets from `text`: independent of the code under test."""
    out = [text, text[::-1], urllib.parse.unquote_plus(text), html.unescape(text)]
    squeezed = "".join(text.split())
    for start in range(len(squeezed)):
        for alphabet in (base64.b64decode, base64.urlsafe_b64decode):
            end = start
            while end < len(squeezed) and squeezed[end] in TOKEN + "+/-_":
                end += 1
            piece = squeezed[start:end]
            if len(piece) >= 8 and start < 4:
                out.append(alphabet(piece[: len(piece) // 4 * 4]).decode(errors="replace"))
    return "\n".join(out)


def test_forty_secrets_are_planted() -> None:
    assert len(set(PLANTED)) == 40


@pytest.mark.parametrize("encoding", KNOWN_ENCODINGS)
def test_known_secret_does_not_come_through_in_any_encoding(encoding: str) -> None:
    redactor = Redactor.of(PLANTED)
    leaks = []
    for number, secret in enumerate(PLANTED):
        form = KNOWN_ENCODINGS[encoding](secret)
        for place in PLACES[:4] if "\n" in form else PLACES:
            seen = redactor.text(place.format(form))
            if form in seen or secret in decodings(seen) or MASK not in seen:
                leaks.append((number, place))
    assert leaks == []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_secret_of_a_known_shape_needs_no_known_value(encoding: str) -> None:
    redactor = Redactor()
    leaks = []
    for number, secret in enumerate(PLANTED[:20]):
        form = ENCODINGS[encoding](secret)
        seen = redactor.text(f"got {form} here")
        if form in seen or secret in decodings(seen) or MASK not in seen:
            leaks.append(number)
    assert leaks == []


SECRETS = st.text(
    st.characters(
        min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Zl", "Zp")
    ),
    min_size=6,
    max_size=40,
).filter(lambda text: text == text.strip() and len(text.splitlines()) == 1 and not text.isdigit())
# `MISSING` and other words that every report says are no secrets.
SECRETS = SECRETS.filter(lambda text: text in worth_searching([text]))


@settings(max_examples=150, deadline=None)
@given(SECRETS, st.sampled_from(sorted(ENCODINGS)), st.text(max_size=8), st.text(max_size=8))
@example("=4F&amp;%41", "url-form", "", "")
def test_any_known_value_is_found(secret: str, encoding: str, before: str, after: str) -> None:
    form = ENCODINGS[encoding](secret)
    seen = Redactor.of([secret]).text(f"{before} {form} {after}")
    assert MASK in seen
    assert secret not in seen


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    redactor = Redactor.of(PLANTED)
    once = redactor.text(text + " password=hunter22 ")
    assert redactor.text(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=abc123 user=x", f"password={MASK} user=x"),
        ("password=abc123, token=def456 x", f"password={MASK}, token={MASK} x"),
        ("PGPASSWORD='two words' psql", f"PGPASSWORD='{MASK}' psql"),
        ("Authorization: Bearer abcdefghijkl", f"Authorization: Bearer {MASK}"),
        ("postgres://router:pw9@db:5432/x", f"postgres://router:{MASK}@db:5432/x"),
        ("redis://:pw9@cache/0", f"redis://:{MASK}@cache/0"),
        ('{"client_secret": "a b"}', f'{{"client_secret": "{MASK}"}}'),
        ("  DB_PASSWORD: s3cr3t\n  DB_HOST: db", f"  DB_PASSWORD: {MASK}\n  DB_HOST: db"),
        ("- name: SECRET_KEY\n  value: abc", f"- name: SECRET_KEY\n  value: {MASK}"),
        ('{"name":"API_KEY","value":"abc"}', f'{{"name":"API_KEY","value":"{MASK}"}}'),
        ("psql --password hunter2 -h db", f"psql --password {MASK} -h db"),
        ("https://hooks.slack.com/services/T0/B0/xyz", f"https://hooks.slack.com/services/{MASK}"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nok", f"{MASK}\nok"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", MASK),
    ],
)
def test_value_goes_and_its_name_stays(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "POSTHOG_API_KEY: present, 47 characters",
        "für alle",
        "SECRET_KEY: absent",
        "expected no placeholder, observed your-strong-password",
        "POSTGRES_PASSWORD=your-strong-password",
        "POSTHOG_API_KEY=phc_YOUR_API_KEY",
        "Secret/posthog/posthog-secret: keys DB_PASSWORD, SECRET_KEY present",
        "kubectl -n voicehelper-prod describe networkpolicy model-router",
        "image clusterproof.dev/model-router:1.0.0@sha256:" + "ab" * 32,
        "uid 3f1b2a7e-9c7d-4a53-9b68-0f3a5f1e2d4c, generation 3",
        "http://posthog-web.posthog.svc.cluster.local:8000",
        "no answer in 3 s, 3 of 3 attempts; control peer answered in 4 ms",
        "risk-assessment-service-with-a-long-name-5d9f-abcde",
    ],
)
def test_what_a_report_must_say_stays(text: str) -> None:
    assert Redactor().text(text) is text


def test_a_whole_record_is_redacted_and_keeps_its_shape() -> None:
    secret = PLANTED[0]
    row = RowResult(
        id="row",
        area="health",
        title="A claim.",
        outcome=Outcome.FAILED,
        observed=secret,
        evidence=(f"log: {secret}",),
        duration_s=1.5,
    )
    facts = ClusterFacts(context="c", nodes=3)
    record = RunRecord(
        run_id="r",
        started_at=1,
        finished_at=2,
        cluster=facts,
        rows=(row,),
        options={"url": f"x?{secret}"},
    )
    seen = Redactor().data(record)
    assert isinstance(seen, RunRecord)
    assert (seen.verdict, seen.rows[0].duration_s) == (Outcome.FAILED, 1.5)
    assert secret not in seen.to_json()


def test_known_values_are_not_in_the_representation() -> None:
    redactor = Redactor.of(PLANTED)
    assert repr(redactor) == f"Redactor({len(redactor.known)} known values)"
