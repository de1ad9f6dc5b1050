"""PATIENCE: what it may be, and that no bounded wait of the testbed is without it."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.settings import SettingError, parse_patience

PROJECT = Path(__file__).parents[1]
TESTBED = PROJECT / "testbed"

# Software that runs in Pods, with bounds that are part of what it is.
IN_PODS = ("posthog", "router")

# Each is a pace or an end, and no bound on what something may take: a slow machine changes nothing.
NO_BOUNDS = {
    ("controllers/loop.py", "wake.changed.wait(pause_s)"): "the pace of a control loop",
    ("controllers/loop.py", "wake.stop.wait(DEBOUNCE_S)"): "the pace of a control loop",
    ("controllers/mirror.py", "stop.wait(backoff_s)"): "the pace of new attempts",
    ("cluster/supervisor.py", "time.monotonic() >= self.restart_at"): "the pace of restarts",
    ("cluster/supervisor.py", "selector.select(TICK_S)"): "the pace of the supervisor",
    ("cluster/forward.py", "server.settimeout(None)"): "none",
    (
        "oracles/policies/dials.py",
        "(left_s := (ends_at - time.monotonic())) > 0",
    ): "what is left of a bound that was multiplied",
    ("oracles/policies/dials.py", "self.chooser.select(left_s)"): "the same",
    ("faultproxy/kills.py", "time.monotonic() < ends_at"): "for how long a trial goes on",
    ("prove/__main__.py", "time.monotonic() >= ends_at"): "for how long a trial goes on",
}

_BOUNDS = frozenset({"timeout", "_request_timeout"})
_BASE_BOUNDS = frozenset({"timeout_s", "within_s", "read_timeout_s"})
"""Parameters of our own functions, which multiply them at the end: `_unscaled_parameters`."""

_BLOCKING = frozenset({"wait", "settimeout", "wait_for", "timeout", "select"})
"""Methods whose one positional argument is a bound."""


def _modules() -> list[Path]:
    return [
        path
        for path in sorted(TESTBED.rglob("*.py"))
        if path.relative_to(TESTBED).parts[0] not in IN_PODS and path.name != "waits.py"
    ]


def _is_patient(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return all(_is_patient(element) for element in node.elts)
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "patient"


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _own_functions() -> dict[str, list[ast.FunctionDef]]:
    """Functions of the testbed that take a bound, by name."""
    named: dict[str, list[ast.FunctionDef]] = {}
    for path in (*_modules(), TESTBED / "waits.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                parameters = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
                if parameters & _BASE_BOUNDS:
                    named.setdefault(node.name, []).append(node)
    return named


OWN = _own_functions()


def unscaled(source: str) -> Iterator[str]:
    """Bounds in a module's source that PATIENCE does not reach, each as its expression."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module="clusterproof.wait", names=names):
                yield from (
                    f"from clusterproof.wait import {alias.name}"
                    for alias in names
                    if alias.name in {"wait_until", "last_within"}
                )
            case ast.Import(names=names) if any(
                alias.name == "clusterproof.wait" for alias in names
            ):
                yield ast.unparse(node)
            case ast.Call():
                yield from _unscaled_call(node)
            case ast.Compare(left=left, comparators=[right]):
                if any("time.monotonic()" in ast.unparse(side) for side in (left, right)) and not (
                    _is_patient(left) or _is_patient(right)
                ):
                    yield ast.unparse(node)
            case (
                ast.Assign(targets=[ast.Name(id="timeout")], value=given)
                | ast.Assign(targets=[ast.Attribute(attr="timeout")], value=given)
            ):
                if not _is_patient(given):
                    yield ast.unparse(node)
            case ast.FunctionDef(name=name) if name in OWN:
                yield from _unscaled_parameters(node)


def _unscaled_call(call: ast.Call) -> Iterator[str]:
    text = ast.unparse(call)
    for keyword in call.keywords:
        multiplied = _is_patient(keyword.value) or (
            keyword.arg in _BASE_BOUNDS and _name(call) in OWN
        )
        if keyword.arg in _BOUNDS | _BASE_BOUNDS and not multiplied:
            yield text
    if isinstance(call.func, ast.Attribute) and len(call.args) == 1:
        (given,) = call.args
        # Strings are joined as well as threads: only a bound is a number, or named as one.
        blocks = _name(call) in _BLOCKING or (_name(call) == "join" and _is_seconds(given))
        if blocks and not _is_patient(given):
            yield text
    if ast.unparse(call.func) == "select.select" and _is_seconds(call.args[-1]):
        yield text
    for argument in ast.walk(call):
        if (
            isinstance(argument, ast.Constant)
            and isinstance(argument.value, str)
            and argument.value.startswith("--")
            and "timeout" in argument.value
            and not argument.value.endswith("timeout=")  # what follows is an expression
        ):
            yield argument.value


