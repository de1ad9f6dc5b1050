"""Where objects are read from: a cluster's namespaces, or files of manifests.

No Secret is read from either: the rows of a Secret come from who refers to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clusterproof.errors import SpecError
from clusterproof.generate.documents import objects_in
from clusterproof.generate.lists import Lists
from clusterproof.generate.settings import printable
from clusterproof.kube.kinds import CLUSTER_WIDE, Kind, kind_of
from clusterproof.kube.kinds import KINDS as KINDS_OF_SERVER
from clusterproof.kube.objects import Json, controller_of
from clusterproof.kube.routes import GROUP as GATEWAY_GROUP
from clusterproof.kube.services import spec_of
from clusterproof.observe.cluster import Cluster

KINDS: Final = (
    "ConfigMap",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "Service",
    "StatefulSet",
)
"""Read of a cluster, in this order."""
_WHERE_ALLOWED: Final = (
    "CronJob",
    "DaemonSet",
    "Job",
    "LimitRange",
    "Pod",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "ServiceAccount",
)
"""Read as well, where that is allowed; those without a row are said to have none."""
WEBHOOKS: Final = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_IN_NO_NAMESPACE: Final = (
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "IngressClass",
    *WEBHOOKS,
)
"""Of these, what has to do with the namespaces is read, where that is allowed."""
_BOOTSTRAPPED: Final = "kubernetes.io/bootstrapping"
"""A label of the roles that the API server makes by itself."""
_NOT_READ = frozenset({"Secret", "Namespace"})
"""Kinds of manifests that are passed over; no Secret is read."""
_SECRETS: Final = "Secret: none is read; a row says only that a key has a value"
_HOOKS: Final = ("helm.sh/hook", "argocd.argoproj.io/hook")
_ENDING: Final = frozenset({"Job", "Pod"})
"""Kinds of hooks that are over once they ran, whether or not they are deleted then."""
_FILES_NAMED: Final = 3
"""In the source of a row."""
_MADE_BY_KUBERNETES = frozenset(
    {("ConfigMap", "kube-root-ca.crt"), ("Service", "kubernetes"), ("ServiceAccount", "default")}
)


@dataclass(frozen=True, slots=True)
class Source:
    """Objects of some namespaces.

    Attributes:
        words: Where they are from, for the rows' `source`.
        passed_over: What could not be read, and why.
    """

    words: str
    objects: tuple[tuple[str, Json], ...]
    passed_over: tuple[str, ...] = ()

    def of(self, *kinds: str) -> Iterator[tuple[str, Json]]:
        """Kind and object, in the order of the names."""
        chosen = [(kind, item) for kind, item in self.objects if kind in kinds]
        yield from sorted(
            chosen, key=lambda pair: (namespace_of(pair[1]), pair[1]["metadata"]["name"])
        )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Of all objects, in order."""
        places = {namespace_of(item, kind) for kind, item in self.objects}
        return tuple(sorted(places - {CLUSTER_WIDE}))


def namespace_of(item: Json, kind: str = "") -> str:
    """The namespace of an object; `default` where a manifest names none.

    CLUSTER_WIDE for a built-in kind that is in no namespace.
    """
    known = KINDS_OF_SERVER.get(kind or str(item.get("kind", "")))
    if known is not None and not known.namespaced:
        return CLUSTER_WIDE
    return str(item["metadata"].get("namespace") or "default")


def from_cluster(cluster: Cluster, namespaces: Iterable[str]) -> Source:
    """What stands in these namespaces.

    Raises:
        ObservationError: A list was refused.
        SpecError: There is no workload in them.
    """
    places = tuple(dict.fromkeys(namespaces))
    lists = Lists(cluster, places)
    listed = [(kind, lists.of(kind)) for kind in KINDS]
    listed += [(kind, lists.where_allowed(kind)) for kind in _WHERE_ALLOWED]
    objects = [
        (kind, item)
        for kind, items in listed
        for item in items
        if not _is_made_by_kubernetes(kind, item)
    ]
    in_none = {kind: lists.in_no_namespace(kind) for kind in _IN_NO_NAMESPACE}
    objects += _custom(cluster, lists, in_none["CustomResourceDefinition"])
    objects += _cluster_wide(in_none, places, objects)
    words = f"read from context {cluster.api.connection.context}"
    source = Source(words, tuple(objects), (*lists.passed_over, _SECRETS))
    return _not_empty(source, f"namespaces {', '.join(places)}")


