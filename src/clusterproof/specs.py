"""The specs that come with clusterproof, by the name of their profile."""

from pathlib import Path
from typing import Final

from clusterproof.errors import SpecError

SPECS: Final = Path(__file__).resolve().parents[2] / "spec"
"""Their folder."""

OBJECTIVES: Final = "objectives"
"""The one file there that is a load spec, and no profile."""


def profiles() -> tuple[str, ...]:
    """The names that `--profile` takes."""
    return tuple(sorted(path.stem for path in SPECS.glob("*.yaml") if path.stem != OBJECTIVES))


def spec_file(profile: str) -> Path:
    """The spec of a profile.

    Raises:
        SpecError: There is none of that name.
    """
    path = SPECS / f"{profile}.yaml"
    if profile == OBJECTIVES or not path.is_file():
        raise SpecError(f"--profile: expected one of {', '.join(profiles())}; got {profile!r}")
    return path
