"""Services, references, Ingresses, certificates and answers: each as expected, and each fault."""

import base64
import datetime as dt
from collections.abc import Iterable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from clusterproof.checks.answer import ServiceAnswer, read_answer
from clusterproof.checks.certificate import CertificateRow, names_host
from clusterproof.checks.certificate import look as look_at_certificate
from clusterproof.checks.ingress import IngressRow
from clusterproof.checks.ingress import look as look_at_ingress
from clusterproof.checks.ingress_answer import read_ingress_answer
from clusterproof.checks.reference import ReferenceRow
from clusterproof.checks.reference import look as look_at_reference
from clusterproof.checks.service import ServiceRow
from clusterproof.checks.service import look as look_at_service
from clusterproof.errors import ObservationError
from clusterproof.kube.dns import services_meant
from clusterproof.observe.answers import Answers, IngressAnswer, dial_answers
from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Dialled, DialOutcome, Peer
from clusterproof.spec.behaviour import AnswerRow, IngressAnswerRow
from clusterproof.spec.row import Row
from tests.judging import at_cluster, differences
from tests.observe.cluster_objects import cluster_of, deployment, endpoints, pod, service

read_certificate = at_cluster(look_at_certificate)
read_ingress = at_cluster(look_at_ingress)
read_reference = at_cluster(look_at_reference)
read_service = at_cluster(look_at_service)

Json = dict[str, Any]
WEB = {"app": "web"}
HOST = "web.example.com"
NOW = dt.datetime.now(dt.UTC) + dt.timedelta(hours=6)


def row(kind: type[Row], check: str, **fields: Any) -> Any:  # noqa: ANN401 - the kind's own
    common = {"id": "a-row", "area": "networking", "claim": "What is promised", "source": "here"}
    return TypeAdapter(kind).validate_python({**common, "check": check, **fields})


# --- Services


def service_row() -> ServiceRow:
    rule: ServiceRow = row(
        ServiceRow,
        "service",
        of="Service/shop/web",
        port=80,
        workload="Deployment/shop/web",
        target_port=8080,
    )
    return rule


def shop(**changed: Json | None) -> list[Json]:
    """A Service with two ready Pods; a part by another, or none."""
    parts: dict[str, Json | None] = {
        "deployment": deployment("web", "shop", WEB),
        "web-1": pod("web-1", "shop", WEB, ports={"http": 8080}),
        "web-2": pod("web-2", "shop", WEB, ports={"http": 8080}),
        "service": service("web", "shop", 80, "http", WEB),
        "endpoints": endpoints("web", "shop", 8080, {"web-1": "10.0.0.1", "web-2": "10.0.0.2"}),
        **changed,
    }
    return [one for one in parts.values() if one is not None]


def service_differences(objects: list[Json]) -> list[str]:
    with cluster_of(*objects) as cluster:
        value = read_service(cluster, service_row()).value
    return [str(one) for one in differences(service_row(), value)]


@pytest.mark.parametrize("target", ["http", 8080])
def test_service_by_name_or_number_is_as_expected(target: int | str) -> None:
    assert service_differences(shop(service=service("web", "shop", 80, target, WEB))) == []


def test_unready_pod_needs_no_endpoint() -> None:
    unready = pod("web-3", "shop", WEB, ready=False, ports={"http": 8080})
    assert service_differences([*shop(), unready]) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"service": None}, "Service/shop/web: expected a Service, observed absent"),
        (
            {"service": service("web", "shop", 81, "http", WEB)},
            "spec.ports: expected 80 among them, observed [81]",
        ),
        (
            {"service": service("web", "shop", 80, "metrics", WEB)},
            "web-1: expected a container port named metrics, observed none of that name",
        ),
        (
            {"service": service("web", "shop", 80, 9090, WEB)},
            "web-1: expected targetPort 8080, observed 9090",
        ),
        (
            {"service": service("web", "shop", 80, "http", {"app": "wep"}), "endpoints": None},
            "web-1: expected selected by the Service, observed not selected ({'app': 'wep'})",
        ),
        (
            {"endpoints": endpoints("web", "shop", 8080, {"web-1": "10.0.0.1"})},
            "web-2: expected a ready endpoint, observed none (the Pod is ready)",
        ),
        (
            {"endpoints": endpoints("web", "shop", 8081, {"web-1": "a", "web-2": "b"})},
            "endpoint web-1: expected port 8080, observed 8081",
        ),
        (
            {"more": endpoints("web", "shop", 8080, {"stranger": "10.0.0.9"})},
            "endpoint 10.0.0.9: expected a Pod of Deployment/shop/web, observed stranger",
        ),
    ],
)
def test_faulty_service_is_named(changed: Json, words: str) -> None:
    assert service_differences(shop(**changed))[0] == words


