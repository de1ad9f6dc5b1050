"""Judges of networking: Services, references, Ingresses, certificates, and what answers."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from clusterproof.judge.difference import Difference, judge
from clusterproof.observe.answers import IngressAnswer, ServiceAnswer, said
from clusterproof.observe.certificates import CertificateView, names_host
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.networking import (
    BackendPod,
    IngressView,
    Reference,
    ServiceView,
    Target,
)
from clusterproof.spec.behaviour import (
    AnswerRow,
    CertificateRow,
    IngressAnswerRow,
    IngressRow,
    ReferenceRow,
    ServiceRow,
)


@judge.register
def judge_service(rule: ServiceRow, value: ServiceView) -> Iterator[Difference]:
    """The port leads to every ready Pod of the workload, on its port, and to nothing else."""
    if not value.exists:
        yield Difference(str(rule.of), "a Service", "absent")
        return
    if rule.port not in value.ports:
        yield Difference("spec.ports", f"{rule.port} among them", f"{list(value.ports)}")
        return
    if rule.protocol not in value.protocols:
        seen = ", ".join(value.protocols)
        yield Difference(f"port {rule.port}", f"protocol {rule.protocol}", seen)
        return
    for pod in value.pods:
        yield from _pod_differences(rule, value, pod)
    ready = {pod.name for pod in value.pods if pod.ready and pod.is_workloads}
    if not ready:
        yield Difference(f"ready Pods of {rule.workload}", "at least one", "none")
    reached = {one.pod for one in value.endpoints}
    selected = {pod.name for pod in value.pods if pod.is_selected}
    for name in sorted((ready & selected) - reached):
        yield Difference(name, "a ready endpoint", "none", "the Pod is ready")
    known = {pod.name for pod in value.pods}
    for one in value.endpoints:
        if one.pod not in known:
            yield Difference(
                f"endpoint {one.address}", f"a Pod of {rule.workload}", one.pod or "no Pod"
            )
        elif one.port != rule.target_port:
            yield Difference(f"endpoint {one.pod}", f"port {rule.target_port}", f"{one.port}")


def _pod_differences(rule: ServiceRow, value: ServiceView, pod: BackendPod) -> Iterator[Difference]:
    if pod.leaving:
        return
    if not pod.is_selected:
        yield Difference(pod.name, "selected by the Service", "not selected", f"{value.selector}")
    elif not pod.is_workloads:
        yield Difference(
            pod.name, f"only Pods of {rule.workload} selected", "selected", f"{value.selector}"
        )
    elif pod.target_port is None:
        yield Difference(
            pod.name, f"a container port named {value.target_port}", "none of that name"
        )
    elif pod.target_port != rule.target_port:
        yield Difference(pod.name, f"targetPort {rule.target_port}", f"{pod.target_port}")


@judge.register
def judge_reference(rule: ReferenceRow, value: Reference) -> Iterator[Difference]:
    """The host means the Service, and the port is one that it has."""
    if not value.exists:
        yield Difference(str(rule.of), "a ConfigMap", "absent")
        return
    for key in value.missing:
        yield Difference(key, "a value", "absent")
    if value.missing:
        return
    expected = f"{rule.service.namespace}/{rule.service.name}"
    if value.ports is None:
        yield Difference(str(rule.service), "a Service", "absent")
    for target in (Target(value.host, value.port, value.named), *value.others):
        if not target.host:
            yield Difference("host", f"one that means Service {expected}", "no host in it")
        elif target.named != expected:
            meant = f" (Service {target.named})" if target.named else ""
            yield Difference("host", f"one that means Service {expected}", f"{target.host}{meant}")
        if value.ports is None or value.external_name or not (target.port or _has_port(rule)):
            continue
        if target.port not in {str(port) for port in value.ports}:
            yield Difference("port", f"one of {list(value.ports)}", target.port or "none")


def _has_port(rule: ReferenceRow) -> bool:
    """True for a row whose address must say a port; a host key alone may leave it out."""
    return bool(rule.url_key or rule.port_key)


@judge.register
def judge_ingress(rule: IngressRow, value: IngressView) -> Iterator[Difference]:
    """The host is sent to the Service's port, the Service has it, and there is an address."""
    if not value.exists:
        yield Difference(str(rule.of), "an Ingress", "absent")
        return
    yield from _routing(rule, value)
    if value.service_ports is None:
        yield Difference(f"Service {rule.service}", "a Service", "absent")
    elif rule.port not in value.service_ports:
        yield Difference(
            f"Service {rule.service}", f"port {rule.port}", f"{list(value.service_ports)}"
        )
    if not value.addresses:
        yield Difference(
            "status.loadBalancer",
            "an address",
            "none",
            f"no controller serves class {value.ingress_class or '(none)'}",
        )


