"""How to reach one API server: from a kubeconfig, or from the Pod's own ServiceAccount.

The kubeconfig first, the ServiceAccount only where the kubeconfig chooses nothing (client-go
v0.35.4 `tools/clientcmd/merged_client_builder.go` `ClientConfig`, `rest/config.go`
`InClusterConfig`). Over plain http no credential is sent, and none is asked for
(`client_config.go` `ClientConfig`); only who we act as.
"""

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clusterproof.errors import SpecError
from clusterproof.kube.config import Choice, Entry, choose, load, nothing_chosen
from clusterproof.kube.credentials import Credentials, Headers, TokenFile, basic, impersonation
from clusterproof.kube.exec_plugin import GROUP, Credential, ExecPlugin
from clusterproof.kube.kubeconfig_types import Cluster, User
from clusterproof.kube.tls import Tls, expired
from clusterproof.kube.url import Url, parse, parse_server, proxy_from_environment, without_query

IN_CLUSTER = "in-cluster"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_REMOVED = {
    "gcp": "use the exec plugin gke-gcloud-auth-plugin",
    "azure": "use the exec plugin kubelogin (github.com/Azure/kubelogin)",
    "oidc": "use an exec plugin, such as kubectl oidc-login (github.com/int128/kubelogin)",
}


@dataclass(frozen=True)
class Connection:
    """How to reach one API server.

    Attributes:
        server: Base URL, without a user and without a slash at its end.
        context: Name of the kubeconfig context, or "in-cluster".
        source: The kubeconfig's file, or the ServiceAccount's folder.
        namespace: Of the context, or "".
        tls_settings: Authorities, server name.
        credentials: Who we are.
        proxy: URL of the proxy, or None; holds its password, so is never printed.
        compressed: False where the kubeconfig disables compression.
    """

    server: str
    context: str = ""
    source: str = ""
    namespace: str = ""
    tls_settings: Tls = field(default_factory=Tls)
    credentials: Credentials = field(default_factory=Credentials)
    proxy: str | None = field(default=None, repr=False)
    compressed: bool = True

    def __str__(self) -> str:
        """As the first line of a run says it."""
        context = f"context {self.context}" if self.context else "no context"
        return f"{context}, server {self.server}, from {self.source or 'no file'}"

    def tls(self, credential: Credential | None = None) -> ssl.SSLContext:
        """A TLS context with this cluster's authorities and our client certificate.

        Raises:
            SpecError: An authority or a certificate that is none.
        """
        certificate, key = self.credentials.certificate
        if credential is not None and credential.certificate:
            certificate, key = credential.certificate.encode(), credential.key.encode()
        try:
            return self.tls_settings.context(certificate, key)
        except ValueError as error:
            raise SpecError(f"{self.source}: context {self.context}: {error}") from error

    def headers(self) -> Headers:
        """The headers that authenticate a request.

        Raises:
            SpecError: An exec plugin gave no credential.
        """
        return self.credentials.headers()


def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """The connection that `--kubeconfig` and `--context`, or else the environment, name.

    An exec plugin is run here once, so that one that cannot work is refused at once.

    Raises:
        SpecError: No kubeconfig, a wrong one, or no such context.
    """
    config = load(kubeconfig, os.environ)
    choice = choose(config, context)
    if choice is not None:
        return _connection(choice, os.environ)
    if kubeconfig:
        raise nothing_chosen(config)
    if _in_cluster():
        return _service_account(os.environ)
    refusal = nothing_chosen(config)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        raise SpecError(
            f"{refusal}; this is a Pod without a ServiceAccount token (no"
            f" {SERVICE_ACCOUNT}/token): set automountServiceAccountToken: true"
        )
    raise refusal


def _in_cluster() -> bool:
    """`inClusterClientConfig.Possible`."""
    place = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
    return all(os.environ.get(name) for name in place) and (SERVICE_ACCOUNT / "token").is_file()