def _is_seconds(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=int() | float()):
            return True
        case ast.Name(id=name):
            return name.endswith("_S")
    return False


def _unscaled_parameters(function: ast.FunctionDef) -> Iterator[str]:
    """Uses of a bound that is neither passed on as such nor multiplied."""
    passed = {
        name
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        for given in (
            *(keyword.value for keyword in call.keywords if keyword.arg in _BASE_BOUNDS),
            *(call.args if _name(call) in {*OWN, "patient"} else ()),
        )
        for name in ast.walk(given)
        if isinstance(name, ast.Name)
    }
    for name in ast.walk(function):
        if (
            isinstance(name, ast.Name)
            and isinstance(name.ctx, ast.Load)
            and name.id in _BASE_BOUNDS
            and name not in passed
        ):
            yield f"{name.id} in {function.name}"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(TESTBED)))
def test_every_bounded_wait_honours_patience(path: Path) -> None:
    place = str(path.relative_to(TESTBED))
    assert [
        text
        for text in unscaled(path.read_text(encoding="utf-8"))
        if (place, text) not in NO_BOUNDS
    ] == []


def test_every_exception_is_still_in_the_code() -> None:
    assert [
        (place, text)
        for place, text in NO_BOUNDS
        if text not in unscaled((TESTBED / place).read_text(encoding="utf-8"))
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(command, timeout=90)",
        "subprocess.run(command, timeout=BOUND_S + 1)",
        "process.communicate(timeout=self.bound_s)",
        "process.wait(20)",
        "thread.join(10)",
        "select.select([server], [], [], WITHIN_S)",
        "listener.settimeout(5.0)",
        "api.request('GET', '/', timeout_s=5)",
        "client.call(_request_timeout=(patient(5), 30))",
        "httpx.get(url, timeout=30.0)",
        "from clusterproof.wait import NeverAcceptedError, wait_until",
        "import clusterproof.wait",
        "class Handler:\n    timeout = 10.0",
        "while time.monotonic() - began < LIMIT_S: pass",
        "run(['kubectl', 'wait', '--timeout=60s'])",
        "def run(argv, timeout_s):\n    return subprocess.run(argv, timeout=timeout_s)",
        "def end(process, within_s):\n    ends_at = time.monotonic() + within_s",
    ],
)
def test_a_new_bound_cannot_be_forgotten(source: str) -> None:
    assert list(unscaled(source))


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(command, timeout=patient(90))",
        "process.wait()",
        "', '.join(names)",
        "from clusterproof.wait import NeverAcceptedError, pause",
        "wait_until(look, bool, waiting_for='x', within_s=LIMIT_S)",
        "def run(argv, timeout_s):\n    return subprocess.run(argv, timeout=patient(timeout_s))",
    ],
)
def test_a_bound_that_is_multiplied_is_let_through(source: str) -> None:
    assert list(unscaled(source)) == []


@pytest.mark.parametrize(("text", "factor"), [("", 1), ("1", 1), ("2.5", 2.5), ("20", 20)])
def test_patience_is_a_factor(text: str, factor: float) -> None:
    assert parse_patience(text) == factor


@pytest.mark.parametrize("text", ["0", "0.5", "-1", "nan", "inf", "ten", "10x", "1e999"])
def test_patience_below_one_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"PATIENCE: expected a number of 1 or more"):
        parse_patience(text)


@pytest.mark.parametrize(
    "program", ["testbed.cluster", "testbed.deploy", "testbed.images", "testbed.controllers"]
)
def test_a_bad_value_is_one_sentence(program: str) -> None:
    ended = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", program, "--help"],
        cwd=PROJECT,
        env={**os.environ, "PATIENCE": "soon"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 4
    assert ended.stderr.count("\n") == 1
    assert "PATIENCE: expected" in ended.stderr
    assert "'soon'" in ended.stderr


def test_the_factor_reaches_programs_and_waits() -> None:
    code = (
        "from testbed.cluster.errors import TestbedError\n"
        "from testbed.cluster.run import run\n"
        "from testbed.waits import wait_until\n"
        "from clusterproof.wait import NeverAcceptedError\n"
        "for attempt in (lambda: run(['sleep', '5'], timeout_s=0.1),\n"
        "        lambda: wait_until(bool, bool, waiting_for='x', within_s=0.1, every_s=0.05)):\n"
        "    try:\n"
        "        attempt()\n"
        "    except (TestbedError, NeverAcceptedError) as error:\n"
        "        print(error)\n"
    )
    ended = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, "PATIENCE": "4"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    program, wait = ended.stdout.splitlines()
    assert program.startswith("sleep 5: expected it to end within 0.4 s")
    assert wait.startswith("waited 0.4 s for x")
