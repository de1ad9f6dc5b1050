"""A situation in which kubectl and we read a kubeconfig, and what it can point at."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Pick = Callable[[str, Sequence[str]], str]
"""Chooses an option of a feature; the first that is offered is the usual one."""
Odd = dict[str, str]
"""The features that are not as usual, and the option of each."""

MARK = "drawn"
"""The extension of an entry that says what is odd about it: kubectl prints those that it merged."""

API_SERVER_NAMES = ("localhost", "api.test", "alt.test")
TOKEN = "token-of-the-case"  # noqa: S105 - made up
OTHER_TOKEN = "token-of-another-user"  # noqa: S105 - made up
GROUP = "client.authentication.k8s.io"


@dataclass(frozen=True)
class Material:
    """What a kubeconfig can point at: PEM texts by name."""

    pem: Mapping[str, str]
    ports: Mapping[str, int]


@dataclass
class Case:
    """One set of kubeconfigs.

    Attributes:
        files: Content by path below the case's folder.
        contexts: For `--context`, one after another; None where it is not given.
        arguments: `--kubeconfig`, where it is given.
        environment: Beside HOME, which is the folder.
        odd: What is so for each context: the place of the files, the environment.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    contexts: list[str | None] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    odd: Odd = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Put the files where they belong; those in bin/ can be run."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if path.parent.name == "bin":
                path.chmod(0o755)


def noting(pick: Pick, odd: Odd) -> Pick:
    """The same choice; what is odd about it is added to `odd`."""

    def noted(feature: str, options: Sequence[str]) -> str:
        option = pick(feature, options)
        if option != options[0]:
            odd[feature] = option
        return option

    return noted


def mark(odd: Odd) -> dict[str, Any]:
    """The extension of an entry that says what is odd about it."""
    return {"extensions": [{"name": MARK, "extension": odd}]}


def in_base64(text: str) -> str:
    """As a kubeconfig holds data."""
    return base64.b64encode(text.encode()).decode()
