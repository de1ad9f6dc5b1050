"""Generated kubeconfigs: one choice for each feature, made by Hypothesis or by a seed."""

from typing import Any

import yaml

from testbed.oracles.kubeconfig.situation import (
    OTHER_TOKEN,
    Case,
    Material,
    Odd,
    Pick,
    in_base64,
    mark,
    noting,
)
from testbed.oracles.kubeconfig.texts import odd_name, odd_text, place, with_odd_name, written_text
from testbed.oracles.kubeconfig.users import user_entry

_NAMESPACES: dict[str, dict[str, Any]] = {
    "none": {},
    "empty": {"namespace": ""},
    "null": {"namespace": None},
    "other": {"namespace": "till"},
}
_OWN_CONTEXTS = (None, "a", "e", "m")
_OTHER_CONTEXTS = ("b", "x")
"""Contexts that only the second file has."""


def case(pick: Pick, material: Material) -> Case:
    """A set of files in which every feature is chosen by `pick`.

    Two files have clusters, users and contexts of the same names: of which the first file's counts.
    """
    made = Case()
    for name, pem in material.pem.items():
        made.files[f"kube/pki/{name}"] = pem.encode()
    made.environment |= _proxy_environment(noting(pick, made.odd), material)
    file: Odd = {}
    text = odd_text(noting(pick, file))
    first = dict(file)
    name = odd_name(noting(pick, first))
    entry = _config(
        clusters={name: _cluster(pick, material, file) for name in ("c", "e")},
        users={name: user_entry(pick, material, made, name, file) for name in ("u", "w")},
        contexts={
            "a": {"cluster": "c", "user": "u", **_namespace(pick, first)},
            "e": {"cluster": "e", "user": "w", **_namespace(pick, file)},
            "m": {"cluster": "c", "user": "w", **mark(file)},
        },
        current="a",
    )
    other = _config(
        clusters={
            "c": {"server": f"http://127.0.0.1:{material.ports['http-2']}"},
            "c2": {
                "server": f"https://127.0.0.1:{material.ports['https-2']}",
                "certificate-authority": "../kube/pki/ca.crt",
            },
            "e": _cluster(pick, material, {}, "../kube/"),
        },
        users={
            "u": {"token": OTHER_TOKEN},
            "u2": {"token": OTHER_TOKEN},
            "w": user_entry(pick, material, made, "other-w", {}, "../kube/"),
        },
        contexts={
            "a": {"cluster": "c2", "user": "u2", **_namespace(pick, {})},
            "b": {"cluster": "c2", "user": "w", **_namespace(pick, {})},
            "m": {"cluster": "e", "user": "u2"},
            "x": {"cluster": "e", "user": "u", "namespace": "x"},
        },
        current="b",
    )
    with_odd_name(name, entry)
    own = written_text(text, entry)
    both = place(noting(pick, made.odd), made, own, yaml.safe_dump(other).encode())
    chosen = pick("--context", ("none", "absent", "empty"))
    made.contexts += (*_OWN_CONTEXTS, *(_OTHER_CONTEXTS if both else ()))
    if chosen != "none":
        made.contexts.append({"empty": "", "absent": "absent"}[chosen])
    return made


def _config(
    clusters: dict[str, Any], users: dict[str, Any], contexts: dict[str, Any], current: str
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster} for name, cluster in clusters.items()],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [{"name": name, "context": context} for name, context in contexts.items()],
        "current-context": current,
    }


def _namespace(pick: Pick, file: Odd) -> dict[str, Any]:
    odd = dict(file)
    chosen = noting(pick, odd)("namespace", ("shop", "shop", *_NAMESPACES))
    return _NAMESPACES.get(chosen, {"namespace": "shop"}) | mark(odd)


