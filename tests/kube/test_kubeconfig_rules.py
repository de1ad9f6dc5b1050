"""Which file, context and credential count: client-go's rules, each by an example."""

import base64
import datetime as dt
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
import yaml

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube import connection as connection_module
from clusterproof.kube import credentials as credentials_module
from clusterproof.kube import exec_plugin
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import Connection, connect
from clusterproof.kube.url import parse, parse_server, proxy_from_environment, without_query
from clusterproof.kube.yaml_file import read_yaml
from testbed.certificates import issued, write
from testbed.oracles.kubeconfig.recorder import Asked, Recorder, recording
from tests.observe.loopback import Reply, Request, api_server

GROUP = "client.authentication.k8s.io"


@pytest.fixture(autouse=True)
def nobodys_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No kubeconfig, no Pod, no proxy but those of the test."""
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.startswith("KUBE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(connection_module, "SERVICE_ACCOUNT", tmp_path / "serviceaccount")


def config(name: str, **user: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    """One cluster, user and context, all called `name`."""
    return {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.test"}}],
        "users": [{"name": name, "user": user or {"token": f"token-{name}"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def written(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def token(connection: Connection) -> str:
    return dict(connection.headers())["authorization"].removeprefix("Bearer ")


def test_the_first_file_of_a_list_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = written(tmp_path / "one", config("one"))
    two = config("two")
    two["users"].append({"name": "one", "user": {"token": "another", "as": "jane"}})
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/absent::{one}:{written(tmp_path / 'two', two)}")
    assert str(connect()) == f"context one, server https://one.test, from {one}"
    assert connect().headers() == (("authorization", "Bearer token-one"),)
    assert connect(context="two").server == "https://two.test"


def test_home_comes_before_the_pods_own_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_pod(tmp_path, monkeypatch)
    assert connect().context == "in-cluster"
    written(tmp_path / "home/.kube/config", config("home"))
    assert connect().context == "home"
    with pytest.raises(SpecError, match="--context: 'prod' is not in the kubeconfig"):
        connect(context="prod")


def in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment and the files of a Pod; its token's file."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    path = tmp_path / "serviceaccount" / "token"
    path.parent.mkdir()
    path.write_text("pod-token\n", "utf-8")
    return path


def test_a_context_cannot_be_chosen_in_a_pod_without_a_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_pod(tmp_path, monkeypatch)
    with pytest.raises(SpecError, match=r"--context: 'prod' is not in the kubeconfig \(.*none"):
        connect(context="prod")


def test_the_pods_own_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = in_a_pod(tmp_path, monkeypatch)
    connection = connect()
    assert connection.server == "https://[fd00::1]"
    assert token(connection) == "pod-token"
    path.write_text("renewed", "utf-8")
    assert token(connection) == "pod-token"
    monkeypatch.setattr(credentials_module, "TOKEN_FILE_FOR_S", 0.0)
    assert token(connection) == "renewed"
    path.unlink()
    assert token(connection) == "renewed", "the last good one stands, as in client-go"


def test_a_pod_without_a_token_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_a_pod(tmp_path, monkeypatch).unlink()
    with pytest.raises(SpecError, match=r"no kubeconfig: .* automountServiceAccountToken: true"):
        connect()


def test_an_explicit_file_without_a_context_is_no_reason_to_look_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_pod(tmp_path, monkeypatch)
    path = written(tmp_path / "c", {**config("one"), "current-context": ""})
    with pytest.raises(SpecError, match="expected current-context, or give --context"):
        connect(str(path))


def test_a_token_file_is_trimmed_and_preferred(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(" from-the-file\n\n", "utf-8")
    path = written(tmp_path / "c", config("one", token="from-the-config", tokenFile="t"))
    assert token(connect(str(path))) == "from-the-file"


def test_impersonation_is_sent(tmp_path: Path) -> None:
    user = {
        "token": "t",
        "as": "jane",
        "as-uid": "u",
        "as-groups": ["g", "h"],
        "as-user-extra": {"acme.com/pro ject": ["v", "w"]},
    }
    connection = connect(str(written(tmp_path / "c", config("one", **user))))
    assert connection.headers()[1:] == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "u"),
        ("Impersonate-Group", "g"),
        ("Impersonate-Group", "h"),
        ("Impersonate-Extra-acme.com%2Fpro%20ject", "v"),
        ("Impersonate-Extra-acme.com%2Fpro%20ject", "w"),
    )


def test_no_credential_goes_over_plain_http(tmp_path: Path) -> None:
    content = config("one", token="t", **{"as": "jane"})
    content["clusters"][0]["cluster"]["server"] = "one.test:8080/"
    connection = connect(str(written(tmp_path / "c", content)))
    assert connection.server == "http://one.test:8080"
    assert connection.headers() == (("Impersonate-User", "jane"),)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("https://h:6443/", "https://h:6443"),
        ("HTTPS://h:443//a//b/", "https://h/a/b"),
        ("https://h/k8s?x=1#y", "https://h/k8s"),
        ("localhost:8080", "http://localhost:8080"),
        ("https://[fd00::1]:6443", "https://[fd00::1]:6443"),
        ("https://me:secret@h", "https://h"),
    ],
)
def test_servers(server: str, expected: str) -> None:
    assert str(parse_server(server)) == expected


@pytest.mark.parametrize(
    "server", ["", "h/path", "https://", "https://h:port", "https://h h", "https://h:70000", "//h"]
)
def test_what_is_no_server(server: str) -> None:
    assert parse_server(server) is None


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("HTTPS://h:1/k8s?a=b#c", "https://h:1/k8s"),
        ("https://h/a b/c%2Fd", "https://h/a%20b/c%2Fd"),
        ("HTTPS://h?a=/b", "HTTPS://h?a=/b"),
        ("https://h/", "https://h/"),
        ("h:1/k8s", "h:1/k8s"),
    ],
)
def test_the_server_that_a_plugin_is_told(server: str, told: str) -> None:
    assert without_query(server) == told


@pytest.mark.parametrize(
    ("exempt", "url", "is_exempt"),
    [
        ("", "https://api.test", False),
        ("*", "https://api.test", True),
        ("10.0.0.0/8", "https://10.96.0.1", True),
        ("10.0.0.0/8", "https://11.0.0.1", False),
        ("fd00::/8", "https://[fd00::1]:6443", True),
        ("10.96.0.1:6443", "https://10.96.0.1", False),
        ("10.96.0.1:443", "https://10.96.0.1", True),
        ("test", "https://api.test", True),
        ("pi.test", "https://api.test", False),
        (".api.test", "https://api.test", False),
        ("*.test", "https://api.test", True),
        ("API.test:443", "https://api.TEST", True),
        ("", "https://127.0.0.9", True),
        ("", "https://[::1]", True),
        ("", "https://localhost", True),
        (":443, /8, x", "https://api.test", False),
    ],
)
def test_no_proxy(exempt: str, url: str, *, is_exempt: bool) -> None:
    address = parse(url)
    assert address is not None
    environment = {"https_proxy": "proxy:3128", "NO_PROXY": exempt}
    expected = None if is_exempt else "http://proxy:3128"
    assert proxy_from_environment(address, environment) == expected


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("y", True),
        ("no", False),
        ("1e3", 0.0),
        ("0x1f", 0),
        ("1_000", 0),
        ("12:30", "12:30"),
        ("2026-11-26", "2026-11-26"),
        ("1e999", "1e999"),
        ("'7'", "7"),
        ("~", None),
        ("", None),
    ],
)
def test_plain_scalars_are_what_kubectl_takes_them_for(text: str, content: object) -> None:
    assert read_yaml(f"a: {text}".encode()).content["a"] == content


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorder, Path]]:
    """API servers and proxies on loopback, and the folder of their certificates."""
    folder = tmp_path_factory.mktemp("pki")
    authority = issued("the authority", is_authority=True)
    write(folder, "ca", authority)
    write(folder, "server", issued("s", ("localhost", "alt.test", "127.0.0.1"), issuer=authority))
    for user in ("jack", "jill"):
        write(folder, user, issued(user, issuer=authority))
    paths = (str(folder / "server.crt"), str(folder / "server.key"), str(folder / "ca.crt"))
    with recording(*paths) as servers:
        yield servers, folder


def secured(recorder: tuple[Recorder, Path], **user: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    servers, folder = recorder
    content = config("one", **user)
    content["clusters"][0]["cluster"] = {
        "server": f"https://127.0.0.1:{servers.ports['https-1']}",
        "certificate-authority": str(folder / "ca.crt"),
    }
    servers.log.clear()
    servers.log.refuse = ""
    return content


def test_a_credential_that_expires_in_the_middle_of_a_run_is_renewed(
    recorder: tuple[Recorder, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of the test's own: how long two requests take is the machine's."""

    class Clock(dt.datetime):
        moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Self:
            return cls.fromtimestamp(cls.moment.timestamp(), tz)

    monkeypatch.setattr(exec_plugin, "dt", SimpleNamespace(datetime=Clock, UTC=dt.UTC))
    user = {"exec": counting_plugin(tmp_path, expires="2026-01-01T00:00:01Z")}
    path = written(tmp_path / "c", secured(recorder, **user))
    with closing(KubeApi(connect(str(path)))) as api:
        api.get("/version")
        api.get("/version")
        Clock.moment += dt.timedelta(seconds=1.1)
        api.get("/version")
    assert bearers(recorder) == ["token-1", "token-1", "token-2"]


