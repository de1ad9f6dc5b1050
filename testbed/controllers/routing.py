"""From Ingresses to servers, locations and upstreams. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from testbed.controllers.routes import (
    HOST,
    PATH,
    Backend,
    IngressFacts,
    Location,
    ObjectKey,
    Routing,
    Server,
    ServiceFacts,
    SliceFacts,
)


def routing_of(
    ingresses: Sequence[IngressFacts],
    services: Sequence[ServiceFacts],
    slices: Sequence[SliceFacts],
) -> Routing:
    """What to serve; an object that cannot be served is left out and named in `problems`.

    Where two Ingresses claim the same host and path, the older one has it.
    """
    draft = _Draft(services, slices)
    for ingress in sorted(ingresses, key=lambda one: (one.created, one.namespace, one.name)):
        draft.add(ingress)
    return draft.finished()


@dataclass
class _Host:
    locations: dict[tuple[str, bool], Location] = field(default_factory=dict)
    secret: ObjectKey | None = None
    redirects: bool = False


class _Draft:
    """The routing while it is put together."""

    def __init__(self, services: Sequence[ServiceFacts], slices: Sequence[SliceFacts]) -> None:
        self._services = {(one.namespace, one.name): one for one in services}
        self._slices: dict[ObjectKey, list[SliceFacts]] = {}
        for one in slices:
            self._slices.setdefault((one.namespace, one.service), []).append(one)
        self._hosts: dict[str, _Host] = {"": _Host()}
        self._upstreams: dict[str, tuple[str, ...]] = {}
        self._problems: list[str] = []

    def add(self, ingress: IngressFacts) -> None:
        """Add what one Ingress asks for; what is taken stays taken."""
        own_hosts = []
        for rule in ingress.rules:
            if rule.host and not HOST.fullmatch(rule.host):
                self._problem(ingress, f"expected a DNS name as host, seen {rule.host!r}")
            elif not PATH.fullmatch(rule.path):
                self._problem(ingress, f"expected a plain path, seen {rule.path!r}")
            else:
                own_hosts.append(rule.host)
                self._locate(ingress, rule.host, rule.path, rule.backend, exact=rule.exact)
        if ingress.default:
            # For what no rule of this Ingress matches; without rules, for what nobody matches.
            for host in own_hosts or [""]:
                self._locate(ingress, host, "/", ingress.default, exact=False)
        for host in dict.fromkeys(own_hosts):
            self._secure(ingress, host)

    def finished(self) -> Routing:
        """The routing of everything that was added."""
        servers = tuple(
            Server(
                host,
                tuple(sorted(draft.locations.values(), key=lambda one: (one.path, one.exact))),
                draft.secret,
                draft.redirects,
            )
            for host, draft in sorted(self._hosts.items())
        )
        return Routing(servers, dict(sorted(self._upstreams.items())), tuple(self._problems))

    def _locate(
        self, ingress: IngressFacts, host: str, path: str, backend: Backend | None, *, exact: bool
    ) -> None:
        # A prefix is matched element by element, so a slash at its end says nothing.
        path = path if exact else path.rstrip("/") or "/"
        draft = self._hosts.setdefault(host, _Host())
        if (path, exact) in draft.locations:
            self._problem(ingress, f"{host or 'any host'}{path} is already another rule's")
            return
        upstream = self._upstream(ingress, backend)
        draft.locations[path, exact] = Location(path, exact, upstream)

    def _upstream(self, ingress: IngressFacts, backend: Backend | None) -> str:
        """Name of the upstream, made if need be; "" if there is no such Service and port."""
        if backend is None:
            self._problem(ingress, "expected a Service as backend, seen another resource")
            return ""
        service = self._services.get((ingress.namespace, backend.service))
        ports = service.ports if service else {}
        wanted = [n for n, name in ports.items() if backend.port in {n, name or None}]
        if not wanted:
            asked = f"{ingress.namespace}/{backend.service}:{backend.port}"
            self._problem(ingress, f"expected service {asked}, seen ports {sorted(ports)}")
            return ""
        name = f"{ingress.namespace}_{backend.service}_{wanted[0]}"
        slices = self._slices.get((ingress.namespace, backend.service), [])
        port_name = ports[wanted[0]]
        ready = _endpoints([(one, one.ready) for one in slices], port_name)
        # As kube-proxy does: Pods that finish up are better than none.
        finishing = _endpoints([(one, one.finishing) for one in slices], port_name)
        self._upstreams[name] = ready or finishing
        return name

    def _secure(self, ingress: IngressFacts, host: str) -> None:
        draft = self._hosts[host]
        draft.redirects = draft.redirects or ingress.redirects
        for entry in ingress.tls:
            if draft.secret is None and (not entry.hosts or _covered(host, entry.hosts)):
                draft.secret = (ingress.namespace, entry.secret)

    def _problem(self, ingress: IngressFacts, what: str) -> None:
        self._problems.append(f"{ingress.title}: {what}")


def _endpoints(
    slices: Sequence[tuple[SliceFacts, tuple[str, ...]]], port_name: str
) -> tuple[str, ...]:
    return tuple(
        sorted(
            {
                f"{address}:{one.ports[port_name]}"
                for one, addresses in slices
                if port_name in one.ports
                for address in addresses
            }
        )
    )


def _covered(host: str, names: Sequence[str]) -> bool:
    """True if one of the certificate's hosts is `host`, or a wildcard one label above it."""
    return host in names or "*." + host.partition(".")[2] in names
