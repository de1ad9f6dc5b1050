"""How many nodes the cluster has: the setting NODES, else what the running cluster has, else five.

The count is recorded where the running cluster keeps its sockets, so every program that is started
later, by whomever, sees the cluster that there is.
"""

from pathlib import Path

from testbed.settings import SettingError, setting

RUN = Path("/run/clusterproof-testbed")
"""Sockets and process records; gone after `down` or a reboot."""

RECORD = RUN / "node-count"
DEFAULT = 5
MOST = 60
"""Node 70 would have the address of the ingress."""


def parse_nodes(text: str) -> int:
    """The count that `text` names; that of the running cluster, or DEFAULT, when it is empty.

    Raises:
        SettingError: It is no whole number from 1 to MOST.
    """
    if not text:
        return recorded() or DEFAULT
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise SettingError(
            f"NODES: expected a whole number from 1 to {MOST}, got {text!r};"
            " for example: NODES=2 make cluster"
        )
    return int(text)


def recorded() -> int | None:
    """How many nodes the running cluster was made with; None when there is no cluster."""
    try:
        return int(RECORD.read_text())
    except (FileNotFoundError, ValueError):
        return None


NODE_COUNT = setting("NODES", parse_nodes)
