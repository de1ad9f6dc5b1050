"""Where the suites, specs and load scenarios are: in a checkout, or in an installation.

The wheel has them as `clusterproof/suites`, laid out as the checkout is: the same files, run the
same way. Nothing of pytest finds them there by itself, so no test run of others loads them.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

from clusterproof.errors import SpecError
from clusterproof.options import joined

_PACKAGE: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = _PACKAGE.parents[1]

IS_CHECKOUT: Final = (_CHECKOUT / "conftest.py").is_file() and (_CHECKOUT / "suites").is_dir()
"""Whether this runs from a checkout, or from an image that is laid out as one."""

PROJECT: Final = _CHECKOUT if IS_CHECKOUT else _PACKAGE / "suites"
SPECS: Final = PROJECT / "spec"
LOAD_SCENARIOS: Final = PROJECT / "loadtests"

_OBJECTIVES: Final = "objectives"
"""The one file among the specs that is a load spec, and no profile."""


def profiles() -> tuple[str, ...]:
    """The names that `--profile` takes."""
    return tuple(sorted(path.stem for path in SPECS.glob("*.yaml") if path.stem != _OBJECTIVES))


def spec_file(profile: str) -> Path:
    """The spec of a profile.

    Raises:
        SpecError: There is none of that name.
    """
    path = SPECS / f"{profile}.yaml"
    if profile == _OBJECTIVES or not path.is_file():
        raise SpecError(f"--profile: expected one of {', '.join(profiles())}; got {profile!r}")
    return path


def suites_command(arguments: Sequence[str]) -> list[str]:
    """The command that runs the suites, from whatever folder.

    The folder where it is run is no place to import from (`-P`), and no plugin of pytest that
    happens to be installed is loaded: a run is the same in everybody's environment.
    """
    command = [sys.executable, "-P", "-m", "pytest", str(PROJECT / "suites")]
    command += ["--rootdir", str(PROJECT), "-c", str(PROJECT / "pyproject.toml")]
    return [*command, "-p", "no:cacheprovider", "--disable-plugin-autoload", *joined(arguments)]


def run_suites(arguments: Sequence[str]) -> int:
    """The exit code of the suites, a child process that is told to end when we are.

    `subprocess.run` kills its child a quarter of a second after a Ctrl-C: a run of the suites would
    leave its Pods and its Lease in the cluster, and no report.
    What a terminal sends to both reaches the child twice; the suites take that for once.
    """
    with subprocess.Popen(suites_command(arguments)) as process:  # noqa: S603 - our own command

        def pass_on(number: int, _frame: FrameType | None) -> None:
            with suppress(ProcessLookupError, ValueError):
                process.send_signal(number)

        before = {
            number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
