"""The small world of `cases.yaml`, typed: who is where, and which cases there are."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clusterproof.kube.answer import Json
from testbed.oracles.policies.dials import Dial

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

CASES_FILE = Path(__file__).with_name("cases.yaml")


@dataclass(frozen=True)
class Flow:
    """A first packet as the hooks see it: after the translation of Service addresses."""

    source: Address
    destination: Address
    protocol: str
    port: int


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        expect: What the API's documentation says of it: "allowed" or "refused".
        differs: Engines that do otherwise → what is known of it.
    """

    id: str
    policies: tuple[str, ...]
    source: str
    destination: str
    port: int
    protocol: str
    version: int
    expect: str
    differs: Mapping[str, str]

    def expected_of(self, engine: str) -> str:
        """What this engine is known to do."""
        if engine not in self.differs:
            return self.expect
        return "refused" if self.expect == "allowed" else "allowed"


@dataclass(frozen=True)
class World:
    """Raw objects, as the API would list them, and the hosts and Services around them."""

    namespaces: tuple[Json, ...]
    pods: tuple[Json, ...]
    policies: Mapping[str, Json]
    hosts: Mapping[str, Address]
    services: Mapping[str, Mapping[str, Any]]
    listeners: Mapping[str, list[int]]

    @property
    def nodes(self) -> tuple[str, ...]:
        """The hosts that run Pods."""
        return tuple(sorted({pod["spec"]["nodeName"] for pod in self.pods}))

    def pod_at(self, address: Address) -> Json | None:
        """The Pod with that address, or None."""
        for pod in self.pods:
            if {"ip": str(address)} in pod["status"]["podIPs"]:
                return pod
        return None

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        """The labels of a Namespace."""
        metadata = (space["metadata"] for space in self.namespaces)
        return next(each["labels"] for each in metadata if each["name"] == name)

    def names_of(self, port: int, protocol: str) -> set[str]:
        """The names that Pods give to a port of this number."""
        return {
            declared["name"]
            for pod in self.pods
            for declared in pod["spec"]["containers"][0]["ports"]
            if (declared["containerPort"], declared["protocol"]) == (port, protocol)
        }

    def address(self, name: str, version: int = 4) -> Address:
        """The address of a Pod or a host."""
        if name in self.hosts:
            return self.hosts[name]
        pod = next(pod for pod in self.pods if pod["metadata"]["name"] == name)
        addresses = [ipaddress.ip_address(entry["ip"]) for entry in pod["status"]["podIPs"]]
        return next(address for address in addresses if address.version == version)

    def flow(self, case: Case) -> Flow:
        """The case's packet, after translation."""
        destination, port = case.destination, case.port
        if service := self.services.get(destination):
            destination, port = service["pod"], service["target"]
        return Flow(
            self.address(case.source, case.version),
            self.address(destination, case.version),
            case.protocol,
            port,
        )

    def dial(self, case: Case, places: Mapping[str, str]) -> Dial:
        """The case's packet as it is sent; `places` are the network namespaces by name."""
        service = self.services.get(case.destination)
        pod = service["pod"] if service else case.destination
        address = service["ip"] if service else self.address(pod, case.version)
        return Dial(places[case.source], places[pod], str(address), case.protocol, case.port)

    def chosen(self, case: Case) -> tuple[Json, ...]:
        """The raw policies of the case."""
        return tuple(self.policies[name] for name in case.policies)


def read_world() -> World:
    """The world of the table."""
    raw = yaml.safe_load(CASES_FILE.read_text())
    return World(
        namespaces=tuple(
            {"metadata": {"name": name, "labels": labels}}
            for name, labels in raw["namespaces"].items()
        ),
        pods=tuple(_pod(name, pod) for name, pod in raw["pods"].items()),
        policies={
            name: {
                "metadata": {"name": name, "namespace": policy["namespace"], "generation": 1},
                "spec": policy["spec"],
            }
            for name, policy in raw["policies"].items()
        },
        hosts={name: ipaddress.ip_address(text) for name, text in raw["hosts"].items()},
        services=raw["services"],
        listeners=raw["listeners"],
    )


def read_cases() -> tuple[Case, ...]:
    """The rows of the table, in its order."""
    return tuple(_case(row) for row in yaml.safe_load(CASES_FILE.read_text())["cases"])


def _case(row: Json) -> Case:
    form = r"(\S+) -> (\S+) (\d+)(?:/(\w+))?( v6)?"
    match = re.fullmatch(form, row["dial"])
    if not match:
        raise ValueError(f"{row['id']}: expected {form}, got {row['dial']!r}")
    source, destination, port, protocol, six = match.groups()
    return Case(
        id=row["id"],
        policies=tuple(row["policies"]),
        source=source,
        destination=destination,
        port=int(port),
        protocol=protocol or "TCP",
        version=6 if six else 4,
        expect=row["expect"],
        differs=row.get("differs", {}),
    )


def _pod(name: str, raw: Json) -> Json:
    ports = []
    for port_name, text in raw.get("ports", {}).items():
        number, _, protocol = str(text).partition("/")
        ports.append(
            {"name": port_name, "containerPort": int(number), "protocol": protocol or "TCP"}
        )
    return {
        "metadata": {"name": name, "namespace": raw["namespace"], "labels": raw["labels"]},
        "spec": {"nodeName": raw["node"], "containers": [{"name": "main", "ports": ports}]},
        "status": {"phase": "Running", "podIPs": [{"ip": raw["ip"]}, {"ip": raw["ip6"]}]},
    }
