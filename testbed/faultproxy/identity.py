"""The proxy's own authority, its server certificates (right and wrong), and a kubeconfig for it."""

import ssl
from datetime import timedelta
from pathlib import Path

from testbed.certificates import Pair, issued
from testbed.kubeconfig import kubeconfig, write_private

CONTEXT = "faultproxy"
DAY = timedelta(days=1)


def server_context(folder: Path, authority: Pair, variant: str) -> ssl.SSLContext:
    """TLS as the proxy serves it; `variant` is right, expired, wrong-ca or wrong-host."""
    wrong = variant == "wrong-ca"
    server = issued(
        "faultproxy server",
        ["somewhere-else.example" if variant == "wrong-host" else "127.0.0.1"],
        issuer=issued("another authority", is_authority=True) if wrong else authority,
        since=2 * DAY,
        lasts=-DAY if variant == "expired" else DAY,
    )
    path = folder / "server.pem"
    write_private(path, server.certificate_pem + server.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def write_kubeconfig(folder: Path, authority: Pair, port: int, token: str) -> Path:
    """A kubeconfig, readable by its owner only, that leads to the proxy."""
    ca = folder / "ca.pem"
    ca.write_bytes(authority.certificate_pem)
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(ca)}
    path = folder / "kubeconfig"
    write_private(path, kubeconfig(CONTEXT, cluster, {"token": token}))
    return path
