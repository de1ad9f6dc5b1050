"""Rows about the operations of a deployment, each performed under load and put back.

They are no part of a run that does not ask for them (`--rehearse`): they change the cluster.
"""

from typing import Annotated, Literal

from pydantic import Field

from clusterproof.spec.row import Frozen, Ref, Row


class Scale(Frozen):
    """`kubectl scale`: a workload gets another number of replicas.

    Attributes:
        autoscaler: Of the workload: its floor is raised for the time, since an autoscaler takes
            back at its next sync (15 s) what it did not ask for.
    """

    do: Literal["scale"]
    of: Ref
    replicas: int = Field(ge=1, le=100)
    autoscaler: Ref | None = None


class Configure(Frozen):
    """A key of a ConfigMap is changed, and the workload that consumes it restarted."""

    do: Literal["configure"]
    of: Ref
    key: str
    value: str
    workload: Ref


class Upgrade(Frozen):
    """`kubectl set image`, rolled out, and `kubectl rollout undo`, rolled out.

    Attributes:
        image: Of the container; the nodes have it, or can pull it.
    """

    do: Literal["upgrade"]
    of: Ref
    container: str
    image: str


class Forward(Frozen):
    """`kubectl port-forward` to a Service, and one GET through it.

    Attributes:
        holds: A text that the answer holds.
    """

    do: Literal["forward"]
    of: Ref
    port: int
    path: str
    holds: str


class Drain(Frozen):
    """`kubectl drain` of a node: it is cordoned, and Pods of the spec's namespaces are evicted.

    Attributes:
        runs: The node runs a Pod of this workload: a drain that moves none of its shows nothing.
        spares: The node runs none of these: their only replica is tied to its node's disk.
        elsewhere: Those that must be whole while the node takes no Pod; the row's others may have
            to wait until it does again.
        delete_emptydir_data: Pods with emptyDir volumes are evicted, and lose what is in them; as
            kubectl's option. Without it a node with such a Pod is not drained.
    """

    do: Literal["drain"]
    runs: Ref
    spares: tuple[Ref, ...] = ()
    elsewhere: tuple[Ref, ...] = Field(min_length=1)
    delete_emptydir_data: bool = False


class Kill(Frozen):
    """One Pod of a workload is deleted.

    Attributes:
        grace_s: What it has to end, before it is killed; its own time when absent.
    """

    do: Literal["kill"]
    of: Ref
    grace_s: int | None = Field(default=None, ge=1, le=120)


Operation = Annotated[
    Scale | Configure | Upgrade | Forward | Drain | Kill, Field(discriminator="do")
]


class RehearsalRow(Row):
    """An operation loses no request and no event, comes to its end, and is undone.

    Attributes:
        workloads: Those that must be whole before, after the operation, and in the end.
        rate: Requests per second through the router's Service, all the while (open schedule).
        within_s: For each step of the operation, and for the way back.
        events_within_s: For the exposure events to be read back, after the last request.
    """

    check: Literal["rehearsal"]
    workloads: tuple[Ref, ...] = Field(min_length=1)
    operation: Operation
    rate: float = Field(default=40.0, gt=0, le=100)
    within_s: float = Field(default=150.0, gt=0, le=200)
    events_within_s: float = Field(default=60.0, gt=0, le=200)
