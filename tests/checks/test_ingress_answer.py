"""Rows of kind ingress-answer about HTTPRoutes: which listener is asked, and how it is judged."""

from collections.abc import Iterable
from typing import Any

import pytest
from pydantic import ValidationError

from clusterproof.checks import judge
from clusterproof.checks.ingress_answer import read_ingress_answer
from clusterproof.doctor.rights import rights_of_row
from clusterproof.judgement import Passed
from clusterproof.nightly.rights import Grant
from clusterproof.observe.answers import dial_answers
from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Dialled, DialOutcome, Peer
from clusterproof.spec import Settings
from testbed.certificates import self_signed
from tests.judge.rows import row
from tests.kube.route_parts import gateway, listener, route
from tests.observe.cluster_objects import cluster_of

Json = dict[str, Any]
HOST = "a.example.com"
ASKED = row(
    "ingress-answer",
    of="HTTPRoute/shop/web",
    gateway="Gateway/infra/edge",
    host=HOST,
    path="/api",
    headers={"x-track": "canary"},
)


class Control:
    """Dials nothing, and keeps what it was asked to dial."""

    def __init__(self, answer: Dialled) -> None:
        """Every peer answers this."""
        self.answer = answer
        self.peers: list[Peer] = []

    def dial_from_control(self, peers: Iterable[Peer]) -> Dialling:
        """What a Pod of our own sees."""
        self.peers = list(peers)
        return Dialling("shop/control", {peer.id: self.answer for peer in self.peers})


def answered(*objects: Json, status: int = 200, fingerprint: str = "") -> tuple[Any, list[Peer]]:
    """What is judged, and what was dialled."""
    control = Control(Dialled(DialOutcome.CONNECTED, status=status, fingerprint=fingerprint))
    with cluster_of(*objects) as cluster:
        observed = read_ingress_answer(dial_answers(cluster, control, [ASKED]), ASKED)
    return judge(ASKED, observed.value), control.peers


def secret(chain: bytes) -> Json:
    import base64  # noqa: PLC0415 - of this part alone

    data = {"tls.crt": base64.b64encode(chain).decode()}
    return {"kind": "Secret", "metadata": {"name": "tls", "namespace": "infra"}, "data": data}


SECURE = listener("https", 8443, protocol="HTTPS", tls={"certificateRefs": [{"name": "tls"}]})


def test_listener_without_a_certificate_is_asked_by_http() -> None:
    judgement, (peer,) = answered(gateway(), route())
    assert judgement == Passed(f"GET http://{HOST}/api")
    assert (peer.host, peer.port, peer.protocol, peer.sni) == ("10.0.0.80", 80, "http", HOST)
    assert (peer.path, peer.headers) == ("/api", {"x-track": "canary"})


def test_listener_with_a_certificate_is_asked_by_https() -> None:
    """It has to serve its own."""
    objects = (gateway(listener(), SECURE), route(), secret(self_signed(HOST)[0]))
    judgement, (peer,) = answered(*objects, fingerprint="00")
    assert [each.code for each in judgement.differences] == ["certificate-differs"]
    assert (peer.port, peer.protocol, peer.headers) == (8443, "tls", {"x-track": "canary"})


@pytest.mark.parametrize(
    ("objects", "code"),
    [
        ([gateway()], "route-missing"),
        ([route()], "gateway-missing"),
        ([gateway(status={}), route()], "address-missing"),
        ([gateway(), route(parent={"sectionName": "x"})], "listener-missing"),
        ([gateway(), route(hostnames=("b.example.com",))], "listener-missing"),
        ([gateway(SECURE), route()], "secret-missing"),
        ([gateway(SECURE), route(), secret(b"none")], "certificate-unreadable"),
    ],
)
def test_why_a_route_was_not_dialled_has_a_code(objects: list[Json], code: str) -> None:
    judgement, peers = answered(*objects)
    assert [each.code for each in judgement.differences] == [code]
    assert peers == []


def test_status_of_the_gateway_itself_differs() -> None:
    """404 without a rule, 500 without a backend."""
    judgement, _ = answered(gateway(), route(), status=404)
    assert [(each.code, each.what) for each in judgement.differences] == [
        ("status-differs", f"http://{HOST}/api")
    ]


@pytest.mark.parametrize(
    ("of", "more"),
    [("HTTPRoute/a/b", {}), ("Ingress/a/b", {"gateway": "Gateway/a/c"})],
)
def test_gateway_is_named_for_an_httproute_alone(of: str, more: Json) -> None:
    with pytest.raises(ValidationError, match="expected a gateway for an HTTPRoute"):
        row("ingress-answer", of=of, host=HOST, path="/", **more)


def test_rights_are_those_of_the_gateways_namespace() -> None:
    assert {
        Grant("infra", "gateway.networking.k8s.io", "gateways", "list"),
        Grant("infra", "", "secrets", "list"),
    } <= rights_of_row(ASKED, Settings())