def test_pod_of_another_workload_that_the_service_selects_is_named() -> None:
    narrow = deployment("web", "shop", {**WEB, "tier": "front"})
    owned = pod("web-1", "shop", {**WEB, "tier": "front"}, ports={"http": 8080})
    (only,) = service_differences(shop(deployment=narrow, **{"web-1": owned}))
    assert only.startswith("web-2: expected only Pods of Deployment/shop/web selected")


def test_no_ready_pod_is_a_difference_and_not_a_pass() -> None:
    down = {
        name: pod(name, "shop", WEB, ready=False, ports={"http": 8080})
        for name in ("web-1", "web-2")
    }
    (only,) = service_differences(shop(endpoints=None, **down))
    assert only == "ready Pods of Deployment/shop/web: expected at least one, observed none"


# --- References


def reference_differences(
    data: dict[str, str] | None, *, url: bool, with_service: bool = True
) -> list[str]:
    keys = {"url_key": "URL"} if url else {"host_key": "HOST", "port_key": "PORT"}
    rule: ReferenceRow = row(
        ReferenceRow, "reference", of="ConfigMap/shop/c", service="Service/shop/db", **keys
    )
    objects = [service("db", "shop", 5432, 5432, {"app": "db"})] if with_service else []
    if data is not None:
        meta = {"name": "c", "namespace": "shop"}
        objects.append({"kind": "ConfigMap", "metadata": meta, "data": data})
    with cluster_of(*objects) as cluster:
        return [str(one) for one in differences(rule, read_reference(cluster, rule).value)]


@pytest.mark.parametrize("host", ["db", "db.shop", "db.shop.svc", "db.shop.svc.cluster.local"])
def test_every_spelling_of_a_service_is_as_expected(host: str) -> None:
    assert reference_differences({"HOST": host, "PORT": "5432"}, url=False) == []
    assert reference_differences({"URL": f"http://{host}:5432/x"}, url=True) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "ConfigMap/shop/c: expected a ConfigMap, observed absent"),
        ({"HOST": "db"}, "PORT: expected a value, observed absent"),
        ({"HOST": "db.other", "PORT": "5432"}, "observed db.other (Service other/db)"),
        ({"HOST": "db.example.com", "PORT": "5432"}, "observed db.example.com"),
        ({"HOST": "db", "PORT": "5433"}, "port: expected one of [5432], observed 5433"),
    ],
)
def test_faulty_reference_is_named(data: dict[str, str] | None, words: str) -> None:
    assert words in reference_differences(data, url=False)[0]


def test_url_without_a_port_means_its_schemes() -> None:
    (only,) = reference_differences({"URL": "https://db.shop"}, url=True)
    assert only == "port: expected one of [5432], observed 443"


def test_reference_to_a_service_that_is_gone_is_named() -> None:
    data = {"HOST": "db", "PORT": "5432"}
    (only,) = reference_differences(data, url=False, with_service=False)
    assert only == "Service/shop/db: expected a Service, observed absent"


@given(st.text(alphabet="ab.-", max_size=12))
def test_host_that_is_no_service_is_none(host: str) -> None:
    meant = [str(name) for name in services_meant(host, "shop")]
    assert all(name.count("/") == 1 for name in meant)
    assert services_meant("", "shop") == ()


# --- Ingresses


