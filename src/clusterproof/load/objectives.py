"""The numbers of spec/objectives.yaml, checked once and never changed.

Every refusal is a SpecError that names line and field: a run with a guessed number is worthless.
"""

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

from pydantic import Field, ValidationError

from clusterproof.errors import SpecError
from clusterproof.load.credibility import CredibilityLimits
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.schedule import Plan, Stage
from clusterproof.spec.document import read_document
from clusterproof.spec.row import Frozen

DEFAULT_PATH = Path("spec/objectives.yaml")
VARIABLE = "CLUSTERPROOF_OBJECTIVES"
"""Environment variable that names another load spec to the Locust scenarios: they need it before
Locust has read any option."""


class StageRow(Frozen):
    """One stage; `to_rate` makes it a ramp."""

    rate: float = Field(ge=0)
    to_rate: float | None = Field(default=None, ge=0)
    for_s: float = Field(gt=0)


class Credibility(Frozen):
    """Limits of a credible generator."""

    rate_error: float
    late_p99_ms: float
    loop_lag_p99_ms: float
    cpu_busiest: float

    def limits(self) -> CredibilityLimits:
        """As the judge takes them."""
        return CredibilityLimits(
            rate_error=self.rate_error,
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


class Production(Frozen):
    """Globs of contexts and hosts that are refused without an explicit flag."""

    contexts: tuple[str, ...]
    hosts: tuple[str, ...]


class Objectives(Frozen):
    """What callers must see."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    failure_ratio: float


class Scenario(Frozen):
    """One workload."""

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


class LoadSpec(Frozen):
    """The whole file.

    Attributes:
        reason: What the rates are for; every report says so.
    """

    reason: str
    credibility: Credibility
    bounds: Bounds
    circuit_breaker: CircuitBreaker
    production: Production
    scenarios: Mapping[str, Scenario]
    scaling: Scaling

    def scenario(self, name: str) -> Scenario:
        """The scenario of that name.

        Raises:
            SpecError: There is none.
        """
        if name not in self.scenarios:
            raise SpecError(f"scenario {name!r}: expected one of {', '.join(self.scenarios)}")
        return self.scenarios[name]

    def plan(
        self, scenario: str, shape: str, *, rate_factor: float = 1.0, time_factor: float = 1.0
    ) -> Plan:
        """The arrivals of one shape, within the bounds.

        Raises:
            SpecError: No such shape, or a plan that leaves the bounds.
        """
        shapes = self.scenario(scenario).shapes
        if shape not in shapes:
            raise SpecError(f"shape {shape!r} of {scenario}: expected one of {', '.join(shapes)}")
        plan = Plan(
            [
                Stage(row.rate, row.rate if row.to_rate is None else row.to_rate, row.for_s)
                for row in shapes[shape]
            ]
        ).scaled(rate_factor, time_factor)
        self._check(plan, self.scenario(scenario))
        return plan

    def refuse_production(self, *, context: str = "", host: str = "", allowed: bool) -> None:
        """Stop before the first request when the target is somebody's production.

        Raises:
            SpecError: It matches, and the flag was not given.
        """
        hit = [g for g in self.production.contexts if context and fnmatch(context, g)]
        hit += [g for g in self.production.hosts if host and fnmatch(host, g)]
        if hit and not allowed:
            where = f"context {context!r}" if context else f"host {host!r}"
            raise SpecError(
                f"{where} matches {hit[0]!r} in production of the load spec; load on production"
                " needs --allow-production"
            )

    def _check(self, plan: Plan, scenario: Scenario) -> None:
        bounds = self.bounds
        for what, value, most in (
            ("rate", plan.peak_rate, bounds.max_rate),
            ("duration", plan.duration_s, bounds.max_duration_s),
            ("requests", float(plan.total), float(bounds.max_requests)),
            ("callers", float(scenario.callers), float(bounds.max_callers)),
        ):
            if value > most:
                raise SpecError(f"{what} {value:g} is over its bound {most:g} in the load spec")


def read_objectives(path: Path = DEFAULT_PATH) -> LoadSpec:
    """The load spec at `path`.

    Raises:
        SpecError: No such file, not YAML, or a field that is missing, unknown or wrong.
    """
    document = read_document(path)
    try:
        return LoadSpec.model_validate(document.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        got = "" if first["type"] == "missing" else f"; got {first['input']!r}"
        raise document.error(first["loc"], f"{place}: {first['msg']}{got}") from error
