"""A script is sent into a Pod as it was written: an older Python than ours has to read it."""

import ast
import json
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlencode

import pytest

from clusterproof.act.rehearsal.flow import AT_ONCE
from clusterproof.kube.execute import URL_LIMIT
from clusterproof.observe import scripts
from clusterproof.observe.sources import packed, source_of

SCRIPTS = sorted(Path(scripts.__path__[0]).glob("[!_]*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_each_line_that_is_sent_was_written_so(path: Path) -> None:
    written = {line.strip() for line in path.read_text(encoding="utf-8").splitlines()}
    sent = source_of(path.stem)
    assert {line.strip() for line in sent.splitlines()} - {"pass"} <= written
    ast.parse(sent, feature_version=(3, 8))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_docstring_is_sent(path: Path) -> None:
    for node in ast.walk(ast.parse(source_of(path.stem))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            assert ast.get_docstring(node) is None


def test_a_script_that_is_packed_has_its_arguments_and_is_the_main_module() -> None:
    script = "import sys\nif __name__ == '__main__':\n    print(sys.argv[1:], 'größer')"
    command = [sys.executable, "-I", "-c", *packed(script, '{"a": "ü % \'"}', "b c")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert ended.stdout == "['{\"a\": \"ü % \\'\"}', 'b c'] größer\n"


def test_as_many_events_as_are_asked_for_at_once_are_in_one_url() -> None:
    request = {"do": "read", "uuids": [str(uuid.uuid4()) for _ in range(AT_ONCE)], "keys": []}
    words = packed(source_of("product.posthog.scripts.events"), json.dumps(request))
    assert len(urlencode([("command", word) for word in words])) < URL_LIMIT - 2_000
