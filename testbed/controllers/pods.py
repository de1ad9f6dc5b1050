"""What the policy enforcer needs of a Pod, read from raw JSON."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterproof.kube.objects import Json, labels_of, status_of
from clusterproof.kube.pods import is_finished
from clusterproof.kube.services import serving_ports

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class PodFacts:
    """A Pod with a network of its own and an address in it.

    Attributes:
        ports: Name and protocol of a container's port → its number.
    """

    namespace: str
    node: str
    addresses: tuple[Address, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict)
    created: str = ""


def read_pod(raw: Json) -> PodFacts | None:
    """The Pod, or None while policies do not concern it.

    A Pod on the host's network is its node to every policy; a finished Pod's address may already
    be another's.
    """
    metadata, spec, status = raw["metadata"], raw["spec"], status_of(raw)
    addresses = {entry["ip"] for entry in status.get("podIPs") or () if entry.get("ip")}
    if spec.get("hostNetwork") or not addresses or is_finished(raw):
        return None
    return PodFacts(
        namespace=metadata["namespace"],
        node=spec.get("nodeName", ""),
        addresses=tuple(ipaddress.ip_address(text) for text in sorted(addresses)),
        labels=labels_of(raw),
        ports={
            (port["name"], port.get("protocol", "TCP")): port["containerPort"]
            for port in reversed(list(serving_ports(spec)))  # of a name given twice, the first
            if port.get("name")
        },
        created=metadata.get("creationTimestamp") or "",
    )
