"""What a scenario is told: by its load spec, and by the options of its command line."""

import math
import os
import re
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from locust.argument_parser import LocustArgumentParser
from locust.util.timespan import parse_timespan

from clusterproof.errors import SpecError
from clusterproof.load.objectives import DEFAULT_PATH, VARIABLE, LoadSpec, read_objectives
from clusterproof.load.schedule import Plan
from clusterproof.load.sections import Scenario
from clusterproof.outcome import ExitCode
from clusterproof.redact.errors import say_error
from loadtests.arrivals import Caller
from loadtests.lane import Requests

PROJECT = Path(__file__).resolve().parents[1]
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Source: RFC 9110, 5.6.2: what the name of a header may be."""


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


def requests_of(classes: Iterable[type], name: str, scenario: Scenario) -> Requests:
    """What the arrivals can be, before --tags, if the classes can send what the scenario asks for.

    Raises:
        SpecError: They cannot; names the first field that is wrong.
    """
    callers = [cls for cls in classes if issubclass(cls, Caller)]
    if others := [cls.__name__ for cls in classes if not issubclass(cls, Caller)]:
        raise SpecError(f"-f: User class {others[0]}: expected a Caller, else nobody counts it")
    whole = Requests(callers, {})
    for field, names in (("mix", scenario.mix), ("requests", scenario.requests)):
        if unknown := sorted(set(names) - whole.tasks.keys()):
            known = ", ".join(sorted(whole.tasks))
            raise SpecError(
                f"scenarios.{name}.{field}: no request {unknown[0]!r}; expected of {known}"
            )
    for caller in callers:
        if caller.wait_time is not Caller.wait_time:
            raise SpecError(
                f"{caller.__name__}.wait_time: expected none: the plan says when a request is due"
            )
        for field in caller.needs:
            if not getattr(scenario, field):
                raise SpecError(f"scenarios.{name}.{field}: expected at least one")
        for variable in caller.environment_needs:
            if not os.environ.get(variable):
                raise SpecError(f"{variable}: expected in the environment, which has none")
    return whole


def host_of_classes(classes: Iterable[type]) -> str | None:
    """The `host` that the User classes name, as anywhere in Locust; None where they name none.

    Raises:
        SpecError: Several.
    """
    named = {cls.host for cls in classes if issubclass(cls, Caller)} - {Caller.host}
    if len(named) > 1:
        raise SpecError(f"User classes name {len(named)} hosts: expected one, or --host")
    return named.pop() if named else None


def headers_of(scenario: Scenario, given: Iterable[str]) -> dict[str, str]:
    """The headers of each request: the scenario's, and those of --header.

    Raises:
        SpecError: One has no name, or an environment variable that is not set.
    """
    headers = {name.lower(): _filled_in(name, text) for name, text in scenario.headers.items()}
    for line in given:
        name, colon, text = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise SpecError("--header: expected 'NAME: TEXT', with ${VARIABLE} for what is secret")
        headers[name.lower()] = _filled_in(name, text.strip())
    return headers


def with_callers(scenario: Scenario, options: Namespace) -> Scenario:
    """The scenario with as many callers as --users says, if it says any.

    Raises:
        SpecError: --users or --spawn-rate is not over 0.
    """
    for option, number in (("--users", options.num_users), ("--spawn-rate", options.spawn_rate)):
        if number is not None and not 0 < number < math.inf:
            raise SpecError(f"{option} {number:g}: expected a number over 0")
    return scenario.model_copy(update={"callers": options.num_users or scenario.callers})


def seed_of(options: Namespace) -> int | None:
    """What --seed says; None where each run draws its own.

    Raises:
        SpecError: No whole number.
    """
    text = str(options.seed).strip()
    try:
        return int(text) if text else None
    except ValueError as error:
        raise SpecError(f"--seed {text!r}: expected a whole number") from error


def plan_of(spec: LoadSpec, name: str, scenario: Scenario, options: Namespace) -> Plan:
    """The whole plan that the options ask for, whatever --run-time says.

    Raises:
        SpecError: It leaves the bounds.
    """
    return spec.plan(
        name,
        options.shape,
        rate_factor=options.rate_factor,
        time_factor=options.time_factor,
        callers=scenario.callers,
    )


def run_time_of(options: Namespace) -> float:
    """How many seconds a test lasts at most: infinite without --run-time.

    Raises:
        SpecError: --run-time is no time.
    """
    most_s = options.run_time
    if isinstance(most_s, str):
        try:
            most_s = parse_timespan(most_s)
        except ValueError as error:
            raise SpecError(f"--run-time {options.run_time!r}: {error}") from error
    return most_s or math.inf


def stop_timeout_of(scenario: Scenario, given: float | None) -> float:
    """How many seconds a test drains: what --stop-timeout says, or the scenario.

    Raises:
        SpecError: --stop-timeout is no longer than a request may take.
    """
    least = scenario.timeout_s
    if given and given <= least:
        raise SpecError(
            f"--stop-timeout {given:g}: expected more than timeout_s {least:g} of the scenario:"
            " requests that are under way at the end would be cut off"
        )
    return given or scenario.drain_s


def _filled_in(header: str, text: str) -> str:
    try:
        filled = Template(text).substitute(os.environ)
    except KeyError as error:
        variable = error.args[0]
        raise SpecError(f"header {header}: {variable}: expected in the environment") from error
    except ValueError as error:
        raise SpecError(f"header {header}: expected ${{VARIABLE}}, or $$ for a dollar") from error
    if not filled.isprintable():
        raise SpecError(f"header {header}: expected one line of text")
    return filled


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
    for option, what in (
        ("ca", "the authority of the target's certificate; default: the system's"),
        ("cert", "a certificate of our own and its key, for a target that asks for one"),
    ):
        parser.add_argument(
            f"--{option}",
            env_var=f"LOCUST_{option.upper()}",
            default="",
            help=f"PEM file with {what}",
            include_in_web_ui=False,
        )
    parser.add_argument(
        "--seed",
        env_var="LOCUST_SEED",
        default="" if scenario.seed is None else str(scenario.seed),  # text: a field that is empty
        help="Of what the requests look like; default: another one in each run",
    )
    parser.add_argument(
        "--header",
        env_var="LOCUST_HEADER",
        action="append",
        default=[],
        metavar="'NAME: TEXT'",
        help="Sent with each request; ${VARIABLE} is taken from the environment",
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
