"""Hosts and globs of hosts: one place has many spellings, and all of them are the same place.

A guard that compares text is walked past by another spelling, so that both sides are brought to one
form here. What is restated, and where from:

- a host is decoded, mapped to ASCII and compared without regard to case: WHATWG URL, "host parsing"
  (a backslash is a slash there too), and before that tabs and newlines are taken out of the URL;
  RFC 1034 3.1 for the dot at the end;
- an IPv4 address has one to four parts, decimal, octal or hexadecimal: inet_aton(3), which
  getaddrinfo(3) follows;
- an IPv6 address is compressed or not (RFC 4291 2.2), has a zone (RFC 4007 11) or holds an IPv4 one
  (RFC 4291 2.5.5.2, RFC 6052 2.1); 0.0.0.0 and :: reach this machine (ip(7) of Linux);
- a Service is `name.namespace`, with or without `svc` and the cluster's domain: Kubernetes docs,
  "DNS for Services and Pods".
"""

import contextlib
import re
import socket
import threading
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import unquote

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

RESOLVED_WITHIN_S = 5.0
"""How long all names of one question are waited for. Our choice: one try of a resolver."""
_NAT64 = ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}
_MOST_PORT = 65_535
_SERVICE = 2
"""Labels of a Service's shortest name: its own, and its namespace."""
_ABSENT = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


@dataclass(frozen=True, slots=True)
class Host:
    """A host in the spellings that a glob may have been written for.

    Attributes:
        names: Each form of a DNS name in small letters, without a dot at its end.
        addresses: What the name says by itself, where it is an address.
        port: None where neither a port nor a scheme says which.
    """

    names: frozenset[str]
    addresses: frozenset[Address]
    port: int | None

    @property
    def is_address(self) -> bool:
        """Whether there is nothing to look up."""
        return bool(self.addresses)


@dataclass(frozen=True, slots=True)
class Found:
    """What the resolver says of a name.

    Attributes:
        names: The names that it leads to, in the forms of `Host.names`.
        unknown: Why nobody can tell, or "": a name that does not exist leads nowhere, for sure.
    """

    names: frozenset[str] = frozenset()
    addresses: frozenset[Address] = frozenset()
    unknown: str = ""


class Pattern:
    """A glob of hosts, as a spec has it: a URL, `host:port`, a name, an address or a CIDR."""

    def __init__(self, text: str) -> None:
        """Understand it.

        Its scheme and path say nothing: who names `https://shop.example/` means that host, whatever
        is spoken to it. A port counts, unless it is the scheme's own (RFC 3986 6.2.3).

        Raises:
            ValueError: It is none of these.
        """
        self.text = text
        scheme, rest = _without_scheme(_folded(text.strip()))
        rest = rest.rpartition("@")[2]
        self.whole = _folded(text.strip())
        try:
            self.network = _network(rest.rstrip("/"), has_scheme=bool(scheme))
        except ValueError as error:
            raise ValueError(_expected(text)) from error
        self.name, self.port = "", ""
        if self.network is not None:
            return
        if not rest.strip("/") or re.search(r"\s", rest):
            raise ValueError(_expected(text))
        authority, _, path = rest.partition("/")
        self.name, self.port = _split_pattern(authority, text)
        if self.port.isdecimal() and int(self.port) == _PORTS.get(scheme):
            self.port = ""
        if not self.name.strip("*") and path.strip("/*"):
            self.name = ""  # of the path alone: `*/prod/*`
        self._address = None if _is_glob(self.name) else _address(self.name)

    @property
    def of_addresses(self) -> bool:
        """Whether it names addresses, so that a name has to be looked up to be told from it."""
        numbers = r"[\d.*?]*\d[\d.*?]*"
        return (
            self.network is not None
            or self._address is not None
            or ":" in self.name
            or bool(re.fullmatch(numbers, self.name))
        )

    @property
    def host_name(self) -> str:
        """The one name that it stands for, or "" for an address or more than one name."""
        return "" if self.of_addresses or _is_glob(self.name) else self.name

    def has_text(self, text: str) -> bool:
        """Whether the glob is of this text as it stands, e.g. of a whole URL."""
        return fnmatchcase(_folded(text.strip()), self.whole)

    def has(self, host: "Host | Found", port: int | None) -> bool:
        """Whether the host, or what its name leads to, is one of those that it names."""
        return self.has_port(port) and (
            self.has_name(host.names) or any(map(self.has_address, host.addresses))
        )

    def has_address(self, address: Address) -> bool:
        """Whether the address is one of those that it names."""
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        if self._address is not None:
            return address == self._address
        return bool(self.name) and any(
            fnmatchcase(spelling, glob)
            for spelling in _spellings(address)
            for glob in (self.name, _opened(self.name))
        )

    def has_name(self, names: Iterable[str]) -> bool:
        """Whether one of these names is one of those that it names."""
        if not self.name:
            return False
        labels = self.name.split(".")
        tail = labels[labels.index("svc") :] if "svc" in labels else []
        globs = {self.name, *_forms(self.name)}
        return any(
            spelling == glob or fnmatchcase(spelling, glob)
            for name in names
            for spelling in _services(name, tail)
            for glob in globs
        )

    def has_port(self, port: int | None) -> bool:
        """Whether it says nothing else about the port."""
        return not self.port or port is None or fnmatchcase(str(port), self.port)


