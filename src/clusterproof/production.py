"""Which targets are somebody's production: written to, entered and loaded only when allowed.

The spec (`settings.production_contexts`, `production_clusters`) and the load spec (`production`)
name them; suites, rehearsals and load all ask here. Every name is a glob as `fnmatch` reads it, and
case says nothing: a guard that is too wide costs an option, one that is too narrow an outage.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from clusterproof.errors import ClusterproofError, ObservationError

IN_CLUSTER = "in-cluster"
"""The context of a run that uses its Pod's ServiceAccount; it can be named as any other."""


class Production(BaseModel):
    """Globs of what is production.

    Attributes:
        contexts: Of kubeconfig contexts; `in-cluster` is the Pod's own ServiceAccount.
        clusters: Of the UID of namespace kube-system: a cluster keeps it under every context name.
        hosts: Of what is connected to: a whole URL, `host:port` or a host name. The host of the
            API server is one too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contexts: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def __or__(self, other: "Production") -> "Production":
        """What either of them names."""
        return Production(
            contexts=self.contexts + other.contexts,
            clusters=self.clusters + other.clusters,
            hosts=self.hosts + other.hosts,
        )

    def match(
        self, *, context: str = "", host: str = "", cluster_uid: Callable[[], str] | None = None
    ) -> str:
        """Why the target is production, e.g. `context 'eu-prod-1' matches '*prod*'`; "" if not.

        Args:
            context: The kubeconfig context, or IN_CLUSTER.
            host: A URL, `host:port` or host name that will be connected to.
            cluster_uid: Reads the UID of namespace kube-system; called only where `clusters` names
                any. "" or an ObservationError from it is a match: nobody can tell.
        """
        if context and (glob := _first(self.contexts, (context,))):
            return f"context {context!r} matches {glob!r}"
        if host and (glob := _first(self.hosts, _spellings(host))):
            return f"host {host!r} matches {glob!r}"
        return self._cluster_match(cluster_uid) if cluster_uid and self.clusters else ""

    def _cluster_match(self, cluster_uid: Callable[[], str]) -> str:
        try:
            uid = cluster_uid()
        except ObservationError as error:
            return f"the UID of namespace kube-system could not be read ({error})"
        if not uid:
            return "the UID of namespace kube-system could not be read"
        glob = _first(self.clusters, (uid,))
        return f"cluster {uid} matches {glob!r}" if glob else ""

    def refuse(
        self,
        error: type[ClusterproofError],
        doing: str,
        *,
        allowed: bool,
        context: str = "",
        host: str = "",
        cluster_uid: Callable[[], str] | None = None,
    ) -> None:
        """Nothing, unless the target is production and `allowed` is False.

        Args:
            error: What to raise.
            doing: The subject of the sentence, e.g. "load" or "a rehearsal".
            allowed: --allow-production was given.
            context: As for `match`.
            host: As for `match`.
            cluster_uid: As for `match`.

        Raises:
            ClusterproofError: Of the given type; names what matched and the option.
        """
        if allowed:
            return
        why = self.match(context=context, host=host, cluster_uid=cluster_uid)
        if why:
            raise error(
                f"{why} in production of the spec; {doing} on production needs --allow-production"
            )


def _first(globs: tuple[str, ...], names: tuple[str, ...]) -> str:
    """The first glob that one of the names matches; a name with brackets matches itself."""
    for glob in globs:
        pattern = glob.strip().casefold()
        for name in names:
            folded = name.strip().casefold()
            if folded == pattern or fnmatchcase(folded, pattern):
                return glob
    return ""


def _spellings(host: str) -> tuple[str, ...]:
    """The ways in which people write one target: URL, host and port, host."""
    parts = urlsplit(host if "//" in host else f"//{host}")
    name = (parts.hostname or "").rstrip(".")
    try:
        port = parts.port
    except ValueError:
        port = None
    port = port or {"http": 80, "https": 443}.get(parts.scheme)
    shown = f"[{name}]" if ":" in name else name
    schemes = (parts.scheme,) if parts.scheme else ("http", "https")
    urls = tuple(f"{scheme}://{shown}" for scheme in schemes)
    with_port = (f"{shown}:{port}", *(f"{url}:{port}" for url in urls)) if port else ()
    return (host, host.rstrip("/"), name, shown, *urls, *with_port)
