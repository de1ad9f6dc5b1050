"""Where objects are read from: a cluster's namespaces, or files of manifests.

No Secret is read from either: the rows of a Secret come from who refers to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.kinds import CLUSTER_WIDE, kind_of
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
_NOT_READ = frozenset({"Secret", "Kustomization", "List", "Namespace"})
"""Kinds of manifests that are passed over without a word; no Secret is read."""
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
        found = [(kind, item) for kind, item in self.objects if kind in kinds]
        yield from sorted(found, key=lambda one: (namespace_of(one[1]), one[1]["metadata"]["name"]))

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
    places = tuple(namespaces)
    found: list[tuple[str, Json]] = []
    passed_over: list[str] = []
    for namespace in places:
        listed = [(kind, cluster.objects(kind, namespace)) for kind in KINDS]
        listed += [
            (kind, _where_allowed(cluster, kind, namespace, passed_over)) for kind in _WHERE_ALLOWED
        ]
        found += [
            (kind, item)
            for kind, items in listed
            for item in items
            if not _is_made_by_kubernetes(kind, item)
        ]
    in_none = {
        kind: _where_allowed(cluster, kind, CLUSTER_WIDE, passed_over) for kind in _IN_NO_NAMESPACE
    }
    found += _custom(cluster, places, in_none["CustomResourceDefinition"], passed_over)
    found += _cluster_wide(in_none, places, found)
    words = f"read from context {cluster.api.connection.context}"
    source = Source(words, tuple(found), tuple(passed_over))
    return _not_empty(source, f"namespaces {', '.join(places)}")


def _where_allowed(
    cluster: Cluster, kind: str, namespace: str, passed_over: list[str]
) -> list[Json]:
    try:
        return cluster.objects(kind, namespace)
    except ObservationError as error:
        passed_over.append(f"{kind}/{namespace}: it may not be read: {error}")
        return []


def _custom(
    cluster: Cluster, places: Iterable[str], definitions: Iterable[Json], passed_over: list[str]
) -> list[tuple[str, Json]]:
    """The objects of kinds that somebody defined, which are not made by a controller."""
    kinds = [
        _kind_defined(definition)
        for definition in definitions
        if definition["spec"]["scope"] == "Namespaced"
    ]
    return [
        (kind, item)
        for place in places
        for kind in kinds
        for item in _where_allowed(cluster, kind, place, passed_over)
        if controller_of(item) is None
    ]


def _kind_defined(definition: Json) -> str:
    """How a spec names the kind of a CustomResourceDefinition, in the version that is stored."""
    spec = definition["spec"]
    stored = next(each["name"] for each in spec["versions"] if each.get("storage"))
    return kind_of({"kind": spec["names"]["kind"], "apiVersion": f"{spec['group']}/{stored}"})


def _kind_declared(item: Json) -> str:
    """The kind of a manifest; with its group where it only shares a name with Gateway API."""
    kind = str(item["kind"])
    if not _is_of_gateway_api(kind):
        return kind
    return kind_of({"kind": kind, "apiVersion": str(item.get("apiVersion") or "")})


def _is_of_gateway_api(kind: str) -> bool:
    known = KINDS_OF_SERVER.get(kind)
    return known is not None and known.group == GATEWAY_GROUP


def _cluster_wide(
    read: Mapping[str, Iterable[Json]],
    places: Sequence[str],
    found: Iterable[tuple[str, Json]],
) -> list[tuple[str, Json]]:
    """The objects in no namespace that name one of these, and those that they lead to.

    Args:
        read: Kind to all of its objects.
        places: The namespaces.
        found: The objects in them.
    """
    bindings = [
        item
        for item in read["ClusterRoleBinding"]
        if any(subject.get("namespace") in places for subject in item.get("subjects") or [])
    ]
    named = {
        item["roleRef"]["name"]
        for item in [*bindings, *(item for kind, item in found if kind == "RoleBinding")]
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
    groups |= {kind.partition(".")[2].partition(".")[2] for kind, _ in found if "." in kind}
    if any(_is_of_gateway_api(kind) for kind, _ in found):
        groups.add(GATEWAY_GROUP)
    classes = {spec_of(item).get("ingressClassName") for kind, item in found if kind == "Ingress"}
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
    files = [one for path in paths for one in _files(path)]
    given = {path for path in paths if path.is_file()}
    found: list[tuple[str, Json]] = []
    passed_over: list[str] = []
    for path in files:
        try:
            items = list(_placed(_objects(path), place))
        except SpecError as error:
            if path in given:
                raise
            passed_over.append(str(error))
            continue
        found += [
            (_kind_declared(item), item)
            for item in items
            if item.get("kind") not in _NOT_READ
            and (not wanted or namespace_of(item) in wanted | {CLUSTER_WIDE})
        ]
    source = Source(f"declared in {_named(files)}", tuple(found), tuple(passed_over))
    return _not_empty(source, f"the {len(files)} files")


def _named(files: Sequence[Path]) -> str:
    names = sorted({path.name for path in files})
    more = f" and {len(names) - _FILES_NAMED} files more" if len(names) > _FILES_NAMED else ""
    return ", ".join(names[:_FILES_NAMED]) + more


def _not_empty(source: Source, place: str) -> Source:
    if not any(True for _ in source.of("Deployment", "StatefulSet", "DaemonSet")):
        why = "".join(f"; {one}" for one in source.passed_over[:3])
        raise SpecError(
            f"init: expected a Deployment, StatefulSet or DaemonSet in {place}, observed none{why}"
        )
    return source


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [*path.rglob("*.yaml"), *path.rglob("*.yml"), *path.rglob("*.json")]
        return sorted(one for one in found if one.name != "kustomization.yaml")
    if not path.is_file():
        raise SpecError(f"--manifests: expected a file or a folder, there is no {path}")
    return [path]


def _placed(items: Iterable[Json], namespace: str) -> Iterator[Json]:
    """The same, each with a namespace, if its kind has one."""
    for item in items:
        if namespace_of(item) == CLUSTER_WIDE:
            yield item
            continue
        yield {**item, "metadata": {"namespace": namespace, **item["metadata"]}}


def _objects(path: Path) -> Iterator[Json]:
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())[:200]
        raise SpecError(f"{path}: expected manifests in YAML, observed {words}") from error
    for document in documents:
        items = document.get("items") if isinstance(document, Mapping) else None
        for item in items if isinstance(items, list) else [document]:
            if isinstance(item, dict) and item.get("kind") and _has_name(item):
                yield item


def _has_name(item: Json) -> bool:
    """True for an object: another tool's YAML may have a `metadata` of its own."""
    metadata = item.get("metadata")
    return isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
