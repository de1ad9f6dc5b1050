"""Peers to dial, and what became of dialling them: the words between us and `scripts/dial.py`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Literal

from clusterproof.errors import ObservationError
from clusterproof.observe.sources import source_of

TIMEOUT_S = 2.0
ATTEMPTS = 2
"""Our choice: a dropped packet is silence, and 2 x 2 s of it is a decision, not a slow peer."""

Protocol = Literal[
    "TCP",
    "UDP",
    "DNS",
    "DNS over TCP",
    "NAME",
    "tls",
    "postgresql",
    "redis",
    "clickhouse",
    "http",
]


class DialOutcome(StrEnum):
    """What became of a dial; refused, no answer and no name are three different things.

    Intercepted: a proxy before the peer accepted it, as it does any. Whether the peer, or a policy,
    would is not seen.
    """

    CONNECTED = "connected"
    INTERCEPTED = "intercepted"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    DNS_FAILURE = "dns-failure"
    PROTOCOL_ERROR = "protocol-error"

    @property
    def blocked(self) -> bool:
        """True for what a policy's refusal looks like: silence, a reset, or no route."""
        return self in {DialOutcome.REFUSED, DialOutcome.TIMEOUT, DialOutcome.UNREACHABLE}


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer to dial.

    Attributes:
        id: Names the result; unique among the peers of one dialling.
        host: Name or address; a name is resolved where the dial is made.
        protocol: What is spoken; NAME resolves and dials nothing.
        path: HTTP's path.
        sni: The host that TLS and HTTP are told, where it is not `host`.
        cadata: The certificates that TLS trusts, in PEM.
        known: Addresses to dial where the name does not resolve.
        headers: HTTP's, by name, beside the usual ones.
    """

    id: str
    host: str
    port: int
    protocol: Protocol = "TCP"
    path: str = "/"
    sni: str = ""
    cadata: str = ""
    known: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = TIMEOUT_S
    attempts: int = ATTEMPTS


@dataclass(frozen=True, slots=True)
class Dialled:
    """What became of one peer.

    Attributes:
        addresses: What the name resolved to, where it was dialled from.
        dialled: The address of the last attempt, or "".
        text: What was said, or why nothing was.
        status: HTTP's, or 0.
        by_address: After a DNS failure: what the known address gave.
        fingerprint: SHA-256 of the certificate that was served, in hex.
    """

    outcome: DialOutcome
    addresses: tuple[str, ...] = ()
    dialled: str = ""
    elapsed_ms: float = 0.0
    attempts: int = 0
    text: str = ""
    status: int = 0
    by_address: DialOutcome | None = None
    fingerprint: str = ""

    def __str__(self) -> str:
        """As one clause of a sentence."""
        tries = f", {self.attempts} attempts" if self.attempts > 1 else ""
        at = f" at {self.dialled}" if self.dialled else ""
        if self.outcome is DialOutcome.CONNECTED:
            return f"connected{at} in {self.elapsed_ms:.0f} ms"
        words = f" ({self.text})" if self.text else ""
        if self.outcome is DialOutcome.DNS_FAILURE:
            by = f"; by address{at}: {self.by_address}{tries}" if self.by_address else ""
            return f"the name did not resolve{words}{by}"
        return f"{self.outcome}{at}{words}{tries}"


def command(python: str, peers: Iterable[Peer]) -> list[str]:
    """The command that dials `peers`: isolated from the container's own Python settings."""
    return [
        python,
        "-I",
        "-S",
        "-c",
        source_of("dial"),
        json.dumps([asdict(peer) for peer in peers]),
    ]


def parse_results(stdout: str, peers: Iterable[Peer]) -> Mapping[str, Dialled]:
    """Peer id to result.

    Raises:
        ObservationError: A line is no result, or a peer has none.
    """
    results = {}
    try:
        for line in stdout.splitlines():
            fields = json.loads(line)
            by_address = fields.get("by_address")
            results[str(fields["id"])] = Dialled(
                outcome=DialOutcome(fields["outcome"]),
                addresses=tuple(fields.get("addresses") or ()),
                dialled=fields.get("dialled", ""),
                elapsed_ms=fields.get("elapsed_ms", 0.0),
                attempts=fields.get("attempts", 0),
                text=fields.get("text", ""),
                status=fields.get("status", 0),
                by_address=DialOutcome(by_address) if by_address else None,
                fingerprint=fields.get("fingerprint", ""),
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"dial script: expected one JSON line for each peer, got {line[:120]!r}"
        raise ObservationError(message) from error
    missing = [peer.id for peer in peers if peer.id not in results]
    if missing:
        raise ObservationError(f"dial script: expected a line for each peer, none for {missing}")
    return results
