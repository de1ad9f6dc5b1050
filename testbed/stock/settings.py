"""What the package clients of a machine are told: brought into another root, as it is here."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from testbed.cluster.run import run

FILES = (
    "etc/resolv.conf",
    "etc/hosts",
    "etc/ssl/certs/ca-certificates.crt",  # a machine behind a proxy has an authority more
    "etc/pip.conf",
    "etc/uv/uv.toml",
)
USER_FILES = (".config/pip/pip.conf", ".config/uv/uv.toml", ".config/go/env")
ACQUIRE = ("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
"""What of apt's configuration says how it reaches its sources."""

VARIABLES = frozenset(
    {
        *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        *("ALL_PROXY", "all_proxy"),
        *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"),
        *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_CERT", "PIP_PROXY"),
        *("PIP_DEFAULT_TIMEOUT", "PIP_CONFIG_FILE"),
        *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NATIVE_TLS"),
        *("UV_SYSTEM_CERTS", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST"),
        *("GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE"),
    }
)
"""The variables of a machine that say how its clients reach the registries."""


def environment(machine: Mapping[str, str]) -> dict[str, str]:
    """A login's environment, with what `machine` says of registries and proxies."""
    return {
        "HOME": "/root",
        "USER": "root",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "TERM": machine.get("TERM", "dumb"),
        "PATIENCE": machine.get("PATIENCE", ""),
        **{name: value for name, value in machine.items() if name in VARIABLES},
    }


def bring(root: Path) -> None:
    """Copy the files of this machine that say how the registries are reached into `root`."""
    pairs = [(Path("/", name), root / name) for name in FILES]
    pairs += [(Path.home() / name, root / "root" / name) for name in USER_FILES]
    for source, target in pairs:
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(source, target)
    lines = acquire(run(["apt-config", "dump"]))
    (root / "etc/apt/apt.conf.d/90machine").write_text("\n".join([*lines, ""]), encoding="utf-8")


def acquire(dumped: str) -> list[str]:
    """The lines of `apt-config dump` that say how sources are reached."""
    return [line for line in dumped.splitlines() if line.startswith(ACQUIRE) and '""' not in line]
