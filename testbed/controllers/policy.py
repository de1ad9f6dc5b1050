"""Enforces NetworkPolicies: one nftables table in each node's network namespace.

It fails open, as test equipment should: a Pod's rules are in force once the API server knows its
address (about 0.2 s later), connections that were open before a policy stay open, and the tables
are gone when it ends. A refused packet is dropped, so the dialler sees a timeout.
"""

import logging
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from testbed.cluster.netns import NETNS_DIRECTORY
from testbed.controllers.kube import Api, Json
from testbed.controllers.loop import ControllerError, StatusFile, Wake, run
from testbed.controllers.mirror import Mirror
from testbed.controllers.netpol import (
    NamespaceFacts,
    PodFacts,
    PolicyFacts,
    read_namespace,
    read_pod,
    read_policy,
)
from testbed.controllers.nft import removal, ruleset
from testbed.settings import patient

NFT_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


@dataclass
class Tables:
    """The tables in the nodes' network namespaces, and what was last loaded into each."""

    netns_format: str
    _loaded: dict[str, tuple[int, str]] = field(default_factory=dict)

    def load(self, node: str, text: str) -> bool:
        """Load `text` into `node` if it is not there yet; True if something was loaded.

        A node without a network namespace on this machine (a simulated one) is left out.

        Raises:
            ControllerError: `nft` refused the text, or could not be run.
        """
        netns = NETNS_DIRECTORY / self.netns_format.format(node=node)
        if not netns.exists():
            self._loaded.pop(node, None)
            return False
        # A namespace made anew under the same name has another inode, and no table.
        wanted = (netns.stat().st_ino, text)
        if self._loaded.get(node) == wanted:
            return False
        load_ruleset(netns, text)
        self._loaded[node] = wanted
        return True

    def remove(self) -> None:
        """Remove the table from every node that has one."""
        for node in list(self._loaded):
            try:
                self.load(node, "\n".join(removal()) + "\n")
            except ControllerError as error:
                log.warning("%s", error)
        self._loaded.clear()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that have a table."""
        return tuple(sorted(self._loaded))


def load_ruleset(netns: Path, text: str) -> None:
    """Load `text` inside `netns`, all of it or nothing.

    Raises:
        ControllerError: `nft` refused the text, or could not be run.
    """
    command = ["nsenter", f"--net={netns}", "nft", "-f", "-"]
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            timeout=patient(NFT_TIMEOUT_S),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"{' '.join(command)}: expected a loaded ruleset, seen: {error}"
        raise ControllerError(message) from error
    if done.returncode:
        message = f"{' '.join(command)}: expected a loaded ruleset, seen: {done.stderr.strip()}"
        raise ControllerError(message)


def read_node(raw: Json) -> str:
    """The node's name: all that matters of it here."""
    name: str = raw["metadata"]["name"]
    return name


@dataclass(frozen=True)
class Enforcer:
    """The mirrors, and the tables that follow from them."""

    policies: Mirror[PolicyFacts]
    namespaces: Mirror[NamespaceFacts]
    pods: Mirror[PodFacts]
    nodes: Mirror[str]
    tables: Tables

    def reconcile(self) -> Mapping[str, object]:
        """Bring every node's table up to date; the facts name each policy's generation.

        Every node is tried before the first error is raised: one bad node leaves no other stale.

        Raises:
            ControllerError: A node's table could not be loaded.
        """
        policies, namespaces = self.policies.snapshot(), self.namespaces.snapshot()
        pods = self.pods.snapshot()
        errors: list[ControllerError] = []
        for node in self.nodes.snapshot():
            try:
                if self.tables.load(node, ruleset(policies, namespaces, pods, node)):
                    log.info("%s: loaded; %d policies, %d pods", node, len(policies), len(pods))
            except ControllerError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return {
            "nodes": self.tables.nodes,
            "policies": {f"{p.namespace}/{p.name}": p.generation for p in policies},
            "pods": {
                f"{p.namespace}/{p.name}": [str(a) for a in p.addresses]
                for p in pods
                if p.node in self.tables.nodes
            },
        }


def run_policy(api: Api, status: StatusFile, wake: Wake, netns_format: str) -> None:
    """Enforce until told to stop, then remove the tables.

    Args:
        api: The cluster.
        status: Tells which policies are in force.
        wake: Ends it.
        netns_format: The name of a node's network namespace, with `{node}` in it.
    """
    changed = wake.changed
    enforcer = Enforcer(
        Mirror(api, "/apis/networking.k8s.io/v1/networkpolicies", read_policy, changed),
        Mirror(api, "/api/v1/namespaces", read_namespace, changed),
        Mirror(api, "/api/v1/pods", read_pod, changed),
        Mirror(api, "/api/v1/nodes", read_node, changed),
        Tables(netns_format),
    )
    mirrors = (enforcer.policies, enforcer.namespaces, enforcer.pods, enforcer.nodes)
    try:
        run(mirrors, enforcer.reconcile, status, wake)
    finally:
        enforcer.tables.remove()
        status.remove()