def _routing(rule: IngressRow, value: IngressView) -> Iterator[Difference]:
    """The row's path, or without one some path of the host, is sent to the row's backend."""
    expected, host = f"{rule.service}:{rule.port}", rule.host or "(every host)"
    if not value.backends:
        hosts = ", ".join(one or "(every host)" for one in value.hosts) or "none"
        yield Difference("spec.rules", f"one for {host}", hosts)
    elif rule.path and value.routed is None:
        there = ", ".join(one.path for one in value.backends)
        yield Difference(f"{host}{rule.path}", expected, "no path takes it", f"there: {there}")
    else:
        asked = (value.routed,) if rule.path and value.routed else value.backends
        if all((one.service, one.port) != (rule.service, rule.port) for one in asked):
            for one in asked:
                seen = f"{one.service}:{one.written_port}"
                yield Difference(f"{host}{rule.path or one.path}", expected, seen)


@judge.register
def judge_certificate(rule: CertificateRow, value: CertificateView) -> Iterator[Difference]:
    """It covers the host, its time has come and will last, and its key is its own."""
    if not value.exists:
        yield Difference(str(rule.of), "a TLS Secret", "absent")
        return
    if value.trouble:
        yield Difference(str(rule.of), "a certificate in PEM", value.trouble)
        return
    if not any(names_host(name, rule.host) for name in value.names):
        yield Difference("subjectAltName", rule.host, ", ".join(value.names) or "none")
    if not value.has_begun:
        yield Difference("notBefore", "a time that has come", value.begins)
    if value.days_left < rule.days_at_least:
        yield Difference(
            "notAfter", f"at least {rule.days_at_least} days left", f"{value.days_left} days left"
        )
    if value.key_matches is not True:
        seen = "another key" if value.key_matches is False else "no key that can be read"
        yield Difference("tls.key", "the key of tls.crt", seen)


def _success(dialled: Dialled) -> bool:
    return HTTPStatus.OK <= dialled.status < HTTPStatus.MULTIPLE_CHOICES


SPEAKS: Mapping[str, tuple[str, Callable[[Dialled], bool]]] = {
    "tcp": ("a connection", lambda _: True),
    "http": ("HTTP 2xx", _success),
    "clickhouse": ("HTTP 200, Ok.", lambda one: _success(one) and one.text.startswith("Ok")),
    "postgresql": ("S or N to an SSLRequest", lambda one: one.text in {"S", "N"}),
    "redis": (
        "+PONG, or -NOAUTH, to PING",
        lambda one: one.text.startswith(("+PONG", "-NOAUTH")),
    ),
}
"""What each protocol's own first words are."""


@judge.register
def judge_answer(rule: AnswerRow, value: ServiceAnswer) -> Iterator[Difference]:
    """Connected, and answered in the protocol of the row."""
    expected, speaks = SPEAKS[rule.protocol]
    dialled = value.dialled
    if dialled.outcome is not DialOutcome.CONNECTED or not speaks(dialled):
        yield Difference(f"{rule.service.name}:{rule.port}", expected, said(dialled))


@judge.register
def judge_ingress_answer(rule: IngressAnswerRow, value: IngressAnswer) -> Iterator[Difference]:
    """The host's own certificate, and the row's status."""
    what = f"https://{rule.host}{rule.path}"
    dialled = value.dialled
    if dialled is None:
        yield Difference(what, f"HTTP {rule.status}", "not dialled", value.trouble)
    elif dialled.outcome is not DialOutcome.CONNECTED:
        yield Difference(what, f"HTTP {rule.status} with its own certificate", str(dialled))
    else:
        if dialled.fingerprint != value.own_fingerprint:
            yield Difference(
                "certificate", value.own_fingerprint[:16], dialled.fingerprint[:16], "SHA-256"
            )
        if dialled.status != rule.status:
            yield Difference(what, f"HTTP {rule.status}", f"HTTP {dialled.status}")
