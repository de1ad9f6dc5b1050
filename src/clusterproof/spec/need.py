"""What a workload cannot live without, as a row of a policy writes it."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server itself gives to every namespace."""
_NEED = re.compile(r"^(?P<place>.+):(?P<port>\d+|\*)/(?P<protocol>TCP|UDP|SCTP|\*)$")
_TERM = re.compile(r"^(?P<key>[^=,]+)=(?P<value>[^=,]*)$")


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a workload cannot live without, as a row writes it.

    Attributes:
        port: 0 for every port.
        protocol: "" for every protocol.
        namespace: "" for an address block.
        labels: None of them for every Pod of the namespace.
    """

    name: str
    port: int
    protocol: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    cidr: str = ""

    @property
    def place(self) -> str:
        """Where it is, in words."""
        if self.cidr:
            return self.cidr
        return f"{self.namespace}/{','.join(f'{k}={v}' for k, v in self.labels.items())}"

    @property
    def text(self) -> str:
        """As a row writes it."""
        place = self.place if self.cidr or self.labels else f"{self.namespace}/*"
        return f"{place}:{self.port or '*'}/{self.protocol or '*'}"

    @property
    def is_range(self) -> bool:
        """True for more than one kind of Pod on one port, or one address: an upper bound."""
        if self.cidr and ipaddress.ip_network(self.cidr).num_addresses > 1:
            return True
        return not self.port or not self.protocol or not (self.cidr or self.labels)

    def remedy(self) -> str:
        """The egress rule that would allow it, as YAML on one line."""
        if self.cidr:
            peer = f"ipBlock: {{cidr: {self.cidr}}}"
        else:
            labels = ", ".join(f"{key}: {value}" for key, value in self.labels.items())
            peer = (
                f"namespaceSelector: {{matchLabels: {{{NAME_LABEL}: {self.namespace}}}}}, "
                f"podSelector: {{matchLabels: {{{labels}}}}}"
            )
        return f"- {{to: [{{{peer}}}], ports: [{{port: {self.port}, protocol: {self.protocol}}}]}}"


def parse_need(name: str, text: str) -> Need:
    """`namespace/label=value[,...]:port/protocol` or `CIDR:port/protocol`.

    Raises:
        ValueError: It is neither.
    """
    expected = f"expected namespace/label=value:port/protocol or CIDR:port/protocol, got {text!r}"
    match = _NEED.match(text)
    if match is None:
        raise ValueError(expected)
    port = int(match["port"].replace("*", "0"))
    protocol = match["protocol"].replace("*", "")
    namespace, _, terms = match["place"].partition("/")
    if namespace and terms == "*":
        return Need(name, port, protocol, namespace=namespace)
    matches = [_TERM.match(term) for term in terms.split(",")]
    if namespace and all(matches):
        labels = {term["key"]: term["value"] for term in matches if term}
        return Need(name, port, protocol, namespace=namespace, labels=labels)
    try:
        cidr = str(ipaddress.ip_network(match["place"]))
    except ValueError as error:
        raise ValueError(expected) from error
    return Need(name, port, protocol, cidr=cidr)
