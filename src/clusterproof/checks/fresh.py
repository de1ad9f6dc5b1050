"""Rows `check: fresh`.

Source: Kubernetes docs, "ConfigMaps": environment variables are not updated in a running Pod.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.containers import Container, containers_of, lasting_containers
from clusterproof.kube.env import contents_of, environment_of, files_of, values_of
from clusterproof.kube.execute import ExecResult, execute
from clusterproof.kube.objects import Json
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import Unread, reader_of
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Ref, Row, WorkloadRef


class FreshRow(Row):
    """The Pods started after the data of the object last changed."""

    check: Literal["fresh"]
    workload: WorkloadRef
    of: Ref


_DATA = frozenset({"f:data", "f:binaryData", "f:stringData"})
"""In managedFields; a server-side apply of stringData leaves the last of them alone."""


_NO_SUCH_PROGRAM = ("executable file not found", "no such file or directory", "not found in $PATH")


Places = Mapping[str, str]
"""Variable, or path of a file, to the key that it is of."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """Pods against the data that they were started with.

    Attributes:
        changed_at: Time of the last write of the data; "" where the API server does not say.
        pods: How many Pods there are.
        stale: Pod to the keys whose value in it is not the current one.
        unread: Pods of which no container gets anything of the object.
    """

    object_exists: bool
    changed_at: str
    pods: int
    stale: tuple[tuple[str, tuple[str, ...]], ...]
    unread: tuple[str, ...] = ()


def read_freshness(cluster: Cluster, row: FreshRow, *, read_only: bool) -> Observed[Freshness]:
    """The Pods that run with other values than the object has now.

    Raises:
        ObservationError: An older Pod could not be asked.
    """
    item = cluster.find(row.of)
    next_command = f"kubectl get {row.of.kubectl} -o yaml --show-managed-fields"
    if item is None:
        value = Freshness(object_exists=False, changed_at="", pods=0, stale=())
        return Observed(value, str(row.of), ("there is no such object",), next_command)
    changed_at = data_changed_at(item)
    pods = cluster.pods_of(row.workload)
    older = [pod for pod in pods if not changed_at or _started_before(pod, changed_at)]
    written = f"last written at {changed_at}" if changed_at else "written at a time that is unknown"
    evidence = f"data {written}; {len(pods)} Pods, {len(older)} of them older"
    gets = {
        pod["metadata"]["name"]: _sources(
            cluster, row, pod, lasting_containers(pod["spec"], pod.get("status"))
        )
        for pod in pods
    }
    unread = tuple(name for name, places in gets.items() if not any(places.values()))
    for pod in older:
        every = _sources(cluster, row, pod, containers_of(pod["spec"], pod.get("status")))
        if pod["metadata"]["name"] in unread and any(every.values()):
            raise ObservationError(
                f"{evidence}: only init containers of {pod['metadata']['name']} get it, and they"
                " have ended: what they were given cannot be asked",
                next_command=next_command,
            )
    asked = [pod for pod in older if pod["metadata"]["name"] not in unread]
    how = "API read (times)"
    if asked:
        how = "exec in the older Pods (get and create pods/exec); salted hashes came out"
        if read_only:
            raise ObservationError(
                f"{evidence}: whether they have the current values takes an exec, and"
                " --read-only was given",
                next_command=f"kubectl -n {row.workload.namespace} get pods",
            )
    stale = tuple(
        (pod["metadata"]["name"], keys)
        for pod in asked
        if (keys := _stale_keys(cluster, row, pod, item, gets[pod["metadata"]["name"]]))
    )
    value = Freshness(True, changed_at, len(pods), stale, unread)  # noqa: FBT003 - it exists
    where = f"{row.workload} and {row.of}"
    return Observed(value, where, (evidence,), next_command, how)


def data_changed_at(item: Json) -> str:
    """The time of the last write that owns a part of the data (metadata.managedFields), or ""."""
    times = [
        entry["time"]
        for entry in item["metadata"].get("managedFields") or []
        if _DATA & set(entry.get("fieldsV1") or {}) and "time" in entry
    ]
    return str(max(times, default=""))


def _started_before(pod: Json, moment: str) -> bool:
    started = (pod.get("status") or {}).get("startTime")
    return not started or datetime.fromisoformat(started) < datetime.fromisoformat(moment)


def _sources(
    cluster: Cluster, row: FreshRow, pod: Json, containers: Sequence[Container]
) -> dict[str, Places]:
    """Container to what it gets of the object."""
    specs = [container.spec for container in containers]
    read = reader_of(cluster, row.of, *specs, contents=values_of)
    read_files = reader_of(cluster, row.of, *specs, contents=contents_of)
    own = (row.of.kind, row.of.name)
    found: dict[str, Places] = {}
    for container in containers:
        variables = environment_of(container.spec, read).variables
        mounted = files_of(pod["spec"], container.spec, read_files)
        found[container.name] = {
            **{name: one.key for name, one in variables.items() if (one.kind, one.name) == own},
            **{file.path: file.key for file in mounted if (file.kind, file.name) == own},
        }
    return found


def _stale_keys(
    cluster: Cluster, row: FreshRow, pod: Json, item: Json, gets: Mapping[str, Places]
) -> tuple[str, ...]:
    """Keys that any container of the Pod has with another value, or not at all.

    Raises:
        ObservationError: All are current, and a variable may be of a key that was deleted since.
    """
    salt = secrets.token_hex(16)
    stale: set[str] = set()
    unknown: set[str] = set()
    current = contents_of(row.of.kind, item)
    for container in lasting_containers(pod["spec"]):
        places = gets[container.name]
        if not places:
            continue
        has, behind = _hashes(cluster, row, pod, container.name, (salt, sorted(places)))
        stale |= {
            key for place, key in places.items() if has.get(place) != _hash(salt, current[key])
        }
        unknown |= _left_over(cluster, row, container.spec, behind)
    if unknown and not stale:
        name, some = pod["metadata"]["name"], ", ".join(sorted(unknown)[:5])
        raise ObservationError(
            f"{name} started before the data last changed, and has {some} in its environment, of"
            f" which neither its spec nor {row.of} says anything: keys that were deleted since, or"
            " its image's own",
            next_command=f"kubectl -n {row.workload.namespace} get pod {name} -o yaml",
        )
    return tuple(sorted(stale))


def _left_over(cluster: Cluster, rule: FreshRow, container: Json, behind: list[str]) -> set[str]:
    """Variables that may be of a key which the object had, and lacks now.

    Args:
        cluster: The cluster.
        rule: The row.
        container: As declared.
        behind: Names in the environment behind the first one of the object's: what an image sets
            stands before all that a kubelet sets.
    """
    field = "configMapRef" if rule.of.kind == "ConfigMap" else "secretRef"
    sources = container.get("envFrom") or []
    whole = [one for one in sources if (one.get(field) or {}).get("name") == rule.of.name]
    read = reader_of(cluster, rule.of, container, contents=values_of)
    known = environment_of(container, read).variables
    others = [
        one
        for one in sources
        if one not in whole
        and isinstance(read("Secret", (one.get("secretRef") or {}).get("name", "")), Unread)
    ]
    if not whole or others:
        return set()
    links = tuple(
        service["metadata"]["name"].upper().replace("-", "_")
        for service in cluster.objects("Service", rule.of.namespace)
    )
    declared = {one["name"] for one in container.get("env") or []}
    prefix = whole[0].get("prefix") or ""
    return {
        name
        for name in behind
        if name.startswith(prefix) and name not in known and name not in declared
        if not _is_link(name, ("KUBERNETES", *links))
    }


def _is_link(name: str, services: tuple[str, ...]) -> bool:
    """True for a variable that the kubelet makes of a Service (pkg/kubelet/envvars)."""
    return any(name.startswith((f"{one}_SERVICE_", f"{one}_PORT")) for one in services)


def _hashes(
    cluster: Cluster, row: FreshRow, pod: Json, container: str, asked: tuple[str, list[str]]
) -> tuple[dict[str, str | None], list[str]]:
    """Each variable and file as a salted hash, and the variables behind the first of them.

    Raises:
        ObservationError: The container has neither python3 nor a shell with sha256sum.
    """
    salt, places = asked
    name, namespace = pod["metadata"]["name"], row.workload.namespace
    script = (files("clusterproof.observe") / "scripts" / "environment.py").read_text("utf-8")
    argv = ["python3", "-I", "-c", script, salt, json.dumps(places)]
    result, why = _execute(cluster, (namespace, name, container), argv)
    if result is not None:
        said = json.loads(result.stdout)
        return said["hashes"], said["behind"]
    variables = [place for place in places if not place.startswith("/")]
    shell = (files("clusterproof.observe") / "scripts" / "environment.sh").read_text("utf-8")
    argv = ["sh", "-c", shell, "sh", salt, *places]
    result, also = _execute(cluster, (namespace, name, container), argv)
    if result is None:
        raise ObservationError(
            f"{name}/{container} cannot be asked for what it has: {why}; {also}",
            next_command=f"kubectl -n {namespace} get pod {name} -o wide",
        )
    lines = [line.split() for line in result.stdout.splitlines()]
    hashes = {one[0]: one[1] if len(one) > 1 else None for one in lines if one[0] in places}
    names = [one[1] for one in lines if one[:1] == ["-"]]
    first = min((names.index(one) for one in variables if one in names), default=len(names))
    return hashes, names[first + 1 :]


def _execute(
    cluster: Cluster, place: tuple[str, str, str], argv: list[str]
) -> tuple[ExecResult | None, str]:
    """What the command said, or None with the reason that there is no such program."""
    namespace, pod, container = place
    try:
        result = execute(cluster.api, namespace, pod, container, argv)
    except ObservationError as error:
        if not any(words in str(error) for words in _NO_SUCH_PROGRAM):
            raise
        return None, str(error)
    if result.exit_code == 0:
        return result, ""
    return None, f"exec of {argv[0]} in {pod}/{container} ended with {result.exit_code}"


def _hash(salt: str, value: bytes) -> str:
    return hashlib.sha256(salt.encode() + value).hexdigest()


def look(row: FreshRow, site: Site) -> Observed[Freshness]:
    """What Pods that are older than the object's last write really have."""
    return read_freshness(site.cluster, row, read_only=site.read_only)


def differences(row: FreshRow, value: Freshness) -> Iterator[Difference]:
    """Every Pod has the values that the object has now."""
    if not value.object_exists:
        yield Difference(str(row.of), f"a {row.of.kind}", "absent")
    elif value.pods == 0:
        yield Difference(str(row.workload), "Pods", "none")
    for pod in value.unread:
        yield Difference(pod, f"something of {row.of} in it", "no container gets any of it")
    for pod, keys in value.stale:
        yield Difference(
            pod,
            f"the values of {value.changed_at or 'now'}",
            f"earlier ones of {', '.join(keys)}",
            "it started before they changed: kubectl rollout restart",
        )


def judge(row: FreshRow, fact: Freshness) -> Judgement:
    """Every Pod has the values that the object has now."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(FreshRow, look, judge)
