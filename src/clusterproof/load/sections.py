"""The sections of spec/objectives.yaml: what each field is, and its unit in its name.

A Service is written NAMESPACE/SERVICE:PORT, in the file as in the options of a run. Each number has
the range in which it means something: a run that cannot fail, or cannot end, is refused here.
"""

import math
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
    PositiveFloat,
    PositiveInt,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.must_hold import MustHold
from clusterproof.spec.row import Frozen

_PORTS = 65_536
_SAMPLE = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SUM_WITHIN = 1e-3
"""Shares may be rounded, as in three of 0.3333."""
_SERVICE = re.compile(r"(?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9-]+):(?P<port>[0-9]{1,5})")

FailureRatio = Annotated[float, Field(ge=0, lt=1)]
"""A share of all requests, not percent; 1 would let every one fail."""


def _check_sample(name: str) -> str:
    if not _SAMPLE.fullmatch(name):
        raise ValueError("expected the name of a sample without labels; `where` chooses by labels")
    return name


Sample = Annotated[str, AfterValidator(_check_sample)]
"""Source: Prometheus' data model, metric names."""


def _check_weights(mix: Mapping[str, float]) -> Mapping[str, float]:
    if not any(mix.values()):
        raise ValueError("expected at least one request with a weight over 0")
    return mix


def _check_shares(shares: Mapping[str, float]) -> Mapping[str, float]:
    """The share of each variant; none at all claims nothing."""
    if len(shares) == 1:
        raise ValueError("expected two variants or more, or {} for no claim")
    total = math.fsum(shares.values())
    if shares and not math.isclose(total, 1, abs_tol=_SUM_WITHIN):
        rightly = ", ".join(f"{name}: {share / total:.4g}" for name, share in shares.items())
        raise ValueError(
            f"expected shares that add up to 1, not to {total:g}; in these proportions:"
            f" {{{rightly}}}"
        )
    return shares


Weights = Annotated[Mapping[str, NonNegativeFloat], AfterValidator(_check_weights)]
Shares = Annotated[Mapping[str, PositiveFloat], AfterValidator(_check_shares)]


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
        match = _SERVICE.fullmatch(value)
        if match is None or not 0 < int(match["port"]) < _PORTS:
            raise ValueError("expected NAMESPACE/SERVICE:PORT")
        return match.groupdict()

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


class Limits(Section):
    """What callers must see; what is absent claims nothing.

    Attributes:
        first_token_p50_ms: Of streamed answers, as the others of whole ones.
        failure_ratio: The largest share of the requests that may fail.
    """

    p50_ms: PositiveFloat | None = None
    p95_ms: PositiveFloat | None = None
    p99_ms: PositiveFloat | None = None
    first_token_p50_ms: PositiveFloat | None = None
    first_token_p95_ms: PositiveFloat | None = None
    first_token_p99_ms: PositiveFloat | None = None
    failure_ratio: FailureRatio | None = None

    @property
    def limits_ms(self) -> dict[float, float]:
        """The limit of each quantile of whole answers that has one."""
        return self._of("p")

    @property
    def first_token_ms(self) -> dict[float, float]:
        """The limit of each quantile of the time to the first token that has one."""
        return self._of("first_token_p")

    def _of(self, prefix: str) -> dict[float, float]:
        limits = {percent / 100: getattr(self, f"{prefix}{percent}_ms") for percent in (50, 95, 99)}
        return {q: limit for q, limit in limits.items() if limit is not None}


class Objectives(Limits):
    """Those of a whole scenario.

    Attributes:
        failure_ratio: Without it no request may fail.
    """

    failure_ratio: FailureRatio = 0.0


class StageRow(Section):
    """One stage; `to_rate` makes it a ramp.

    Attributes:
        objectives: Of the requests that are due in it, beside those of the whole scenario.
    """

    rate: NonNegativeFloat
    to_rate: NonNegativeFloat | None = None
    for_s: PositiveFloat
    objectives: Limits | None = None


def _check_shape(stages: tuple[StageRow, ...]) -> tuple[StageRow, ...]:
    if not any(stage.rate or stage.to_rate for stage in stages):
        raise ValueError("expected at least one stage with a rate over 0")
    return stages


_Shape = Annotated[tuple[StageRow, ...], AfterValidator(_check_shape)]


class Credibility(Section):
    """Limits of a credible generator: past these the figures are its own, not the target's."""

    late_p99_ms: PositiveFloat = 50
    loop_lag_p99_ms: PositiveFloat = 50
    cpu_busiest: float = Field(default=0.8, gt=0, le=2)  # the share used, and the share waited for


class Bounds(Section):
    """What no run may leave."""

    max_rate: PositiveFloat = 2000
    max_callers: PositiveInt = 2000
    max_duration_s: PositiveFloat = 7200
    max_requests: PositiveInt = 5_000_000


