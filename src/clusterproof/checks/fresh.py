"""The Pods of a workload have what a ConfigMap or Secret holds now, and nothing older.

Source: Kubernetes docs, "ConfigMaps": environment variables are not updated in a running Pod, and
a mounted file is by a later sync of its kubelet, unless it is a `subPath` (v1.35, read 2026-11-23).
"""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Literal, NamedTuple, TypeAlias

from clusterproof.act.own_pods import require_writing
from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import NotAllowedError, ObservationError
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.containers import containers_of, lasting_containers
from clusterproof.kube.env import contents_of, environment_of, files_of, values_of
from clusterproof.kube.execute import ExecResult, execute
from clusterproof.kube.objects import Json
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import Unread, reader_of
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Ref, Row, WorkloadRef
from clusterproof.wait import last_within

SYNC_S = 120.0
"""After a change, until a kubelet has written it to mounted files. It looks at a Pod again after
`syncFrequency`, a minute, and up to half of it more (workerResyncIntervalJitterFactor of
pkg/kubelet/pod_workers.go); the rest is for a kubelet that is busy."""

EVERY_S = 5.0
"""Between two looks into a Pod whose kubelet may still be about to write."""

_DATA = frozenset({"f:data", "f:binaryData", "f:stringData"})
"""In managedFields; a server-side apply of stringData leaves the last of them alone."""

_NO_SUCH_PROGRAM = ("executable file not found", "no such file or directory", "not found in $PATH")


class FreshRow(Row):
    """The Pods have what the object holds now, whether or not they are older than its data."""

    check: Literal["fresh"]
    workload: WorkloadRef
    of: Ref


@dataclass(frozen=True, slots=True)
class Freshness:
    """Pods against the data that they were started with.

    Attributes:
        changed_at: Time of the last write of the data; "" where the API server does not say.
        pods: How many Pods there are.
        stale: Pod to the keys whose value in it is not the current one.
        unread: Pods of which no container gets anything of the object.
        ended: Older Pods of which only init containers get it, which have ended.
        unknown: Older Pod to variables that may be of keys which the object had, and lacks now.
    """

    object_exists: bool
    changed_at: str
    pods: int
    stale: tuple[tuple[str, tuple[str, ...]], ...]
    unread: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    unknown: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Source(NamedTuple):
    """Where a variable or a file of a container comes from.

    Attributes:
        key: Of the object.
        synced: The kubelet writes later values of it into the running Pod.
    """

    key: str
    synced: bool


Places: TypeAlias = Mapping[str, Source]
"""Variable, or path of a file, to where it comes from."""


class StaleKeys(NamedTuple):
    """Keys that a Pod has with another value than the current one, or not at all.

    Attributes:
        lasting: Those that stay so until the Pod is made anew.
        synced: Those that are so only in files that the kubelet writes anew.
        unknown: Variables that may be of a key that was deleted since.
    """

    lasting: frozenset[str]
    synced: frozenset[str]
    unknown: frozenset[str]


def look(row: FreshRow, site: Site) -> Observed[Freshness]:
    """What Pods that are older than the object's last write really have.

    Waits for the kubelets to write a change of a moment ago into mounted files.

    Raises:
        ObservationError: An older Pod could not be asked.
    """
    cluster = site.cluster
    object_ = cluster.find(row.of)
    next_command = f"kubectl get {row.of.kubectl} -o yaml --show-managed-fields"
    if object_ is None:
        absent = Freshness(object_exists=False, changed_at="", pods=0, stale=())
        return Observed(absent, str(row.of), ("there is no such object",), next_command)
    changed_at = data_changed_at(object_)
    pods = cluster.pods_of(row.workload)
    older = [pod for pod in pods if not changed_at or _started_before(pod, changed_at)]
    written = f"last written at {changed_at}" if changed_at else "written at a time that is unknown"
    evidence = f"data {written}; {len(pods)} Pods, {len(older)} of them older"
    places = {pod["metadata"]["name"]: _places_in(cluster, row, pod) for pod in pods}
    unread = tuple(pod for pod, containers in places.items() if not any(containers.values()))
    ended = tuple(
        pod["metadata"]["name"]
        for pod in older
        if pod["metadata"]["name"] not in unread
        and not any(
            places[pod["metadata"]["name"]][container.name]
            for container in lasting_containers(pod["spec"])
        )
    )
    asked = [pod for pod in older if pod["metadata"]["name"] not in {*unread, *ended}]
    how = "API read (times)"
    if asked:
        how = "exec in the older Pods (get and create pods/exec); salted hashes came out"
        try:
            require_writing(
                site.api,
                site.spec.settings.production,
                read_only=site.permissions.read_only,
                allow_production=site.permissions.allow_production,
            )
        except NotAllowedError as error:
            raise NotAllowedError(
                f"{evidence}: whether they have the current values takes an exec: {error}",
                next_command=f"kubectl -n {row.workload.namespace} get pods",
            ) from error
    keys = {}
    for pod in asked:
        name = pod["metadata"]["name"]
        keys[name] = _stale_after_sync(cluster, row, pod, object_, places[name])
    freshness = Freshness(
        object_exists=True,
        changed_at=changed_at,
        pods=len(pods),
        stale=tuple(
            (pod, tuple(sorted(stale.lasting | stale.synced)))
            for pod, stale in keys.items()
            if stale.lasting or stale.synced
        ),
        unread=unread,
        ended=ended,
        unknown=tuple(
            (pod, tuple(sorted(stale.unknown))) for pod, stale in keys.items() if stale.unknown
        ),
    )
    where = f"{row.workload} and {row.of}"
    return Observed(freshness, where, (evidence,), next_command, how)