def test_a_credential_that_is_refused_is_asked_for_once_more(
    recorder: tuple[Recorder, Path], tmp_path: Path
) -> None:
    user = {"exec": counting_plugin(tmp_path)}
    path = written(tmp_path / "c", secured(recorder, **user))
    with closing(KubeApi(connect(str(path)))) as api:
        api.get("/version")
        recorder[0].log.refuse = "Bearer token-1"
        api.get("/version")
        assert bearers(recorder) == ["token-1", "token-1", "token-2"]
        recorder[0].log.refuse = "Bearer token-2"
        (tmp_path / "plugin").write_text("#!/bin/sh\nexit 3\n", "utf-8")
        with pytest.raises(ObservationError, match="ended with exit code 3"):
            api.get("/version")


def counting_plugin(folder: Path, expires: str = "") -> dict[str, Any]:
    """A plugin whose token says how often it was asked."""
    path = folder / "plugin"
    expiry = f',"expirationTimestamp":"{expires}"' if expires else ""
    path.write_text(
        f"""#!/bin/sh
echo x >> {folder}/calls
n=$(wc -l < {folder}/calls)
echo '{{"apiVersion":"{GROUP}/v1","kind":"ExecCredential",'
echo '"status":{{"token":"token-'$n'"{expiry}}}}}'
""",
        "utf-8",
    )
    path.chmod(0o755)
    return {"command": "./plugin", "apiVersion": f"{GROUP}/v1", "interactiveMode": "Never"}


