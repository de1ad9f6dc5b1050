"""Which Service a host name means inside a Pod.

Restates the search list that `GetPodDNS` writes (pkg/kubelet/network/dns/dns.go) and the names of
the DNS specification (kubernetes/dns, docs/specification.md, v1.1.0): `SERVICE.NAMESPACE.svc.ZONE`,
and `HOSTNAME.SERVICE.NAMESPACE.svc.ZONE` for an endpoint that has a hostname.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {
    "amqp": 5672,
    "amqps": 5671,
    "http": 80,
    "https": 443,
    "ldap": 389,
    "ldaps": 636,
    "mariadb": 3306,
    "mongodb": 27017,
    "mysql": 3306,
    "nats": 4222,
    "pgsql": 5432,
    "postgres": 5432,
    "postgresql": 5432,
    "redis": 6379,
    "rediss": 6379,
    "sqlserver": 1433,
    "valkey": 6379,
    "ws": 80,
    "wss": 443,
}
"""Ports that clients take where a URL has none: IANA's, as the clients' own documents say."""
_ZONE = "cluster.local"
_DRIVER = re.compile(
    r"(?:[^@()]*@)?tcp\((?P<go>[^()]+)\)|oracle:thin:[^@]*@(?://)?(?P<oracle>[^:/]+:\d+)"
)
"""What a driver takes that is no URL: Go's for MySQL, Oracle's for Java."""
_HOST = re.compile(r"[\w.:%-]+")
_PROPERTIES = re.compile(r";[\w. ]+=")
"""How a JDBC driver's properties begin, behind the host: a password among them may have a `@`."""
_WITH_PROPERTIES = frozenset({"mssql", "sqlserver"})
_BEFORE_A_URL = re.compile(r"[,;\s]+(?=[A-Za-z][\w+.-]*://)")


@dataclass(frozen=True, slots=True)
class ServiceName:
    """A Service as a name means it.

    Attributes:
        hostname: Of one endpoint (a StatefulSet's Pod), or "" for the Service itself.
    """

    namespace: str
    name: str
    hostname: str = ""

    def __str__(self) -> str:
        """As in `namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Address:
    """A host with a port, as a client is told it; a port of "" is not given."""

    host: str
    port: str = ""


def services_meant(host: str, own_namespace: str) -> tuple[ServiceName, ...]:
    """The Services that a name may mean to a Pod of `own_namespace`, first the one that wins.

    A resolver tries the search list in its order: the namespace, `svc`, the zone. A name with a
    dot at its end is taken as it is.
    """
    if not host:
        return ()
    if host.endswith("."):
        return tuple(_in_zone(host.rstrip(".")))
    search = (f"{own_namespace}.svc.{_ZONE}", f"svc.{_ZONE}", _ZONE)
    in_zone = [meant for suffix in search for meant in _in_zone(f"{host}.{suffix}", _ZONE)]
    return tuple(dict.fromkeys([*in_zone, *_in_zone(host)]))


def service_of(name: str) -> ServiceName | None:
    """The Service of this cluster that a whole name means, as an ExternalName has one; or None.

    No search list is tried. Another zone may be another cluster's, and is not looked at.
    """
    return next(iter(_in_zone(name.rstrip("."), _ZONE)), None)


def _in_zone(name: str, zone: str = "") -> list[ServiceName]:
    """`[HOSTNAME.]SERVICE.NAMESPACE.svc.ZONE`; without `zone` whatever stands behind `svc`."""
    parts = name.split(".")
    if "" in parts:
        return []
    for at in (2, 3):
        behind = ".".join(parts[at + 1 :])
        if parts[at : at + 1] == ["svc"] and behind and behind == (zone or behind):
            *hostname, service, namespace = parts[:at]
            return [ServiceName(namespace, service, *hostname)]
    return []


def addresses_in(text: str) -> tuple[Address, ...]:
    """The hosts and ports in a URL, in `host:port`, or in a list of either.

    A port that a URL leaves out is that of its scheme. Empty for what is no address.
    """
    bare = text.strip().removeprefix("jdbc:")
    is_jdbc = bare != text.strip()
    if driver := _DRIVER.match(bare):
        bare = driver["go"] or driver["oracle"]
    if "://" not in bare:
        parts = [("", part) for part in re.split(r"[,;\s]+", bare)]
    else:
        urls = [part.partition("://") for part in _BEFORE_A_URL.split(bare)]
        parts = [
            (scheme, host)
            for scheme, _, rest in urls
            for host in _authority(scheme, rest, is_jdbc=is_jdbc).split(",")
        ]
    addresses = []
    for scheme, part in parts:
        try:
            parsed = urlsplit(f"//{part.strip()}")
            port = parsed.port
        except ValueError:
            return ()
        if not _HOST.fullmatch(parsed.hostname or "") or (parsed.path and port is None):
            return ()
        default = DEFAULT_PORTS.get(scheme.partition("+")[0].lower(), "")
        addresses.append(Address(str(parsed.hostname), str(port or default)))
    return tuple(addresses)


def _authority(scheme: str, rest: str, *, is_jdbc: bool) -> str:
    """What stands behind `://`, without the user and the password, up to the path.

    gRPC's `dns://` has a name server there, or nothing, and the host behind it. A password may
    have a `;`, so it is taken off before the text is cut there.
    """
    rest = rest.rpartition("/")[2] if scheme == "dns" else rest
    authority = re.split("[/?]", rest)[0]
    if is_jdbc or scheme.lower() in _WITH_PROPERTIES:
        authority = _PROPERTIES.split(authority)[0]
    return authority.rpartition("@")[2].partition(";")[0]
