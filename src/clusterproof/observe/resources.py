"""What the Pods of a workload are made of, by its template."""

from clusterproof.errors import ObservationError
from clusterproof.kube.objects import Json
from clusterproof.kube.workloads import pod_spec_of
from clusterproof.spec.row import ObjectRef


def template_spec(ref: ObjectRef, workload: Json) -> Json:
    """The spec of the Pods that a workload makes.

    Raises:
        ObservationError: It has no template, or one without containers.
    """
    spec = pod_spec_of(workload)
    if not spec.get("containers"):
        raise ObservationError(
            f"{ref} has no Pod template of its own: what its Pods are made of cannot be read",
            next_command=f"kubectl get {ref.kubectl} -o yaml",
        )
    return spec