def data_changed_at(object_: Json) -> str:
    """The time of the last write that owns a part of the data (metadata.managedFields), or ""."""
    times = [
        entry["time"]
        for entry in object_["metadata"].get("managedFields") or []
        if _DATA & set(entry.get("fieldsV1") or {}) and "time" in entry
    ]
    return str(max(times, default=""))


def _started_before(pod: Json, moment: str) -> bool:
    started = (pod.get("status") or {}).get("startTime")
    return not started or datetime.fromisoformat(started) < datetime.fromisoformat(moment)


def _places_in(cluster: Cluster, row: FreshRow, pod: Json) -> dict[str, Places]:
    """Container, of whatever kind, to what it gets of the object."""
    containers = containers_of(pod["spec"], pod.get("status"))
    specs = [container.spec for container in containers]
    read = reader_of(cluster, row.of, *specs, contents=values_of)
    read_files = reader_of(cluster, row.of, *specs, contents=contents_of)
    own = (row.of.kind, row.of.name)
    places: dict[str, Places] = {}
    for container in containers:
        variables = environment_of(container.spec, read).variables
        mounted = files_of(pod["spec"], container.spec, read_files)
        places[container.name] = {
            **{
                name: Source(variable.key, synced=False)
                for name, variable in variables.items()
                if (variable.kind, variable.name) == own
            },
            **{
                file.path: Source(file.key, synced=file.updated)
                for file in mounted
                if (file.kind, file.name) == own
            },
        }
    return places


def _stale_after_sync(
    cluster: Cluster, row: FreshRow, pod: Json, object_: Json, places: Mapping[str, Places]
) -> StaleKeys:
    """The keys that are stale once the kubelet had the time to write the last change."""
    changed_at = data_changed_at(object_)
    left_s = SYNC_S - cluster.seconds_since(changed_at) if changed_at else 0.0
    return last_within(
        lambda: _stale_keys(cluster, row, pod, object_, places),
        lambda keys: bool(keys.lasting) or not keys.synced,
        within_s=max(0.0, left_s),
        every_s=EVERY_S,
    )


def _stale_keys(
    cluster: Cluster, row: FreshRow, pod: Json, object_: Json, places: Mapping[str, Places]
) -> StaleKeys:
    """Keys that any container of the Pod has with another value, or not at all."""
    salt = secrets.token_hex(16)
    stale: set[Source] = set()
    unknown: set[str] = set()
    current = contents_of(row.of.kind, object_)
    for container in lasting_containers(pod["spec"]):
        own = places[container.name]
        if not own:
            continue
        hashes, behind = _hashes(cluster, row, pod, container.name, (salt, sorted(own)))
        stale |= {
            source
            for place, source in own.items()
            if hashes.get(place) != _hash(salt, current[source.key])
        }
        unknown |= _left_over(cluster, row, container.spec, behind)
    return StaleKeys(
        lasting=frozenset(source.key for source in stale if not source.synced),
        synced=frozenset(source.key for source in stale if source.synced),
        unknown=frozenset(unknown),
    )


