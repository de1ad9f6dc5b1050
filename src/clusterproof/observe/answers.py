"""Services, Ingresses and HTTPRoutes, dialled from a Pod of our own, each in its own protocol.

All of them in one exec: see `Dialler.dial_from_control`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol as Structure

from clusterproof.errors import ObservationError
from clusterproof.kube.ingress import addresses_of, tls_entry
from clusterproof.kube.routes import Obstacle, attachments, covers, gateway_addresses
from clusterproof.observe.certificates import fingerprint, pem_of
from clusterproof.observe.cluster import Cluster, namespaces_of, why_address_due
from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Dialled, Peer, Protocol
from clusterproof.spec.behaviour import AnswerRow, IngressAnswerRow
from clusterproof.spec.row import ObjectRef, Row

_PROTOCOLS: Mapping[str, Protocol] = {
    "http": "http",
    "postgresql": "postgresql",
    "redis": "redis",
    "clickhouse": "clickhouse",
    "tcp": "TCP",
}
HTTP, HTTPS = "http", "https"
_CLICKHOUSE_PING = "/ping"


class Control(Structure):
    """What dials for us: a `Dialler`."""

    def dial_from_control(self, peers: Iterable[Peer]) -> Dialling:
        """What a Pod of our own sees."""


@dataclass(frozen=True, slots=True)
class IngressAnswer:
    """What an Ingress, or the Gateway of an HTTPRoute, answered.

    Attributes:
        trouble: Why it was not dialled: no Ingress, no address, no TLS for the host; or "".
        code: Of that difference.
        own_fingerprint: Of the certificate in the Secret that the Ingress or the listener names;
            "" where it is asked by HTTP.
        scheme: https or http.
    """

    trouble: str = ""
    dialled: Dialled | None = None
    own_fingerprint: str = ""
    code: str = "ingress-not-dialled"
    scheme: str = HTTPS


@dataclass(frozen=True, slots=True)
class Answers:
    """All that was dialled from the control, and what of the Ingresses could not be."""

    control: Dialling
    ingresses: Mapping[str, IngressAnswer]
    failures: Mapping[str, ObservationError]


def dial_answers(cluster: Cluster, dialler: Control, rows: Iterable[Row]) -> Answers:
    """Dial everything that the answer and ingress-answer rows name, at once."""
    peers: list[Peer] = []
    ingresses: dict[str, IngressAnswer] = {}
    failures: dict[str, ObservationError] = {}
    for row in rows:
        if isinstance(row, AnswerRow):
            peers.append(_service_peer(row))
        elif isinstance(row, IngressAnswerRow):
            try:
                answer, peer = _peer_of(cluster, row)
            except ObservationError as error:
                failures[row.id] = error
                continue
            ingresses[row.id] = answer
            if peer is not None:
                peers.append(peer)
    return Answers(dialler.dial_from_control(peers), ingresses, failures)


def said(dialled: Dialled) -> str:
    """A dial with what was answered."""
    status = f", HTTP {dialled.status}" if dialled.status else ""
    served = f", certificate {dialled.fingerprint[:16]}" if dialled.fingerprint else ""
    text = f", {dialled.text[:60]!r}" if dialled.text else ""
    return f"{dialled}{status}{served}{text}"


def _service_peer(rule: AnswerRow) -> Peer:
    host = f"{rule.service.name}.{rule.service.namespace}.svc"
    path = _CLICKHOUSE_PING if rule.protocol == "clickhouse" else rule.path
    return Peer(rule.id, host, rule.port, _PROTOCOLS[rule.protocol], path=path)


def _peer_of(cluster: Cluster, rule: IngressAnswerRow) -> tuple[IngressAnswer, Peer | None]:
    if rule.gateway is not None:
        return _route_peer(cluster, rule, rule.gateway)
    ingress = cluster.find(rule.of)
    if ingress is None:
        return IngressAnswer("no such Ingress", code="ingress-missing"), None
    addresses = addresses_of(ingress)
    if not addresses:
        if why := why_address_due(cluster, ingress):
            trouble = f"its status has no address, and {why}"
            return IngressAnswer(trouble, code="address-missing"), None
        raise ObservationError(
            f"{rule.of}: its status has no address, which is optional: where its controller listens"
            " is not known",
            next_command=f"kubectl describe {rule.of.kubectl}",
        )
    entry = tls_entry(ingress, rule.host)
    if entry is None:
        trouble = f"spec.tls has no Secret for {rule.host}"
        return IngressAnswer(trouble, code="tls-missing"), None
    secret_name = entry.get("secretName", "")
    if not secret_name:
        raise ObservationError(
            f"{rule.of}: spec.tls names no Secret for {rule.host}: its controller holds"
            " the certificate, so it cannot be told which one is its own",
            next_command=f"kubectl describe {rule.of.kubectl}",
        )
    ref = ObjectRef(kind="Secret", namespace=rule.of.namespace, name=secret_name)
    return _https_peer(cluster, rule, (addresses[0], 443), ref)


def _route_peer(
    cluster: Cluster, rule: IngressAnswerRow, gateway_ref: ObjectRef
) -> tuple[IngressAnswer, Peer | None]:
    """The listener that the route is attached to for this host; one with a certificate first."""
    route, gateway = cluster.find(rule.of), cluster.find(gateway_ref)
    if route is None:
        return IngressAnswer("no such HTTPRoute", code="route-missing"), None
    if gateway is None:
        return IngressAnswer(f"no such {gateway_ref}", code="gateway-missing"), None
    addresses = gateway_addresses(gateway)
    if not addresses:
        return IngressAnswer("the Gateway's status has no address", code="address-missing"), None
    attached = attachments(route, gateway, namespaces_of(cluster, gateway))
    listeners = (
        []
        if isinstance(attached, Obstacle)
        else [each.listener for each in attached if covers(each.host, rule.host.lower())]
    )
    if not listeners:
        why = str(attached) if isinstance(attached, Obstacle) else f"none takes {rule.host}"
        return IngressAnswer(f"attached to no listener: {why}", code="listener-missing"), None
    listener = max(listeners, key=lambda each: bool(each.certificates))
    if not listener.certificates:
        peer = Peer(
            rule.id,
            addresses[0],
            listener.port,
            "http",
            path=rule.path,
            sni=rule.host,
            headers=rule.headers,
        )
        return IngressAnswer(scheme=HTTP), peer
    namespace, _, name = listener.certificates[0].partition("/")
    ref = ObjectRef(kind="Secret", namespace=namespace, name=name)
    return _https_peer(cluster, rule, (addresses[0], listener.port), ref)


def _https_peer(
    cluster: Cluster, rule: IngressAnswerRow, at: tuple[str, int], ref: ObjectRef
) -> tuple[IngressAnswer, Peer | None]:
    secret = cluster.find(ref)
    if secret is None:
        return IngressAnswer(f"{ref} does not exist", code="secret-missing"), None
    try:
        pem = pem_of(secret, "tls.crt")
        answer = IngressAnswer(own_fingerprint=fingerprint(pem))
    except ValueError as error:
        return IngressAnswer(f"{ref} tls.crt: {error}", code="certificate-unreadable"), None
    peer = Peer(
        rule.id,
        *at,
        "tls",
        path=rule.path,
        sni=rule.host,
        cadata=pem.decode("ascii", "replace"),
        headers=rule.headers,
    )
    return answer, peer
