"""Every image of a workload is pinned, is no placeholder, and is what its Pods really run.

Source: Kubernetes docs, "Images" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.containers import (
    Container,
    ImageName,
    containers_of,
    has_digest,
    is_pinned,
)
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.nodes import platform_of
from clusterproof.kube.pods import pod_containers
from clusterproof.kube.rollout import wanted_pods
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.resources import template_spec
from clusterproof.observe.workloads import observed_of
from clusterproof.spec.row import Row, WorkloadRef


class ImagesRow(Row):
    """Every image is pinned, is no placeholder, and is what the Pods really run."""

    check: Literal["images"]
    workload: WorkloadRef
    placeholders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunningImage:
    """One container: the image that its template names and those that its Pods run.

    Attributes:
        pods_wanted: How many Pods the workload's controller wants to run at this moment.
        comparable: The image ids where there are several, by what makes them comparable: the
            platform of the node, and whether the id is a registry's or the node's own.
    """

    container: str
    template: str
    running: tuple[str, ...]
    image_ids: tuple[str, ...]
    pods_wanted: int = 0
    comparable: tuple[tuple[str, tuple[str, ...]], ...] = ()


def look(row: ImagesRow, site: Site) -> Observed[tuple[RunningImage, ...]]:
    """Each container's image, in the template and as the kubelets report it."""
    cluster, ref = site.cluster, row.workload
    workload = cluster.find(ref)
    if workload is None:
        return observed_of((), ref, ("the API server has no such object",))
    running = [
        (container, pod["spec"].get("nodeName", ""))
        for pod in cluster.pods_of(ref)
        for container in pod_containers(pod)
    ]
    wanted = wanted_pods(ref.kind, workload)
    images = tuple(
        _running_image(cluster, declared, running, wanted)
        for declared in containers_of(template_spec(ref, workload))
    )
    evidence = tuple(
        f"{image.container}: {image.template}, {len(image.running)} Pods, "
        f"image ids {', '.join(_short(name) for name in image.image_ids) or 'none'}"
        for image in images
    )
    return observed_of(images, ref, evidence)


def _running_image(
    cluster: Cluster, declared: Container, running: list[tuple[Container, str]], wanted: int
) -> RunningImage:
    own = [(container, node) for container, node in running if container.name == declared.name]
    image_ids = {_digest(container.status.get("imageID") or "") for container, _ in own} - {""}
    return RunningImage(
        declared.name,
        declared.image,
        tuple(container.image for container, _ in own),
        tuple(sorted(image_ids)),
        wanted,
        tuple(_comparable(cluster, own)) if len(image_ids) > 1 else (),
    )


