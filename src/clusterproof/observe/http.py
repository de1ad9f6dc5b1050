"""What every Pod of a workload answers on a path of its own HTTP port.

Asked are all Pods that run, whether their kubelet calls them ready or not: a Pod that says 503 is
what these rows look for. A Pod that is still starting is left to the rows about replicas.
"""

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.pods import is_ready
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import YOUNG_S
from clusterproof.spec.row import ObjectRef


def running_pods(cluster: Cluster, workload: ObjectRef) -> list[Json]:
    """The Pods that run; one that is not ready yet only after it had its time to become so.

    Raises:
        ObservationError: There is none.
    """
    running = [
        pod
        for pod in cluster.pods_of(workload)
        if (pod.get("status") or {}).get("phase") == "Running"
        and (is_ready(pod) or cluster.age_s(pod) >= YOUNG_S)
    ]
    if not running:
        raise ObservationError(
            f"no running Pod of {workload} to ask",
            next_command=f"kubectl -n {workload.namespace} get pods -o wide",
        )
    return running
