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
from clusterproof.redact.errors import say_error
from loadtests.arrivals import Caller

PROJECT = Path(__file__).resolve().parents[1]


@contextmanager
def wrong_input_ends() -> Iterator[None]:
    """A wrong spec, or a target that is refused, ends the program: one sentence, and no request."""
    try:
        yield
    except SpecError as error:
        say_error(str(error))
        sys.exit(ExitCode.USAGE)


def spec_path() -> Path:
    """The load spec that the environment names, or the project's, from whatever folder."""
    return Path(os.environ.get(VARIABLE) or PROJECT / DEFAULT_PATH)


def load_spec() -> LoadSpec:
    """What that file says."""
    with wrong_input_ends():
        return read_objectives(spec_path())


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
    """The options of a run, each with an environment variable as Locust's own have one.

    Raises:
        SpecError: Another scenario has added them already.
    """
    if any("--shape" in action.option_strings for action in parser._actions):  # noqa: SLF001 - argparse has no other way to ask
        raise SpecError("-f: expected one scenario at a time: each has its own plan and verdict")
    parser.add_argument(
        "--shape",
        env_var="LOCUST_SHAPE",
        default=next(iter(scenario.shapes)),
        choices=list(scenario.shapes),
        help="Which load of spec/objectives.yaml to offer",
    )
    for of, what in (("rate", "rate"), ("time", "duration")):
        parser.add_argument(
            f"--{of}-factor",
            env_var=f"LOCUST_{of.upper()}_FACTOR",
            type=float,
            default=1.0,
            help=f"Scales every {what}",
        )
    parser.add_argument(
        "--ca",
        env_var="LOCUST_CA",
        default="",
        help="PEM file with the authority of the target's certificate; default: the system's",
        include_in_web_ui=False,
    )
    parser.add_argument(
        "--allow-production",
        action="store_true",
        default=False,
        help="Load a host that the load spec calls production",
        include_in_web_ui=False,
    )
    parser.add_argument(
        "--out",
        env_var="LOCUST_OUT",
        default="reports/load",
        help="Folder for generator.json and account.json",
        include_in_web_ui=False,
    )
