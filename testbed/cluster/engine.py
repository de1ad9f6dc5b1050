"""What enforces NetworkPolicies: the setting POLICY, else what the running cluster has, else ours.

The engine is recorded where the running cluster keeps its sockets, as its size is: every program
that is started later sees the engine that there is.
"""

from testbed.cluster.size import RUN
from testbed.settings import SettingError, setting

RECORD = RUN / "policy-engine"

NFTABLES = "nftables"
"""Our own controller: one process, one nftables table per node (testbed/controllers)."""

KUBE_ROUTER = "kube-router"
"""The firewall of kube-router, one process per node, with iptables and ipset."""

ENGINES = (NFTABLES, KUBE_ROUTER)


def parse_engine(text: str) -> str:
    """The engine that `text` names; that of the running cluster, or ours, when it is empty.

    Raises:
        SettingError: There is no such engine.
    """
    engine = text or recorded() or NFTABLES
    if engine not in ENGINES:
        raise SettingError(
            f"POLICY: expected {' or '.join(ENGINES)}, got {engine!r};"
            f" for example: make cluster POLICY={KUBE_ROUTER}"
        )
    return engine


def recorded() -> str | None:
    """What the running cluster was made with; None when there is no cluster."""
    try:
        return RECORD.read_text().strip() or None
    except FileNotFoundError:
        return None


ENGINE = setting("POLICY", parse_engine)
