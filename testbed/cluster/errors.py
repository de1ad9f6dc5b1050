"""What can go wrong with the local cluster, one sentence each."""

from clusterproof.errors import ClusterproofError


class TestbedError(ClusterproofError):
    """The local cluster could not be brought up or down; says what was expected and seen."""

    __test__ = False


class PreflightError(TestbedError):
    """The machine cannot hold the cluster; nothing was changed."""
