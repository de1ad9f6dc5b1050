"""Rows about what is done, not declared: dialled, asked, sent and read back."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from clusterproof.spec.need import parse_need
from clusterproof.spec.row import Expectation, Path, Ref, Row, WorkloadRef


class Reach(StrEnum):
    """What becomes of a dial.

    Only `refused` is a decision of a policy: a name that does not resolve, or a peer that nobody
    can reach, says nothing about it.
    """

    ALLOWED = "allowed"
    REFUSED = "refused"


class ServiceRow(Row):
    """A Service port leads to every ready Pod of its workload, on the port that they declare."""

    check: Literal["service"]
    of: Ref
    port: int
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    workload: WorkloadRef
    target_port: int


class ReferenceRow(Row):
    """A host and port in a ConfigMap name a Service that exists and has that port.

    Attributes:
        url_key: A key with a URL, or a list of `host:port` with commas.
        host_key: Or else a key with a host, and a port unless `port_key` has it.
    """

    check: Literal["reference"]
    of: Ref
    host_key: str = ""
    port_key: str = ""
    url_key: str = ""
    service: Ref

    @model_validator(mode="after")
    def _refuse_no_key(self) -> Self:
        if bool(self.url_key) == bool(self.host_key) or (self.port_key and not self.host_key):
            raise ValueError("expected `url_key`, or `host_key` with or without `port_key`")
        return self


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


class IngressRow(Row):
    """An Ingress sends a host to a port of a Service that exists, and has an address.

    Attributes:
        host: "" for a rule without a host, or for the default backend alone.
        path: What a request to it is sent to; without it, some path of the host leads there.
    """

    check: Literal["ingress"]
    of: Ref
    host: str
    path: str = Field(default="", pattern="^(/.*)?$")
    service: str
    port: int


class IngressAnswerRow(Row):
    """HTTPS to the host through the ingress's address, with its own certificate, is answered."""

    check: Literal["ingress-answer"]
    of: Ref
    host: str
    path: str
    status: int = 200


class CertificateRow(Row):
    """A TLS Secret's certificate names the host and does not expire soon."""

    check: Literal["certificate"]
    of: Ref
    host: str
    days_at_least: int = Field(gt=0)


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


class PolicyRow(Row):
    """A NetworkPolicy read statically: is it there, does it select, does every peer exist.

    Attributes:
        aspect: `selects`: it selects every Pod of the workload, and Egress is in its policyTypes.
            `peers`: each namespace that a rule names is matched by a namespace that exists.
            `starves`: the needs (DNS, database, LLM) are allowed by some rule.
            `only`: the egress rules of all policies that select the workload allow the needs, and
            nothing else.
        needs: Name to `namespace/label=value:port/protocol` or `CIDR:port/protocol`; for `only`
            also `namespace/*`, and `*` as port or protocol.
    """

    check: Literal["policy"]
    of: Ref
    workload: WorkloadRef
    aspect: Literal["selects", "peers", "starves", "only"]
    needs: dict[str, str] = Field(default_factory=dict)

    @field_validator("needs")
    @classmethod
    def _refuse_malformed(cls, needs: dict[str, str]) -> dict[str, str]:
        for name, text in needs.items():
            parse_need(name, text)
        return needs

    @model_validator(mode="after")
    def _refuse_no_needs(self) -> Self:
        needed = self.aspect in {"starves", "only"}
        if needed and not self.needs:
            raise ValueError(f"expected `needs`, without which {self.aspect} can only be green")
        if self.aspect == "starves" and any("*" in text for text in self.needs.values()):
            raise ValueError("expected needs without *, which only the aspect `only` takes")
        return self


class HttpRow(Row):
    """Every ready Pod of a workload answers a path by itself, not only through its Service."""

    check: Literal["http"]
    workload: WorkloadRef
    port: int
    path: str
    status: int = 200
    fields: dict[Path, Expectation] = Field(default_factory=dict)


class MetricRow(Row):
    """Every Pod of a workload exposes a metric of this type."""

    check: Literal["metric"]
    workload: WorkloadRef
    port: int
    path: str = "/metrics"
    name: str
    type: Literal["counter", "gauge", "histogram", "summary"]


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


class TargetsRow(Row):
    """Prometheus has a target for every ready Pod of the workload, and each is up."""

    check: Literal["targets"]
    workload: WorkloadRef
    port: int


class IngestionRow(Row):
    """One figure of a batch of events with known uuids: sent by the SDK, read back by HogQL."""

    check: Literal["ingestion"]
    figure: Literal["accepted", "durable", "lost", "duplicate", "late", "altered", "lag_p95_s"]
    expect: Expectation


class ExposureRow(Row):
    """One figure of routed requests whose exposure events are read back by uuid."""

    check: Literal["exposure"]
    figure: Literal["routed", "durable", "wrong_variant", "unsticky"]
    expect: Expectation


class FlagRow(Row):
    """A feature flag evaluates to one of its variants, the same at each asking.

    Attributes:
        split: Each variant is given to some of the users.
    """

    check: Literal["flag"]
    flag: str
    variants: tuple[str, ...] = Field(min_length=1)
    split: bool = False


class StatusRow(Row):
    """One line of PostHog's own status page.

    Attributes:
        of: The claim whose capacity a used share is a share of, where the page has no total.
    """

    check: Literal["posthog-status"]
    figure: str
    of: Ref | None = None
    expect: Expectation
