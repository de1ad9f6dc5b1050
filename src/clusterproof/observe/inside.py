"""Runs one of our scripts in a Pod of our own, and brings back what it saw."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clusterproof.act.own_pods import Place
from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.execute import execute
from clusterproof.observe.sources import packed, source_of

_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Inside:
    """A Python interpreter in a Pod of our own.

    Attributes:
        run: Runs `python3 -c` with these arguments within so many seconds; returns its stdout, and
            raises ObservationError where it ended otherwise than with 0.
        where: The Pod, as `namespace/name`.
        how: The way in, and the rights that it took.
    """

    run: Callable[[list[str], float], str]
    where: str
    how: str

    def ask(self, script: str, request: Mapping[str, Any], *, within_s: float) -> dict[str, Any]:
        """What a script, named as `source_of` takes it, answers to a request.

        Raises:
            ObservationError: It could not be run, or did not answer with JSON.
        """
        name = f"{script.rpartition('.')[2]}.py"
        stdout = self.run([source_of(script), json.dumps(dict(request))], within_s)
        try:
            answer = json.loads(stdout)
        except ValueError as error:
            message = f"{name} in {self.where}: expected JSON, got {stdout[:_SHOWN]!r}"
            raise ObservationError(message) from error
        if not isinstance(answer, dict):
            raise ObservationError(f"{name} in {self.where}: expected a JSON object")
        return answer


def _why(stderr: str) -> str:
    """The error's name; its words only where they cannot hold what the script was given."""
    last = (stderr.strip().splitlines() or ["no word"])[-1][:_SHOWN]
    return last if last.startswith(("ModuleNotFoundError", "SyntaxError")) else last.split(":")[0]


def inside(api: KubeApi, place: Place, python: str) -> Inside:
    """The interpreter in a Pod of our own."""

    def run(arguments: list[str], within_s: float) -> str:
        command = [python, "-I", "-c", *packed(*arguments)]
        ended = execute(
            api, place.namespace, place.pod, place.container, command, within_s=within_s
        )
        if ended.exit_code != 0:
            raise ObservationError(
                f"our own script in {place} ended with {ended.exit_code}: {_why(ended.stderr)}"
            )
        return ended.stdout

    how = f"our own Pod {place} (rights: create and delete pods, get and create pods/exec)"
    return Inside(run, str(place), how)
