"""Whether Pods run with the current data of a ConfigMap or Secret.

A container gets its environment once, when it starts. A Pod that started after the data last
changed has the current one; of an older Pod nothing can be said from times, because a write that
changes nothing counts as a change too. So an older Pod is asked for what it really has.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.containers import container_named
from clusterproof.kube.execute import execute
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import consumed_keys, decoded
from clusterproof.observe.observed import Observed
from clusterproof.spec.desired import FreshRow


@dataclass(frozen=True, slots=True)
class Freshness:
    """Pods against the data that they were started with.

    Attributes:
        changed_at: Time of the last write of the data.
        pods: How many Pods there are.
        stale: Pod to the keys whose value in it is not the current one.
    """

    object_exists: bool
    changed_at: str
    pods: int
    stale: tuple[tuple[str, tuple[str, ...]], ...]


def read_freshness(cluster: Cluster, rule: FreshRow, *, read_only: bool) -> Observed[Freshness]:
    """The Pods that run with other values than the object has now.

    Raises:
        ObservationError: An older Pod could not be asked.
    """
    item = cluster.find(rule.of)
    next_command = f"kubectl get {rule.of.kubectl} -o yaml --show-managed-fields"
    if item is None:
        value = Freshness(object_exists=False, changed_at="", pods=0, stale=())
        return Observed(value, str(rule.of), ("there is no such object",), next_command)
    changed_at = data_changed_at(item)
    pods = cluster.pods_of(rule.workload)
    older = [pod for pod in pods if _started_before(pod, changed_at)]
    evidence = f"data last written at {changed_at}; {len(pods)} Pods, {len(older)} of them older"
    how = "API read (times)"
    if older:
        how = "exec in the older Pods (get and create pods/exec); salted hashes came out"
        if read_only:
            raise ObservationError(
                f"{evidence}: whether they have the current values takes an exec, and"
                " --read-only was given",
                next_command=f"kubectl -n {rule.workload.namespace} get pods",
            )
    stale = tuple(
        (pod["metadata"]["name"], keys)
        for pod in older
        if (keys := _stale_keys(cluster, rule, pod, item))
    )
    value = Freshness(object_exists=True, changed_at=changed_at, pods=len(pods), stale=stale)
    where = f"{rule.workload} and {rule.of}"
    return Observed(value, where, (evidence,), next_command, how)


def data_changed_at(item: Json) -> str:
    """The time of the last write that owns a part of `data` (metadata.managedFields)."""
    times = [
        entry["time"]
        for entry in item["metadata"].get("managedFields") or []
        if "f:data" in (entry.get("fieldsV1") or {}) and "time" in entry
    ]
    changed = max(times, default=item["metadata"].get("creationTimestamp"))
    if not changed:
        raise ObservationError("the API server does not say when the data last changed")
    return str(changed)


def _started_before(pod: Json, moment: str) -> bool:
    started = (pod.get("status") or {}).get("startTime")
    return not started or datetime.fromisoformat(started) < datetime.fromisoformat(moment)


def _stale_keys(cluster: Cluster, rule: FreshRow, pod: Json, item: Json) -> tuple[str, ...]:
    """Keys that any container of the Pod got with another value, or did not get."""
    salt = secrets.token_hex(16)
    stale: set[str] = set()
    name = pod["metadata"]["name"]
    for container in [one["name"] for one in pod["spec"]["containers"]]:
        declared = container_named(pod["spec"], container)
        keys = consumed_keys(declared.spec, rule.of, item) if declared else {}
        if keys:
            script = (files(__package__) / "scripts" / "environment.py").read_text("utf-8")
            argv = ["python3", "-I", "-c", script, salt, json.dumps(sorted(keys))]
            result = execute(cluster.api, rule.workload.namespace, name, container, argv)
            if result.exit_code:
                raise ObservationError(
                    f"exec of python3 in {name}/{container} ended with {result.exit_code}"
                )
            has = json.loads(result.stdout)
            stale |= {
                key
                for variable, key in keys.items()
                if has[variable] != _hash(salt, rule.of.kind, item, key)
            }
    return tuple(sorted(stale))


def _hash(salt: str, kind: str, item: Json, key: str) -> str | None:
    text = (item.get("data") or {}).get(key)
    if kind == "Secret":  # a list names the kind once, not in each item
        text = decoded(text)
    return None if text is None else hashlib.sha256(f"{salt}{text}".encode()).hexdigest()
