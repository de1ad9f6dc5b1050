"""Production is named by globs of contexts, of hosts and of the cluster's own UID."""

import socket

import pytest

from clusterproof.errors import ObservationError, SpecError
from clusterproof.production import IN_CLUSTER, Production

UID = "0b7a5c2e-0d3f-4a0e-9a53-6a1a5d0f1c11"


@pytest.fixture(autouse=True)
def _no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name leads anywhere: nothing here is about where it leads."""

    def absent(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", absent)


@pytest.mark.parametrize(
    ("globs", "context", "glob"),
    [
        (("*prod*",), "eu-prod-1", "*prod*"),
        (("*prod*",), "EU-PROD-1", "*prod*"),
        (("Live",), "live", "Live"),
        (("dev", "gke_*_prod-?"), "gke_acme_prod-1", "gke_*_prod-?"),
        (("in-*",), IN_CLUSTER, "in-*"),
        (("arn[eu]",), "arn[eu]", "arn[eu]"),
        (("live",), "alive", ""),
        (("*prod*",), "testbed", ""),
        ((), "prod", ""),
        (("*",), "", ""),
    ],
)
def test_contexts(globs: tuple[str, ...], context: str, glob: str) -> None:
    expected = f"context {context!r} matches {glob!r}" if glob else ""
    assert Production(contexts=globs).match(context=context) == expected


@pytest.mark.parametrize("glob", ["https://router.*", "Router.example", "*.EXAMPLE", "router*:443"])
@pytest.mark.parametrize("slash", ["", "/", "/v1/chat?a=1"])
def test_hosts_in_every_spelling(glob: str, slash: str) -> None:
    url = f"https://ROUTER.example{slash}"
    assert Production(hosts=(glob,)).match(host=url) == f"host {url!r} matches {glob!r}"


@pytest.mark.parametrize(
    ("glob", "host"),
    [
        ("10.0.0.*", "10.0.0.7:8080"),
        ("router.live", "http://user@router.live.:8080/"),
        ("http*://router.live", "router.live:80"),
        ("[[]fd00::1]:8080", "http://[fd00::1]:8080"),
        ("fd00::1", "http://[fd00::1]:8080"),
    ],
)
def test_hosts_without_a_scheme_and_addresses(glob: str, host: str) -> None:
    assert Production(hosts=(glob,)).match(host=host) != ""


@pytest.mark.parametrize("host", ["http://127.0.0.1:8080", "http://live.other", "", "http://a:x"])
def test_other_hosts_are_free(host: str) -> None:
    assert Production(hosts=("*.live", "router.example")).match(host=host) == ""


def test_a_cluster_is_known_under_every_name_of_a_context() -> None:
    production = Production(clusters=(UID[:13].upper() + "*",))
    why = production.match(context="harmless", cluster_uid=lambda: UID)
    assert why == f"cluster {UID} matches {UID[:13].upper() + '*'!r}"
    assert production.match(context="harmless", cluster_uid=lambda: "f" + UID) == ""


def test_a_cluster_that_cannot_be_told_is_refused() -> None:
    def forbidden() -> str:
        raise ObservationError("403 Forbidden")

    production = Production(clusters=(UID,))
    assert "could not be read (403 Forbidden)" in production.match(cluster_uid=forbidden)
    assert "could not be read" in production.match(cluster_uid=lambda: "")


def test_the_uid_is_read_only_where_it_decides() -> None:
    def unasked() -> str:
        raise AssertionError

    assert Production(contexts=("a",)).match(context="b", cluster_uid=unasked) == ""
    assert Production(contexts=("a",), clusters=("*",)).match(context="a", cluster_uid=unasked)


def test_the_refusal_names_the_option() -> None:
    production = Production(contexts=("a",)) | Production(contexts=("*prod*",), hosts=("h",))
    with pytest.raises(SpecError) as refusal:
        production.refuse(SpecError, "load", allowed=False, context="eu-prod-1")
    assert str(refusal.value) == (
        "context 'eu-prod-1' matches '*prod*' in production of the spec;"
        " load on production needs --allow-production"
    )
    with pytest.raises(ObservationError):
        production.refuse(ObservationError, "load", allowed=False, host="h")
    production.refuse(SpecError, "load", allowed=True, context="eu-prod-1")
    production.refuse(SpecError, "load", allowed=False, context="dev", host="127.0.0.1")
