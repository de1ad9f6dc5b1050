"""First packets between network namespaces of this machine, many at once: which of them arrive.

Sockets are opened in the namespaces, so what runs there needs no program for it. A packet that is
dropped costs the whole wait, and all of a batch wait together.
"""

import secrets
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from testbed.cluster import netns
from testbed.settings import patient

T = TypeVar("T")

ARRIVES_WITHIN_S = 0.7
"""Nothing on these paths takes longer than a few ms; below a second no SYN is sent again."""

SCTP = 132
TOKEN_BYTES = 8
_CRC32C = 0x82F63B78
_IP_HEADER_BYTES = 20


@dataclass(frozen=True, slots=True)
class Dial:
    """One first packet.

    Attributes:
        source: The network namespace that it is sent from.
        destination: The one in which it should arrive.
        address: Where it is sent; a Service's address, for one.
        protocol: TCP, UDP, SCTP or ICMP.
        port: The port dialled; 0 for ICMP.
    """

    source: str
    destination: str
    address: str
    protocol: str
    port: int


def in_netns(name: str, make: Callable[[], T]) -> T:
    """What `make` returns inside that network namespace; a socket stays in it for good.

    Raises:
        OSError: The namespace is not there, or `make` failed.
    """
    made: list[T] = []
    failed: list[OSError] = []

    def attempt() -> None:
        try:
            netns.enter(name)
            made.append(make())
        except OSError as error:
            failed.append(error)

    # A thread of its own, because setns moves only the thread that calls it.
    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


@contextmanager
def listening(places: Iterable[str], ports: Mapping[str, Collection[int]]) -> Iterator["Listeners"]:
    """Listeners in every namespace on these ports; one that is taken already answers by itself."""
    with ExitStack() as cleanup:
        opened: dict[tuple[str, str, int], socket.socket] = {}
        wanted = [
            (place, protocol, port)
            for place in places
            for protocol, numbers in ports.items()
            for port in numbers
        ]
        for place, protocol, port in wanted:
            try:
                listener = in_netns(place, partial(_listener, protocol, port))
            except OSError as error:
                if protocol == "TCP" and port in {80, 443}:  # the outside world's own
                    continue
                raise OSError(f"{place}: no listener on {port}/{protocol}: {error}") from error
            opened[place, protocol, port] = cleanup.enter_context(listener)
        yield Listeners(opened)


@dataclass(frozen=True)
class Listeners:
    """The listeners of `listening`, and what dials them."""

    opened: Mapping[tuple[str, str, int], socket.socket]

    def arriving(
        self, dials: Iterable[Dial], within_s: float = ARRIVES_WITHIN_S
    ) -> frozenset[Dial]:
        """Those of the dials whose first packet arrives, or whose connection is accepted.

        Args:
            dials: Sent at once.
            within_s: Bound on the wait for all of them, in seconds.
        """
        with ExitStack() as cleanup:
            batch = _Batch(cleanup, self.opened)
            for dial in dict.fromkeys(dials):
                batch.send(dial)
            arrived = batch.collect(time.monotonic() + patient(within_s))
        self.hang_up()
        return arrived

    def hang_up(self) -> None:
        """Take the connections that wait at the listeners: a full queue would refuse the next."""
        for (_, protocol, _), listener in self.opened.items():
            if protocol == "TCP":
                with suppress(OSError):  # none is left
                    while True:
                        listener.accept()[0].close()