def read_host(text: str) -> Host:
    """A URL, `host:port` or host, in all readings that a client may have of it."""
    names: set[str] = set()
    ports: set[int | None] = set()
    for reading in {text, text.replace("\\", "/")}:
        scheme, rest = _without_scheme(_folded(reading.strip()))
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
        name, port = _split_host(authority)
        names |= _forms(name)
        ports.add(port or _PORTS.get(scheme))
    addresses = {address for name in names if (address := _address(name)) is not None}
    if any(address.is_unspecified for address in addresses):
        addresses |= {IPv4Address("127.0.0.1"), IPv6Address("::1")}
    port = ports.pop() if len(ports) == 1 else None
    return Host(frozenset(names), frozenset(addresses), port)


def look_up(names: Iterable[str]) -> Mapping[str, Found]:
    """Where these names lead, by the resolver of this machine; each is asked for once.

    A name that is not answered within RESOLVED_WITHIN_S is unknown: its thread is left behind,
    for getaddrinfo(3) cannot be ended.
    """
    hosts: dict[str, Found] = {}
    asked = frozenset(names)

    def ask(name: str) -> None:
        hosts[name] = _ask(name)

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in asked]
    ends = time.monotonic() + RESOLVED_WITHIN_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    late = Found(unknown=f"no answer within {RESOLVED_WITHIN_S:g} s")
    answered = dict(hosts)
    return {name: answered.get(name, late) for name in asked}


def _ask(name: str) -> Found:
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except socket.gaierror as error:
        return Found(unknown="" if error.errno in _ABSENT else error.strerror or str(error))
    except (OSError, UnicodeError):
        return Found()  # no name at all, so that nothing can connect to it either
    addresses = {_address(str(answer[4][0])) for answer in answers}
    names = {form for answer in answers if answer[3] for form in _forms(_folded(answer[3]))}
    return Found(frozenset(names), frozenset(address for address in addresses if address))


def _folded(text: str) -> str:
    """As IDNA maps it: of full width and of compatibility are the letters that they stand for."""
    text = re.sub(r"[\t\r\n]", "", text)  # urllib takes them out of a URL before it reads it
    return unicodedata.normalize("NFKC", text).lower().replace("。", ".")


def _without_scheme(text: str) -> tuple[str, str]:
    """The scheme, or "", and what is behind it; one slash too few or too many says nothing."""
    scheme, separator, rest = text.partition("://")
    if separator and "/" not in scheme:
        return scheme, rest
    if begins := re.match(r"(https?):/+", text):
        return begins[1], text[begins.end() :]
    return "", text.removeprefix("//")


def _split_host(authority: str) -> tuple[str, int | None]:
    """Name and port; a port that is none is left out: nothing connects to it."""
    if begins := re.match(r"\[([^\]]*)\](?::(\d+))?", authority):
        return begins[1], int(begins[2]) if begins[2] else None
    if authority.count(":") > 1:
        return authority, None
    name, _, port = authority.partition(":")
    return name, int(port) if port.isdecimal() else None


