"""Where a rehearsal may not be performed."""

from contextlib import closing

from clusterproof.errors import SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import Connection
from clusterproof.production import Production
from clusterproof.project import SPECS
from clusterproof.spec import Spec


def refuse_production(spec: Spec, connection: Connection, *, allowed: bool) -> None:
    """Refuse a cluster that the spec, or the load spec, marks as somebody's production.

    Args:
        spec: Of the run.
        connection: To the cluster.
        allowed: Whether --allow-production was given.

    Raises:
        SpecError: It is one.
    """
    from clusterproof.load.objectives import read_objectives  # noqa: PLC0415 - only to rehearse

    try:
        objectives = read_objectives(SPECS / "objectives.yaml")
        loaded = Production.model_validate(objectives.production.model_dump())
        with closing(KubeApi(connection)) as api:
            (spec.settings.production | loaded).refuse(
                SpecError,
                "a rehearsal",
                allowed=allowed,
                context=connection.context,
                host=connection.server,
                cluster_uid=api.cluster_uid,
            )
    except SpecError as error:
        raise SpecError(f"--rehearse: {error}") from error
