"""A wrong kubeconfig is named by file, line and what was expected; no credential is shown."""

import base64
import datetime as dt
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clusterproof.errors import SpecError
from clusterproof.kube import exec_plugin as plugin_module
from clusterproof.kube.connection import connect
from clusterproof.wait import wait_until

PLANTED = "planted-secret-value"
DAY = dt.timedelta(days=1)
GROUP = "client.authentication.k8s.io"


def certificate(ends: dt.timedelta) -> str:
    """A self-signed client certificate in base64."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(tz=dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - 9 * DAY)
        .not_valid_after(now + ends)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


def document(**user: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    """A kubeconfig with two contexts."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [
            {"name": "a", "context": {"cluster": "c", "user": "u"}},
            {"name": "b", "context": {"cluster": "c", "user": "u"}},
        ],
        "users": [{"name": "u", "user": user or {"token": PLANTED}}],
    }


def written(folder: Path, content: object) -> str:
    path = folder / "kubeconfig"
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(folder: Path, content: object, context: str | None = None) -> str:
    """The message, which must name the file and show no credential."""
    with pytest.raises(SpecError) as seen:
        connect(written(folder, content), context)
    message = str(seen.value)
    assert PLANTED not in message
    return message


def test_contexts_and_token(tmp_path: Path) -> None:
    path = written(tmp_path, document())
    assert connect(path).context == "a"
    assert connect(path, "b").context == "b"
    assert connect(path).headers() == (("authorization", f"Bearer {PLANTED}"),)


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [
        ("a: [", 2, "expected a kubeconfig in YAML or JSON: "),
        ("- 1\n", 1, "expected a kubeconfig, a mapping at the top; got a list"),
        ("", 1, "expected current-context, or give --context; contexts: none"),
        ("kind: Config\nclusters: 7\n", 2, "clusters: expected a list, got a number"),
        ("clusters:\n- name: 5\n", 2, "clusters.0.name: expected a string"),
        ("kind: Secret\n", 1, "expected kind: Config and apiVersion: v1, got Secret"),
        ("users:\n- name: u\n- name: u\n", 3, "expected each of users once, 'u' again"),
        ("users:\n- user: {token: 7}\n", 2, "users.0.user.token: expected a string (quote"),
        ("users:\n- user: {token: y}\n", 2, "users.0.user.token: expected a string (quote"),
        ("a: &a {b: *a}\n", 1, "expected a kubeconfig in YAML or JSON: "),
    ],
)
def test_what_is_no_kubeconfig(tmp_path: Path, content: str, line: int, expected: str) -> None:
    message = refusal(tmp_path, content)
    assert f"kubeconfig:{line}: {expected}" in message


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """The kubeconfig with one thing in another way; None removes it."""
    whole: Any = document()
    at = whole
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    found: dict[str, Any] = whole
    return found


CLUSTER, USER = ("clusters", 0, "cluster"), ("users", 0, "user")


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            ("current-context",),
            "nowhere",
            r":3: expected current-context to be one of contexts \(a, b\), got 'nowhere'",
        ),
        (("current-context",), None, "expected current-context, or give --context"),
        (("contexts", 0, "context", "cluster"), "x", r":\d+: expected a name of clusters \(c\)"),
        (("contexts", 0, "context", "user"), "x", r":\d+: expected a name of users \(u\)"),
        (("clusters", 0, "cluster"), None, "expected server: https://HOST:PORT, got none"),
        ((*CLUSTER, "server"), None, r":\d+: expected server: https://HOST:PORT, got none"),
        ((*CLUSTER, "server"), "127.0.0.1:1/x", "expected server: https://HOST:PORT, got some"),
        ((*CLUSTER, "proxy-url"), "ftp://p", r":\d+: expected http, https, socks5 in proxy-url"),
        ((*CLUSTER, "proxy-url"), "http://", "expected a proxy-url with a host"),
        ((*CLUSTER, "certificate-authority"), "no.pem", "expected a file, there is no no.pem"),
        (
            (*CLUSTER, "certificate-authority-data"),
            "!!",
            "certificate-authority-data: expected base64, got text",
        ),
        ((*USER, "client-key-data"), PLANTED, "client-key-data: expected base64, got text"),
        (("users", 0, "user"), {"tokenFile": "token"}, r":\d+: expected a token in .*/token: No"),
        (("users", 0, "user"), {}, "user 'u': expected a token, a username, a client certificate"),
        ((*USER, "as-groups"), ["g"], "expected `as` beside as-uid, as-groups"),
        ((*USER, "username"), "me", "expected one way to authenticate, got token and username"),
        (
            ("users", 0, "user"),
            {"auth-provider": {"name": "gcp"}},
            r":\d+: auth-provider 'gcp' is not supported: use the exec plugin gke-gcloud-auth",
        ),
        (("users", 0, "user"), {"exec": {}}, r"expected exec\.command"),
        (
            ("users", 0, "user"),
            {"exec": {"command": "x", "apiVersion": "v1", "interactiveMode": "Never"}},
            r"expected exec\.apiVersion client\.authentication\.k8s\.io/v1 or .*/v1beta1, got v1",
        ),
        (
            ("users", 0, "user"),
            {"exec": {"command": "x", "apiVersion": f"{GROUP}/v1"}},
            r":\d+: expected one of Never, IfAvailable, Always in exec\.interactiveMode, got",
        ),
        (
            ("users", 0, "user"),
            {
                "exec": {
                    "command": "no-such-program",
                    "apiVersion": f"{GROUP}/v1beta1",
                    "installHint": "get it\nthere",
                }
            },
            r"exec plugin no-such-program: expected a program, cannot run 'no-such-program'"
            r" \(there is none on PATH\); get it there",
        ),
    ],
)
def test_mistake_is_named_where_it_stands(
    tmp_path: Path, path: tuple[str | int, ...], value: object, expected: str
) -> None:
    with pytest.raises(SpecError, match=expected):
        connect(written(tmp_path, changed(path, value)))


