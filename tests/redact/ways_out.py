"""A cluster on loopback that holds sixty secrets, and shows each in a ConfigMap and in an event."""

import base64
import json
import secrets
import string
from pathlib import Path
from typing import Any

from tests.nightly.api_server import CONFIG_MAPS, Answers, settings
from tests.report.test_redact import KNOWN_ENCODINGS

SECRETS = "/api/v1/namespaces/here/secrets"
EVENTS = "/api/v1/namespaces/here/events"
LETTERS = string.ascii_letters + string.digits
AT_ONCE = 4
"""Encodings in which each secret is shown; the next secret is shown in the next ones."""


def token(length: int, letters: str = LETTERS) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))


def planted() -> tuple[str, ...]:
    """Sixty, made anew in each run; only the Secret tells most of them from harmless text."""
    words = ("harvest", "violin", "copper", "meadow", "lantern", "granite", "saffron", "tundra")
    passphrases = [" ".join(secrets.choice(words) for _ in range(4)) for _ in range(6)]
    return (
        *(token(length) for length in range(8, 28)),
        *(f"{secrets.choice(words)}{token(2, string.digits)}{number:02}" for number in range(8)),
        *(f"{phrase} {number}" for number, phrase in enumerate(passphrases)),
        *(f"#{token(3)}!{number}" for number in range(6)),
        *(f"pä$$-wörd/{token(6)}?&" for _ in range(5)),
        *(f"密码{token(8)}" for _ in range(3)),
        *(f'it\'s "{token(8)}" <b>' for _ in range(4)),
        *(f"phc_{token(43)}" for _ in range(2)),
        *(f"sk-ant-api03-{token(60)}" for _ in range(2)),
        *(f"glpat-{token(20)}A" for _ in range(2)),
        *(token(64) for _ in range(2)),
    )


def forms(number: int, secret: str) -> list[str]:
    """The secret in some of the encodings; all of them are had by any six secrets in a row."""
    chosen = list(KNOWN_ENCODINGS.values())
    return [chosen[(number * AT_ONCE + at) % len(chosen)](secret) for at in range(AT_ONCE)]


def holding(answers: Answers, values: tuple[str, ...]) -> None:
    """Let the cluster hold them, in a Secret, in a ConfigMap and in an event."""
    shown = {f"k{number}": " , ".join(forms(number, value)) for number, value in enumerate(values)}
    encoded = {
        f"S{number}": base64.b64encode(value.encode()).decode()
        for number, value in enumerate(values)
    }
    metadata = {"name": "hidden", "namespace": "here"}
    answers.lists[CONFIG_MAPS] = settings(**shown)
    answers.lists[SECRETS] = [{"metadata": metadata, "data": encoded}]
    answers.lists[EVENTS] = [
        {
            "metadata": {"name": f"e{number}", "namespace": "here"},
            "involvedObject": {"name": "settings"},
            "lastTimestamp": f"2026-11-26T00:00:{number:02}Z",
            "message": f"refused: {forms(number + 1, value)[0]}",
        }
        for number, value in enumerate(values)
    ]


def leaks(text: str, values: tuple[str, ...]) -> list[int]:
    """The numbers of those that stand in `text`, in any form in which they were shown."""
    return [
        number
        for number, value in enumerate(values)
        if any(form in text for form in {value, *forms(number, value), *forms(number + 1, value)})
    ]


def write_spec(folder: Path, count: int) -> Path:
    """A spec with a row for each of the ConfigMap's keys, and one that reads the Secret last."""
    rows: list[dict[str, Any]] = [
        {
            "id": f"settings-k{number}",
            "claim": f"The setting k{number} says yes",
            "source": "tests/redact",
            "check": "field",
            "of": "ConfigMap/${home}/settings",
            "path": f"data.k{number}",
            "expect": {"equals": "yes"},
        }
        for number in range(count)
    ]
    folder.mkdir(exist_ok=True)
    (folder / "rows.yaml").write_text(json.dumps({"area": "configuration", "rows": rows}))
    (folder / "spec.yaml").write_text(
        "name: small\nprofile: small\nnamespaces: {home: here}\ninclude: [rows.yaml]\n", "utf-8"
    )
    return folder / "spec.yaml"


PLUGIN = '''
"""Says each secret where a plugin, a library or an error of ours might."""
import json, logging, os, warnings
import pytest

VALUES = json.loads(os.environ["PLANTED"])
count = 0

@pytest.fixture(autouse=True)
def _chatty():
    global count
    value = VALUES[count % len(VALUES)]
    count += 1
    print("printed", value)
    logging.getLogger("chatty").warning("logged %s", value)
    warnings.warn(f"warned of {value}")
    if count % 10 == 0:
        password = value
        raise RuntimeError(f"raised with {password}")

def pytest_terminal_summary(terminalreporter):
    for value in VALUES:
        terminalreporter.write_line(f"summary says {value}")

def pytest_runtest_logreport(report):
    if os.environ.get("CRASH") and report.when == "call":
        raise RuntimeError("crashed with " + " | ".join(VALUES))
'''
