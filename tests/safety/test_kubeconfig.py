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
from clusterproof.observe import connect as connect_module
from clusterproof.observe.connect import connect

PLANTED = "planted-secret-value"
DAY = dt.timedelta(days=1)


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
    assert connect(path).headers() == {"authorization": f"Bearer {PLANTED}"}


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [
        ("a: [", 1, "expected YAML"),
        ("- 1\n", 1, "expected a mapping at the top"),
        ("", 1, "expected a mapping at the top"),
        ("kind: Config\nclusters: 7\n", 2, "expected a list of clusters, got int"),
        ("clusters:\n- cluster: {}\n", 2, "expected an entry with a name"),
        ("a: 1\nb: 2\na: 3\n", 3, "expected each key once"),
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
            r":3: expected a name of contexts \(a, b\)",
        ),
        (("current-context",), None, "expected current-context, or give --context"),
        (("contexts", 0, "context", "cluster"), "x", r":\d+: expected a name of clusters \(c\)"),
        (("contexts", 0, "context", "user"), "x", r":\d+: expected a name of users \(u\)"),
        (("clusters", 0, "cluster"), None, "expected a mapping cluster, got none"),
        ((*CLUSTER, "server"), None, r":\d+: expected server: https://HOST:PORT, got none"),
        ((*CLUSTER, "server"), "127.0.0.1:1", "expected server: https://HOST:PORT, got str"),
        ((*CLUSTER, "certificate-authority"), "no.pem", "expected a file, there is no no.pem"),
        ((*CLUSTER, "certificate-authority-data"), "!!", "expected PEM in base64"),
        ((*USER, "client-key-data"), PLANTED, "expected PEM in base64, got something else"),
        ((*USER, "tokenFile"), "token", "expected a file, there is no token"),
        (("users", 0, "user"), {"exec": {}}, r"expected exec\.command"),
        (
            ("users", 0, "user"),
            {"exec": {"command": "no-such-program", "apiVersion": "v1"}},
            "expected a program, got 'no-such-program'",
        ),
    ],
)
def test_mistake_is_named_where_it_stands(
    tmp_path: Path, path: tuple[str | int, ...], value: object, expected: str
) -> None:
    with pytest.raises(SpecError, match=expected):
        connect(written(tmp_path, changed(path, value)))


def test_unknown_context_of_the_command_line(tmp_path: Path) -> None:
    assert "--context: 'x' is not in the kubeconfig; it has: a, b" in refusal(
        tmp_path, document(), "x"
    )


def test_expired_client_certificate_says_since_when(tmp_path: Path) -> None:
    data = certificate(-2 * DAY)
    message = refusal(tmp_path, document(**{"client-certificate-data": data}))
    assert "expected a client certificate that is valid, it expired" in message


def plugin(folder: Path, body: str) -> dict[str, Any]:
    """A user with an exec plugin."""
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"command": "./plugin", "apiVersion": version, "interactiveMode": "Never"}}


def test_exec_plugin_gives_a_token(tmp_path: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-the-plugin"},
    }
    user = plugin(tmp_path, f"echo '{json.dumps(credential)}'")
    path = written(tmp_path, document(**user))
    assert connect(path).headers() == {"authorization": "Bearer from-the-plugin"}


@pytest.mark.parametrize("body", ["exit 3", "echo nonsense", "echo '{}'"])
def test_exec_plugin_that_fails_is_no_user_without_credentials(tmp_path: Path, body: str) -> None:
    assert "expected a credential, exec: " in refusal(tmp_path, document(**plugin(tmp_path, body)))


def test_exec_plugin_that_never_ends_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_module, "CREDENTIAL_WITHIN_S", 0.3)
    message = refusal(tmp_path, document(**plugin(tmp_path, "exec sleep 3")))
    assert "expected a credential from its exec plugin within 0.3 s" in message
