"""The ingress: Contour, and the Envoy that it configures, in a network namespace of their own.

Source: Contour v1.33.8, `contour serve --help`, `contour bootstrap --help`, examples/contour.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from testbed.cluster import binaries, envoy, kubeconfigs, paths
from testbed.cluster.binaries import program
from testbed.cluster.component import Component
from testbed.cluster.run import run
from testbed.cluster.topology import GATEWAY, INGRESS, INGRESS_CLASS

MODULE = "github.com/projectcontour/contour"
FILES = (
    "examples/contour/01-crds.yaml",
    "examples/contour/02-role-contour.yaml",
    "examples/gateway/00-crds.yaml",
)
KINDS = (
    *("ExtensionService", "HTTPProxy", "TLSCertificateDelegation"),
    *("Gateway", "GatewayClass", "HTTPRoute", "ReferenceGrant"),
)
"""What `contour serve` watches here; it would watch more of Gateway API, if it were not told."""

_UNWATCHED = ("backendtlspolicies", "grpcroutes", "tcproutes", "tlsroutes")

_XDS = ("--xds-address=127.0.0.1", "--xds-port=8001")
"""Loopback of their own namespace: nobody else can dial it, so no TLS."""

_CONFIGURATION = paths.STATE / "contour.yaml"
_BOOTSTRAP = paths.STATE / "envoy.json"


def manifests() -> Path:
    """Contour's kinds and its ClusterRole, taken from its module once and kept beside it."""
    return binaries.kept_beside("contour", "manifests.yaml", _needed)


def _needed() -> str:
    """As JSON, which is YAML, and which kubectl reads faster."""
    texts = binaries.module_texts("contour", MODULE, FILES)
    loaded = yaml.safe_load_all("\n---\n".join(texts))
    return "\n---\n".join(json.dumps(each) for each in loaded if _is_needed(each))


def _is_needed(document: dict[str, Any] | None) -> bool:
    match document:
        case {"kind": "CustomResourceDefinition", "spec": {"names": {"kind": kind}}}:
            return kind in KINDS
        case {"kind": "ClusterRole"}:
            return True
    return False


def write_files() -> None:
    """Write what Contour has no flag for, and what Envoy starts with: where Contour is."""
    configuration = {
        "gateway": {"gatewayRef": {"namespace": GATEWAY, "name": GATEWAY}},
        "accesslog-level": "error",
    }
    _CONFIGURATION.write_text(json.dumps(configuration), encoding="utf-8")
    admin = f"--admin-address={paths.RUN / 'envoy.sock'}"
    run([str(program("contour")), "bootstrap", str(_BOOTSTRAP), admin, *_XDS])


def components() -> tuple[Component, ...]:
    """Contour, and Envoy."""
    return (
        Component(
            "contour",
            (
                str(program("contour")),
                "serve",
                f"--config-path={_CONFIGURATION}",
                f"--kubeconfig={kubeconfigs.path_of('contour')}",
                "--insecure",
                *_XDS,
                f"--ingress-class-name={INGRESS_CLASS}",
                f"--ingress-status-address={INGRESS.address}",
                f"--envoy-service-http-address={INGRESS.address}",
                f"--envoy-service-https-address={INGRESS.address}",
                "--disable-leader-election",
                *(f"--disable-feature={name}" for name in _UNWATCHED),
                # Ports that are for people, not for the cluster.
                "--stats-address=127.0.0.1",
                "--http-address=127.0.0.1",
                "--health-address=127.0.0.1",
                "--debug-http-address=127.0.0.1",
            ),
            INGRESS.netns,
        ),
        Component(
            "envoy",
            (
                str(envoy.program()),
                # Its options take their values as words of their own.
                *("--config-path", str(_BOOTSTRAP)),
                *("--service-cluster", GATEWAY),
                *("--service-node", GATEWAY),
                *("--log-level", "warning"),
                "--disable-hot-restart",
            ),
            INGRESS.netns,
        ),
    )
