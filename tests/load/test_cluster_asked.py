"""Which clusters a load may be about: all that this process is in or set up for are asked about."""

import logging
from pathlib import Path

import pytest

from clusterproof.errors import SpecError
from clusterproof.load.folder import CONTEXT_VARIABLE
from clusterproof.load.objectives import LoadSpec, read_objectives
from clusterproof.load.sections import ServiceRef
from clusterproof.outcome import ExitCode
from clusterproof.production import Production
from loadtests.forward import Forward
from loadtests.target import Surroundings
from tests.load.generator import Ended, load_spec
from tests.nightly.api_server import kubeconfig
from tests.observe.loopback import Reply, Request, served

UID = "0190-uid"
POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def answer(request: Request) -> Reply:
    """An API server with a namespace kube-system."""
    if request.path.endswith("/namespaces/kube-system"):
        return Reply(body={"kind": "Namespace", "metadata": {"uid": UID}})
    return Reply(403, {"kind": "Status", "apiVersion": "v1", "message": "no"})


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a kubeconfig nor a Pod, whatever this machine has."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", CONTEXT_VARIABLE, *POD):
        monkeypatch.delenv(name, raising=False)


def spec_of(folder: Path, **production: tuple[str, ...]) -> LoadSpec:
    """The load spec with this production."""
    spec = read_objectives(load_spec(folder))
    return spec.model_copy(update={"production": Production(**production)})


def refusal(spec: LoadSpec, *, allowed: bool = False) -> str:
    """Why the load is refused where we are, or ""."""
    try:
        Surroundings().refuse_production(spec, allowed=allowed)
    except SpecError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("production", "words"),
    [
        ({"contexts": ("loop*",)}, "context 'loopback' matches 'loop*'"),
        ({"clusters": (UID[:4] + "*",)}, f"cluster {UID} matches"),
        ({"hosts": ("127.0.0.0/8",)}, "matches '127.0.0.0/8'"),
        ({"contexts": ("in-cluster",)}, ""),
        ({"clusters": ("another",)}, ""),
    ],
)
def test_the_kubeconfig_is_asked_about(
    production: dict[str, tuple[str, ...]],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its context, its API server, and the UID of the cluster that is there."""
    spec = spec_of(tmp_path, **production)
    with served(answer) as url:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, url)))
        why = refusal(spec)
        assert refusal(spec, allowed=True) == ""
    assert words in why
    assert bool(why) is bool(words)


def test_a_pod_is_in_a_cluster_with_a_token_or_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cluster cannot be told without one: that is refused, as everywhere."""
    for name, text in POD.items():
        monkeypatch.setenv(name, text)
    why = refusal(spec_of(tmp_path, contexts=("dev", "IN-*")))
    assert why.startswith("context 'in-cluster' matches 'IN-*' in production of the spec")
    why = refusal(spec_of(tmp_path, clusters=(UID,)))
    assert "UID of namespace kube-system could not be read" in why
    assert "automountServiceAccountToken" in why
    assert refusal(spec_of(tmp_path, contexts=("dev",))) == ""


def test_a_pod_with_a_kubeconfig_is_asked_about_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(answer) as url:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, url)))
        for name, text in POD.items():
            monkeypatch.setenv(name, text)
        assert Surroundings().contexts == ("loopback", "in-cluster")
        assert "'in-cluster' matches" in refusal(spec_of(tmp_path, contexts=("in-cluster",)))
        assert "'loopback' matches" in refusal(spec_of(tmp_path, contexts=("loopback",)))


def test_an_api_server_that_does_not_say_its_uid_may_be_any_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: Request) -> Reply:
        return Reply(403, {"kind": "Status", "apiVersion": "v1", "message": "forbidden"})

    with served(forbidden) as url:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, url)))
        assert "could not be read" in refusal(spec_of(tmp_path, clusters=(UID,)))


def test_no_cluster_at_all_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert refusal(spec_of(tmp_path, clusters=(UID,))) == ""
    assert caplog.messages == [
        "production.clusters was not asked: no cluster is known here (no kubeconfig; no Pod)"
    ]


def test_what_started_the_generator_has_asked_about_its_own_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load run --context` may be another than the current one."""
    with served(answer) as url:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, url)))
        monkeypatch.setenv(CONTEXT_VARIABLE, "staging")
        assert refusal(spec_of(tmp_path, contexts=("loopback",), clusters=(UID,))) == ""
        assert "'staging' matches" in refusal(spec_of(tmp_path, contexts=("staging",)))


@pytest.mark.parametrize(
    ("production", "words"),
    [
        ({"contexts": ["in-cluster"]}, "context 'in-cluster' matches"),
        ({"clusters": [UID]}, "could not be read"),
        ({"hosts": ["127.0.0.1"]}, "host 'http://2130706433"),
    ],
)
def test_locust_itself_sends_nothing_to_production(
    production: dict[str, list[str]], words: str, tmp_path: Path
) -> None:
    """In a Pod, with a host of its own choice."""
    import yaml  # noqa: PLC0415 - only here

    path = load_spec(tmp_path)
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    text["production"] = production
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    asked: list[str] = []

    def answer_load(request: Request) -> Reply:
        asked.append(request.path)
        return Reply(body={})

    with served(answer_load) as host:
        number = host.replace("127.0.0.1", "2130706433")
        ended = Ended(tmp_path / "out", path, "--host", number, env={**POD, "HOME": str(tmp_path)})
    assert ended.code == ExitCode.USAGE, ended.text
    assert words in ended.text
    assert "needs --allow-production" in ended.text
    assert not asked


def test_the_port_forward_stays_with_the_context_that_was_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may switch the current one while it lasts."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\n", encoding="utf-8")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    forward = Forward(ServiceRef(namespace="ns", name="web", port=80), "shop")
    assert forward._command[:5] == [str(kubectl), "--context", "shop", "-n", "ns"]
