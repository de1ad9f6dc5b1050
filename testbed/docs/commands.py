"""The commands that the documents tell a person to type, and what runs each of them.

docs/commands.yaml names for each command a test (`test: PATH::NAME`), a target of the Makefile that
CI runs (`ci: TARGET`), or why it is not run (`not_run: REASON`), which the site says below it.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from testbed.cluster import paths

REGISTRY: Final = paths.CHECKOUT / "docs" / "commands.yaml"
_BLOCK: Final = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PROGRAMS: Final = (
    "clusterproof|cosign|eval|helm|kubectl|locust|make|pip|pipx|pytest|python|sha256sum"
    "|sonobuoy|uv|uvx"
)
_COMMAND: Final = re.compile(rf"^(?:\$ |sudo )?((?:{_PROGRAMS}) .*?)(?:\s{{2,}}#.*)?$")
_MENTION: Final = re.compile(rf"(?<!`)`((?:{_PROGRAMS}) [^`\n]+)`(?!`)")
_SHELL: Final = frozenset({"", "bash", "console", "sh"})


def documents() -> list[Path]:
    """Every page that tells commands."""
    root = paths.CHECKOUT
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])


def blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each code block as it stands, with the commands in it."""
    for match in _BLOCK.finditer(text):
        if match[1] in _SHELL:
            lines = match[2].splitlines()
            commands = [command[1].strip() for line in lines if (command := _COMMAND.match(line))]
            if commands:
                yield match[0], commands


def commands_of(page: Path) -> list[str]:
    """The commands of one page, each once."""
    text = page.read_text(encoding="utf-8")
    return list(dict.fromkeys(command for _, commands in blocks(text) for command in commands))


def mentions_of(page: Path) -> list[str]:
    """The commands that the sentences of a page name, each once."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return list(dict.fromkeys(match[1] for match in _MENTION.finditer(text)))


def registry() -> Mapping[str, Mapping[str, str]]:
    """Command to what runs it, or why it is not run."""
    read: dict[str, dict[str, str]] = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))
    return read


def marked(text: str) -> str:
    """A page with a line below each block of which some command is not run by a test."""
    known = registry()
    for block, commands in blocks(text):
        reasons = [
            f"`{command}`: {known[command]['not_run']}"
            for command in commands
            if "not_run" in known.get(command, {})
        ]
        if reasons:
            note = "".join(f"\n    - {reason}" for reason in reasons)
            text = text.replace(block, f'{block}\n\n??? note "Not run by a test"\n{note}\n', 1)
    return text
