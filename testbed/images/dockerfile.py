"""The stages of deploy/Dockerfile, as far as an image can be made of them without an engine.

Files and configuration (COPY, ENV, USER, WORKDIR, ENTRYPOINT, CMD, EXPOSE, LABEL) are taken as they
stand; what RUN does, a recipe says in its own way: Debian's Python in place of the base image,
`uv pip install` from outside, the same byte code. `tests/testbed_images` holds both to each other,
and this reader to BuildKit's own parser.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parents[2] / "deploy" / "Dockerfile"
_WORD: Final = re.compile(r"^(\w+)\s+(.*)$", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")


class DockerfileError(Exception):
    """The file says something that this reader does not know."""


@dataclass
class Stage:
    """One stage, with what it has from the stage that it begins with.

    Attributes:
        base: What FROM names: another stage, or an image.
        copied: (source, target) of the build context.
        taken: (stage, source, target) of COPY --from.
        commands: What RUN runs.
    """

    name: str
    base: str
    copied: list[tuple[str, str]] = field(default_factory=list)
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ports: list[str] = field(default_factory=list)
    user: str = ""
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: str = ""


def stages(text: str) -> Mapping[str, Stage]:
    """Every stage of a Dockerfile by name.

    Raises:
        DockerfileError: An instruction that this reader does not know.
    """
    arguments: dict[str, str] = {}
    known: dict[str, Stage] = {}
    stage: Stage | None = None
    for instruction, rest in _instructions(text):
        if instruction == "ARG" and stage is None:
            name, _, default = rest.partition("=")
            arguments[name] = default
        elif instruction == "FROM":
            base, _, name = _expanded(rest, arguments).partition(" AS ")
            stage = _begun(name, base, known)
            known[name] = stage
        elif stage is None:
            raise DockerfileError(f"expected FROM before {instruction}")
        else:
            _add(stage, instruction, rest)
    return known


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        match = _WORD.match(line)
        if match is None:
            raise DockerfileError(f"expected an instruction, got {line!r}")
        yield match[1].upper(), match[2].strip()


def _expanded(text: str, arguments: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: arguments[match[1]], text)


def _begun(name: str, base: str, known: Mapping[str, Stage]) -> Stage:
    below = known.get(base)
    return replace(deepcopy(below), name=name, base=base) if below else Stage(name, base)


def _add(stage: Stage, instruction: str, rest: str) -> None:
    add = _INSTRUCTIONS.get(instruction)
    if add is None:
        known = ", ".join(sorted(_INSTRUCTIONS))
        raise DockerfileError(f"expected one of {known}; got {instruction}")
    add(stage, rest)


def _copy(stage: Stage, rest: str) -> None:
    *options, target = shlex.split(rest)
    origin = [word.removeprefix("--from=") for word in options if word.startswith("--from=")]
    sources = [word for word in options if not word.startswith("--")]
    for source in sources:
        place = f"{target}{source}" if target.endswith("/") else target
        if origin:
            stage.taken.append((origin[0], source, place))
        else:
            stage.copied.append((source, place))


def _pairs(rest: str) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in shlex.split(rest))


def _entrypoint(stage: Stage, rest: str) -> None:
    stage.entrypoint, stage.command = json.loads(rest), []  # a CMD below it is forgotten


_INSTRUCTIONS: Final[Mapping[str, Callable[[Stage, str], None]]] = {
    "CMD": lambda stage, rest: setattr(stage, "command", json.loads(rest)),
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": lambda stage, rest: stage.environment.update(_pairs(rest)),
    "EXPOSE": lambda stage, rest: stage.ports.extend(rest.split()),
    "HEALTHCHECK": lambda stage, rest: setattr(stage, "healthcheck", rest),
    "LABEL": lambda stage, rest: stage.labels.update(_pairs(rest)),
    "RUN": lambda stage, rest: stage.commands.append(rest),
    "USER": lambda stage, rest: setattr(stage, "user", rest),
    "WORKDIR": lambda stage, rest: setattr(stage, "workdir", rest),
}

STAGES: Final = stages(FILE.read_text(encoding="utf-8"))
"""Those of deploy/Dockerfile."""