def _custom(cluster: Cluster, lists: Lists, definitions: Iterable[Json]) -> list[tuple[str, Json]]:
    """The objects of kinds that somebody defined, which are not made by a controller."""
    kinds = []
    for definition in definitions:
        spec = definition["spec"]
        version = _version(spec)
        if spec["scope"] == "Namespaced" and version:
            api_version = f"{spec['group']}/{version}"
            name = kind_of({"kind": spec["names"]["kind"], "apiVersion": api_version})
            if name not in KINDS_OF_SERVER:
                cluster.define(name, Kind(f"/apis/{api_version}", spec["names"]["plural"]))
            kinds.append(name)
    return [
        (kind, item)
        for kind in kinds
        for item in lists.where_allowed(kind)
        if controller_of(item) is None
    ]


def _version(definition: Json) -> str:
    """The version that is stored, of those that are served; "" where none is."""
    served = [each for each in definition["versions"] if each.get("served", True)]
    stored = [each["name"] for each in served if each.get("storage")]
    return str((stored or [each["name"] for each in served] or [""])[0])


def is_of_gateway_api(kind: str) -> bool:
    """Whether a kind is one of Kubernetes' that is defined by objects, as somebody's own is."""
    known = KINDS_OF_SERVER.get(kind)
    return known is not None and known.group == GATEWAY_GROUP


def _cluster_wide(
    read: Mapping[str, Iterable[Json]],
    places: Sequence[str],
    objects: Iterable[tuple[str, Json]],
) -> list[tuple[str, Json]]:
    """The objects in no namespace that name one of these, and those that they lead to.

    Args:
        read: Kind to all of its objects.
        places: The namespaces.
        objects: Those in them.
    """
    bindings = [
        item
        for item in read["ClusterRoleBinding"]
        if any(subject.get("namespace") in places for subject in item.get("subjects") or [])
    ]
    named = {
        item["roleRef"]["name"]
        for item in [*bindings, *(item for kind, item in objects if kind == "RoleBinding")]
        if item["roleRef"]["kind"] == "ClusterRole"
    }
    roles = [
        item
        for item in read["ClusterRole"]
        if item["metadata"]["name"] in named
        and _BOOTSTRAPPED not in (item["metadata"].get("labels") or {})
    ]
    rules = [rule for role in roles for rule in role.get("rules") or []]
    groups = {group for rule in rules for group in rule.get("apiGroups") or []}
    groups |= {kind.partition(".")[2].partition(".")[2] for kind, _ in objects if "." in kind}
    if any(is_of_gateway_api(kind) for kind, _ in objects):
        groups.add(GATEWAY_GROUP)
    classes = {spec_of(item).get("ingressClassName") for kind, item in objects if kind == "Ingress"}
    serves = any("ingressclasses" in (rule.get("resources") or []) for rule in rules)
    chosen: dict[str, list[Json]] = {
        "ClusterRole": roles,
        "ClusterRoleBinding": bindings,
        "CustomResourceDefinition": [
            item for item in read["CustomResourceDefinition"] if item["spec"]["group"] in groups
        ],
        "IngressClass": [
            item for item in read["IngressClass"] if serves or item["metadata"]["name"] in classes
        ],
        "APIService": [
            item
            for item in read["APIService"]
            if (item["spec"].get("service") or {}).get("namespace") in places
        ],
    }
    for kind in WEBHOOKS:
        chosen[kind] = [item for item in read[kind] if _calls(item, places)]
    return [(kind, item) for kind in _IN_NO_NAMESPACE for item in chosen[kind]]


def _calls(configuration: Json, places: Sequence[str]) -> bool:
    """Whether a webhook of it is answered by a Service of one of these namespaces."""
    return any(
        ((webhook.get("clientConfig") or {}).get("service") or {}).get("namespace") in places
        for webhook in configuration.get("webhooks") or []
    )


def _is_made_by_kubernetes(kind: str, item: Json) -> bool:
    """True for what nobody wrote: made with the namespace, or by a controller."""
    made = (kind, item["metadata"]["name"]) in _MADE_BY_KUBERNETES
    return made or controller_of(item) is not None