def _split_pattern(authority: str, text: str) -> tuple[str, str]:
    """The name and the port of a glob; brackets are a literal IPv6 address, or a class."""
    authority = authority.replace("[[]", "[", 1)  # a bracket that was escaped for fnmatch
    ipv6 = r"[\da-f:.*?]*:[\da-f:.*?]*:[\da-f:.*?]*(?:%\w+)?"
    if begins := re.fullmatch(rf"\[({ipv6})\](?::(.*))?", authority):
        name, port = begins[1], begins[2] or ""
    elif re.fullmatch(ipv6, authority):
        name, port = authority, ""
    else:
        name, _, port = authority.rpartition(":") if ":" in authority else (authority, "", "")
        if not name.strip(".") or re.search(r"[:%\\]", name) or name.count("[") != name.count("]"):
            raise ValueError(_expected(text))
    if ":" in name and not _is_glob(name) and _address(name) is None:
        raise ValueError(_expected(text))
    if not re.fullmatch(r"[\d*?!\[\]-]*", port) or (port.isdecimal() and int(port) > _MOST_PORT):
        raise ValueError(_expected(text))
    return name.partition("%")[0].rstrip("."), port


def _network(text: str, *, has_scheme: bool) -> Network | None:
    """The network that a glob is, or None; behind a scheme only what can be nothing else.

    Raises:
        ValueError: An address, and a length that no network has.
    """
    address, _, length = text.replace("[", "").replace("]", "").partition("/")
    if not length[:1].isdecimal() or _address(address) is None:
        return None
    try:
        return _mapped(ip_network(f"{address}/{length}", strict=has_scheme))
    except ValueError:
        if has_scheme:
            return None
        raise


def _mapped(network: Network) -> Network:
    """The IPv4 network that an IPv6 one maps, or itself."""
    inner = _plain(network.network_address)
    if inner.version == network.version or network.prefixlen < _NAT64.prefixlen:
        return network
    return ip_network(f"{inner}/{network.prefixlen - _NAT64.prefixlen}")


def _address(text: str) -> Address | None:
    """The address that a host is, or None for a name."""
    text = text.partition("%")[0].strip("[]").rstrip(".")
    try:
        return _plain(ip_address(text))
    except ValueError:
        pass
    if not re.fullmatch(r"[\da-fx.]+", text):
        return None
    with contextlib.suppress(OSError):
        return IPv4Address(socket.inet_aton(text))
    return None


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one holds, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return IPv6Address(int(address))  # without its zone


def _spellings(address: Address) -> Iterator[str]:
    """An address as a glob may be written for it."""
    yield str(address)
    if isinstance(address, IPv6Address):
        yield address.exploded
        yield ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":"))


def _opened(glob: str) -> str:
    """A glob of IPv6 addresses as of all eight groups: no zeros in front, anything for `::`."""
    if ":" not in glob:
        return glob
    groups = glob.replace("::", ":*:").strip(":").split(":")
    return ":".join(group.lstrip("0") or "0" if group.isalnum() else group for group in groups)


def _forms(name: str) -> frozenset[str]:
    """A DNS name as letters and as ASCII, by IDNA 2003 and by IDNA 2008: clients differ."""
    plain = unquote(name)
    if plain != name:
        plain = _folded(plain)
    plain = plain.rstrip(".")
    forms = {plain}
    with contextlib.suppress(UnicodeError):
        forms.add(plain.encode("idna").decode())
    import httpx  # noqa: PLC0415 - plans and offline commands ask for no host

    with contextlib.suppress(httpx.InvalidURL, UnicodeError):
        forms.add(httpx.URL(scheme="http", host=plain).raw_host.decode())
    for form in tuple(forms):
        with contextlib.suppress(UnicodeError):
            forms.add(_folded(form.encode("ascii").decode("idna")))
    return frozenset(form for form in forms if form)


def _services(name: str, tail: list[str]) -> Iterator[str]:
    """The name, and where it is a Service's, its shorter forms and the one of a glob's own tail.

    Args:
        name: Of a host.
        tail: What a glob has from `svc` on: the cluster's domain is known from there only.
    """
    yield name
    labels = name.split(".")
    at = labels.index("svc") if "svc" in labels else len(labels)
    if at < _SERVICE or (at == len(labels) and at != _SERVICE):
        return
    base = labels[:at]
    if at < len(labels):
        yield ".".join(base)
    yield ".".join([*base, "svc"])
    if tail:
        yield ".".join([*base, *tail])


def _is_glob(text: str) -> bool:
    return any(character in text for character in "*?[")


def _expected(text: str) -> str:
    return (
        f"{text!r}: expected a host, host:port, a URL, an address or a CIDR such as 10.0.0.0/8;"
        " * and ? stand for anything"
    )
