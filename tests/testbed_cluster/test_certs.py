"""Certificates: who each one is, what it may serve, and who signed it."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from testbed.cluster.certs import AUTHORITIES, leaves, write_all
from testbed.cluster.topology import NODES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all certificates of a cluster."""
    path = tmp_path_factory.mktemp("certs") / "all"
    write_all(path)
    return path


def read(folder: Path, name: str) -> x509.Certificate:
    """One certificate."""
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def names(certificate: x509.Certificate) -> set[str]:
    """What a server with this certificate may be called."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(entry.value) for entry in extension.value}


def test_api_server_may_be_called_all_that_it_is_dialled_by(folder: Path) -> None:
    assert names(read(folder, "apiserver")) >= {
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
        "127.0.0.1",
        "10.96.0.1",
        "10.200.0.2",
    }


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_kubelet_is_its_node(folder: Path, node: object) -> None:
    name = getattr(node, "name", "")
    certificate = read(folder, name)
    [common] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    [organization] = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert common.value == f"system:node:{name}"
    assert organization.value == "system:nodes"
    assert name in names(certificate)


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.name)
def test_each_is_signed_by_its_authority(folder: Path, leaf: object) -> None:
    name, authority = getattr(leaf, "name", ""), getattr(leaf, "authority", "")
    read(folder, name).verify_directly_issued_by(read(folder, authority))


@pytest.mark.parametrize("name", [*AUTHORITIES, *(leaf.name for leaf in leaves())])
def test_no_key_is_readable_by_others(folder: Path, name: str) -> None:
    assert (folder / f"{name}.key").stat().st_mode & 0o077 == 0