def from_manifests(paths: Iterable[Path], namespaces: Iterable[str] = ()) -> Source:
    """What the YAML files of some files and folders declare.

    Args:
        paths: Files, or folders that are read with all below them. Kustomize folders and charts
            are rendered first: `kubectl kustomize FOLDER >all.yaml`.
        namespaces: Only these, or all that they name. A single one is also the place of what names
            none, as for `kubectl apply -n`.

    Raises:
        SpecError: A file is no YAML, or there is no workload in any.
    """
    wanted = frozenset(namespaces)
    place = next(iter(wanted)) if len(wanted) == 1 else "default"
    files = [each for path in paths for each in _files(path)]
    given = {path for path in paths if path.is_file()}
    objects: list[tuple[str, Json]] = []
    passed_over: list[str] = []
    for path in files:
        try:
            items, nameless = objects_in(path)
        except SpecError as error:
            if path in given:
                raise
            passed_over.append(str(error))
            continue
        passed_over += nameless
        for item in _placed(items, place):
            kind = _kind(item)
            if hook := _hook(item):
                name = f"{kind}/{namespace_of(item, kind)}/{item['metadata']['name']}"
                passed_over.append(printable(f"{name}: it is there at a moment only ({hook})"))
            else:
                objects.append((kind, item))
    if any(kind == "Secret" for kind, _ in objects):
        passed_over.append(_SECRETS)
    chosen = tuple(
        (kind, item)
        for kind, item in objects
        if kind not in _NOT_READ
        and (not wanted or namespace_of(item, kind) in wanted | {CLUSTER_WIDE})
    )
    source = Source(f"declared in {_named(files)}", chosen, tuple(passed_over))
    return _not_empty(source, f"the {len(files)} files")


def _hook(item: Json) -> str:
    """By which annotation it is no part of a release, but there for a moment around it; or "".

    A hook that is no Job stays until the next release, unless its delete policy says otherwise.
    Source: Helm docs, "Chart Hooks"; Argo CD docs, "Resource Hooks" (read 2026-11-28).
    """
    annotations = item["metadata"].get("annotations")
    if not isinstance(annotations, dict):
        return ""
    for key in _HOOKS:
        hook, policy = str(annotations.get(key, "")), str(annotations.get(f"{key}-delete-policy"))
        is_deleted = "succeeded" in policy.lower() or hook.startswith("test")
        if hook and (item.get("kind") in _ENDING or is_deleted):
            return f"{key}: {hook}"
    return ""


def _kind(item: Json) -> str:
    """As a spec names it; of a group that Kubernetes no longer serves it is the built-in kind."""
    name, group = str(item["kind"]), str(item.get("apiVersion") or "").rpartition("/")[0]
    return name if group in {"", "extensions"} else kind_of(item)


def _named(files: Sequence[Path]) -> str:
    names = sorted({printable(path.name) for path in files})
    more = f" and {len(names) - _FILES_NAMED} files more" if len(names) > _FILES_NAMED else ""
    return ", ".join(names[:_FILES_NAMED]) + more


def _not_empty(source: Source, place: str) -> Source:
    if not any(True for _ in source.of("Deployment", "StatefulSet", "DaemonSet")):
        reasons = [line for line in source.passed_over if line != _SECRETS]
        why = "".join(f"; {line}" for line in reasons[:3])
        raise SpecError(
            f"init: expected a Deployment, StatefulSet or DaemonSet in {place}, observed none{why}"
        )
    return source


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = [*path.rglob("*.yaml"), *path.rglob("*.yml"), *path.rglob("*.json")]
        return sorted(file for file in files if file.name != "kustomization.yaml")
    if not path.is_file():
        raise SpecError(f"--manifests: expected a file or a folder, there is no {path}")
    return [path]


def _placed(items: Iterable[Json], namespace: str) -> Iterator[Json]:
    """The same, each with a namespace, if its kind has one."""
    for item in items:
        if namespace_of(item, _kind(item)) == CLUSTER_WIDE:
            yield item
            continue
        yield {**item, "metadata": {"namespace": namespace, **item["metadata"]}}
