"""What a scenario is told: by its load spec, and by the options of its command line."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from locust.argument_parser import LocustArgumentParser

from clusterproof.errors import SpecError
from clusterproof.load.objectives import DEFAULT_PATH, VARIABLE, LoadSpec, read_objectives
from clusterproof.load.sections import Scenario
from clusterproof.outcome import ExitCode
from loadtests.arrivals import Caller


@contextmanager
def wrong_input_ends() -> Iterator[None]:
    """A wrong spec, or a target that is refused, ends the program: one sentence, and no request."""
    try:
        yield
    except SpecError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(ExitCode.USAGE)


def load_spec() -> LoadSpec:
    """The load spec that the environment names, or the project's."""
    with wrong_input_ends():
        return read_objectives(Path(os.environ.get(VARIABLE) or DEFAULT_PATH))


def scenario_for(caller: type[Caller], spec: LoadSpec, name: str) -> Scenario:
    """The scenario, if the caller can send what it asks for."""
    with wrong_input_ends():
        scenario = spec.scenario(name)
        unknown = sorted(set(scenario.mix) - caller.requests)
        if unknown:
            known = ", ".join(sorted(caller.requests))
            raise SpecError(f"scenarios.{name}.mix: no request {unknown[0]!r}; expected of {known}")
        missing = [field for field in caller.needs if not getattr(scenario, field)]
        if missing:
            raise SpecError(f"scenarios.{name}.{missing[0]}: expected at least one")
        return scenario


def add_options(parser: LocustArgumentParser, scenario: Scenario) -> None:
    """The options of a run; the web UI shows them as fields."""
    parser.add_argument(
        "--shape",
        default=next(iter(scenario.shapes)),
        choices=list(scenario.shapes),
        help="Which load of spec/objectives.yaml to offer",
    )
    parser.add_argument("--rate-factor", type=float, default=1.0, help="Scales every rate")
    parser.add_argument("--time-factor", type=float, default=1.0, help="Scales every duration")
    parser.add_argument(
        "--allow-production",
        action="store_true",
        default=False,
        help="Load a host that the load spec calls production",
        include_in_web_ui=False,
    )
    parser.add_argument(
        "--out",
        default="reports/load",
        help="Folder for generator.json and account.json",
        include_in_web_ui=False,
    )
