"""The cluster of a run: met, settled, and closed at the end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from clusterproof.checks.site import Permissions, Site
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import Connection
from clusterproof.observe.cluster import Cluster
from clusterproof.run.check import begin, settle
from clusterproof.run.recorder import Recorder
from clusterproof.run.telling import Teller
from clusterproof.spec import Row, Spec


@contextmanager
def opened(
    connection: Connection,
    spec: Spec,
    rows: Sequence[Row],
    permissions: Permissions,
    *,
    recorder: Recorder,
    teller: Teller,
    waits: bool,
) -> Iterator[Site]:
    """The cluster, with everything under way that takes seconds and is shared by rows.

    Args:
        connection: To the API server.
        spec: The expected state.
        rows: Those that are checked.
        permissions: What the run may do beside reading.
        recorder: Is told of the cluster, and of what goes wrong at the end.
        teller: Says what is waited for.
        waits: Whether a rollout that is under way is waited for.

    Raises:
        ObservationError: The API server does not answer: nothing can be looked at.
    """
    teller.about(f"the API server: {connection}")
    api = KubeApi(connection)
    recorder.begin(api)
    recorder.meet_cluster(api.get("/version"))
    cluster = Cluster(api)
    recorder.keeper.meet(cluster)
    site = Site(cluster, spec, recorder.run_id, rows, permissions)
    if waits:
        settle(cluster, spec, teller.about)
    if note := recorder.keeper.read_ahead(spec):
        recorder.notes.append(note)
    try:
        begin(site)
        yield site
    finally:
        teller.about("the end of what this run began")
        try:
            site.close()
        finally:
            recorder.notes += site.notes
            api.close()
