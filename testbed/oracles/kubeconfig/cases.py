"""Generated kubeconfigs: one choice for each feature, made by Hypothesis or by a seed."""

from typing import Any

import yaml

from testbed.oracles.kubeconfig.situation import OTHER_TOKEN, Case, Material, Pick, in_base64
from testbed.oracles.kubeconfig.texts import odd_names, place, written_text
from testbed.oracles.kubeconfig.users import user_entry


def case(pick: Pick, material: Material) -> Case:
    """A situation in which every feature is chosen by `pick`."""
    made = Case()
    for name, pem in material.pem.items():
        made.files[f"kube/pki/{name}"] = pem.encode()
    cluster = _cluster(pick, material, made)
    user = user_entry(pick, material, made)
    entry = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "a", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
            {"name": "b", "context": {"cluster": "c2", "user": "u2"}},
        ],
        "current-context": "a",
    }
    other = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "c", "cluster": {"server": f"http://127.0.0.1:{material.ports['http-2']}"}},
            {
                "name": "c2",
                "cluster": {
                    "server": f"https://127.0.0.1:{material.ports['https-2']}",
                    "certificate-authority": "../kube/pki/ca.crt",
                },
            },
        ],
        "users": [
            {"name": "u", "user": {"token": OTHER_TOKEN}},
            {"name": "u2", "user": {"token": OTHER_TOKEN}},
        ],
        "contexts": [{"name": "a", "context": {"cluster": "c2", "user": "u2"}}],
        "current-context": "b",
    }
    odd_names(pick, entry)
    place(pick, made, written_text(pick, entry), yaml.safe_dump(other).encode())
    context = pick("--context", ("none", "none", "none", "a", "b", "absent", "empty"))
    if context != "none":
        made.arguments += ["--context", {"empty": ""}.get(context, context)]
    return made


def _cluster(pick: Pick, material: Material, made: Case) -> dict[str, Any]:
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
        ),
    )
    data = in_base64(material.pem["ca.crt"])
    forms: dict[str, dict[str, Any]] = {
        "data": {"certificate-authority-data": data},
        "file": {"certificate-authority": "pki/ca.crt"},
        "insecure": {"insecure-skip-tls-verify": True},
        "both": {"certificate-authority-data": data, "certificate-authority": "pki/ca.crt"},
        "insecure+data": {"certificate-authority-data": data, "insecure-skip-tls-verify": True},
        "insecure+file": {"certificate-authority": "pki/ca.crt", "insecure-skip-tls-verify": True},
        "other": {"certificate-authority-data": in_base64(material.pem["other.crt"])},
        "no-pem": {"certificate-authority-data": in_base64("no certificate")},
        "no-base64": {"certificate-authority-data": "!!"},
        "absent-file": {"certificate-authority": "pki/absent.crt"},
        "empty-data": {"certificate-authority-data": "", "certificate-authority": "pki/ca.crt"},
        "null-data": {"certificate-authority-data": None, "insecure-skip-tls-verify": True},
        "folder": {"certificate-authority": "pki"},
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
    _proxy(pick, material, made, cluster)
    if pick("compression", ("on", "on", "off")) == "off":
        cluster["disable-compression"] = True
    return cluster


def _proxy(pick: Pick, material: Material, made: Case, cluster: dict[str, Any]) -> None:
    ports = material.ports
    http, tls, socks = ports["http-proxy"], ports["tls-proxy"], ports["socks"]
    urls = {
        "http": f"http://127.0.0.1:{http}",
        "http-auth": f"http://me:se%40cret@127.0.0.1:{http}/",
        "https": f"https://localhost:{tls}",
        "socks5": f"socks5://127.0.0.1:{socks}",
        "socks5-auth": f"socks5://me:secret@127.0.0.1:{socks}",
        "socks5h": f"socks5h://127.0.0.1:{socks}",
        "no-scheme": f"127.0.0.1:{http}",
        "ftp": f"ftp://127.0.0.1:{http}",
    }
    own = pick("proxy-url", ("none",) * 12 + tuple(urls))
    if own != "none":
        cluster["proxy-url"] = urls[own]
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
    made.environment |= {
        "HTTPS_PROXY": {"HTTPS_PROXY": urls["http"]},
        "https_proxy": {"https_proxy": urls["http-auth"]},
        "HTTP_PROXY": {"HTTP_PROXY": urls["http"]},
        "both": {"HTTP_PROXY": urls["http"], "HTTPS_PROXY": urls["http-auth"]},
        "bare": {"HTTPS_PROXY": urls["no-scheme"], "HTTP_PROXY": urls["no-scheme"]},
        "socks5": {"HTTPS_PROXY": urls["socks5"], "HTTP_PROXY": urls["socks5"]},
    }.get(way, {})
    exempt = pick(
        "NO_PROXY",
        (
            *("none", "none", "*", "api.test", ".test", "test", "*.test", "api.test:1"),
            *("10.0.0.0/8", "API.TEST", "xapi.test", ", api.test ,", "pi.test", "api.test:PORT"),
            ".api.test",
        ),
    )
    if exempt != "none":
        port = str(ports["https-1"])
        made.environment["NO_PROXY"] = exempt.replace("PORT", port)