@dataclass
class _Batch:
    """Dials under way. Each has a token of its own, by which its packet is known again."""

    cleanup: ExitStack
    opened: Mapping[tuple[str, str, int], socket.socket]
    under_way: dict[bytes, Dial] = field(default_factory=dict)
    arrived: set[Dial] = field(default_factory=set)
    refused: set[Dial] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Listen to what the listeners of datagrams hear."""
        self.chooser = self.cleanup.enter_context(selectors.DefaultSelector())
        for (_, protocol, _), listener in self.opened.items():
            if protocol == "UDP":
                self.chooser.register(listener, selectors.EVENT_READ, self._hear_datagram)

    def send(self, dial: Dial) -> None:
        token = secrets.token_bytes(TOKEN_BYTES)
        self.under_way[token] = dial
        {"TCP": self._tcp, "UDP": self._udp, "SCTP": self._sctp, "ICMP": self._icmp}[dial.protocol](
            dial, token
        )

    def collect(self, ends_at: float) -> frozenset[Dial]:
        while (left_s := ends_at - time.monotonic()) > 0 and not self._all_known():
            for key, _ in self.chooser.select(left_s):
                hear: Callable[[socket.socket], None] = key.data
                opened = key.fileobj
                if isinstance(opened, socket.socket):
                    hear(opened)
        return frozenset(self.arrived)

    def _all_known(self) -> bool:
        return len(self.arrived | self.refused) == len(self.under_way)

    def _open(self, place: str, address: str, kind: int, protocol: int = 0) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        opened = self.cleanup.enter_context(
            in_netns(place, partial(socket.socket, family, kind, protocol))
        )
        opened.setblocking(False)  # noqa: FBT003 - its name for it
        return opened

    def _tcp(self, dial: Dial, _: bytes) -> None:
        dialler = self._open(dial.source, dial.address, socket.SOCK_STREAM)
        dialler.connect_ex((dial.address, dial.port))

        def hear(connected: socket.socket) -> None:
            self.chooser.unregister(connected)
            failed = connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            (self.refused if failed else self.arrived).add(dial)

        self.chooser.register(dialler, selectors.EVENT_WRITE, hear)

    def _udp(self, dial: Dial, token: bytes) -> None:
        dialler = self._open(dial.source, dial.address, socket.SOCK_DGRAM)
        self._put(dial, dialler, token)

    def _hear_datagram(self, listener: socket.socket) -> None:
        if dial := self.under_way.get(listener.recv(64)):
            self.arrived.add(dial)

    def _icmp(self, dial: Dial, token: bytes) -> None:
        """An echo request (IPv4), which the kernel at the far end answers."""
        identifier = int.from_bytes(token[:2])
        head = struct.pack("!BBHHH", 8, 0, 0, identifier, 1)
        echo = struct.pack("!BBHHH", 8, 0, _internet_sum(head + token), identifier, 1) + token
        dialler = self._open(dial.source, dial.address, socket.SOCK_RAW, socket.IPPROTO_ICMP)

        def hear(opened: socket.socket) -> None:
            packet = opened.recv(256)[_IP_HEADER_BYTES:]
            if packet[:1] == b"\0" and packet[8:] == token:
                self.arrived.add(dial)

        self.chooser.register(dialler, selectors.EVENT_READ, hear)
        self._put(dial, dialler, echo)

    def _sctp(self, dial: Dial, token: bytes) -> None:
        """An INIT made by hand (many kernels have no SCTP socket); it arrives or it does not."""
        source_port = 1024 + int.from_bytes(token[:2]) % 60000
        chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 7, 65536, 1, 1, 1)
        head = struct.pack("!HHI", source_port, dial.port, 0)
        checksum = struct.pack("<I", _crc32c(head + bytes(4) + chunk))
        listener = self._open(dial.destination, dial.address, socket.SOCK_RAW, SCTP)
        dialler = self._open(dial.source, dial.address, socket.SOCK_RAW, SCTP)

        def hear(opened: socket.socket) -> None:
            if opened.recv(256)[_IP_HEADER_BYTES:] == head + checksum + chunk:
                self.arrived.add(dial)

        self.chooser.register(listener, selectors.EVENT_READ, hear)
        self._put(dial, dialler, head + checksum + chunk)

    def _put(self, dial: Dial, dialler: socket.socket, packet: bytes) -> None:
        try:
            dialler.sendto(packet, (dial.address, dial.port if dial.protocol == "UDP" else 0))
        except PermissionError:  # dropped before it left
            self.refused.add(dial)


def _listener(protocol: str, port: int) -> socket.socket:
    """For both families; the kernel completes connections without our help."""
    kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
    listener = socket.socket(socket.AF_INET6, kind)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("", port))
        if protocol == "TCP":
            listener.listen(4096)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)  # noqa: FBT003 - its name for it
    return listener


def _internet_sum(packet: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _crc32c(packet: bytes) -> int:
    """SCTP's checksum: without the right one the kernel calls a packet invalid (RFC 9260)."""
    remainder = 0xFFFFFFFF
    for byte in packet:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (_CRC32C if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF
