"""The sections of spec/objectives.yaml: what each field is, and its unit in its name.

A Service is written NAMESPACE/SERVICE:PORT, in the file as in the options of a run.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, HttpUrl, Tag, model_validator

from clusterproof.load.credibility import CredibilityLimits
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.spec.row import Frozen

_PORTS = 65_536
_SERVICE = re.compile(r"(?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9-]+):(?P<port>[0-9]{1,5})")


class ServiceRef(Frozen):
    """A Service and one of its ports."""

    namespace: str
    name: str
    port: int

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if not isinstance(value, str):
            return value
        found = _SERVICE.fullmatch(value)
        if found is None or not 0 < int(found["port"]) < _PORTS:
            raise ValueError("expected NAMESPACE/SERVICE:PORT")
        return found.groupdict()

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.namespace}/{self.name}:{self.port}"


def _kind_of(place: object) -> str:
    return "url" if "://" in str(place) else "service"


_EMPTY = BeforeValidator(lambda value: None if value == "" else value)
_Place = Annotated[
    Annotated[ServiceRef, Tag("service")] | Annotated[HttpUrl, Tag("url")],
    Discriminator(_kind_of),
]


class StageRow(Frozen):
    """One stage; `to_rate` makes it a ramp."""

    rate: float = Field(ge=0)
    to_rate: float | None = Field(default=None, ge=0)
    for_s: float = Field(gt=0)


class Credibility(Frozen):
    """Limits of a credible generator."""

    late_p99_ms: float
    loop_lag_p99_ms: float
    cpu_busiest: float

    def limits(self) -> CredibilityLimits:
        """As the judge takes them."""
        return CredibilityLimits(
            late_p99_s=self.late_p99_ms / 1000,
            loop_lag_p99_s=self.loop_lag_p99_ms / 1000,
            cpu_busiest=self.cpu_busiest,
        )


class Bounds(Frozen):
    """What no run may leave."""

    max_rate: float
    max_callers: int
    max_duration_s: float
    max_requests: int


class CircuitBreaker(Frozen):
    """When a collapsing target is left alone."""

    window_s: int
    fewest: int
    failure_ratio: float


class Objectives(Frozen):
    """What callers must see."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    failure_ratio: float


class Scenario(Frozen):
    """One workload.

    Attributes:
        target: Where it goes when no host is given.
        flag: Key of the feature flag whose variants it looks at.
        models: The model ids that it may be given, and asks for.
    """

    target: ServiceRef
    flag: str
    models: tuple[str, ...] = ()
    seed: int
    callers: int = Field(gt=0)
    users: int = Field(gt=0)
    connection_max_age_s: float
    timeout_s: float
    drop_after_s: float
    drain_s: float
    mix: Mapping[str, float]
    objectives: Objectives
    shapes: Mapping[str, tuple[StageRow, ...]]
    ab_shares: Mapping[str, float] = Field(default_factory=dict)


class Controller(Frozen):
    """The kube-controller-manager's own HPA flags: --horizontal-pod-autoscaler-*."""

    sync_s: float = Field(gt=0)
    downscale_window_s: float = Field(ge=0)
    tolerance: float = Field(ge=0)
    cpu_initialization_s: float = Field(ge=0)
    readiness_delay_s: float = Field(ge=0)

    def flags(self) -> ControllerFlags:
        """As the model takes them."""
        return ControllerFlags(**self.model_dump())


class Scaling(Frozen):
    """What is watched, and what the autoscaler is held to."""

    namespace: str
    deployment: str
    hpa: str
    selector: str
    metrics_port: int
    floor: int
    ceiling: int
    ceiling_rate: float
    cpu_target: int
    memory_target: int
    up_window_s: int
    up_policies: tuple[str, ...]
    down_window_s: int
    down_policies: tuple[str, ...]
    ceiling_within_s: float
    floor_within_s: float
    react_within_s: float
    controller: Controller


class Metrics(Frozen):
    """The target's own metrics, by the names of their samples; `durations` by the histogram's.

    Attributes:
        requests: Counter of answered requests.
        durations: Histogram of their seconds.
        exposures: Counter of answers that carried a variant.
        events_sent: Counter of events that PostHog accepted.
        events_waiting: Gauge of events that wait for it.
    """

    requests: str
    durations: str
    exposures: str
    events_sent: str
    events_waiting: str

    @property
    def durations_count(self) -> str:
        """The histogram's number of observations."""
        return f"{self.durations}_count"

    @property
    def durations_sum(self) -> str:
        """The histogram's sum."""
        return f"{self.durations}_sum"


class Evidence(Frozen):
    """What is asked when the load has ended; None, in the file "", for what is not there.

    Attributes:
        prometheus: A Service, or a URL.
        scrape_s: How often Prometheus reads a Pod.
        posthog: PostHog's web.
        posthog_project: Number of the project that the events are in.
        posthog_secret: NAMESPACE/NAME of the Secret that holds POSTHOG_PERSONAL_API_KEY.
    """

    prometheus: Annotated[_Place | None, _EMPTY]
    scrape_s: float = Field(gt=0)
    posthog: Annotated[ServiceRef | None, _EMPTY]
    posthog_project: int
    posthog_secret: str = Field(pattern=r"^[^/]+/[^/]+$")
