"""Wherever the testbed runs kubectl: nothing is left in the user's home, and it is patient."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testbed.cluster import addons, contour
from testbed.compare import manifests
from testbed.deploy.kubectl import Kubectl
from testbed.prove.steps import Patch
from testbed.settings import patient

PROJECT = Path(__file__).parents[2]
RUNS_KUBECTL = re.compile(
    r'program\("kubectl"\)|bin_dir\(\) / "kubectl"|\[(str\((self\.)?kubectl\)|"kubectl")'
)
TELLS_IT = re.compile(r"\bKubectl\(|environment\(\)|KUBECACHEDIR")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kubectl's cache has to be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KUBECACHEDIR", raising=False)
    return tmp_path / "clusterproof/kubectl"


@pytest.fixture
def kubectl(tmp_path: Path, cache: Path) -> Path:
    """In place of kubectl, a program that writes its arguments and where its cache is."""
    program = cache.parent / "bin/kubectl"
    program.parent.mkdir(parents=True)
    report = "json.dumps({'arguments': sys.argv[1:], 'cache': os.environ.get('KUBECACHEDIR')})"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"open({str(tmp_path / 'told.json')!r}, 'w').write({report})\nprint('{{}}')\n"
    )
    program.chmod(0o755)
    return program


def told(tmp_path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((tmp_path / "told.json").read_text())
    return report


def test_each_call_on_a_cluster_is_patient_and_keeps_its_cache_with_us(
    kubectl: Path, cache: Path, tmp_path: Path
) -> None:
    tool = Kubectl(kubectl, Path("kubeconfig"))
    for call in (
        lambda: tool.apply([{"kind": "Namespace"}]),
        lambda: tool.read("pods"),
        lambda: tool.run("logs", "job/x"),
    ):
        call()
        assert told(tmp_path)["cache"] == str(cache)
        assert f"--request-timeout={patient(90):g}s" in told(tmp_path)["arguments"]


def test_so_are_the_addons(
    kubectl: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addons, "program", lambda _: kubectl)
    monkeypatch.setattr(addons, "FILES", ())
    kinds = tmp_path / "kinds.yaml"
    kinds.write_text('{"kind": "CustomResourceDefinition", "metadata": {"name": "a.b"}}')
    monkeypatch.setattr(contour, "manifests", lambda: kinds)
    addons.apply()
    assert told(tmp_path)["cache"] == str(cache)
    assert f"--request-timeout={patient(60):g}s" in told(tmp_path)["arguments"]


def test_so_is_the_comparison_with_other_tools(kubectl: Path, cache: Path, tmp_path: Path) -> None:
    manifests.patching(kubectl)({"kind": "Pod"}, Patch.model_construct(with_={"spec": {}}))
    assert told(tmp_path)["cache"] == str(cache)


def test_what_a_person_asks_of_our_kubectl_is_cached_with_us_too(
    kubectl: Path, cache: Path, tmp_path: Path
) -> None:
    assert kubectl.exists()
    subprocess.run(
        [sys.executable, "-m", "testbed.cluster", "kubectl", "get", "nodes", "-o", "wide"],
        cwd=PROJECT,
        check=True,
        timeout=60,
    )
    assert told(tmp_path)["cache"] == str(cache)
    assert told(tmp_path)["arguments"][1:] == ["get", "nodes", "-o", "wide"]


def test_cache_of_a_person_who_chose_one_stays_theirs(
    kubectl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECACHEDIR", "/elsewhere")
    Kubectl(kubectl, Path("kubeconfig")).run("get", "pods")
    assert told(tmp_path)["cache"] == "/elsewhere"


def test_no_module_runs_kubectl_without_saying_where_its_cache_is() -> None:
    modules = {
        path: path.read_text(encoding="utf-8") for path in (PROJECT / "testbed").rglob("*.py")
    }
    running = {path for path, source in modules.items() if RUNS_KUBECTL.search(source)}
    # The comparison's and the oracle's own programs give it to what tells it.
    programs = {"testbed/compare/__main__.py", "testbed/oracles/kubeconfig/__main__.py"}
    silent = {
        str(path.relative_to(PROJECT)) for path in running if not TELLS_IT.search(modules[path])
    }
    assert len(running) > len(programs)
    assert silent == programs