def bearers(recorder: tuple[Recorder, Path]) -> list[str]:
    return [dict(asked.headers)["authorization"][7:] for asked in recorder[0].log.asked]


def test_a_certificate_of_a_plugin_can_change_in_the_middle_of_a_run(
    recorder: tuple[Recorder, Path], tmp_path: Path
) -> None:
    answers = []
    for name in ("jack", "jill"):
        status = {
            "clientCertificateData": (recorder[1] / f"{name}.crt").read_text(),
            "clientKeyData": (recorder[1] / f"{name}.key").read_text(),
            "expirationTimestamp": "2020-01-01T00:00:00Z"
            if name == "jack"
            else "2090-01-01T00:00:00Z",
        }
        answers.append({"apiVersion": f"{GROUP}/v1", "kind": "ExecCredential", "status": status})
    (tmp_path / "answer").write_text(json.dumps(answers[0]), "utf-8")
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\nexec cat {tmp_path}/answer\n", "utf-8")
    plugin.chmod(0o755)
    user = {"command": "./plugin", "apiVersion": f"{GROUP}/v1", "interactiveMode": "Never"}
    path = written(tmp_path / "c", secured(recorder, exec=user))
    with closing(KubeApi(connect(str(path)))) as api:
        api.get("/version")
        (tmp_path / "answer").write_text(json.dumps(answers[1]), "utf-8")
        api.get("/version")
    assert [asked.client for asked in recorder[0].log.asked] == ["jack", "jill"]


