"""From a kubeconfig (or the Pod's own ServiceAccount) to the settings of a connection.

Source: the `kubernetes` client's own loader, so exec plugins, tokens, client certificates,
KUBECONFIG lists and contexts mean what they mean to kubectl.
"""

import logging
import os
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clusterproof.errors import SpecError
from clusterproof.observe.kubeconfig import check_kubeconfig

CREDENTIAL_WITHIN_S = 60.0
"""Long enough for a person to answer a browser. Our choice."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one API server.

    Attributes:
        configuration: The client library's settings; holds credentials, so is never printed.
        context: Name of the kubeconfig context, or "in-cluster".
        server: Base URL of the API server.
    """

    configuration: Any
    context: str
    server: str

    def tls(self) -> ssl.SSLContext:
        """A TLS context with this connection's authorities and client certificate."""
        settings = self.configuration
        context = ssl.create_default_context(
            cafile=settings.ssl_ca_cert or None, cadata=settings.ca_cert_data or None
        )
        # From Python 3.13 on, an authority without a key usage extension would be refused; what
        # kubectl takes (Go's crypto/x509, Certificate.Verify), we take too.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not settings.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        return context

    def extensions(self) -> dict[str, Any]:
        """What httpx is told of TLS beside the context: the kubeconfig's `tls-server-name`."""
        name = self.configuration.tls_server_name
        return {"sni_hostname": name} if name else {}

    def headers(self) -> dict[str, str]:
        """The headers that authenticate a request; a token near its end is renewed first."""
        token = self.configuration.get_api_key_with_prefix("authorization", alias="BearerToken")
        if token:
            return {"authorization": token}
        if self.configuration.username:
            return {"authorization": self.configuration.get_basic_auth_token()}
        return {}


def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """The connection that `kubeconfig` and `context` name.

    Without `kubeconfig`: the Pod's ServiceAccount when running in a cluster, else KUBECONFIG,
    else ~/.kube/config.

    Raises:
        SpecError: The file is missing or malformed, or the context is not in it.
    """
    from kubernetes import client, config  # noqa: PLC0415 - half a second that a plan need not pay

    settings = client.Configuration()
    if kubeconfig is None and not os.environ.get("KUBECONFIG") and _in_cluster():
        config.load_incluster_config(client_configuration=settings)
        return Connection(settings, "in-cluster", settings.host)
    if kubeconfig is not None and Path(kubeconfig).is_dir():
        message = (
            f"--kubeconfig: expected a file, {kubeconfig} is a folder; put the folder of the"
            " suites first: pytest suites/ --kubeconfig PATH"
        )
        raise SpecError(message)
    if kubeconfig is not None and not Path(kubeconfig).is_file():
        raise SpecError(
            f"--kubeconfig: no such file: {kubeconfig}; `make cluster` writes the local cluster's"
        )
    if kubeconfig is not None:
        check_kubeconfig(Path(kubeconfig), context)
    try:
        name = _load(settings, kubeconfig, context)
    except (
        config.ConfigException,
        KeyError,
        TypeError,
        ValueError,
        OSError,
        yaml.YAMLError,
    ) as error:
        message = f"--kubeconfig: {kubeconfig or 'KUBECONFIG or ~/.kube/config'}: {_brief(error)}"
        raise SpecError(message) from error
    return Connection(settings, name, settings.host)


def _load(settings: object, kubeconfig: str | None, context: str | None) -> str:
    """Fill in the settings; the context's name.

    Raises:
        SpecError: There is no such context, or its exec plugin gave no credential.
    """
    from kubernetes import config  # noqa: PLC0415 - as in `connect`

    contexts, active = config.list_kube_config_contexts(config_file=kubeconfig)
    name = str(context or active["name"])
    if name not in {entry["name"] for entry in contexts}:
        known = ", ".join(sorted(entry["name"] for entry in contexts))
        raise SpecError(f"--context: {name!r} is not in the kubeconfig; it has: {known}")
    said, failed = _Said(), list[BaseException]()

    def load() -> None:
        try:
            config.load_kube_config(
                config_file=kubeconfig, context=name, client_configuration=settings
            )
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            failed.append(error)

    # An exec plugin may wait for a person for ever; the loader knows no bound.
    loading = threading.Thread(target=load, daemon=True, name="kubeconfig")
    logging.getLogger().addHandler(said)
    try:
        loading.start()
        loading.join(CREDENTIAL_WITHIN_S)
    finally:
        logging.getLogger().removeHandler(said)
    if loading.is_alive():
        raise SpecError(
            f"--kubeconfig: context {name}: expected a credential from its exec plugin within "
            f"{CREDENTIAL_WITHIN_S:g} s, got none"
        )
    if failed:
        raise failed[0]
    if said.words:  # the loader logs that a plugin failed, and goes on without a credential
        raise SpecError(f"--kubeconfig: context {name}: expected a credential, {said.words[0]}")
    return name


class _Said(logging.Handler):
    """Keeps the errors that the loader logs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(" ".join(record.getMessage().split())[:300])


def _in_cluster() -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
