"""One host in its many spellings is the same host, and a glob names all of them."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof import hosts
from clusterproof.errors import SpecError
from clusterproof.hosts import Pattern, look_up, read_host
from clusterproof.load.objectives import read_objectives
from clusterproof.production import Production
from tests.load.generator import load_spec


@pytest.fixture(autouse=True)
def _no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name leads anywhere, unless a test says so."""

    def absent(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", absent)


ADDRESSES = {
    "10.0.0.5": [
        "http://167772165",
        "http://0xA000005:8080",
        "http://10.5",
        "http://012.0.0.05",
        "http://10.0.0.5.",
        "http://[::ffff:10.0.0.5]",
        "http://[0:0:0:0:0:FFFF:0a00:0005]",
        "http://[64:ff9b::a00:5]/v1",
        "10.0.0.5:80",
        "http://\uff11\uff10.0.0.5",
    ],
    "127.0.0.1": ["http://0", "http://0.0.0.0:80", "http://[::]:80", "http://017700000001"],
    "2001:db8::1": [
        "http://[2001:DB8::1]:80",
        "http://[2001:0db8:0:0:0:0:0:0001]",
        "http://[2001:db8::0.0.0.1]",
        "2001:db8::1",
    ],
    "fe80::7": ["http://[fe80::7%25eth0]:80", "http://[fe80::7%eth0]"],
}
"""Each address, and other spellings of it."""
NAMES = {
    "shop.example": [
        "https://SHOP.example.:8443/x",
        "http:/shop.example",
        "//shop.example",
        "shop%2eexample",
        "http://user:word@shop.example",
        "http://shop.example\\@elsewhere",
        "http://\uff53hop\u3002example",
        " http://shop.example\n",
        "http://shop\t.exa\r\nmple",
    ],
    "xn--bcher-kva.example": ["http://Bücher.example", "http://bu\u0308cher.example"],
    "bücher.example": ["http://xn--bcher-kva.example", "http://XN--BCHER-KVA.example."],
    "*.bücher.example": ["http://live.xn--bcher-kva.example"],
    "fußball.example": ["http://xn--fuball-cta.example", "http://fussball.example"],
}


@pytest.mark.parametrize(
    ("glob", "host"),
    [(glob, host) for table in (ADDRESSES, NAMES) for glob in table for host in table[glob]],
)
def test_one_place_has_many_spellings(glob: str, host: str) -> None:
    assert Production(hosts=(glob,)).match(host=host) == f"host {host!r} matches {glob!r}"


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_glob_has_them_too(address: str) -> None:
    for spelling in ADDRESSES[address]:
        target = read_host(spelling).addresses
        assert any(Pattern(spelling).has_address(each) for each in target), spelling


@pytest.mark.parametrize(
    "glob",
    [
        "shop.example.",
        "SHOP.example/",
        "https://shop.example",
        "https://shop.example/",
        "https://shop.example/*",
        "http://shop.example/v1/chat",
        "https://shop.example:443",
        "//shop.example",
        "*://shop.example:*/*",
        "s?op.exam*",
        "[rs]hop.example",
        "http*://shop.example",
        "user@shop.example",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_scheme_or_a_path_of_a_glob_narrows_nothing(glob: str, scheme: str) -> None:
    """A host that is production is so whatever is spoken to it: too wide costs an option only."""
    assert Production(hosts=(glob,)).match(host=f"{scheme}://shop.example/x") != ""


@pytest.mark.parametrize(
    ("glob", "of", "not_of"),
    [
        ("10.0.0.0/8", "http://10.20.30.40", "http://11.0.0.1"),
        ("10.0.0.7/24", "http://10.0.0.200", "http://10.0.1.1"),
        ("https://10.0.0.0/8", "http://0xa010101", "http://9.9.9.9"),
        ("10.0.0.0/255.0.0.0", "http://10.1", "http://127.1"),
        ("::ffff:10.0.0.0/104", "http://10.4.4.4", "http://11.4.4.4"),
        ("2001:db8::/32", "http://[2001:db8:1::9]:80", "http://[2001:db9::1]"),
        ("[2001:db8::]/32", "http://[2001:db8:1::9]", "http://10.0.0.1"),
        ("[2001:db8:*]", "http://[2001:0DB8::9]:8080", "http://[2001:db9::9]"),
        ("2001:0db8::*", "http://[2001:db8:0:0:7::1]", "http://[2001:dba::1]"),
        ("[2001:db8:*]:8080", "http://[2001:db8::9]:8080", "http://[2001:db8::9]:80"),
        ("10.0.*", "http://167772165", "http://10.1.0.5"),
        ("shop:8443", "https://shop:8443", "https://shop"),
        ("https://shop:8443/x", "http://shop:8443", "http://shop:8444"),
        ("*/live/*", "http://gateway/live/x", "http://gateway/test/x"),
        ("[pq]rod.example:80", "http://qrod.example", "http://rrod.example"),
        ("*.svc.cluster.local", "http://web.shop", "http://shop.example.org"),
    ],
)
def test_a_glob_has_what_it_names_and_nothing_else(glob: str, of: str, not_of: str) -> None:
    production = Production(hosts=(glob,))
    assert production.match(host=of) == f"host {of!r} matches {glob!r}"
    assert production.match(host=not_of) == ""


SERVICE = ["web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "web.shop.svc.k8s.acme"]


@pytest.mark.parametrize("dot", ["", "."])
@pytest.mark.parametrize("host", SERVICE[:3])
@pytest.mark.parametrize("glob", [*SERVICE, "*.shop", "w*.shop.svc", "*.shop.svc.cluster.local"])
def test_a_service_is_the_same_by_each_of_its_names(glob: str, host: str, dot: str) -> None:
    for port in ("", ":8080"):
        assert Production(hosts=(glob + dot,)).match(host=f"http://{host}{port}") != ""
        assert Production(hosts=(glob,)).match(host=f"http://{host}{dot}{port}") != ""
    other = host.replace("shop", "test", 1)
    assert Production(hosts=(glob + dot,)).match(host=f"http://{other}{dot}") == ""


@pytest.mark.parametrize(
    "host", ["http://web.shop.svc.k8s.acme", "http://web.shop.svc.k8s.acme.:1"]
)
def test_a_cluster_has_a_domain_of_its_own(host: str) -> None:
    assert Production(hosts=("web.shop",)).match(host=host) != ""
    assert Production(hosts=("web.shop.svc",)).match(host=host) != ""


@pytest.mark.parametrize(
    "glob",
    [
        "",
        " ",
        "/",
        "https://",
        "https:///x",
        "two words",
        "[2001:db8",
        "2001:db8::zz",
        "[2001:db8:::1]",
        "1:2:3",
        "10.0.0.0/33",
        "10.0.0.0/8:443",
        "2001:db8::/129",
        "shop:http",
        "shop:70000",
        "a:b:c",
        "[ab",
    ],
)
def test_a_glob_that_cannot_be_understood_is_refused_in_a_sentence(
    glob: str, tmp_path: Path
) -> None:
    path = load_spec(tmp_path)
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    text["production"]["hosts"] = ["*fine*", glob]
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    with pytest.raises(SpecError, match=r"production\.hosts: .*expected a host, host:port") as why:
        read_objectives(path)
    assert repr(glob) in str(why.value)
    assert "\n" not in str(why.value)


def answering(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], tuple[str, str]]
) -> list[str]:
    """A resolver that leads a name to `answer`'s canonical name and address; what it was asked."""
    asked: list[str] = []

    def resolve(name: str, *_: object, **__: object) -> list[Any]:
        asked.append(name)
        canonical, address = answer(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, canonical, (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    ("glob", "words"),
    [
        ("10.0.0.0/8", "leads to 10.0.0.5, lb.live.example, which matches '10.0.0.0/8'"),
        ("10.0.0.*", "leads to 10.0.0.5"),
        ("0xa000005", "leads to 10.0.0.5"),
        ("*.live.example", "leads to 10.0.0.5, lb.live.example"),
        ("10.0.0.5:8080", "leads to 10.0.0.5"),
    ],
)
def test_a_name_is_where_it_leads_to(
    glob: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, lambda _: ("LB.live.example.", "10.0.0.5"))
    assert words in Production(hosts=("*prod*", glob)).match(host="http://shop.example:8080")
    assert asked == ["shop.example"]
    assert Production(hosts=("10.0.0.5:80", "11.0.0.0/8")).match(host="http://shop.example:8") == ""


def test_an_address_is_that_of_a_name_that_is_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is not: many names are answered at one address, by one Ingress controller."""
    answering(monkeypatch, lambda _: ("", "10.0.0.5"))
    production = Production(hosts=("shop.example",))
    assert (
        production.match(host="http://10.5") == "host 'http://10.5' is an address of 'shop.example'"
    )
    assert production.match(host="http://10.6") == ""
    assert production.match(host="http://test.example") == ""


@pytest.mark.parametrize(
    ("error", "is_match"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False),
        (UnicodeError("label too long"), False),
    ],
)
def test_a_name_that_nobody_can_resolve_may_be_any_address(
    error: Exception, *, is_match: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(_: str) -> tuple[str, str]:
        raise error

    answering(monkeypatch, resolve)
    why = Production(hosts=("10.0.0.0/8",)).match(host="http://shop.example")
    assert ("could not be resolved (Temporary failure" in why) is is_match
    assert Production(hosts=("*prod*",)).match(host="http://shop.example") == ""


def test_a_resolver_that_never_answers_is_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event  # noqa: PLC0415 - nothing else here waits

    end = Event()

    def resolve(_: str) -> tuple[str, str]:
        end.wait(30)
        return "", "10.0.0.5"

    answering(monkeypatch, resolve)
    monkeypatch.setattr(hosts, "RESOLVED_WITHIN_S", 0.05)
    try:
        assert look_up(["a", "b"])["a"].unknown == "no answer within 0.05 s"
        assert "no answer" in Production(hosts=("10.0.0.5",)).match(host="http://shop.example")
    finally:
        end.set()
