"""Every command that a report offers is one that kubectl takes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import clusterproof
from clusterproof.checks import kinds
from clusterproof.judgement import Doubt
from clusterproof.run.check import Checked
from clusterproof.run.results import result_of
from tests.judge.rows import row
from tests.run.commands import mistakes_in
from tests.run.test_results import PLANNED

SOURCE = Path(clusterproof.__file__).parent
FOLDERS = ("act", "checks", "kube", "observe", "product", "causes")


def offered() -> Iterator[tuple[str, str]]:
    """Each text of the code that begins with `kubectl `, with words for what is filled in."""
    for folder in FOLDERS:
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for name, text in _given(node):
                    if text.startswith("kubectl "):
                        yield f"{path.relative_to(SOURCE)}:{node.lineno} {name}", text  # type: ignore[attr-defined]


def _given(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.keyword) and node.arg in {"next_command", "show"}:
        yield node.arg, _text(node.value)
    if isinstance(node, ast.Assign):
        for target in node.targets:
            name = getattr(target, "id", getattr(target, "attr", ""))
            if name == "next_command":
                yield name, _text(node.value)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.FormattedValue):
        return "-n ns deployment/web" if ast.unparse(node.value).endswith(".kubectl") else "x"
    return ""


def test_every_command_in_the_code_is_one_that_kubectl_takes() -> None:
    commands = dict(offered())
    assert len(commands) > len(kinds())
    wrong = {place: mistakes_in(command) for place, command in commands.items()}
    assert {place: why for place, why in wrong.items() if why} == {}


@pytest.mark.parametrize(
    "command",
    [
        "kubectl port-forward deployment/web 9090:9090",
        "kubectl get pods --output-all",
        "kubectl get -n",
        "kubectl frobnicate",
        "rm -rf x",
        "curl",
    ],
)
def test_a_command_that_does_not_run_is_noticed(command: str) -> None:
    assert mistakes_in(command)


def test_a_row_that_could_not_be_looked_at_says_how_to_look_at_its_object() -> None:
    claim = row("replicas", workload="Deployment/ns/web", replicas={"min": 1, "max": 1})
    blind = result_of(Checked(claim, None, Doubt("no answer"), 1.0, 0.5), PLANNED)
    assert blind.next == "kubectl describe -n ns deployment/web"
    assert mistakes_in(blind.next) == []