def _comparable(
    cluster: Cluster, own: list[tuple[Container, str]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The image ids that are of one image where they are alike.

    A runtime names a registry's index, which all platforms share, its manifest for one platform,
    or, for what was loaded into the node, the node's own image (kubernetes/kubernetes#115199).
    """
    try:
        nodes = cluster.objects("Node", CLUSTER_WIDE)
    except ObservationError:  # no right to them: all are of one unknown platform
        nodes = []
    platforms = {node["metadata"]["name"]: platform_of(node) for node in nodes}
    groups: dict[str, set[str]] = {}
    for container, name in own:
        image_id = container.status.get("imageID") or ""
        whose = "a registry's" if "@" in image_id else "its node's own"
        if image_id:
            platform = platforms.get(name) or "an unknown platform"
            groups.setdefault(f"{whose} on {platform}", set()).add(_digest(image_id))
    for of, image_ids in sorted(groups.items()):
        yield of, tuple(sorted(image_ids))


def _digest(image_id: str) -> str:
    """An imageID without the runtime and the repository: a mirror names another one."""
    return image_id.rpartition("@")[2].rpartition("/")[2]


def _short(image_id: str) -> str:
    return image_id.rsplit(":", 1)[-1][:12]


def judge(row: ImagesRow, images: tuple[RunningImage, ...]) -> Judgement:
    """Pinned by tag or digest, no placeholder, and the same in every Pod.

    Where no Pod is wanted (scaled to none, a Job that is over) the template alone is judged. A
    doubt where a tag has image ids that cannot be compared, or admission took a digest for it.
    """
    judgement = judged(_differences(row, images), _compared(images))
    unseen = [image.container for image in images if image.pods_wanted and not image.running]
    if isinstance(judgement, Failed):
        return judgement
    if unseen:
        return Doubt(
            f"no Pod of {row.workload} has the container {', '.join(unseen)}: what is really run"
            " cannot be seen",
            next_command=f"kubectl describe {row.workload.kubectl}",
        )
    for image in images:
        resolved = [each for each in image.running if _may_be_resolved(image.template, each)]
        if resolved:
            return Doubt(
                f"{image.container}: admission made {resolved[0]} of {image.template}: whether the"
                " tag leads to this digest is its registry's to say",
                next_command=f"kubectl -n {row.workload.namespace} get pods -o wide",
            )
        if len(image.image_ids) > 1 and not has_digest(image.template):
            forms = "; ".join(of for of, _ in image.comparable)
            return Doubt(
                f"{image.container}: {image.template} has image ids that cannot be compared"
                f" ({forms}): a digest behind the tag would say that they are of one image",
                next_command=f"kubectl -n {row.workload.namespace} get pods -o wide",
            )
    return judgement


def _compared(images: tuple[RunningImage, ...]) -> Iterator[str]:
    for image in images:
        yield f"template {image.container}"
        if image.running:
            yield f"{len(image.running)} Pods' {image.container}"


def _differences(row: ImagesRow, images: tuple[RunningImage, ...]) -> Iterator[Difference]:
    if not images:
        yield Difference(
            str(row.workload), "containers with images", "absent", code="workload-absent"
        )
    for image in images:
        yield from _differences_of(image, row.placeholders)


def _is_named_alike(template: str, running: str) -> bool:
    """Whether a Pod's image is the template's, which admission may write out.

    Where there is a digest it alone says what is run.
    """
    declared, admitted = ImageName.of(template), ImageName.of(running)
    if declared.digest:
        declared = replace(declared, tag=admitted.tag)
    return declared == admitted


def _may_be_resolved(template: str, running: str) -> bool:
    """Whether a Pod's image may be what admission found behind the template's tag.

    A tag that stays beside the digest says no more: the digest is what is pulled.
    """
    declared, admitted = ImageName.of(template), ImageName.of(running)
    is_resolved = bool(admitted.digest) and admitted.tag in {"", declared.tag}
    return is_resolved and not declared.digest and admitted.repository == declared.repository


def _differences_of(image: RunningImage, placeholders: tuple[str, ...]) -> Iterator[Difference]:
    for placeholder in placeholders:
        if placeholder in image.template:
            yield Difference(
                image.container,
                "an image of your own",
                image.template,
                "the README's placeholder",
                code="image-placeholder",
            )
    if not is_pinned(image.template):
        yield Difference(
            image.container,
            "a tag other than latest, or a digest",
            image.template,
            "not pinned",
            code="image-not-pinned",
        )
    for other in sorted(set(image.running)):
        if _is_named_alike(image.template, other) or _may_be_resolved(image.template, other):
            continue
        yield Difference(
            f"Pods' {image.container}",
            image.template,
            other,
            "not the template's image",
            code="image-not-the-templates",
        )
    if any(len(image_ids) > 1 for _, image_ids in image.comparable or (("", image.image_ids),)):
        yield Difference(
            f"Pods' {image.container}",
            "one image id",
            f"{len(image.image_ids)} image ids",
            "the same name leads to different images",
            code="image-ids-differ",
        )


KIND = Kind(
    ImagesRow,
    look,
    judge,
    codes=(
        "image-ids-differ",
        "image-not-pinned",
        "image-not-the-templates",
        "image-placeholder",
        "workload-absent",
    ),
)
