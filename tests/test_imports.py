"""What a start of pytest with our plugins imports: by name, since times depend on the machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
LATE = {
    "asyncio": "nothing of ours",
    "click": "httpx's own command line",
    "cryptography": "certificates, and client certificates of a kubeconfig",
    "httpx": "a connection to an API server",
    "jinja2": "the report",
    "kubernetes": "nothing of ours",
    "posthog": "a script that runs in a Pod",
    "prometheus_api_client": "Prometheus",
    "prometheus_client": "a metrics page",
    "requests": "Prometheus",
    "urllib3": "Prometheus",
    "websocket": "an exec",
}
"""Module to what takes it; until then nobody has to wait for it."""

_SAYS_MODULES = """
import importlib, json, sys
import pytest
before = set(sys.modules)
for name in importlib.import_module("conftest").pytest_plugins:
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The top-level modules that our plugins add to pytest's own."""
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.')\n{_SAYS_MODULES}"]
    ended = subprocess.run(  # noqa: S603 - our own words
        command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(ended.stdout))


def test_our_plugins_are_what_was_imported(imported: set[str]) -> None:
    assert {"clusterproof", "fixtures", "pydantic", "yaml"} <= imported


@pytest.mark.parametrize("module", LATE)
def test_start_does_not_import_what_only_some_runs_need(imported: set[str], module: str) -> None:
    assert module not in imported, f"import it where it is used, for: {LATE[module]}"


def test_a_run_of_the_suites_does_not_import_hypothesis_though_it_is_installed() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "pytest", "suites", "--plan"]
    ended = subprocess.run(  # noqa: S603 - our own words
        command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True
    )
    assert "hypothesis.core" not in ended.stderr