def ingress(port: Json, *, host: str = HOST, addresses: tuple[str, ...] = ("10.0.0.80",)) -> Json:
    backend = {"service": {"name": "web", "port": port}}
    return {
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{"hosts": [HOST], "secretName": "web-tls"}],
            "rules": [{"host": host, "http": {"paths": [{"path": "/", "backend": backend}]}}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": one} for one in addresses]}},
    }


def ingress_differences(*objects: Json) -> list[str]:
    rule: IngressRow = row(
        IngressRow, "ingress", of="Ingress/shop/web", host=HOST, service="web", port=80
    )
    with cluster_of(*objects) as cluster:
        return [str(one) for one in differences(rule, read_ingress(cluster, rule).value)]


SERVICE = service("web", "shop", 80, "http", WEB)


@pytest.mark.parametrize("port", [{"number": 80}, {"name": "main"}])
def test_ingress_by_name_or_number_is_as_expected(port: Json) -> None:
    assert ingress_differences(ingress(port), SERVICE) == []


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([SERVICE], "Ingress/shop/web: expected an Ingress, observed absent"),
        (
            [ingress({"number": 80}, host="x.example.com"), SERVICE],
            f"spec.rules: expected one for {HOST}, observed x.example.com",
        ),
        ([ingress({"number": 81}), SERVICE], f"{HOST}/: expected web:80, observed web:81"),
        ([ingress({"name": "x"}), SERVICE], f"{HOST}/: expected web:80, observed web:x"),
        ([ingress({"number": 80})], "Service web: expected a Service, observed absent"),
        (
            [ingress({"number": 80}), service("web", "shop", 81, "http", WEB)],
            "Service web: expected port 80, observed [81]",
        ),
        (
            [ingress({"number": 80}, addresses=()), SERVICE],
            "status.loadBalancer: expected an address, observed none"
            " (there is no IngressClass nginx)",
        ),
    ],
)
def test_faulty_ingress_is_named(objects: list[Json], words: str) -> None:
    assert ingress_differences(*objects) == [words]


# --- Certificates

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(names: tuple[str, ...], begins: dt.datetime, ends: dt.datetime) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def secret(
    *names: str,
    begins: int = -1,
    ends: int = 30,
    key: ec.EllipticCurvePrivateKey = KEY,
    crt: bytes | None = None,
) -> Json:
    """A TLS Secret for `names`; begins and ends in days from NOW."""
    day = dt.timedelta(days=1)
    certificate = crt if crt is not None else pem(names, NOW + begins * day, NOW + ends * day)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    data = {"tls.crt": certificate, "tls.key": private}
    return {
        "kind": "Secret",
        "metadata": {"name": "web-tls", "namespace": "shop"},
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }


def certificate_row() -> CertificateRow:
    rule: CertificateRow = row(
        CertificateRow, "certificate", of="Secret/shop/web-tls", host=HOST, days_at_least=14
    )
    return rule


def certificate_differences(*objects: Json) -> list[str]:
    rule = certificate_row()
    with cluster_of(*objects) as cluster:
        seen = read_certificate(cluster, rule)
    assert "PRIVATE" not in f"{seen}"
    return [str(one) for one in differences(rule, seen.value)]


@pytest.mark.parametrize("names", [(HOST,), ("*.example.com",), ("x.org", HOST.upper())])
def test_certificate_that_covers_the_host_is_as_expected(names: tuple[str, ...]) -> None:
    assert certificate_differences(secret(*names)) == []


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([], "Secret/shop/web-tls: expected a TLS Secret, observed absent"),
        ([secret("x.org")], f"subjectAltName: expected {HOST}, observed x.org"),
        ([secret()], f"subjectAltName: expected {HOST}, observed none"),
        ([secret("*.com")], f"subjectAltName: expected {HOST}, observed *.com"),
        ([secret("10.0.0.1")], f"subjectAltName: expected {HOST}, observed DNS:10.0.0.1"),
        (
            [secret(HOST, ends=13)],
            "notAfter: expected at least 14 days left, observed 13 days left",
        ),
        (
            [secret(HOST, begins=-30, ends=-2)],
            "notAfter: expected at least 14 days left, observed -2 days left",
        ),
        pytest.param(
            [secret(HOST, begins=2)],
            "notBefore: expected a time that has come, observed "
            f"{NOW + dt.timedelta(days=2):%Y-%m-%d %H:%M}Z",
            id="not begun",
        ),
        (
            [secret(HOST, key=OTHER_KEY)],
            "tls.key: expected the key of tls.crt, observed another key",
        ),
    ],
)
def test_faulty_certificate_is_named(objects: list[Json], words: str) -> None:
    assert certificate_differences(*objects) == [words]


