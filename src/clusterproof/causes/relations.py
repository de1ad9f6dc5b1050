"""What leads to what, as the rows of a run showed it: only rows that were looked at count."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from clusterproof.kube.dns import services_meant
from clusterproof.spec.row import Row


@dataclass(frozen=True, slots=True)
class Relations:
    """The edges between objects that passed and failed rows have shown.

    Attributes:
        rows: Those that were looked at, with whatever result.
    """

    rows: tuple[Any, ...]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Relations":
        """The relations that these rows show."""
        return cls(tuple(rows))

    def _kind(self, check: str) -> Iterable[Any]:
        return (row for row in self.rows if row.check == check)

    def behind(self, service: str) -> tuple[str, ...]:
        """The workloads that a Service leads to, by the rows that followed its endpoints."""
        rows = self._kind("service")
        return _distinct(str(row.workload) for row in rows if str(row.of) == service)

    def services_of(self, ingress: str) -> tuple[str, ...]:
        """The Services that an Ingress or an HTTPRoute sends to."""
        named = [
            f"Service/{row.of.namespace}/{row.service}"
            for row in self._kind("ingress")
            if str(row.of) == ingress
        ]
        named += [
            str(backend.service)
            for row in self._kind("route")
            if str(row.of) == ingress
            for backend in row.backends
        ]
        return _distinct(named)

    def certificates_of(self, host: str) -> tuple[str, ...]:
        """The Secrets with a certificate for a host."""
        return _distinct(str(row.of) for row in self._kind("certificate") if row.host == host)

    def used_by(self, workload: str) -> tuple[str, ...]:
        """The Services that a workload's Pods connect to, or that its configuration names."""
        used = [
            f"Service/{meant[0].namespace}/{meant[0].name}"
            for row in self._kind("egress")
            if str(row.workload) == workload
            and row.expected == "allowed"
            and (meant := services_meant(row.host, row.workload.namespace))
        ]
        used += [str(row.service) for row in self._kind("dns") if str(row.workload) == workload]
        consumed = {str(row.of) for row in self._kind("consumed") if str(row.workload) == workload}
        used += [str(row.service) for row in self._kind("reference") if str(row.of) in consumed]
        return _distinct(used)

    def asked(self, where: str) -> str:
        """The workload behind the Service that a look asked, `pod -> URL or host`, or ""."""
        place, _, peer = where.partition(" -> ")
        host = peer.split("://")[-1].split(";")[0].split("/")[0].split(":")[0].strip()
        meant = services_meant(host, place.split("/")[0])
        behind = [
            ref for name in meant for ref in self.behind(f"Service/{name.namespace}/{name.name}")
        ]
        return behind[0] if behind else ""

    def beside(self, workload: str, named: str) -> str:
        """The one workload of the same namespace with this word in its name; "" where none is."""
        namespace = workload.rpartition("/")[0].rpartition("/")[2]
        refs = _distinct(
            str(row.workload)
            for row in self._kind("replicas")
            if row.workload.namespace == namespace and named in row.workload.name
        )
        return refs[0] if len(refs) == 1 else ""

    def budgets_of(self, namespace: str) -> tuple[str, ...]:
        """The PodDisruptionBudgets of a namespace that rows are about."""
        refs = _distinct(str(row.of) for row in self._kind("field"))
        return tuple(ref for ref in refs if ref.startswith(f"PodDisruptionBudget/{namespace}/"))

    def policies_of(self, workload: str) -> tuple[str, ...]:
        """The NetworkPolicies that rows compare with a workload."""
        return _distinct(
            str(row.of) for row in self._kind("policy") if str(row.workload) == workload
        )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
