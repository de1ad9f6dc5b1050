"""A wrong kubeconfig is named by file, line and what was expected; no credential is shown."""

import base64
import datetime as dt
import json
import os
import pty
import select
import stat
import subprocess
import sys
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
from clusterproof.redact import MASK, Redactor
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


SECRET = "glpat-" + "aB3" * 7  # made up for this test


@pytest.mark.parametrize("before", ["", "x " * 150, "word " * 60, "y" * 290 + " "])
@pytest.mark.parametrize(
    "after", ["", " is refused " + "z" * 289, "\nsee the manual: " + "m" * 285]
)
def test_what_a_plugin_says_is_redacted_whole(tmp_path: Path, before: str, after: str) -> None:
    """No part of a secret is left over by a cut: what is left of one has no shape to know it by."""
    said = tmp_path / "said"
    said.write_text(f"{before}password: {SECRET}{after}", encoding="utf-8")
    message = refusal(tmp_path, document(**plugin(tmp_path, f"cat {said} >&2; exit 1")))
    shown = Redactor().text(message)
    assert "ended with exit code 1: " in shown
    assert MASK in shown
    assert not any(SECRET[start : start + 6] in shown for start in range(len(SECRET) - 6))


def test_a_plugin_that_says_too_much_is_not_quoted_in_part(tmp_path: Path) -> None:
    body = f"i=0; while [ $i -lt 3000 ]; do echo {PLANTED} {PLANTED} >&2; i=$((i+1)); done; exit 1"
    message = refusal(tmp_path, document(**plugin(tmp_path, body)))
    assert message.endswith("; it wrote 126000 characters to its standard error")


def test_what_a_plugin_says_stands_in_lines(tmp_path: Path) -> None:
    """Shapes of secrets know where a line begins."""
    body = "printf 'one  \\n\\n two\\n' >&2; exit 2"
    message = refusal(tmp_path, document(**plugin(tmp_path, body)))
    assert message.endswith("ended with exit code 2: one\n two")


def test_what_a_late_plugin_asked_for_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a device code that nobody saw."""
    monkeypatch.setattr(plugin_module, "WITHIN_S", 1.0)
    body = "echo 'open https://login.example and enter the code' >&2; sleep 30"
    message = refusal(tmp_path, document(**plugin(tmp_path, body)))
    assert message.endswith("1 s, got none: open https://login.example and enter the code")


ASKS = """\
import sys
from clusterproof.errors import SpecError
from clusterproof.kube.connection import connect
from clusterproof.redact import MASK, Redactor
try:
    print(connect(sys.argv[1]).headers())
except SpecError as error:
    print(error)
"""


@pytest.mark.parametrize("mode", ["IfAvailable", "Always", "Never"])
def test_an_interactive_plugin_speaks_to_the_terminal(tmp_path: Path, mode: str) -> None:
    """As it speaks, for it waits for an answer; where it may not ask, its words are kept."""
    answer = exec_credential(token="of-a-person")
    user = plugin(
        tmp_path, f"echo enter the code >&2; read code; test \"$code\" = 42 && echo '{answer}'"
    )
    user["exec"]["interactiveMode"] = mode
    path = written(tmp_path, document(**user))
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own argv
            [sys.executable, "-c", ASKS, path], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE
        )
        if mode != "Never":
            prompt = b""
            while b"enter the code" not in prompt:
                assert select.select([ours], [], [], 30)[0], prompt
                prompt += os.read(ours, 1000)
            os.write(ours, b"42\n")
        output, _ = process.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(theirs)
    expected = b"Bearer of-a-person" if mode != "Never" else b"exit code 1: enter the code\n"
    assert expected in output


def test_credentials_know_each_secret_that_they_ever_gave(tmp_path: Path) -> None:
    """One that was renewed may still stand in what was written before."""
    body = (
        "n=$(cat n 2>/dev/null || echo 0); echo $((n+1)) > n; printf '%s' \"$(sed s/N/$n/ answer)\""
    )
    ended = "2020-01-01T00:00:00Z"
    answer = exec_credential(token="token-number-N", expirationTimestamp=ended)
    (tmp_path / "answer").write_text(answer, encoding="utf-8")
    user = plugin(tmp_path, f"cd {tmp_path}; {body}")
    credentials = connect(written(tmp_path, document(**user))).credentials
    credentials.headers()
    assert {f"token-number-{n}" for n in range(2)} <= credentials.secrets

    token = tmp_path / "token"
    token.write_text("first-of-the-file\n", encoding="utf-8")
    credentials = connect(written(tmp_path, document(tokenFile=str(token)))).credentials
    token.write_text("second-of-the-file\n", encoding="utf-8")
    assert credentials.renewed(credentials.now())
    assert credentials.secrets == {"first-of-the-file", "second-of-the-file"}

    credentials = connect(written(tmp_path, document(username="u", password=PLANTED))).credentials
    assert PLANTED in credentials.secrets
    assert PLANTED in connect(written(tmp_path, document())).credentials.secrets


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
