"""What must hold of an HPA's spec, in the API's own words; what is absent claims nothing.

The limits are the API's own: pkg/apis/autoscaling/validation/validation.go, v1.35.
"""

from typing import Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from clusterproof.kube.hpa import targets_of
from clusterproof.kube.quantity import parse_quantity
from clusterproof.spec.row import Frozen

Json = dict[str, Any]


class _Api(Frozen):
    """Fields of the API, by its names."""

    model_config = ConfigDict(alias_generator=to_camel)


class PolicyRow(_Api):
    """One of `policies`: validateScalingPolicy."""

    type: Literal["Pods", "Percent"]
    value: PositiveInt
    period_seconds: int = Field(gt=0, le=1800)


class RulesRow(_Api):
    """`scaleUp` or `scaleDown`: validateHPAScalingRules."""

    stabilization_window_seconds: int | None = Field(default=None, ge=0, le=3600)
    select_policy: Literal["Max", "Min", "Disabled"] | None = None
    policies: tuple[PolicyRow, ...] | None = Field(default=None, min_length=1)
    tolerance: str | float | None = None

    @field_validator("tolerance")
    @classmethod
    def _is_a_quantity(cls, tolerance: str | float | None) -> str | float | None:
        if tolerance is not None and parse_quantity(tolerance) < 0:
            raise ValueError("expected a quantity of 0 or more")
        return tolerance


class BehaviorRow(_Api):
    """`behavior`; one direction alone may be said."""

    scale_up: RulesRow | None = None
    scale_down: RulesRow | None = None


def _check_target(target: Json) -> None:
    """Each number of it is over 0: validateMetricTarget."""
    percent = target.get("averageUtilization")
    if percent is not None and (type(percent) is not int or percent <= 0):
        raise ValueError(f"averageUtilization: expected a whole number over 0, got {percent!r}")
    for field in ("averageValue", "value"):
        amount = target.get(field)
        if amount is not None and parse_quantity(amount) <= 0:
            raise ValueError(f"{field}: expected a quantity over 0, got {amount!r}")


class MustHold(_Api):
    """Fields of an autoscaling/v2 HorizontalPodAutoscalerSpec.

    Attributes:
        metrics: All of them: one more or fewer is a difference.
    """

    min_replicas: NonNegativeInt | None = None
    max_replicas: PositiveInt | None = None
    metrics: tuple[Json, ...] | None = Field(default=None, min_length=1)
    behavior: BehaviorRow | None = None

    @field_validator("max_replicas")
    @classmethod
    def _is_not_under_the_minimum(cls, most: int | None, info: Any) -> int | None:  # noqa: ANN401 - pydantic's ValidationInfo
        least = info.data.get("min_replicas")
        if most is not None and least is not None and most < least:
            raise ValueError(f"expected at least minReplicas, {least}")
        return most

    @field_validator("metrics")
    @classmethod
    def _have_targets(cls, metrics: tuple[Json, ...] | None) -> tuple[Json, ...] | None:
        for metric in metrics or ():
            try:
                targets = targets_of({"spec": {"metrics": [metric]}})
            except (KeyError, TypeError, AttributeError):
                targets = {}
            if not targets or not all(metric.name for metric in targets):
                raise ValueError(f"expected a metric of autoscaling/v2 with a target, got {metric}")
            kind = metric["type"]
            _check_target(metric[kind[0].lower() + kind[1:]]["target"])
        return metrics

    @model_validator(mode="after")
    def _is_woken_by_some_metric(self) -> Self:
        """At none there is no Pod whose usage could ask for more: validateMetrics."""
        kinds = {metric["type"] for metric in self.metrics or ()}
        if self.min_replicas == 0 and kinds and not kinds & {"Object", "External"}:
            raise ValueError("minReplicas 0: expected a metric of type Object or External as well")
        return self
