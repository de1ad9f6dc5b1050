"""Which cluster a port-forward would reach, by kubectl: asked once, and pinned."""

from pathlib import Path

import pytest

from clusterproof.load.sections import ServiceRef
from loadtests.forward import Forward
from loadtests.target import cluster_uid, current_context

KUBECTL = """\
#!/bin/sh
case "$*" in
  "config current-context") echo shop ;;
  *"get namespace kube-system"*) test "$2" = shop && echo 0190-uid || exit 1 ;;
  *) exit 1 ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that knows one context."""
    path = tmp_path / "kubectl"
    path.write_text(KUBECTL, encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return path


@pytest.mark.usefixtures("kubectl")
def test_the_cluster_is_known_by_its_uid_under_whatever_name() -> None:
    """Empty where it may not be read: `production.clusters` takes that for one of its own."""
    assert current_context() == "shop"
    assert cluster_uid("shop") == "0190-uid"
    assert cluster_uid("another") == ""


def test_without_kubectl_there_is_no_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert (current_context(), cluster_uid("shop")) == ("", "")


def test_the_port_forward_stays_with_the_context_that_was_asked_about(kubectl: Path) -> None:
    """Somebody may switch the current one while it lasts."""
    forward = Forward(ServiceRef(namespace="ns", name="web", port=80), "shop")
    assert forward._command[:5] == [str(kubectl), "--context", "shop", "-n", "ns"]
