"""The sections of spec/objectives.yaml: what each field is, and its unit in its name.

A Service is written NAMESPACE/SERVICE:PORT, in the file as in the options of a run. Each number has
the range in which it means something: a run that cannot fail, or cannot end, is refused here.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from clusterproof.load.credibility import CredibilityLimits
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.ranges import FailureRatio, Policies, Select, Shares, Weights, Window
from clusterproof.spec.row import Frozen

_PORTS = 65_536
_SERVICE = re.compile(r"(?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9-]+):(?P<port>[0-9]{1,5})")


class Section(Frozen):
    """Fields of the load spec; no number of it is NaN or infinite."""

    model_config = ConfigDict(allow_inf_nan=False)


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


class StageRow(Section):
    """One stage; `to_rate` makes it a ramp."""

    rate: NonNegativeFloat
    to_rate: NonNegativeFloat | None = None
    for_s: PositiveFloat


def _check_shape(stages: tuple[StageRow, ...]) -> tuple[StageRow, ...]:
    if not any(stage.rate or stage.to_rate for stage in stages):
        raise ValueError("expected at least one stage with a rate over 0")
    return stages


_Shape = Annotated[tuple[StageRow, ...], AfterValidator(_check_shape)]


class Credibility(Section):
    """Limits of a credible generator."""

    late_p99_ms: PositiveFloat
    loop_lag_p99_ms: PositiveFloat
    cpu_busiest: float = Field(gt=0, le=2)  # the share used, and the share waited for

    def limits(self) -> CredibilityLimits:
        """As the judge takes them."""
        return CredibilityLimits(
            late_p99_s=self.late_p99_ms / 1000,
            loop_lag_p99_s=self.loop_lag_p99_ms / 1000,
            cpu_busiest=self.cpu_busiest,
        )


class Bounds(Section):
    """What no run may leave."""

    max_rate: PositiveFloat
    max_callers: PositiveInt
    max_duration_s: PositiveFloat
    max_requests: PositiveInt


class CircuitBreaker(Section):
    """When a collapsing target is left alone."""

    window_s: PositiveInt
    fewest: PositiveInt
    failure_ratio: FailureRatio


class Objectives(Section):
    """What callers must see."""

    p50_ms: PositiveFloat
    p95_ms: PositiveFloat
    p99_ms: PositiveFloat
    failure_ratio: FailureRatio


class Scenario(Section):
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
    callers: PositiveInt
    users: PositiveInt
    connection_max_age_s: PositiveFloat
    timeout_s: PositiveFloat
    drop_after_s: PositiveFloat
    drain_s: PositiveFloat
    mix: Weights
    objectives: Objectives
    shapes: Annotated[Mapping[str, _Shape], Field(min_length=1)]
    ab_shares: Shares = Field(default_factory=dict)

    @field_validator("drain_s")
    @classmethod
    def _outlasts_a_request(cls, drain_s: float, info: ValidationInfo) -> float:
        timeout_s = info.data.get("timeout_s", 0)
        if drain_s <= timeout_s:
            raise ValueError(
                f"expected more than timeout_s, {timeout_s:g}: the last request must be able to end"
            )
        return drain_s


class Controller(Section):
    """The kube-controller-manager's own HPA flags: --horizontal-pod-autoscaler-*."""

    sync_s: PositiveFloat
    downscale_window_s: NonNegativeFloat
    tolerance: NonNegativeFloat
    cpu_initialization_s: NonNegativeFloat
    readiness_delay_s: NonNegativeFloat

    def flags(self) -> ControllerFlags:
        """As the model takes them."""
        return ControllerFlags(**self.model_dump())


class Scaling(Section):
    """What is watched, and what the autoscaler is held to.

    Attributes:
        cpu_target: Utilization in percent of the request that the HPA aims at, as memory_target;
            None, in the file null, for an HPA without one.
        up_select: The HPA's selectPolicy, as down_select; the API's default is Max.
        up_tolerance: The HPA's own, as down_tolerance; None is the controller's.
    """

    namespace: str
    deployment: str
    hpa: str
    selector: str
    metrics_port: int = Field(gt=0, lt=_PORTS)
    floor: NonNegativeInt
    ceiling: PositiveInt
    ceiling_rate: PositiveFloat
    cpu_target: PositiveInt | None
    memory_target: PositiveInt | None
    up_window_s: Window
    up_policies: Policies
    up_select: Select = "Max"
    up_tolerance: NonNegativeFloat | None = None
    down_window_s: Window
    down_policies: Policies
    down_select: Select = "Max"
    down_tolerance: NonNegativeFloat | None = None
    ceiling_within_s: PositiveFloat
    floor_within_s: PositiveFloat
    react_within_s: PositiveFloat
    controller: Controller

    @field_validator("ceiling")
    @classmethod
    def _is_not_under_the_floor(cls, ceiling: int, info: ValidationInfo) -> int:
        floor = info.data.get("floor", 0)
        if ceiling < floor:
            raise ValueError(f"expected at least floor, {floor}")
        return ceiling


class Metrics(Section):
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


class Evidence(Section):
    """What is asked when the load has ended; None, in the file "", for what is not there.

    Attributes:
        prometheus: A Service, or a URL.
        scrape_s: How often Prometheus reads a Pod.
        posthog: PostHog's web.
        posthog_project: Number of the project that the events are in.
        posthog_secret: NAMESPACE/NAME of the Secret that holds POSTHOG_PERSONAL_API_KEY.
    """

    prometheus: Annotated[_Place | None, _EMPTY]
    scrape_s: PositiveFloat
    posthog: Annotated[ServiceRef | None, _EMPTY]
    posthog_project: int
    posthog_secret: str = Field(pattern=r"^[^/]+/[^/]+$")