def test_unknown_context_of_the_command_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, document(), "x")
    assert message.startswith("--context: 'x' is not in the kubeconfig (--kubeconfig ")
    assert message.endswith("; it has: a, b")


def test_expired_client_certificate_says_since_when(tmp_path: Path) -> None:
    user = {"client-certificate-data": certificate(-2 * DAY), "client-key-data": "eA=="}
    message = refusal(tmp_path, document(**user))
    assert "expected a client certificate that is valid, it expired" in message


def plugin(folder: Path, body: str) -> dict[str, Any]:
    """A user with an exec plugin."""
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {
        "exec": {"command": "./plugin", "apiVersion": f"{GROUP}/v1", "interactiveMode": "Never"}
    }


def exec_credential(**status: str) -> str:
    return json.dumps({"apiVersion": f"{GROUP}/v1", "kind": "ExecCredential", "status": status})


def test_exec_plugin_gives_a_token(tmp_path: Path) -> None:
    user = plugin(tmp_path, f"echo '{exec_credential(token='from-the-plugin')}'")
    path = written(tmp_path, document(**user))
    assert connect(path).headers() == (("authorization", "Bearer from-the-plugin"),)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"echo {PLANTED}; echo oh dear >&2; exit 3", "ended with exit code 3: oh dear"),
        (f"echo {PLANTED}", f"expected an ExecCredential of {GROUP}/v1 on its standard output"),
        ("echo '{}'", f"expected an ExecCredential of {GROUP}/v1, got no kind of no apiVersion"),
        (f"echo '{exec_credential()}'", "expected a token, or a certificate and a key"),
        (f"echo '{exec_credential(clientKeyData=PLANTED)}'", "expected both a certificate and its"),
        (
            f"echo '{exec_credential(token=PLANTED, expirationTimestamp='soon')}'",
            "expected an expirationTimestamp as RFC 3339 has it",
        ),
    ],
)
def test_exec_plugin_that_fails_is_no_user_without_credentials(
    tmp_path: Path, body: str, words: str
) -> None:
    message = refusal(tmp_path, document(**plugin(tmp_path, body)))
    assert f"exec plugin ./plugin: {words}" in message


def test_exec_plugin_that_never_ends_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_module, "WITHIN_S", 0.3)
    user = plugin(tmp_path, "sleep 30 & echo $! > child; wait")
    monkeypatch.chdir(tmp_path)
    message = refusal(tmp_path, document(**user))
    assert "expected a credential within 0.3 s, got none" in message
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: _is_gone(child), bool, waiting_for="the plugin's child to end", within_s=5)


def _is_gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_plugin_that_needs_a_person_is_refused_without_a_terminal(tmp_path: Path) -> None:
    user = plugin(tmp_path, "exit 0")
    user["exec"]["interactiveMode"] = "Always"
    assert "needs a terminal (interactiveMode: Always)" in refusal(tmp_path, document(**user))
