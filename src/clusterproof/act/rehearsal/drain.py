"""Which Pods of a node a drain evicts, spares, or refuses to touch: kubectl's own filters.

As `kubectl drain --ignore-daemonsets`, with `--delete-emptydir-data` where the row says so, and
never with `--force`. Restates makeFilters and its five filters of kubectl's pkg/drain/filters.go
(v1.35): the first filter that does not let a Pod be deleted decides about it. What is spared is
named, as the warnings of `PodDeleteStatus` name it there; a mirror Pod too, of which kubectl says
nothing.
Rights: `list pods`, `get daemonsets.apps`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from clusterproof.kube.objects import Json, annotations_of, controller_of
from clusterproof.kube.pods import is_finished

MIRROR = "kubernetes.io/config.mirror"
"""The annotation of a Pod that mirrors a static one; only its kubelet can end that."""
UNMANAGED = "Pods that declare no controller"
LOCAL_STORAGE = "Pods with local storage (the row does not say delete_emptydir_data)"
DAEMONSET = "ignoring DaemonSet-managed Pods"
MIRRORED = "ignoring mirror Pods"
EMPTIED = "deleting Pods with local storage"
"""kubectl's own warnings, but for the one of mirror Pods."""
_NAMED_AT_MOST = 10


@dataclass(frozen=True, slots=True)
class Eviction:
    """What a drain does with the Pods of one node.

    Attributes:
        evicted: The Pods to evict.
        refused: `reason: namespace/name` of each Pod for which kubectl refuses the whole drain.
        remarks: What a drain says of Pods that it spares, or whose data it deletes.
    """

    evicted: tuple[Json, ...]
    refused: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def sort_pods(
    pods: Iterable[Json], *, daemonset_exists: Callable[[str, str], bool], emptydir: bool
) -> Eviction:
    """The Pods of one node by what kubectl does with them.

    Args:
        pods: All that are looked at.
        daemonset_exists: Whether the namespace has a DaemonSet of that name.
        emptydir: Whether Pods may lose the data of their emptyDir volumes.
    """
    evicted, refused = [], []
    remarked: dict[str, list[str]] = {DAEMONSET: [], MIRRORED: [], EMPTIED: []}
    for pod in pods:
        owner = controller_of(pod) or {}
        finished = is_finished(pod)
        place = place_of(pod)
        if _is_daemonset(owner) and not finished:
            if not daemonset_exists(pod["metadata"]["namespace"], owner["name"]):
                refused.append(f"DaemonSet {owner['name']} is not found: {place}")
            else:
                remarked[DAEMONSET].append(place)
        elif MIRROR in annotations_of(pod):
            remarked[MIRRORED].append(place)
        elif finished:
            evicted.append(pod)
        elif _has_local_storage(pod) and not emptydir:
            refused.append(f"{LOCAL_STORAGE}: {place}")
        elif not owner:
            refused.append(f"{UNMANAGED}: {place}")
        else:
            if _has_local_storage(pod):
                remarked[EMPTIED].append(place)
            evicted.append(pod)
    return Eviction(tuple(evicted), tuple(refused), tuple(remarks(remarked.items())))


def remarks(places: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """`what: namespace/name, ...` for each that has any Pod; the first of many are named."""
    for what, names in places:
        more = len(names) - _NAMED_AT_MOST
        shown = ", ".join(sorted(names)[:_NAMED_AT_MOST])
        if names:
            yield f"{what}: {shown}{f' and {more} more' if more > 0 else ''}"


def place_of(pod: Json) -> str:
    """`namespace/name`."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _is_daemonset(owner: Json) -> bool:
    return (owner.get("apiVersion"), owner.get("kind")) == ("apps/v1", "DaemonSet")


def _has_local_storage(pod: Json) -> bool:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return any(volume.get("emptyDir") is not None for volume in volumes)
