"""Whether a packet arrives, by the rule of the product: `decide_egress`, asked at both of its ends.

What a Pod lets in is what it would let out under the same policies with `ingress` for `egress`:
the peer is the sender, and a named port is still one of the Pod that is dialled.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from clusterproof.kube.answer import Json
from clusterproof.kube.objects import labels_of
from clusterproof.kube.policies import (
    Decision,
    Destination,
    Policy,
    decide_egress,
    destination_of,
    read_policy,
)
from testbed.oracles.policies.world import Address, Flow, World


@dataclass(frozen=True)
class Side:
    """One end of a packet that is a Pod, and what its policies look at.

    Attributes:
        direction: Egress at the sender, Ingress at the receiver.
        policies: All that there are, each with its rules of that direction as `egress`.
        far: The other end, on the port that is dialled.
    """

    direction: str
    pod: Json
    policies: tuple[Policy, ...]
    far: Destination

    @property
    def selecting(self) -> tuple[Policy, ...]:
        """The policies that restrict the Pod in that direction."""
        namespace, labels = self.pod["metadata"]["namespace"], labels_of(self.pod)
        return tuple(
            policy
            for policy in self.policies
            if "Egress" in policy.types and policy.selects(namespace, labels)
        )

    def decide(self) -> Decision:
        """What the product says of it."""
        namespace, labels = self.pod["metadata"]["namespace"], labels_of(self.pod)
        return decide_egress(self.policies, namespace, labels, self.far)


def reaches(world: World, policies: Iterable[Json], flow: Flow) -> bool:
    """True if the policies let the first packet of `flow` arrive."""
    # Neither is asked of the rule: a Pod always reaches itself, and its node reaches it and it
    # its node (Kubernetes docs, "Network Policies").
    if flow.source == flow.destination or _own_node(world, flow):
        return True
    return all(side.decide().allowed for side in sides(world, policies, flow))


def _own_node(world: World, flow: Flow) -> bool:
    """True for a packet between a Pod and the node that it runs on."""
    for near, far in ((flow.source, flow.destination), (flow.destination, flow.source)):
        pod = world.pod_at(near)
        if pod and world.hosts.get(pod["spec"]["nodeName"]) == far:
            return True
    return False


def sides(world: World, policies: Iterable[Json], flow: Flow) -> Iterator[Side]:
    """The ends of a packet that are Pods."""
    read = tuple(read_policy(raw) for raw in policies)
    source, destination = world.pod_at(flow.source), world.pod_at(flow.destination)
    dialled = _end(world, flow.destination, flow)
    if source:
        yield Side("Egress", source, read, dialled)
    if destination:
        sender = replace(_end(world, flow.source, flow), named_ports=dialled.named_ports)
        yield Side("Ingress", destination, tuple(map(_turned, read)), sender)


def _turned(policy: Policy) -> Policy:
    types = ("Egress",) if "Ingress" in policy.types else ()
    return replace(policy, types=types, egress=policy.ingress)


def _end(world: World, address: Address, flow: Flow) -> Destination:
    pod, label = world.pod_at(address), str(address)
    if pod is None:
        return Destination(label, flow.port, flow.protocol, label)
    labels = world.namespace_labels(pod["metadata"]["namespace"])
    return destination_of(pod, labels, flow.port, flow.protocol, label)