def _left_over(cluster: Cluster, row: FreshRow, container: Json, behind: list[str]) -> set[str]:
    """Variables that may be of a key which the object had, and lacks now.

    Args:
        cluster: The cluster.
        row: The row.
        container: As declared.
        behind: Names in the environment behind the first one of the object's: what an image sets
            stands before all that a kubelet sets.
    """
    field = "configMapRef" if row.of.kind == "ConfigMap" else "secretRef"
    sources = container.get("envFrom") or []
    whole = [source for source in sources if (source.get(field) or {}).get("name") == row.of.name]
    read = reader_of(cluster, row.of, container, contents=values_of)
    known = environment_of(container, read).variables
    others = [
        source
        for source in sources
        if source not in whole
        and isinstance(read("Secret", (source.get("secretRef") or {}).get("name", "")), Unread)
    ]
    if not whole or others:
        return set()
    links = tuple(
        service["metadata"]["name"].upper().replace("-", "_")
        for service in cluster.objects("Service", row.of.namespace)
    )
    declared = {variable["name"] for variable in container.get("env") or []}
    prefix = whole[0].get("prefix") or ""
    return {
        name
        for name in behind
        if name.startswith(prefix) and name not in known and name not in declared
        if not _is_link(name, ("KUBERNETES", *links))
    }


def _is_link(name: str, services: tuple[str, ...]) -> bool:
    """True for a variable that the kubelet makes of a Service (pkg/kubelet/envvars)."""
    return any(name.startswith((f"{service}_SERVICE_", f"{service}_PORT")) for service in services)


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
        answer = json.loads(result.stdout)
        return answer["hashes"], answer["behind"]
    variables = [place for place in places if not place.startswith("/")]
    shell = (files("clusterproof.observe") / "scripts" / "environment.sh").read_text("utf-8")
    argv = ["sh", "-c", shell, "sh", salt, *places]
    result, why_no_shell = _execute(cluster, (namespace, name, container), argv)
    if result is None:
        raise ObservationError(
            f"{name}/{container} cannot be asked for what it has: {why}; {why_no_shell}",
            next_command=f"kubectl -n {namespace} get pod {name} -o wide",
        )
    lines = [line.split() for line in result.stdout.splitlines()]
    hashes = {line[0]: line[1] if len(line) > 1 else None for line in lines if line[0] in places}
    names = [line[1] for line in lines if line[:1] == ["-"]]
    first = min((names.index(name) for name in variables if name in names), default=len(names))
    return hashes, names[first + 1 :]


def _execute(
    cluster: Cluster, place: tuple[str, str, str], argv: list[str]
) -> tuple[ExecResult | None, str]:
    """What the command printed, or None with the reason that there is no such program."""
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


def _hash(salt: str, content: bytes) -> str:
    return hashlib.sha256(salt.encode() + content).hexdigest()


def judge(row: FreshRow, freshness: Freshness) -> Judgement:
    """Every Pod has the values that the object has now.

    A doubt where nothing differs, and a Pod may have been given what cannot be asked any more.
    """
    judgement = judged(
        _differences(row, freshness), [f"{row.of} in {freshness.pods} Pods of {row.workload}"]
    )
    if isinstance(judgement, Failed):
        return judgement
    if freshness.ended:
        return Doubt(
            f"only init containers of {', '.join(freshness.ended)} get anything of {row.of}, and"
            " they have ended: what they were given cannot be asked",
            next_command=f"kubectl get {row.of.kubectl} -o yaml --show-managed-fields",
        )
    if freshness.unknown:
        pod, variables = freshness.unknown[0]
        return Doubt(
            f"{pod} started before the data last changed, and has {', '.join(variables[:5])} in"
            f" its environment, of which neither its spec nor {row.of} says anything: keys that"
            " were deleted since, or its image's own",
            next_command=f"kubectl -n {row.workload.namespace} get pod {pod} -o yaml",
        )
    return judgement


def _differences(row: FreshRow, freshness: Freshness) -> Iterator[Difference]:
    if not freshness.object_exists:
        yield Difference(str(row.of), f"a {row.of.kind}", "absent", code="object-absent")
    elif freshness.pods == 0:
        yield Difference(str(row.workload), "Pods", "none", code="pods-absent")
    for pod in freshness.unread:
        expected = f"something of {row.of} in it"
        observed = "no container gets any of it"
        yield Difference(pod, expected, observed, code="object-not-consumed")
    for pod, keys in freshness.stale:
        yield Difference(
            pod,
            f"the values of {freshness.changed_at or 'now'}",
            f"earlier ones of {', '.join(keys)}",
            "it started before they changed: kubectl rollout restart",
            code="pod-stale",
        )


KIND = Kind(
    FreshRow,
    look,
    judge,
    codes=(
        "object-absent",
        "object-not-consumed",
        "pod-stale",
        "pods-absent",
    ),
)
