"""Rows about what is done, not declared: dialled, asked, sent and read back."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from clusterproof.kube.routes import ROUTE
from clusterproof.spec.row import Ref, Row, WorkloadRef


class Reach(StrEnum):
    """What becomes of a dial.

    Only `refused` is a decision of a policy: a name that does not resolve, or a peer that nobody
    can reach, says nothing about it.
    """

    ALLOWED = "allowed"
    REFUSED = "refused"


class DnsRow(Row):
    """A name resolves, inside every Pod of a workload, to the ClusterIP of its Service."""

    check: Literal["dns"]
    workload: WorkloadRef
    name: str
    service: Ref


class AnswerRow(Row):
    """A Service answers in its own protocol when dialled from a Pod of our own."""

    check: Literal["answer"]
    service: Ref
    port: int
    protocol: Literal["http", "postgresql", "redis", "clickhouse", "tcp"]
    path: str = "/"


class IngressAnswerRow(Row):
    """A host is answered through its Ingress, or its HTTPRoute's Gateway, with its certificate.

    Attributes:
        of: An Ingress, asked by HTTPS; or an HTTPRoute, asked by HTTPS where it is attached to a
            listener that has a certificate for the host, and by HTTP otherwise.
        gateway: Of the HTTPRoute.
        headers: That the request has, by name.
    """

    check: Literal["ingress-answer"]
    of: Ref
    gateway: Ref | None = None
    host: str
    path: str
    headers: dict[str, str] = Field(default_factory=dict)
    status: int = 200

    def model_post_init(self, _context: object, /) -> None:
        """Refuse an HTTPRoute without its Gateway, and an Ingress with one."""
        if (self.of.kind == ROUTE) != (self.gateway is not None):
            message = f"expected a gateway for an HTTPRoute and for nothing else, got {self.of}"
            raise ValueError(f"{message} with gateway {self.gateway}")


class EgressRow(Row):
    """A peer is allowed or refused to every Pod of a workload, dialled from its own network.

    Attributes:
        host: Name or address; a name is resolved inside the Pod that dials.
        control: Dial from a Pod that no policy selects first: where that fails, nothing can be
            said of a refusal.
    """

    check: Literal["egress"]
    workload: WorkloadRef
    host: str
    port: int
    protocol: Literal["TCP", "UDP", "DNS"] = "TCP"
    expected: Reach


class MetricMovesRow(Row):
    """A metric rises by exactly what we sent, summed over all Pods of the workload.

    Attributes:
        by: What one unit of our traffic adds to: `requests` or `exposures` or `events`.
        labels: Only samples with these labels are ours (a kubelet's probes hit other paths).
        exact: False: it may rise by more than what we sent.
    """

    check: Literal["metric-moves"]
    workload: WorkloadRef
    name: str
    by: Literal["requests", "exposures", "events"]
    labels: dict[str, str] = Field(default_factory=dict)
    exact: bool = True
