"""What is loaded and what scales it: one Service, maybe one HPA, and the Pods behind both.

An HPA may scale whatever has a scale subresource (scaleTargetRef; scale.Interface of client-go): a
Deployment, a StatefulSet, a Rollout of Argo. Its Pods are those that the scale's own selector takes
(horizontal.go, reconcileAutoscaler: scale.Status.Selector).
"""

from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import quote

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.kinds import KINDS, kind_of
from clusterproof.kube.services import spec_of
from clusterproof.load.sections import Scaling, ServiceRef
from clusterproof.observe.cluster import Cluster

HPAS = KINDS["HorizontalPodAutoscaler"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the objects of a run are.

    Attributes:
        namespace: Of all of them.
        service: Name of the Service that is loaded.
        selector: Of the Pods, as a label selector in text.
        kind: Of the scale target, "" without an HPA.
        collection: Path of the scale target's kind in the namespace.
        name: Of the scale target.
    """

    namespace: str
    service: str
    selector: str
    kind: str = ""
    collection: str = ""
    name: str = ""

    @property
    def scale(self) -> str:
        """Path of its scale subresource."""
        return f"{self.collection}/{quote(self.name)}/scale"


def find_target(api: KubeApi, service: ServiceRef, scaling: Scaling | None) -> Target:
    """The objects of a run, before it starts: what is not there will not come.

    Raises:
        ObservationError: The Service, the HPA or its target is not there, or may not be read.
    """
    namespace = service.namespace
    if scaling is None:
        path = f"{KINDS['Service'].collection(namespace)}/{quote(service.name)}"
        labels = spec_of(api.get(path)).get("selector") or {}
        if not labels:
            raise ObservationError(
                f"Service {namespace}/{service.name} has no selector: which Pods are behind it is"
                " not known; name the HPA in the load spec"
            )
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        return Target(namespace, service.name, selector)
    reference = _autoscaler(api, namespace, scaling.hpa)["spec"]["scaleTargetRef"]
    collection = Cluster(api).kind(kind_of(reference)).collection(namespace)
    target = Target(
        namespace, service.name, "", reference["kind"], collection, str(reference["name"])
    )
    selector = str((api.get(target.scale).get("status") or {}).get("selector") or "")
    if not selector:
        raise ObservationError(f"{target.scale} has no selector: the HPA cannot work either")
    return replace(target, selector=selector)


def _autoscaler(api: KubeApi, namespace: str, name: str) -> Json:
    try:
        return api.get(f"{HPAS.collection(namespace)}/{quote(name)}")
    except ObservationError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise ObservationError(
            f"there is no HorizontalPodAutoscaler {namespace}/{name}: scaling.hpa of the load spec",
            next_command=f"kubectl -n {namespace} get hpa",
        ) from error