def _cluster(pick: Pick, material: Material, file: Odd, root: str = "") -> dict[str, Any]:
    """A cluster.

    `file` is what is odd about its kubeconfig, `root` leads from there to the folder kube.
    """
    odd = dict(file)
    pick = noting(pick, odd)
    scheme = pick("scheme", ("https", "https", "https", "http"))
    host = pick("host", ("127.0.0.1", "127.0.0.1", "localhost", "api.test"))
    address = f"{host}:{material.ports[f'{scheme}-1']}"
    form = pick(
        "server",
        ("plain",) * 8
        + (
            "path",
            "path/",
            "slash",
            "slashes",
            "dots",
            "query",
            "path-query",
            "userinfo",
            "user-only",
        )
        + ("no-scheme", "no-scheme-path", "upper", "no-port", "bad-port", "other-scheme", "space")
        + ("none", "null", "number", "escaped"),
    )
    server: Any = {
        "path": f"{scheme}://{address}/k8s/clusters/c-1",
        "path/": f"{scheme}://{address}/k8s/",
        "slash": f"{scheme}://{address}/",
        "slashes": f"{scheme}://{address}//k8s///x//",
        "dots": f"{scheme}://{address}/k8s/./x/../y",
        "query": f"{scheme}://{address}?a=b",
        "path-query": f"{scheme}://{address}/k8s?a=b#c",
        "userinfo": f"{scheme}://some%40one:pass%3Aword@{address}",
        "user-only": f"{scheme}://someone@{address}",
        "no-scheme": address,
        "no-scheme-path": f"{address}/k8s",
        "upper": f"{scheme.upper()}://{address}",
        "no-port": f"{scheme}://{host}",
        "bad-port": f"{scheme}://{host}:port",
        "other-scheme": f"ftp://{address}",
        "space": f"{scheme}://{address} ",
        "none": "",
        "null": None,
        "number": 7,
        "escaped": f"{scheme}://{address}/a%20b/c%2Fd",
    }.get(form, f"{scheme}://{address}")
    cluster: dict[str, Any] = {"server": server}
    authority = pick(
        "authority",
        ("data",) * 6
        + ("file", "file", "insecure", "insecure", "none", "both", "insecure+data", "insecure+file")
        + (
            "other",
            "no-pem",
            "no-base64",
            "absent-file",
            "empty-data",
            "null-data",
            "folder",
            "bundle",
            "dotted-file",
        ),
    )
    data, path = in_base64(material.pem["ca.crt"]), f"{root}pki/ca.crt"
    forms: dict[str, dict[str, Any]] = {
        "data": {"certificate-authority-data": data},
        "file": {"certificate-authority": path},
        "insecure": {"insecure-skip-tls-verify": True},
        "both": {"certificate-authority-data": data, "certificate-authority": path},
        "insecure+data": {"certificate-authority-data": data, "insecure-skip-tls-verify": True},
        "insecure+file": {
            "certificate-authority": path,
            "insecure-skip-tls-verify": True,
        },
        "other": {"certificate-authority-data": in_base64(material.pem["other.crt"])},
        "no-pem": {"certificate-authority-data": in_base64("no certificate")},
        "no-base64": {"certificate-authority-data": "!!!!"},
        "absent-file": {"certificate-authority": f"{root}pki/absent.crt"},
        "empty-data": {
            "certificate-authority-data": "",
            "certificate-authority": path,
        },
        "null-data": {"certificate-authority-data": None, "insecure-skip-tls-verify": True},
        "dotted-file": {"certificate-authority": f"./{root}bin/../pki/./ca.crt"},
        "folder": {"certificate-authority": f"{root}pki"},
        "bundle": {
            "certificate-authority-data": in_base64(
                "# a bundle\n" + material.pem["other.crt"] + material.pem["ca.crt"]
            )
        },
    }
    cluster |= forms.get(authority, {})
    name = pick("tls-server-name", ("none", "none", "none", "alt.test", "127.0.0.1", "wrong.test"))
    if name != "none":
        cluster["tls-server-name"] = name
    own = pick("proxy-url", ("none",) * 12 + _PROXIES)
    if own != "none":
        cluster["proxy-url"] = _proxy_urls(material)[own]
    if pick("compression", ("on", "on", "off")) == "off":
        cluster["disable-compression"] = True
    return cluster | mark(odd)


_PROXIES = (
    *("http", "http-auth", "https", "socks5", "socks5-auth"),
    *("socks5h", "no-scheme", "ftp"),
)


def _proxy_urls(material: Material) -> dict[str, str]:
    ports = material.ports
    http, tls, socks = ports["http-proxy"], ports["tls-proxy"], ports["socks"]
    return {
        "http": f"http://127.0.0.1:{http}",
        "http-auth": f"http://me:se%40cret@127.0.0.1:{http}/",
        "https": f"https://localhost:{tls}",
        "socks5": f"socks5://127.0.0.1:{socks}",
        "socks5-auth": f"socks5://me:secret@127.0.0.1:{socks}",
        "socks5h": f"socks5h://127.0.0.1:{socks}",
        "no-scheme": f"127.0.0.1:{http}",
        "ftp": f"ftp://127.0.0.1:{http}",
    }


def _proxy_environment(pick: Pick, material: Material) -> dict[str, str]:
    urls = _proxy_urls(material)
    way = pick(
        "proxy-env",
        (
            "none",
            "none",
            "none",
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "both",
            "bare",
            "socks5",
        ),
    )
    environment = {
        "HTTPS_PROXY": {"HTTPS_PROXY": urls["http"]},
        "https_proxy": {"https_proxy": urls["http-auth"]},
        "HTTP_PROXY": {"HTTP_PROXY": urls["http"]},
        "both": {"HTTP_PROXY": urls["http"], "HTTPS_PROXY": urls["http-auth"]},
        "bare": {"HTTPS_PROXY": urls["no-scheme"], "HTTP_PROXY": urls["no-scheme"]},
        "socks5": {"HTTPS_PROXY": urls["socks5"], "HTTP_PROXY": urls["socks5"]},
    }.get(way, {})
    if way == "none":
        return environment  # of which NO_PROXY would exempt nothing
    exempt = pick(
        "NO_PROXY",
        (
            *("none", "none", "*", "api.test", ".test", "test", "*.test", "api.test:1"),
            *("10.0.0.0/8", "API.TEST", "xapi.test", ", api.test ,", "pi.test", "api.test:PORT"),
            ".api.test",
        ),
    )
    if exempt != "none":
        environment["NO_PROXY"] = exempt.replace("PORT", str(material.ports["https-1"]))
    return environment
