"""The night on the real cluster: green, a seeded defect, the alert and the message, mended."""

import pytest

from testbed.cluster import binaries, paths
from testbed.deploy.kubectl import Kubectl
from testbed.nightly.rehearsal import NAMESPACE, rehearse
from testbed.nightly.rules import names

pytestmark = pytest.mark.cluster


def test_a_seeded_defect_is_found_named_told_and_seen_mended() -> None:
    kubectl = Kubectl(binaries.program("kubectl"), paths.KUBECONFIG)
    said: list[str] = []
    rehearse(kubectl, said.append)
    for part in ("red night", "alerts firing in Prometheus: Cluster", "webhook received", "mended"):
        assert any(part in line for line in said), part
    assert kubectl.read("namespace", NAMESPACE, "--ignore-not-found") == []
    assert names() == ()
