"""Which targets are somebody's production: written to, entered and loaded only when allowed.

The spec (`settings.production_contexts`, `production_clusters`) and the load spec (`production`)
name them; suites, rehearsals and load all ask here. Every name is a glob as `fnmatch` reads it, and
case says nothing: a guard that is too wide costs an option, one that is too narrow an outage.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, field_validator

from clusterproof.errors import ClusterproofError, ObservationError
from clusterproof.hosts import Host, Pattern, look_up, read_host

IN_CLUSTER = "in-cluster"
"""The context of a run that uses its Pod's ServiceAccount; it can be named as any other."""


class Production(BaseModel):
    """Globs of what is production.

    Attributes:
        contexts: Of kubeconfig contexts; `in-cluster` is the Pod's own ServiceAccount.
        clusters: Of the UID of namespace kube-system: a cluster keeps it under every context name.
        hosts: Of what is connected to: a URL, `host:port`, a host name, an address or a CIDR, in
            any spelling (see `hosts.py`). A name that leads to one of them is one too; so is the
            host of the API server.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contexts: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @field_validator("hosts")
    @classmethod
    def _are_understood(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for text in hosts:
            Pattern(text)
        return hosts

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
            host: A URL, `host:port` or host name that will be connected to. A name is looked up,
                once; where that fails and `hosts` names addresses, it is a match: nobody can tell.
            cluster_uid: Reads the UID of namespace kube-system; called only where `clusters` names
                any. "" or an ObservationError from it is a match: nobody can tell.
        """
        if context and (glob := _first(self.contexts, context)):
            return f"context {context!r} matches {glob!r}"
        if host and (why := _host_match([Pattern(text) for text in self.hosts], host)):
            return why
        return self._cluster_match(cluster_uid) if cluster_uid and self.clusters else ""

    def _cluster_match(self, cluster_uid: Callable[[], str]) -> str:
        try:
            uid = cluster_uid()
        except ObservationError as error:
            return f"the UID of namespace kube-system could not be read ({error})"
        if not uid:
            return "the UID of namespace kube-system could not be read"
        glob = _first(self.clusters, uid)
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


def _first(globs: tuple[str, ...], name: str) -> str:
    """The first glob that a name matches; a name with brackets matches itself."""
    folded = name.strip().casefold()
    for glob in globs:
        pattern = glob.strip().casefold()
        if folded == pattern or fnmatchcase(folded, pattern):
            return glob
    return ""


def _host_match(patterns: Sequence[Pattern], host: str) -> str:
    """Why a host is one of those that the patterns name; "" if it is not."""
    target = read_host(host)
    for pattern in patterns:
        if pattern.has_text(host) or pattern.has(target, target.port):
            return f"host {host!r} matches {pattern.text!r}"
    if not patterns:
        return ""
    return (_led_to if target.is_address else _leads)(patterns, host, target)


def _leads(patterns: Sequence[Pattern], host: str, target: Host) -> str:
    """Why what a name leads to is production: an alias of it, or one of its addresses."""
    for led_to in look_up(filter(str.isascii, target.names)).values():
        for pattern in patterns:
            if pattern.has(led_to, target.port):
                places = ", ".join(sorted({*led_to.names, *map(str, led_to.addresses)}))
                return f"host {host!r} leads to {places}, which matches {pattern.text!r}"
            if led_to.unknown and pattern.of_addresses:
                return f"host {host!r} could not be resolved ({led_to.unknown}): {pattern.text!r}"
    return ""


def _led_to(patterns: Sequence[Pattern], host: str, target: Host) -> str:
    """Why an address is production: a name that is production leads to it."""
    named = {pattern.host_name: pattern for pattern in patterns if pattern.host_name}
    for name, led_to in look_up(named).items():
        if led_to.addresses & target.addresses and named[name].has_port(target.port):
            return f"host {host!r} is an address of {named[name].text!r}"
    return ""