@pytest.mark.parametrize("crt", [b"", b"not a certificate"])
def test_secret_without_a_certificate_is_named(crt: bytes) -> None:
    (only,) = certificate_differences(secret(crt=crt))
    assert "expected a certificate in PEM" in only


def test_secret_that_may_not_be_read_is_no_verdict() -> None:
    with (
        cluster_of(forbidden=("Secret",)) as cluster,
        pytest.raises(ObservationError, match="forbidden"),
    ):
        read_certificate(cluster, certificate_row())


@pytest.mark.parametrize(
    ("name", "host", "covers"),
    [
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("example.com", "example.com.", True),
        ("*", "localhost", False),
        ("*.example.com", ".example.com", False),
        ("*.example.com", "-a.example.com", False),
        ("*.example.com.", "a.example.com", False),
        ("*.0.0.1", "10.0.0.1", False),
        ("*.0.0.1", "b.0.0.1", True),
        ("DNS:10.0.0.1", "10.0.0.1", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("::ffff:a00:2", "10.0.0.2", True),
        ("10.0.0.1", "10.0.0.1.", False),
    ],
)
def test_wildcard_is_one_whole_label(name: str, host: str, covers: bool) -> None:  # noqa: FBT001 - a table
    assert names_host(name, host) is covers


# --- Answers


def answer_row(protocol: str) -> AnswerRow:
    rule: AnswerRow = row(
        AnswerRow, "answer", service="Service/shop/web", port=80, protocol=protocol
    )
    return rule


def connected(text: str = "", status: int = 0) -> Dialled:
    return Dialled(DialOutcome.CONNECTED, ("10.0.0.5",), "10.0.0.5", 2.0, 1, text, status)


@pytest.mark.parametrize(
    ("protocol", "dialled"),
    [
        ("tcp", connected()),
        ("http", connected("{}", 200)),
        ("clickhouse", connected("Ok.\n", 200)),
        ("postgresql", connected("S")),
        ("postgresql", connected("N")),
        ("redis", connected("+PONG")),
        ("redis", connected("+PONG; a read-only replica")),
        ("redis", connected("-NOAUTH Authentication required.")),
    ],
)
def test_answer_in_its_own_protocol_is_as_expected(protocol: str, dialled: Dialled) -> None:
    assert differences(answer_row(protocol), ServiceAnswer(dialled)) == ()


@pytest.mark.parametrize(
    ("protocol", "dialled", "words"),
    [
        ("tcp", Dialled(DialOutcome.TIMEOUT, text="no answer in 2 s"), "observed timeout"),
        ("http", connected("busy", 503), "expected HTTP 2xx, observed connected"),
        ("clickhouse", connected("pong", 200), "expected HTTP 200, Ok."),
        ("postgresql", connected("H"), "expected S or N to an SSLRequest"),
        ("redis", connected("-LOADING Redis is loading"), "-LOADING"),
        ("redis", connected("+PONG; full: 3 of 2 bytes"), "full: 3 of 2 bytes"),
        ("redis", connected("+PONG; cannot write its append-only file"), "cannot write"),
        ("redis", Dialled(DialOutcome.DNS_FAILURE, text="no such name"), "did not resolve"),
    ],
)
def test_silence_or_another_protocol_differs(protocol: str, dialled: Dialled, words: str) -> None:
    (only,) = differences(answer_row(protocol), ServiceAnswer(dialled))
    assert words in str(only)


def ingress_answer_row() -> IngressAnswerRow:
    rule: IngressAnswerRow = row(
        IngressAnswerRow, "ingress-answer", of="Ingress/shop/web", host=HOST, path="/health"
    )
    return rule


class Control:
    """Stands where the Pod would: keeps the peers, and says what it was told to."""

    def __init__(self, dialled: Dialled) -> None:
        """What every peer gives."""
        self.dialled = dialled
        self.peers: list[Peer] = []

    def dial_from_control(self, peers: Iterable[Peer]) -> Dialling:
        """Give it."""
        self.peers = list(peers)
        return Dialling("shop/control", {peer.id: self.dialled for peer in peers}, "ours")


def answers_of(control: Control, *objects: Json, forbidden: tuple[str, ...] = ()) -> Answers:
    with cluster_of(*objects, forbidden=forbidden) as cluster:
        return dial_answers(cluster, control, [answer_row("http"), ingress_answer_row()])


def test_ingress_is_dialled_at_its_address_and_trusts_its_own_secret_alone() -> None:
    served = secret(HOST)
    crt = base64.b64decode(served["data"]["tls.crt"]).decode()
    control = Control(connected("ok", 200))
    found = answers_of(control, ingress({"number": 80}), served)
    assert [(one.host, one.port) for one in control.peers] == [
        ("web.shop.svc", 80),
        ("10.0.0.80", 443),
    ]
    dialled = control.peers[1]
    assert (dialled.sni, dialled.path, dialled.cadata) == (HOST, "/health", crt)
    seen = read_ingress_answer(Answers(found.control, found.ingresses, {}), ingress_answer_row())
    assert seen.where == f"shop/control -> https://{HOST}/health"
    assert read_answer(found, answer_row("http")).value.dialled.status == 200


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([], "no such Ingress"),
        ([ingress({"number": 80}, addresses=())], "its status has no address"),
        ([ingress({"number": 80})], "Secret/shop/web-tls does not exist"),
        ([ingress({"number": 80}), secret(crt=b"x")], "tls.crt"),
    ],
)
def test_ingress_that_cannot_be_dialled_differs(objects: list[Json], words: str) -> None:
    found = answers_of(Control(connected()), *objects)
    # Both rows have the same id here: the Service's own result is left out.
    alone = Answers(Dialling("shop/control"), found.ingresses, found.failures)
    value = read_ingress_answer(alone, ingress_answer_row()).value
    (only,) = differences(ingress_answer_row(), value)
    assert words in str(only)