@pytest.mark.parametrize("proxy", ["http-proxy", "tls-proxy", "socks"])
def test_every_proxy_with_a_server_name_of_its_own(
    recorder: tuple[Recorder, Path], tmp_path: Path, proxy: str
) -> None:
    content = secured(recorder, token="t")
    scheme = {"http-proxy": "http", "tls-proxy": "https", "socks": "socks5"}[proxy]
    port = recorder[0].ports[proxy]
    content["clusters"][0]["cluster"] |= {
        "proxy-url": f"{scheme}://me:secret@127.0.0.1:{port}",
        "tls-server-name": "alt.test",
    }
    connection = connect(str(written(tmp_path / "c", content)))
    assert "secret" not in repr(connection)
    assert "secret" not in str(connection)
    with closing(KubeApi(connection)) as api:
        api.get("/version")
    (asked,) = recorder[0].log.asked
    assert isinstance(asked, Asked)
    assert asked.server_name == "alt.test"
    assert asked.proxies[0].startswith(f"{proxy} ")


def test_insecure_beside_an_authority_is_refused(
    recorder: tuple[Recorder, Path], tmp_path: Path
) -> None:
    content = secured(recorder, token="t")
    content["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    with pytest.raises(SpecError, match="expected no certificate-authority beside insecure"):
        connect(str(written(tmp_path / "c", content)))


def test_a_wrong_authority_is_refused_before_a_plugin_is_run(tmp_path: Path) -> None:
    """As by client-go's `TLSConfigFor`: a plugin of a cluster that cannot be asked is not run."""
    content = config("one", exec=counting_plugin(tmp_path))
    nothing = base64.b64encode(b"no certificate").decode()
    content["clusters"][0]["cluster"]["certificate-authority-data"] = nothing
    with pytest.raises(SpecError, match="expected a certificate in PEM"):
        connect(str(written(tmp_path / "c", content)))
    assert not (tmp_path / "calls").exists()


def test_what_a_header_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "c", config("one", token="a\nX-Evil: 1"))
    with pytest.raises(SpecError, match="authorization has a line break in it") as refusal:
        connect(str(path))
    assert "Evil" not in str(refusal.value)


def test_what_a_header_cannot_hold_is_refused_after_a_plugin_was_asked(tmp_path: Path) -> None:
    """As Go's `http.Transport.roundTrip` does, which checks headers when it sends them."""
    user = {"exec": counting_plugin(tmp_path), "as": "jane\nX-Evil: 1"}
    with pytest.raises(SpecError, match="Impersonate-User has a line break in it"):
        connect(str(written(tmp_path / "c", config("one", **user))))
    assert (tmp_path / "calls").exists()


def test_requests_carry_repeated_headers() -> None:
    requests: list[Request] = []

    def answer(request: Request) -> Reply:
        requests.append(request)
        return Reply(body={})

    with api_server(answer) as api:
        api.get("/version")
    assert requests[0].headers["accept-encoding"] == "gzip"
