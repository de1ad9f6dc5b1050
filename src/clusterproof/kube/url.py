"""URLs as Go reads them: a server without a scheme, with a path, with a user; proxies and NO_PROXY.

Source: Go 1.26 `net/url` `Parse`; client-go v0.35.4 `rest/url_utils.go` `DefaultServerURL`, `rest/
request.go` `Request.URL` (`path.Join`), `tools/clientcmd/client_config.go` `ClientConfig`;
golang.org/x/net `http/httpproxy` `ProxyFunc`, `useProxy`.
"""

import ipaddress
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^/?#]*)@)?"
    r"(?P<host>\[[^\]/?#]*\]|[^/?#:\[\]]*)(?::(?P<port>[0-9]*))?"
    r"(?P<path>/[^?#]*)?(?:\?[^#]*)?(?:#.*)?"
)
_NOT_IN_HOST = re.compile(r"[\x00-\x20\x7f\\^`{|}%]")
_HIGHEST_PORT = 65535
_PATH_SAFE = "/$&+,:;=@~"


@dataclass(frozen=True)
class Url:
    """One that can be dialled.

    Attributes:
        host: Without the brackets of an IPv6 address.
        path: Decoded, without a slash at its end; "" for none.
    """

    scheme: str
    host: str
    port: int
    path: str
    username: str | None = None
    password: str | None = None

    @property
    def host_and_port(self) -> str:
        """As a `Host` header has it; without the scheme's own port."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == DEFAULT_PORTS.get(self.scheme) else f"{shown}:{self.port}"

    def __str__(self) -> str:
        """Without user and password: it can be shown."""
        return f"{self.scheme}://{self.host_and_port}{quote(self.path, safe=_PATH_SAFE)}"


def parse(text: str) -> Url | None:
    """The URL, or None where Go would find an error or no host."""
    match = _URL.fullmatch(text)
    if match is None or not match["host"] or re.search(r"[\x00-\x1f\x7f]", text):
        return None
    if _NOT_IN_HOST.search(match["host"]) or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        return None
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else DEFAULT_PORTS.get(scheme, 0)
    if not 0 < port <= _HIGHEST_PORT:
        return None
    username, password = match["user"], None
    if username is not None and ":" in username:
        username, _, password = username.partition(":")
    return Url(
        scheme,
        match["host"].strip("[]"),
        port,
        _clean(unquote(match["path"] or "")),
        None if username is None else unquote(username),
        None if password is None else unquote(password),
    )


def _clean(path: str) -> str:
    """`path.Join`: one slash each, no `.` and `..`."""
    return posixpath.normpath("/" + path.strip("/")).rstrip("/") if path.strip("/") else ""


def parse_server(server: str) -> Url | None:
    """An API server's address; without a scheme it is plain http, as client-go has it.

    None where client-go finds neither a URL nor HOST:PORT.
    """
    if url := parse(server):
        return url
    return parse(f"http://{server}") if re.fullmatch(r"[^/]+/?", server) else None


def without_query(server: str) -> str:
    """A server with a path, as `ClientConfig` has `URL.String` write it; any other as it is."""
    scheme, _, rest = server.partition("://")
    address, _, path = rest.partition("?")[0].partition("/")
    return f"{scheme.lower()}://{address}/{quote(path, safe=f'%{_PATH_SAFE}')}" if path else server


def proxy_from_environment(url: Url, environment: Mapping[str, str]) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for a request to `url`."""

    def first(*names: str) -> str:
        return next((environment[name] for name in names if environment.get(name)), "")

    if url.scheme == "https":
        proxy = first("HTTPS_PROXY", "https_proxy")
    elif url.scheme == "http":
        proxy = first("HTTP_PROXY", "http_proxy")
    else:
        return None
    if not proxy or _is_exempt(url, first("NO_PROXY", "no_proxy")):
        return None
    return proxy if parse(proxy) else f"http://{proxy}"


def _is_exempt(url: Url, exemptions: str) -> bool:
    """`useProxy`: loopback always, else by address, CIDR, domain, port or `*`."""
    host, address = url.host.lower(), _address(url.host)
    if url.host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = [entry.strip().lower() for entry in exemptions.split(",")]
    if "*" in entries:
        return True
    return any(_covers(entry, host, url.port, address) for entry in entries if entry)


def _covers(
    entry: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    if "/" in entry:
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            pass  # no CIDR: it is read as a domain, which then matches nothing
        else:
            return address is not None and address in network
    name, entry_port = _split_port(entry)
    if entry_port and entry_port != str(port):
        return False
    own = _address(name)
    if own is not None or address is not None:
        return own is not None and own == address
    if name.startswith("*."):
        name = name[1:]
    if not name:
        return False
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    """`net.SplitHostPort`; a bare IPv6 address has no port."""
    match = re.fullmatch(r"\[([^\]]*)\]:(.*)|([^:]*):([^:]*)", entry)
    if match is None:
        return entry, ""
    return (match[1], match[2]) if match[1] is not None else (match[3], match[4])


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