def test_tls_secret_that_may_not_be_read_is_no_verdict() -> None:
    found = answers_of(Control(connected()), ingress({"number": 80}), forbidden=("Secret",))
    with pytest.raises(ObservationError, match="forbidden"):
        read_ingress_answer(found, ingress_answer_row())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            IngressAnswer(dialled=Dialled(DialOutcome.PROTOCOL_ERROR, text="self-signed")),
            "HTTP 200 with its own certificate, observed protocol-error (self-signed)",
        ),
        (
            IngressAnswer(
                dialled=Dialled(DialOutcome.CONNECTED, status=200, fingerprint="ab"),
                own_fingerprint="cd",
            ),
            "certificate: expected cd, observed ab",
        ),
        (
            IngressAnswer(
                dialled=Dialled(DialOutcome.CONNECTED, status=502, fingerprint="ab"),
                own_fingerprint="ab",
            ),
            "expected HTTP 200, observed HTTP 502",
        ),
    ],
)
def test_other_certificate_or_status_differs(value: IngressAnswer, words: str) -> None:
    (only,) = differences(ingress_answer_row(), value)
    assert words in str(only)


def test_ingress_that_answers_is_as_expected() -> None:
    dialled = Dialled(DialOutcome.CONNECTED, status=200, fingerprint="ab")
    value = IngressAnswer(dialled=dialled, own_fingerprint="ab")
    assert differences(ingress_answer_row(), value) == ()