def _service_account(environment: Mapping[str, str]) -> Connection:
    """`InClusterConfig`; without a readable authority the system's are taken, as there."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    url = parse(server)
    if url is None:
        raise SpecError(f"expected KUBERNETES_SERVICE_HOST and _PORT, got {host!r} and {port!r}")
    token = TokenFile(SERVICE_ACCOUNT / "token", place="ServiceAccount")
    try:
        authorities = (SERVICE_ACCOUNT / "ca.crt").read_bytes()
    except OSError:
        authorities = b""
    return Connection(
        server=str(url),
        context=IN_CLUSTER,
        source=str(SERVICE_ACCOUNT),
        tls_settings=Tls(authorities),
        credentials=Credentials(token_file=token),
        proxy=proxy_from_environment(url, environment),
    )


def _connection(choice: Choice, environment: Mapping[str, str]) -> Connection:
    cluster = choice.cluster
    url = parse_server(cluster.settings.server)
    if url is None or url.scheme not in {"http", "https"}:
        raise cluster.error("server", "expected server: https://HOST:PORT, got something else")
    proxy = _proxy(cluster, url, environment)
    user = choice.user.settings if choice.user else User()
    tls, credentials = Tls(), Credentials(impersonated=impersonation(user))
    if url.scheme == "https":
        tls = _tls(cluster)
        credentials = _credentials(choice, tls, credentials.impersonated)
    if url.username is not None:
        # Go's http client makes a basic authorization of what stands in a URL, before any other.
        authorization = basic(url.username, url.password or "")
        credentials = replace(credentials, authorization=authorization)
    connection = Connection(
        server=str(url),
        context=choice.context,
        source=str(cluster.path),
        namespace=choice.namespace,
        tls_settings=tls,
        credentials=credentials,
        proxy=proxy,
        compressed=not cluster.settings.disable_compression,
    )
    credential = None
    if url.scheme == "https":
        connection.tls()  # `TLSConfigFor`: a wrong authority is refused before a plugin is asked
        credential = credentials.now()
        connection.tls(credential)
    _check_sendable(choice, credentials.headers(credential))
    return connection


def _proxy(cluster: Entry[Cluster], url: Url, environment: Mapping[str, str]) -> str | None:
    """The cluster's own proxy is taken for every host; the environment's knows exceptions."""
    if cluster.settings.proxy_url:
        if parse(cluster.settings.proxy_url) is None:
            raise cluster.error("proxy-url", "expected a proxy-url with a host, got something else")
        return cluster.settings.proxy_url
    return proxy_from_environment(url, environment)


def _tls(cluster: Entry[Cluster]) -> Tls:
    settings = cluster.settings
    authorities = settings.certificate_authority_data or _content(
        cluster, "certificate-authority", settings.certificate_authority
    )
    if settings.insecure_skip_tls_verify and authorities:
        message = "expected no certificate-authority beside insecure-skip-tls-verify: true"
        raise cluster.error("insecure-skip-tls-verify", message)
    return Tls(authorities, settings.tls_server_name, settings.insecure_skip_tls_verify)


def _content(entry: Entry[Any], key: str, name: str) -> bytes:
    try:
        return Path(entry.resolved(name)).read_bytes() if name else b""
    except OSError as error:
        raise entry.error(key, f"expected a file: {error.strerror}") from error


def _credentials(choice: Choice, tls: Tls, impersonated: Headers) -> Credentials:
    """Who we are; one way to authenticate goes before another as in `HTTPWrappersForConfig`."""
    entry = choice.user
    if entry is None:
        raise choice.nobody
    user = entry.settings
    certificate = _certificate(entry)
    authorization = f"Bearer {user.token}" if user.token and not user.token_file else ""
    token_file = None
    if user.token_file:
        place = f"{entry.path}:{entry.file.line((*entry.at, 'tokenFile'))}"
        path = Path(entry.resolved(user.token_file))
        token_file = TokenFile(path, fallback=user.token, place=place)
    if user.username:
        if token_file is not None:
            raise entry.error("tokenFile", "expected a token or a username, got both")
        authorization = basic(user.username, user.password)
    if user.auth_provider is not None:
        raise entry.error("auth-provider", _auth_provider(user.auth_provider.name))
    plugin = _plugin(choice, tls)
    if authorization or token_file or certificate != (b"", b""):
        plugin = None  # what the file itself says goes first (`UpdateTransportConfig`)
    elif plugin is None:
        raise choice.nobody
    return Credentials(authorization, token_file, plugin, certificate, impersonated)


def _auth_provider(name: str) -> str:
    return f"auth-provider {name!r} is not supported: {_REMOVED.get(name, 'use an exec plugin')}"


def _certificate(entry: Entry[User]) -> tuple[bytes, bytes]:
    user = entry.settings
    if not user.has_certificate:
        return b"", b""
    certificate = user.client_certificate_data or _content(
        entry, "client-certificate", user.client_certificate
    )
    key = user.client_key_data or _content(entry, "client-key", user.client_key)
    if ended := expired(certificate):
        message = f"expected a client certificate that is valid, it expired {ended:%F %T} UTC"
        raise entry.error("client-certificate", message)
    return certificate, key


def _plugin(choice: Choice, tls: Tls) -> ExecPlugin | None:
    entry = choice.user
    if entry is None or entry.settings.exec is None:
        return None
    plugin, place = entry.settings.exec, entry.file.line((*entry.at, "exec"))
    command = plugin.command
    if os.sep in command:
        command = entry.resolved(command)
    cluster = _cluster_info(choice.cluster, tls) if plugin.provide_cluster_info else None
    return ExecPlugin(plugin, command, cluster, place=f"{entry.path}:{place}")


def _cluster_info(cluster: Entry[Cluster], tls: Tls) -> Mapping[str, Any]:
    """What `provideClusterInfo` tells a plugin; what is not set is left out, but for config."""
    settings = cluster.settings
    own = [each.extension for each in settings.extensions if each.name == f"{GROUP}/exec"]
    info = {
        "server": without_query(settings.server),
        "tls-server-name": tls.server_name,
        "insecure-skip-tls-verify": tls.insecure,
        "certificate-authority-data": base64.b64encode(tls.authorities).decode(),
        "proxy-url": settings.proxy_url,
        "disable-compression": settings.disable_compression,
    }
    given = {key: setting for key, setting in info.items() if setting}
    return {**given, "config": own[0] if own else None}


def _check_sendable(choice: Choice, headers: Headers) -> None:
    """A header that would end a line, or hold a control character, is refused.

    As late as Go's `http.Transport.roundTrip` has it: a plugin was asked by then.
    """
    for name, content in headers:
        if any(ord(character) < ord(" ") and character != "\t" for character in content):
            entry = choice.user or choice.cluster
            raise SpecError(
                f"{entry.path}: context {choice.context}: {name} has a line break in it"
            )
