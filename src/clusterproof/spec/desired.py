"""Rows about what is declared: fields of objects, replicas, quantities, scaling, storage."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from clusterproof.spec.row import (
    Expectation,
    Frozen,
    Path,
    QuantityText,
    Ref,
    Row,
    WorkloadRef,
    check_pattern,
)


class FieldRow(Row):
    """One field of one object has a value. `path` is `a.b[name=c]['d.e'].f`."""

    check: Literal["field"]
    of: Ref
    path: Path
    expect: Expectation


class Count(Frozen):
    """A number of replicas within bounds, both included."""

    min: int = Field(ge=0)
    max: int = Field(ge=0)


class ReplicasRow(Row):
    """A workload runs its replicas: desired, updated, ready and available agree."""

    check: Literal["replicas"]
    workload: WorkloadRef
    replicas: Count


class ImagesRow(Row):
    """Every image is pinned, is no placeholder, and is what the Pods really run."""

    check: Literal["images"]
    workload: WorkloadRef
    placeholders: tuple[str, ...]


class StartsRow(Row):
    """The containers start and stay up: no waiting reason, few restarts of late."""

    check: Literal["starts"]
    workload: WorkloadRef
    restarts_at_most: int = Field(ge=0)
    within_s: int = Field(gt=0)


class ProbeRow(Row):
    """A container has a probe of its kubelet on this path and port (by number or by name)."""

    check: Literal["probe"]
    workload: WorkloadRef
    container: str
    probe: Literal["readinessProbe", "livenessProbe", "startupProbe"]
    handler: Literal["httpGet", "tcpSocket", "exec", "grpc"]
    path: str = ""
    port: int = 0


class QuantityRow(Row):
    """A container's request or limit, in its template and in every Pod that runs."""

    check: Literal["quantity"]
    workload: WorkloadRef
    container: str
    bound: Literal["requests", "limits"]
    resource: Literal["cpu", "memory"]
    quantity: QuantityText


class TotalsRow(Row):
    """The sum over all replicas of some workloads.

    Attributes:
        documented: What the deployment's own table says, reported beside the true sum.
    """

    check: Literal["totals"]
    workloads: tuple[WorkloadRef, ...] = Field(min_length=1)
    bound: Literal["requests", "limits"]
    resource: Literal["cpu", "memory"]
    quantity: QuantityText
    documented: str = ""


class LimitRangeRow(Row):
    """No LimitRange of the namespace would change or refuse a container of the workloads."""

    check: Literal["limit-range"]
    namespace: str
    workloads: tuple[WorkloadRef, ...] = Field(min_length=1)


class RoomRow(Row):
    """There is room for this many replicas: in the quotas of the namespace, or on the nodes."""

    check: Literal["room"]
    workload: WorkloadRef
    replicas: int = Field(gt=0)
    within: Literal["quota", "nodes"]


class HpaStateRow(Row):
    """What the controller says of an HorizontalPodAutoscaler.

    `metrics`: each metric that it scales by has a current value. `conditions`: AbleToScale and
    ScalingActive. `target`: the object it scales exists, and its selector takes in no Pods of
    others. `requests`: every container it averages over has the requests that its utilization
    metrics are computed from.

    Attributes:
        resources: For `metrics` and `requests`: these resources, whatever it scales by.
    """

    check: Literal["hpa-state"]
    of: Ref
    aspect: Literal["metrics", "conditions", "target", "requests"]
    resources: tuple[Literal["cpu", "memory"], ...] | None = Field(default=None, min_length=1)


class VolumeUseRow(Row):
    """The used share of a claim's volume, as its kubelet measures it (a ratio, 0 to 1)."""

    check: Literal["volume-use"]
    of: Ref
    at_most: float = Field(gt=0, le=1)


class ConsumedRow(Row):
    """A container really gets a key of a ConfigMap or Secret, as an environment variable or a file.

    Attributes:
        as_: Key to the variable (`DATABASE_HOST`) or the file (`/etc/tls/tls.crt`) that it is in
            the container. Without it: the variable of its own name, or any where there is none.
    """

    check: Literal["consumed"]
    workload: WorkloadRef
    container: str
    of: Ref
    keys: tuple[str, ...] = Field(min_length=1)
    as_: dict[str, str] = Field(default_factory=dict, alias="as")

    @model_validator(mode="after")
    def _refuse_other_keys(self) -> Self:
        others = sorted(set(self.as_) - set(self.keys))
        if others:
            raise ValueError(f"expected `as` for keys of the row; got {', '.join(others)}")
        return self


class FreshRow(Row):
    """The Pods started after the data of the object last changed."""

    check: Literal["fresh"]
    workload: WorkloadRef
    of: Ref


class SecretShapeRow(Row):
    """A Secret's value by its shape only: present, long enough, right prefix, no placeholder.

    Attributes:
        trimmed: No white space stands around it, such as the newline that `echo` puts behind it;
            a text of several lines may end in one.
    """

    check: Literal["secret-shape"]
    of: Ref
    key: str
    min_length: int = Field(ge=1)
    prefix: str = ""
    placeholders: tuple[str, ...] = ()
    trimmed: bool = True


class PlaceholdersRow(Row):
    """No placeholder of the deployment's README survived into a namespace."""

    check: Literal["placeholders"]
    namespace: str
    placeholders: tuple[str, ...] = Field(min_length=1)


class SecretManagerRow(Row):
    """Who manages a namespace's Secrets; none is a warning, not a failure."""

    check: Literal["secret-manager"]
    namespace: str
    secrets: tuple[str, ...] = Field(min_length=1)


class AgreesRow(Row):
    """Two fields that must say the same, after each was cut out by its regular expression.

    Attributes:
        with_path: May lead to a list, `spec.rules[*].host`, of which one element is the same.
    """

    check: Literal["agrees"]
    of: Ref
    path: Path
    pattern: str = "(.*)"
    with_: Ref = Field(alias="with")
    with_path: Path

    @field_validator("pattern")
    @classmethod
    def _refuse_no_group(cls, pattern: str) -> str:
        if check_pattern(pattern).groups < 1:
            raise ValueError(f"expected a pattern with a group (...) for the part, got {pattern!r}")
        return pattern
