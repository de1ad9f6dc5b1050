"""TLS Secrets, against the rows `check: certificate`.

Source: RFC 6125, section 6.4; RFC 5280, section 4.1.2.5 (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.certificates import CertificateView, read_certificate
from clusterproof.observe.cluster import Cluster
from clusterproof.spec.behaviour import CertificateRow

pytestmark = pytest.mark.rows("certificate")


@pytest.fixture
def observed(rule: CertificateRow, cluster: Cluster) -> Observed[CertificateView]:
    """The public part of the Secret."""
    return read_certificate(cluster, rule)


def test_certificate_names_the_host_and_lasts(
    rule: CertificateRow, observed: Observed[CertificateView]
) -> None:
    """It covers the host, its time has come and lasts, and the key belongs to it."""
    assert not differences(rule, observed.value), explain(rule, observed)
