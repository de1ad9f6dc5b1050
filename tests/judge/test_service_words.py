"""What the judges say, to the letter, of Services, references, Ingresses and certificates."""

from dataclasses import replace
from typing import Any

import pytest

from clusterproof.checks.certificate import CertificateView
from clusterproof.checks.ingress import Backend, IngressView
from clusterproof.checks.reference import Reference
from clusterproof.checks.service import BackendPod, Endpoint, ServiceView
from tests.judge.rows import row
from tests.judging import differences, doubt

SERVICE = row(
    "service", of="Service/shop/web", port=80, workload="Deployment/shop/web", target_port=8080
)
POD = BackendPod("web-1", ready=True, is_workloads=True, is_selected=True, target_port=8080)
VIEW = ServiceView(
    exists=True,
    ports=(80,),
    target_port="http",
    selector={"app": "web"},
    pods=(POD,),
    endpoints=(Endpoint("web-1", "10.0.0.1", 8080),),
)


def said(rule: Any, value: object) -> list[str]:  # noqa: ANN401 - any row
    """The differences as a report shows them."""
    return [str(one) for one in differences(rule, value)]


def test_an_endpoint_without_a_pod_is_said_by_its_address() -> None:
    """Somebody wrote it there by hand."""
    more = (*VIEW.endpoints, Endpoint("", "10.0.0.9", 8080))
    assert said(SERVICE, replace(VIEW, endpoints=more)) == [
        "endpoint 10.0.0.9: expected a Pod of Deployment/shop/web, observed no Pod"
    ]


def test_a_stranger_that_the_service_selects_is_said_with_the_selector() -> None:
    """As the one that has to be changed."""
    stranger = replace(POD, name="other-1", is_workloads=False)
    assert said(SERVICE, replace(VIEW, pods=(POD, stranger))) == [
        "other-1: expected only Pods of Deployment/shop/web selected,"
        " observed selected ({'app': 'web'})"
    ]


REFERENCE = row(
    "reference", of="ConfigMap/shop/c", service="Service/shop/db", host_key="HOST", port_key="PORT"
)
SEEN = Reference(exists=True, host="db", port="5432", named="shop/db", ports=(5432,))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"host": "db.other", "named": "other/db"},
            "host: expected one that means Service shop/db, observed db.other (Service other/db)",
        ),
        (
            {"host": "db.example.com", "named": ""},
            "host: expected one that means Service shop/db, observed db.example.com",
        ),
        ({"port": ""}, "port: expected one of [5432], observed none"),
    ],
)
def test_a_reference_says_what_it_means_instead(change: dict[str, Any], words: str) -> None:
    """A Service, or nothing that this cluster knows."""
    assert said(REFERENCE, replace(SEEN, **change)) == [words]


INGRESS = row("ingress", of="Ingress/shop/web", host="a.example", service="web", port=80)
NOWHERE = IngressView(exists=True, service_ports=(80,), addresses=("10.0.0.80",))


@pytest.mark.parametrize(
    ("hosts", "words"), [(("", "b.example"), "(every host), b.example"), ((), "none")]
)
def test_an_ingress_without_the_host_says_its_hosts(hosts: tuple[str, ...], words: str) -> None:
    """One without a name is for every host."""
    assert said(INGRESS, replace(NOWHERE, hosts=hosts)) == [
        f"spec.rules: expected one for a.example, observed {words}"
    ]


def test_an_ingress_of_no_class_says_so() -> None:
    """Nobody serves it, or a controller that looks at no class, and writes no status."""
    value = replace(NOWHERE, backends=(Backend("/", "web", 80, "80"),), addresses=())
    assert "the controller of class (none) writes it, or none serves it" in doubt(INGRESS, value)


CERTIFICATE = row("certificate", of="Secret/shop/tls", host="a.example", days_at_least=14)
GOOD = CertificateView(
    exists=True, names=("a.example",), has_begun=True, days_left=14, key_matches=True
)


def test_a_certificate_is_good_to_its_last_day() -> None:
    """As many days as the row asks for are enough."""
    assert said(CERTIFICATE, GOOD) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"trouble": "tls.crt: absent"},
            "Secret/shop/tls: expected a certificate in PEM, observed tls.crt: absent",
        ),
        (
            {"names": ("b.example", "c.example")},
            "subjectAltName: expected a.example, observed b.example, c.example",
        ),
        (
            {"days_left": 13},
            "notAfter: expected at least 14 days left, observed 13 days left",
        ),
        (
            {"key_matches": None},
            "tls.key: expected the key of tls.crt, observed no key that can be read",
        ),
        ({"key_matches": False}, "tls.key: expected the key of tls.crt, observed another key"),
    ],
)
def test_a_certificate_says_what_is_wrong_with_it(change: dict[str, Any], words: str) -> None:
    """One thing at a time."""
    assert said(CERTIFICATE, replace(GOOD, **change)) == [words]