class CircuitBreaker(Section):
    """When a collapsing target is left alone."""

    window_s: PositiveInt = 10
    fewest: PositiveInt = 50
    failure_ratio: FailureRatio = 0.5


class Scenario(Section):
    """One workload.

    Attributes:
        target: Where it goes when no host is given.
        flag: Key of the feature flag whose variants it looks at.
        models: The model ids that it may be given, and asks for.
        seed: Of what its requests look like; without one each run draws its own, and keeps it.
        mix: Weights of its requests; without it those of its tasks count.
        requests: Objectives of single requests, beside those of the whole scenario.
        headers: Sent with each request; `${NAME}` is that environment variable.
    """

    target: ServiceRef
    flag: str = ""
    models: tuple[str, ...] = ()
    seed: int | None = None
    callers: PositiveInt = 96
    users: PositiveInt = 50_000
    connection_max_age_s: PositiveFloat = 5
    timeout_s: PositiveFloat = 10
    drop_after_s: PositiveFloat = 10
    drain_s: PositiveFloat = Field(default=12, validate_default=True)
    mix: Weights = Field(default_factory=dict)
    requests: Mapping[str, Limits] = Field(default_factory=dict)
    headers: Mapping[str, str] = Field(default_factory=dict)
    objectives: Objectives = Objectives()
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


class Scaling(Section):
    """The autoscaler, and what it is held to; what is absent claims nothing.

    Its target, the Pods, bounds, targets and behavior are read from the cluster: the HPA is held to
    its own words in any case.

    Attributes:
        hpa: Its name, in the namespace of the Service that is loaded.
        must_hold: What its spec has to say.
        ceiling_rate: Requests per second above which maxReplicas are needed. Without it the highest
            rate of a plan that had less before is taken to need more, and the HPA says how many.
        ceiling_within_s: From that load to maxReplicas Ready.
        react_within_s: From that load to the first step up.
        floor_within_s: From its end back to minReplicas.
        controller: Flags of the kube-controller-manager, where they are not its defaults.
    """

    hpa: str
    must_hold: MustHold = MustHold()
    ceiling_rate: PositiveFloat | None = None
    ceiling_within_s: PositiveFloat | None = None
    react_within_s: PositiveFloat | None = None
    floor_within_s: PositiveFloat | None = None
    controller: ControllerFlags = ControllerFlags()


class Metrics(Section):
    """The target's own metrics, by the names of their samples; `durations` by the histogram's.

    Attributes:
        port: Of each Pod, where it shows them.
        path: Likewise.
        requests: Counter of answered requests.
        durations: Histogram of their durations.
        exposures: Counter of answers that carried a variant.
        events_sent: Counter of events that PostHog accepted.
        events_waiting: Gauge of events that wait for it.
        where: Labels that a series of these must have, e.g. `{route: /api/v1/route}`.
        others: Whether requests are counted that were not ours: probes, other callers, retries of
            an Ingress. Then no surplus is a finding.
        durations_unit_s: Seconds in one unit of the histogram; 0.001 for milliseconds.
    """

    port: int = Field(gt=0, lt=_PORTS)
    path: str = Field(default="/metrics", pattern="^/")
    requests: Sample
    durations: Sample | None = None
    exposures: Sample | None = None
    events_sent: Sample | None = None
    events_waiting: Sample | None = None
    where: Mapping[str, str] = Field(default_factory=dict)
    others: bool = False
    durations_unit_s: PositiveFloat = 1.0

    @property
    def durations_count(self) -> str:
        """The histogram's number of observations; "" without one."""
        return f"{self.durations}_count" if self.durations else ""

    @property
    def durations_sum(self) -> str:
        """The histogram's sum; "" without one."""
        return f"{self.durations}_sum" if self.durations else ""

    @property
    def names(self) -> tuple[str, ...]:
        """All samples that are read."""
        named = (self.requests, self.durations_count, self.durations_sum, self.exposures)
        return tuple(name for name in (*named, self.events_sent, self.events_waiting) if name)


class Evidence(Section):
    """What is asked when the load has ended; None, in the file "", for what is not there.

    Attributes:
        prometheus: A Service, or a URL.
        prometheus_where: Labels that choose its series, beside `metrics.where`: a `job`, where two
            of them scrape each Pod. Without any, `namespace` has to be that of the Service.
        scrape_s: How often Prometheus reads a Pod.
        posthog: PostHog's web.
        posthog_project: Number of the project that the events are in.
        posthog_secret: NAMESPACE/NAME of the Secret that holds POSTHOG_PERSONAL_API_KEY.
    """

    prometheus: Annotated[_Place | None, _EMPTY] = None
    prometheus_where: Mapping[str, str] = Field(default_factory=dict)
    scrape_s: PositiveFloat = 15.0
    posthog: Annotated[ServiceRef | None, _EMPTY] = None
    posthog_project: int = 1
    posthog_secret: str = Field(default="", pattern=r"^([^/]+/[^/]+)?$")
