"""The numbers of spec/objectives.yaml, checked once and never changed.

Every refusal is a SpecError that names line and field: a run with a guessed number is worthless.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter

from clusterproof.errors import SpecError
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.sections import (
    Bounds,
    CircuitBreaker,
    Credibility,
    Evidence,
    Metrics,
    Scaling,
    Scenario,
    Section,
)
from clusterproof.production import Production
from clusterproof.project import SPECS
from clusterproof.spec.document import read_document, typed

DEFAULT_PATH = SPECS / "objectives.yaml"
VARIABLE = "CLUSTERPROOF_OBJECTIVES"
"""Environment variable that names another load spec to the Locust scenarios: they need it before
Locust has read any option."""


_PRODUCTION = ("*prod*", "*live*")


class LoadSpec(Section):
    """The whole file; `scenarios` is all that it must have.

    Attributes:
        reason: What the rates are for; every report says so.
        metrics: None counts nothing of what the Pods served.
        scaling: None claims nothing of an autoscaler.
    """

    reason: str = ""
    credibility: Credibility = Credibility()
    bounds: Bounds = Bounds()
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    production: Production = Production(contexts=_PRODUCTION, hosts=_PRODUCTION)
    scenarios: Annotated[Mapping[str, Scenario], Field(min_length=1)]
    metrics: Metrics | None = None
    evidence: Evidence = Evidence()
    scaling: Scaling | None = None

    def scenario(self, name: str) -> Scenario:
        """The scenario of that name.

        Raises:
            SpecError: There is none.
        """
        if name not in self.scenarios:
            raise SpecError(f"scenario {name!r}: expected one of {', '.join(self.scenarios)}")
        return self.scenarios[name]

    def plan(
        self,
        scenario: str,
        shape: str,
        *,
        rate_factor: float = 1.0,
        time_factor: float = 1.0,
        callers: int | None = None,
    ) -> Plan:
        """The arrivals of one shape, within the bounds; `callers` in place of the scenario's.

        Raises:
            SpecError: No such shape, a factor that is none, or a plan that leaves the bounds.
        """
        for name, factor in (("rate", rate_factor), ("time", time_factor)):
            if not 0 < factor < math.inf:
                raise SpecError(f"{name} factor {factor:g}: expected a finite number over 0")
        shapes = self.scenario(scenario).shapes
        if shape not in shapes:
            raise SpecError(f"shape {shape!r} of {scenario}: expected one of {', '.join(shapes)}")
        plan = Plan(
            [
                Stage(row.rate, row.rate if row.to_rate is None else row.to_rate, row.for_s)
                for row in shapes[shape]
            ]
        ).scaled(rate_factor, time_factor)
        self._check(plan, callers or self.scenario(scenario).callers)
        return plan

    def refuse_production(
        self,
        *,
        context: str = "",
        host: str = "",
        cluster_uid: Callable[[], str] | None = None,
        allowed: bool,
    ) -> None:
        """Stop before the first request when the target is somebody's production.

        Raises:
            SpecError: It is, and the flag was not given.
        """
        self.production.refuse(
            SpecError, "load", allowed=allowed, context=context, host=host, cluster_uid=cluster_uid
        )

    def refuse_host(self, host: str, *, allowed: bool) -> None:
        """Nothing, unless a load on that host may not start; "" is a host that is not known yet.

        Raises:
            SpecError: No URL, or somebody's production.
        """
        if not host:
            return
        if not _is_base(host):
            shown = host.rpartition("@")[2]  # a password may be what makes it none
            raise SpecError(
                f"host {shown!r}: expected http://HOST or https://HOST, and maybe a path"
            )
        self.refuse_production(host=host, allowed=allowed)

    def _check(self, plan: Plan, callers: int) -> None:
        bounds = self.bounds
        for what, value, most in (
            ("rate", plan.peak_rate, bounds.max_rate),
            ("duration", plan.duration_s, bounds.max_duration_s),
            ("requests", float(plan.total), float(bounds.max_requests)),
            ("callers", float(callers), float(bounds.max_callers)),
        ):
            if value > most:
                raise SpecError(f"{what} {value:g} is over its bound {most:g} in the load spec")


def _is_base(host: str) -> bool:
    """Whether a path may be put behind it: RFC 3986, 3, without query and fragment."""
    try:
        parts = urlsplit(host)
        port = parts.port
    except ValueError:  # brackets that are no address, or a port over 65,535
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and port != 0
        and host.isprintable()
        and not set(host) & set("?# ")
    )


def read_objectives(path: Path = DEFAULT_PATH) -> LoadSpec:
    """The load spec at `path`.

    Raises:
        SpecError: No such file, not YAML, or a field that is missing, unknown or wrong.
    """
    document = read_document(path)
    spec: LoadSpec = typed(TypeAdapter(LoadSpec), document.data, document, ())
    return spec
