"""Network namespaces of the tests' own, laid out as the local cluster's: dialled for real.

Two nodes and an outside host share one bridge; each Pod hangs on its node by a routed veth pair, as
with the `ptp` CNI plugin. Every name begins with `cpt-`; nothing touches the host's own network.
"""

import ctypes
import os
import secrets
import selectors
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from testbed.controllers.policy import load_ruleset
from tests.testbed_controllers.policy_world import Case, World

T = TypeVar("T")

PREFIX = "cpt-"
NETNS_DIRECTORY = Path("/run/netns")
# A refusal is a dropped packet, so it costs the whole wait. Nothing on this path takes longer
# than a few ms, and each refused dial is paired with one that is answered without policies.
DIAL_TIMEOUT_S = 0.5
SCTP = 132
CLONE_NEWNET = 0x40000000


def in_netns(name: str, make: Callable[[], T]) -> T:
    """What `make` returns inside that network namespace; a socket stays in it for good."""
    results: list[T] = []

    def enter() -> None:
        descriptor = os.open(NETNS_DIRECTORY / name, os.O_RDONLY)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(descriptor, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {name}")
        finally:
            os.close(descriptor)
        results.append(make())

    # A thread of its own, because setns moves only the thread that calls it.
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert results, f"could not enter {name}"
    return results[0]


@dataclass(frozen=True)
class Lab:
    """The running namespaces of one `World`."""

    world: World

    def netns(self, name: str) -> str:
        """The network namespace of a Pod or a host."""
        return f"{PREFIX}{name}"

    def load(self, node: str, text: str) -> None:
        """Load a ruleset into a node."""
        load_ruleset(NETNS_DIRECTORY / self.netns(node), text)

    def dial(self, case: Case) -> str:
        """Who answered, or "" when nothing came back in time."""
        source = self.netns(case.source)
        service = self.world.services.get(case.destination)
        address = (
            service["ip"] if service else str(self.world.address(case.destination, case.version))
        )
        match case.protocol:
            case "TCP":
                return _dial_tcp(source, address, case.port)
            case "UDP":
                return _dial_udp(source, address, case.port)
            case "ICMP":
                return _dial_icmp(source, address, case.destination)
        return _dial_sctp(source, self.netns(case.destination), address, case)


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_socket(netns: str, address: str, kind: int, protocol: int = 0) -> socket.socket:
    made = in_netns(netns, lambda: socket.socket(family_of(address), kind, protocol))
    made.settimeout(DIAL_TIMEOUT_S)
    return made


def _dial_tcp(netns: str, address: str, port: int) -> str:
    with open_socket(netns, address, socket.SOCK_STREAM) as dialler:
        try:
            dialler.connect((address, port))
            return dialler.recv(64).decode()
        except TimeoutError:
            return ""


def _dial_udp(netns: str, address: str, port: int) -> str:
    with open_socket(netns, address, socket.SOCK_DGRAM) as dialler:
        try:
            dialler.connect((address, port))
            dialler.send(b"?")
            return dialler.recv(64).decode()
        except TimeoutError:
            return ""


def _dial_icmp(netns: str, address: str, name: str) -> str:
    """Send one echo request (IPv4); the kernel at the far end answers it.

    With an identifier of its own, or it would belong to the "connection" of the dial before it.
    """
    identifier = secrets.randbelow(0xF000)
    echo = struct.pack("!BBHHH", 8, 0, 0xFFFF - 0x0800 - identifier, identifier, 0)
    with open_socket(netns, address, socket.SOCK_RAW, socket.IPPROTO_ICMP) as dialler:
        try:
            dialler.sendto(echo, (address, 0))
            # An answer of type 0; the socket hears other ICMP too.
            return name if dialler.recv(256)[20] == 0 else ""
        except TimeoutError:
            return ""


def _dial_sctp(netns: str, far_netns: str, address: str, case: Case) -> str:
    """Send an INIT by hand (no SCTP socket in many kernels); it arrives or it does not."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 7, 65536, 1, 1, 1)
    packet = struct.pack("!HHII", 40000, case.port, 0, 0) + chunk
    with (
        open_socket(far_netns, address, socket.SOCK_RAW, SCTP) as listener,
        open_socket(netns, address, socket.SOCK_RAW, SCTP) as dialler,
    ):
        try:
            dialler.sendto(packet, (address, 0))
            arrived = listener.recv(256)[20:]
        except TimeoutError:
            return ""
        return case.destination if arrived == packet else ""


def run(command: str) -> None:
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert not done.returncode, f"{command}: {done.stderr.strip()}"


@contextmanager
def running_lab(world: World) -> Iterator[Lab]:
    """A lab with every listener up; removed to the last namespace at the end."""
    names = ["lan", *world.hosts, *(pod["metadata"]["name"] for pod in world.pods)]
    lab = Lab(world)
    with ExitStack() as cleanup:
        for name in names:
            leftover = NETNS_DIRECTORY / lab.netns(name)
            if leftover.exists():  # of a run that was killed
                run(f"ip netns del {leftover.name}")
            run(f"ip netns add {leftover.name}")
            cleanup.callback(run, f"ip netns del {leftover.name}")
            run(f"ip -n {leftover.name} link set lo up")
        _build(world, lab)
        cleanup.enter_context(_listening(world, lab))
        yield lab


def _build(world: World, lab: Lab) -> None:
    lan = lab.netns("lan")
    run(f"ip -n {lan} link add br0 type bridge")
    run(f"ip -n {lan} link set br0 up")
    for host, address in world.hosts.items():
        netns = lab.netns(host)
        run(f"ip -n {netns} link add eth0 type veth peer name v-{host} netns {lan}")
        run(f"ip -n {netns} addr add {address}/24 dev eth0")
        run(f"ip -n {netns} link set eth0 up")
        run(f"ip -n {lan} link set v-{host} master br0 up")
    node_addresses = {node: world.hosts[node] for node in world.nodes}
    for index, node in enumerate(sorted(node_addresses), start=1):
        run(f"ip -n {lab.netns(node)} addr add fd99::{index}/112 dev eth0 nodad")
    for index, (node, address) in enumerate(sorted(node_addresses.items()), start=1):
        netns = lab.netns(node)
        for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
            run(f"nsenter --net={NETNS_DIRECTORY / netns} sysctl -q -w {setting}")
        for other in world.hosts:
            if other == node:
                continue
            far = lab.netns(other)
            run(f"ip -n {far} route add {address}/32 dev eth0")
            run(f"ip -n {far} route add 10.99.{index}.0/24 via {address}")
            if other in node_addresses:
                run(f"ip -n {far} route add fd99::{index}:0/112 via fd99::{index}")
            else:
                run(f"ip -n {netns} route add {world.hosts[other]}/32 dev eth0")
    for pod in world.pods:
        _attach(pod["metadata"]["name"], pod, lab)
    for node in world.nodes:
        lab.load(node, _translation(world))


def _attach(name: str, pod: dict[str, dict[str, object]], lab: Lab) -> None:
    netns, node = lab.netns(name), lab.netns(str(pod["spec"]["nodeName"]))
    four, six = (str(world_ip["ip"]) for world_ip in pod["status"]["podIPs"])  # type: ignore[attr-defined]
    gateway = four.rsplit(".", 1)[0] + ".1"
    run(f"ip -n {netns} link add eth0 type veth peer name v-{name} netns {node}")
    run(f"ip -n {netns} link set eth0 addrgenmode none up")
    run(f"ip -n {netns} addr add {four}/32 dev eth0")
    run(f"ip -n {netns} addr add {six}/128 dev eth0 nodad")
    run(f"ip -n {node} addr add {gateway}/32 dev v-{name}")
    run(f"ip -n {node} link set v-{name} addrgenmode none up")
    run(f"ip -n {node} addr add fe80::1/64 dev v-{name} nodad")
    run(f"ip -n {node} route add {four}/32 dev v-{name}")
    run(f"ip -n {node} route add {six}/128 dev v-{name}")
    run(f"ip -n {netns} route add {gateway}/32 dev eth0")
    run(f"ip -n {netns} route add default via {gateway}")
    run(f"ip -n {netns} route add default via fe80::1 dev eth0")


def _translation(world: World) -> str:
    """What kube-proxy does with Services, hairpin included."""
    there, back = [], []
    for service in world.services.values():
        pod = world.address(service["pod"])
        asked = f"ip daddr {service['ip']} tcp dport {service['port']}"
        there.append(f"{asked} dnat to {pod}:{service['target']}")
        back.append(f"ip saddr {pod} ip daddr {pod} masquerade")
    return (
        "table ip cpt_services {\n"
        "chain there { type nat hook prerouting priority dstnat;\n" + "\n".join(there) + "\n}\n"
        "chain back { type nat hook postrouting priority srcnat;\n" + "\n".join(back) + "\n}\n}\n"
    )


@contextmanager
def _listening(world: World, lab: Lab) -> Iterator[None]:
    """Listeners on every Pod and host that answer with the name of where they are."""
    with ExitStack() as cleanup:
        chooser = cleanup.enter_context(selectors.DefaultSelector())
        for name in [*world.hosts, *(pod["metadata"]["name"] for pod in world.pods)]:
            for family in (socket.AF_INET, socket.AF_INET6):
                for protocol, ports in world.listeners.items():
                    for port in ports:
                        opened = partial(_listen, family, protocol, port)
                        listener = in_netns(lab.netns(name), opened)
                        cleanup.callback(listener.close)
                        chooser.register(listener, selectors.EVENT_READ, name.encode())
        wake, woken = socket.socketpair()
        chooser.register(woken, selectors.EVENT_READ, b"")
        thread = threading.Thread(target=_serve, args=(chooser,))
        thread.start()
        try:
            yield
        finally:
            wake.send(b"end")
            thread.join()
            wake.close()
            woken.close()


def _listen(family: socket.AddressFamily, protocol: str, port: int) -> socket.socket:
    kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
    listener = socket.socket(family, kind)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("", port))
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener


def _serve(chooser: selectors.BaseSelector) -> None:
    while True:
        for key, _ in chooser.select():
            if not key.data:
                return
            listener = key.fileobj
            assert isinstance(listener, socket.socket)
            if listener.type == socket.SOCK_STREAM:
                answering, _ = listener.accept()
                with answering:
                    answering.sendall(key.data)
            else:
                _, asker = listener.recvfrom(64)
                listener.sendto(key.data, asker)
