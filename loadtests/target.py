"""Where a scenario finds its target when no --host is given, and which cluster that may be in."""

import base64
import logging
import os
from contextlib import closing
from urllib.parse import unquote, urlsplit, urlunsplit

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.config import choose, load
from clusterproof.kube.connection import connect
from clusterproof.load.folder import CONTEXT_VARIABLE
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.sections import ServiceRef
from clusterproof.production import IN_CLUSTER

LOG = logging.getLogger("clusterproof.load")


def host_of(target: ServiceRef) -> str | None:
    """Its URL inside a cluster, where DNS answers; None elsewhere."""
    if _is_pod():
        return f"http://{target.name}.{target.namespace}.svc.cluster.local:{target.port}"
    return None


def without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its `user:password@`, and the header that says the same.

    Source: RFC 7617; the user and the password are percent-decoded first, as curl and requests do.
    What is no URL stays as it is.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, {}
    credentials, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    user, _, password = credentials.partition(":")
    pair = f"{unquote(user)}:{unquote(password)}"
    header = {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return urlunsplit(parts._replace(netloc=host)), header


def _is_pod() -> bool:
    """Whether this is a Pod: the kubelet sets the variable in every one, with a token or without.

    Source: Kubernetes docs, "Service", environment variables; `rest.InClusterConfig` of client-go.
    """
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


class Surroundings:
    """The clusters that this process is in, or would speak to: the load may be about any of them.

    A host says only where requests go. Its cluster is that of the Pod, or that of the kubeconfig;
    both are asked about where there are both.

    Attributes:
        context: The kubeconfig's current one, or "".
        unknown: Why there is none, or "".
    """

    def __init__(self) -> None:
        """Read the kubeconfig; nothing is connected to, and no exec plugin is run."""
        self.context, self._server, self.unknown = "", "", ""
        self._uid: str | ObservationError | None = None
        self._said = False
        self._asked_by_another = os.environ.get(CONTEXT_VARIABLE, "")
        try:
            choice = choose(load(None, os.environ), None)
        except SpecError as error:
            self.unknown = str(error)
            return
        if choice is None:
            self.unknown = "no kubeconfig"
            return
        self.context, self._server = choice.context, choice.cluster.settings.server

    @property
    def contexts(self) -> tuple[str, ...]:
        """The names under which `production.contexts` may have them."""
        if self._asked_by_another:
            return (self._asked_by_another,)
        names = (self.context, IN_CLUSTER if _is_pod() else "")
        return tuple(name for name in names if name)

    def refuse_production(self, spec: LoadSpec, *, allowed: bool) -> None:
        """Nothing, unless one of them is production; what nobody can tell is said.

        The UID of a cluster is read once, and only where `production.clusters` names any.

        Raises:
            SpecError: One is, or there is an API server that does not say its UID.
        """
        for context in self.contexts:
            spec.refuse_production(context=context, allowed=allowed)
        if self._asked_by_another or allowed:
            return
        if self._server:
            spec.refuse_production(host=self._server, allowed=allowed)
        if self.contexts:
            spec.refuse_production(cluster_uid=self.cluster_uid, allowed=allowed)
        elif spec.production.clusters and not self._said:
            self._said = True
            text = "production.clusters was not asked: no cluster is known here (%s; no Pod)"
            LOG.warning(text, self.unknown)

    def cluster_uid(self) -> str:
        """The UID of namespace kube-system, which a cluster keeps under every context's name.

        Raises:
            ObservationError: It could not be read.
        """
        if self._uid is None:
            self._uid = _read_uid()
        if isinstance(self._uid, ObservationError):
            raise self._uid
        return self._uid


def _read_uid() -> str | ObservationError:
    try:
        with closing(KubeApi(connect())) as api:
            return api.cluster_uid()
    except ObservationError as error:
        return error
    except SpecError as error:
        return ObservationError(str(error))
