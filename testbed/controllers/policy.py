"""Enforces NetworkPolicies: one nftables table in each node's network namespace.

It fails open, as test equipment should: a Pod's rules are in force once the API server knows its
address (about 0.2 s later), connections that were open before a policy stay open, and the tables
are gone when it ends. A refused packet is dropped, so the dialler sees a timeout.
"""

import logging
import threading
from functools import partial

from clusterproof.kube.client import KubeApi
from clusterproof.kube.objects import Json, labels_of
from clusterproof.kube.policies import read_policy
from testbed.cluster.errors import TestbedError
from testbed.cluster.netns import NETNS
from testbed.cluster.run import run
from testbed.cluster.topology import NETNS_PREFIX
from testbed.controllers.loop import each
from testbed.controllers.mirror import Mirror
from testbed.controllers.nft import REMOVAL, Rulesets
from testbed.controllers.pods import read_pod

NFT_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


class Enforcer:
    """The mirrors, and the tables that follow from them."""

    def __init__(self, api: KubeApi, changed: threading.Event) -> None:
        """Look at nothing yet."""
        policies = "/apis/networking.k8s.io/v1/networkpolicies"
        self._policies = Mirror(api, policies, read_policy, changed)
        self._namespaces = Mirror(api, "/api/v1/namespaces", name_and_labels, changed)
        self._pods = Mirror(api, "/api/v1/pods", read_pod, changed)
        self._nodes = Mirror(api, "/api/v1/nodes", name_and_labels, changed)
        self._loaded: dict[str, tuple[int, str]] = {}
        self.mirrors = (self._policies, self._namespaces, self._pods, self._nodes)

    def reconcile(self) -> None:
        """Bring every node's table up to date.

        Raises:
            TestbedError: A node's table could not be loaded; every other one was tried.
        """
        namespaces = dict(self._namespaces.snapshot())
        rulesets = Rulesets(self._policies.snapshot(), namespaces, self._pods.snapshot())
        each(partial(self._load, node, rulesets.of(node)) for node, _ in self._nodes.snapshot())

    def end(self) -> None:
        """Remove the table from every node that has one."""
        for node in list(self._loaded):
            try:
                self._load(node, REMOVAL)
            except TestbedError as error:
                log.warning("%s", error)

    def _load(self, node: str, text: str) -> None:
        """Load `text` into `node`, all of it or nothing, unless it is there already.

        A node without a network namespace on this machine (a simulated one) is left out.

        Raises:
            TestbedError: `nft` refused the text, or could not be run.
        """
        netns = NETNS / f"{NETNS_PREFIX}{node}"
        if not netns.exists():
            self._loaded.pop(node, None)
            return
        # A namespace made anew under the same name has another inode, and no table.
        wanted = (netns.stat().st_ino, text)
        if self._loaded.get(node) != wanted:
            nft = ["nsenter", f"--net={netns}", "nft", "-f", "-"]
            run(nft, stdin=text, timeout_s=NFT_TIMEOUT_S)
            self._loaded[node] = wanted
            log.info("%s: loaded; %d lines", node, text.count("\n"))


def name_and_labels(raw: Json) -> tuple[str, dict[str, str]]:
    """All that matters here of a Namespace; the API server labels it with its name as well."""
    return raw["metadata"]["name"], labels_of(raw)
