"""What a change is waited for by: a rollout, a Pod, the end of an object, a figure."""

from collections.abc import Set as AbstractSet

from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.hpa import is_measured
from clusterproof.kube.kinds import KINDS
from clusterproof.kube.objects import condition, status_of
from clusterproof.kube.rollout import is_observed, progress_of, wanted_pods
from clusterproof.spec.row import ObjectRef
from testbed.waits import wait_until

ROLLOUT_S = 180.0
GONE_S = 90.0
MEASURED_S = 120.0


def rolled_out(api: KubeApi, path: str, ref: ObjectRef) -> None:
    """Wait until the controller saw the workload and all of its Pods are the current ones."""

    def state() -> tuple[bool, str]:
        item = api.get(path)
        progress = progress_of(ref.kind, item)
        words = f"desired {progress.desired}, updated {progress.updated}, {dict(progress.counts)}"
        return is_observed(item) and progress.is_complete, words

    wait_until(
        state,
        lambda progress: progress[0],
        waiting_for=f"{ref} rolled out",
        within_s=ROLLOUT_S,
        every_s=0.5,
    )


def running(api: KubeApi, path: str, name: str) -> None:
    """Wait until a Pod is Ready."""
    wait_until(
        lambda: condition(api.get(path), "Ready"),
        lambda ready: ready == "True",
        waiting_for=f"{name} Ready",
        within_s=60,
    )


def gone(api: KubeApi, path: str, name: str) -> None:
    """Wait until an object is no more."""
    wait_until(
        lambda: api.find(path),
        lambda item: item is None,
        waiting_for=f"{name} gone",
        within_s=GONE_S,
        every_s=0.2,
    )


def measured(
    api: KubeApi, namespace: str, *, without: AbstractSet[ObjectRef] = frozenset()
) -> None:
    """Wait until every autoscaler has its figures, but for those that scale one of `without`."""
    collection = KINDS["HorizontalPodAutoscaler"].collection(namespace)

    def awaited() -> list[str]:
        return [
            str(item["metadata"]["name"])
            for item in api.list(collection)
            if scaled(item) not in without and not is_measured(item)
        ]

    wait_until(
        awaited,
        lambda names: not names,
        waiting_for="figures of the autoscaler",
        within_s=MEASURED_S,
        every_s=1.0,
    )


def lacks_pods(job: Json) -> bool:
    """Whether a Job wants more Pods than it has, as after one that admission refused."""
    return bool(wanted_pods("Job", job) > (status_of(job).get("active") or 0))


def jobs_begun(api: KubeApi, namespace: str) -> None:
    """Wait until every Job has the Pods that it wants, or is over."""
    collection = KINDS["Job"].collection(namespace)
    wait_until(
        lambda: [job["metadata"]["name"] for job in api.list(collection) if lacks_pods(job)],
        lambda names: not names,
        waiting_for=f"the Pods of the Jobs in {namespace}",
        within_s=ROLLOUT_S,
        every_s=0.5,
    )


def scaled(item: Json) -> ObjectRef:
    """What an autoscaler scales."""
    target = item["spec"]["scaleTargetRef"]
    namespace = str(item["metadata"]["namespace"])
    return ObjectRef(kind=target["kind"], namespace=namespace, name=target["name"])
