"""What every row has: an id, the claim in words, and the clause that it comes from."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

from clusterproof.kube.kinds import why_no_place
from clusterproof.kube.paths import check_path, shown
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.workloads import NO_WORKLOADS, WORKLOADS


class Area(StrEnum):
    """The parts of a deployment, in the order in which a report shows them."""

    WORKLOADS = "workloads"
    RESOURCES = "resources"
    AUTOSCALING = "autoscaling"
    STORAGE = "storage"
    CONFIGURATION = "configuration"
    SECRETS = "secrets"
    NETWORKING = "networking"
    NETWORK_POLICY = "network-policy"
    HEALTH = "health"
    METRICS = "metrics"
    INGESTION = "ingestion"
    SYSTEM_STATUS = "system-status"
    REHEARSALS = "rehearsals"


class Frozen(BaseModel):
    """A value that nobody changes after it was read, with no field that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ObjectRef(Frozen):
    """One object, written `Kind/namespace/name` as in `Deployment/posthog/posthog-web`."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As written in a spec."""
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def kubectl(self) -> str:
        """The arguments by which kubectl names it."""
        place = f"-n {self.namespace} " if self.namespace else ""
        return f"{place}{self.kind.lower()}/{self.name}"


def _parse_ref(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = value.split("/")
    if len(parts) != 3 or not (parts[0] and parts[2]):  # noqa: PLR2004 - Kind, namespace, name
        message = f"expected Kind/namespace/name (Kind//name without one), got {value!r}"
        raise ValueError(message)
    if why := why_no_place(parts[0], parts[1]):
        raise ValueError(why)
    return {"kind": parts[0], "namespace": parts[1], "name": parts[2]}


def _check_quantity(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f'expected a quantity as text; quote it: "{value}"')  # noqa: TRY004 - pydantic's
    if isinstance(value, str):
        parse_quantity(value)
    return value


Path = Annotated[str, AfterValidator(check_path)]
"""A path into JSON, see `kube.paths`."""
QuantityText = Annotated[str, BeforeValidator(_check_quantity, json_schema_input_type=str)]
"""A Kubernetes quantity."""
Namespace = Annotated[str, StringConstraints(min_length=1)]


Ref = Annotated[
    ObjectRef, BeforeValidator(_parse_ref, json_schema_input_type=str), PlainSerializer(str)
]


def _refuse_no_workload(ref: ObjectRef) -> ObjectRef:
    if ref.kind in NO_WORKLOADS:
        message = f"expected a workload ({', '.join(sorted(WORKLOADS))}); {ref.kind} runs no Pods"
        raise ValueError(message)
    return ref


WorkloadRef = Annotated[Ref, AfterValidator(_refuse_no_workload)]
"""An object that runs Pods."""

RowId = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]


class Row(Frozen):
    """The fields that all kinds share.

    Attributes:
        check: The kind; each kind has a class, an observer, a judge and a check.
        id: Kebab-case, unique in a spec, never used again for another claim.
        area: Taken from the file that the row stands in.
        claim: What is promised, as a sentence.
        source: The clause of the contract that promises it.
        because: Why this profile differs from the one that it extends, or "".
    """

    id: RowId
    check: str
    area: Area
    claim: str = Field(min_length=8)
    source: str = Field(min_length=3)
    because: str = ""


def check_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled.

    Raises:
        ValueError: It is no regular expression.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"expected a regular expression, got {pattern!r}: {error}") from error


class Expectation(Frozen):
    """One comparison of one field: exactly one of these is given.

    Attributes:
        equals: The same JSON value; the order of a list of named things does not count.
        contains: A part of the value: every key given is there with that value, more is fine.
        quantity: The same Kubernetes quantity, however it is written (500m is 0.5).
        at_least: A number not under this.
        at_most: A number not over this.
        matches: A regular expression that the whole text matches.
        names: The `name` of each element, in this order.
        absent: True: the field is not there.
    """

    equals: Any = None
    contains: Any = None
    quantity: QuantityText | None = None
    at_least: float | None = None
    at_most: float | None = None
    matches: str | None = None
    names: tuple[str, ...] | None = None
    absent: Literal[True] | None = None

    def model_post_init(self, _context: object, /) -> None:
        """Refuse none and refuse two."""
        if len(self.model_fields_set) != 1:
            known = ", ".join(type(self).model_fields)
            message = f"expected exactly one of: {known}; got {sorted(self.model_fields_set)}"
            raise ValueError(message)
        if getattr(self, self.operator) is None:
            message = f"expected a value for {self.operator}; for a field that is not there: absent"
            raise ValueError(message)
        if self.matches is not None:
            check_pattern(self.matches)

    @property
    def operator(self) -> str:
        """The name of the one that is given."""
        return next(iter(self.model_fields_set))

    def __str__(self) -> str:
        """As a report shows it."""
        value = getattr(self, self.operator)
        if self.operator in {"equals", "contains"}:
            value = shown(value)
        return f"{value}" if self.operator == "equals" else f"{self.operator} {value}"
