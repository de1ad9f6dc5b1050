"""From a kubeconfig (or the Pod's own ServiceAccount) to the settings of a connection.

Source: the `kubernetes` client's own loader, so exec plugins, tokens, client certificates,
KUBECONFIG lists and contexts mean what they mean to kubectl.
"""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.config import ConfigException

from clusterproof.errors import SpecError


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
    settings = Configuration()
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
    try:
        contexts, active = config.list_kube_config_contexts(config_file=kubeconfig)
        name = context or active["name"]
        if name not in {entry["name"] for entry in contexts}:
            known = ", ".join(sorted(entry["name"] for entry in contexts))
            message = f"--context: {name!r} is not in the kubeconfig; it has: {known}"
            raise SpecError(message)
        config.load_kube_config(config_file=kubeconfig, context=name, client_configuration=settings)
    except SpecError:
        raise
    except (ConfigException, KeyError, TypeError, ValueError, OSError) as error:
        message = f"--kubeconfig: {kubeconfig or 'KUBECONFIG or ~/.kube/config'}: {_brief(error)}"
        raise SpecError(message) from error
    except Exception as error:  # the loader lets its YAML parser's errors through
        message = f"--kubeconfig: {kubeconfig}: not a kubeconfig: {_brief(error)}"
        raise SpecError(message) from error
    return Connection(settings, name, settings.host)


def _in_cluster() -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
