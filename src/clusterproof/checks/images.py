"""Rows `check: images`.

Source: Kubernetes docs, "Images" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.containers import containers_of, is_pinned
from clusterproof.kube.pods import pod_containers
from clusterproof.kube.workloads import pod_spec_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.workloads import _observed
from clusterproof.spec.row import Row, WorkloadRef


class ImagesRow(Row):
    """Every image is pinned, is no placeholder, and is what the Pods really run."""

    check: Literal["images"]
    workload: WorkloadRef
    placeholders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunningImage:
    """One container: the image that its template names and those that its Pods run."""

    container: str
    template: str
    running: tuple[str, ...]
    image_ids: tuple[str, ...]


def look(row: ImagesRow, site: Site) -> Observed[tuple[RunningImage, ...]]:
    """Each container's image, in the template and as the kubelets report it."""
    cluster = site.cluster
    ref = row.workload
    workload = cluster.find(ref)
    if workload is None:
        return _observed((), ref, ("the API server has no such object",))
    running = [each for pod in cluster.pods_of(ref) for each in pod_containers(pod)]
    images = tuple(
        RunningImage(
            declared.name,
            declared.image,
            tuple(each.image for each in running if each.name == declared.name),
            tuple(
                sorted(
                    {
                        each.status["imageID"]
                        for each in running
                        if each.name == declared.name and each.status.get("imageID")
                    }
                )
            ),
        )
        for declared in containers_of(pod_spec_of(workload))
    )
    evidence = tuple(
        f"{image.container}: {image.template}, {len(image.running)} Pods, "
        f"image ids {', '.join(i.rsplit(':', 1)[-1][:12] for i in image.image_ids) or 'none'}"
        for image in images
    )
    return _observed(images, ref, evidence)


def differences(row: ImagesRow, value: tuple[RunningImage, ...]) -> Iterator[Difference]:
    """Pinned by tag or digest, no placeholder, and the same in every Pod."""
    if not value:
        yield Difference(str(row.workload), "containers with images", "absent")
    for one in value:
        yield from _image_differences(row, one)


def _image_differences(row: ImagesRow, one: RunningImage) -> Iterator[Difference]:
    for placeholder in row.placeholders:
        if placeholder in one.template:
            yield Difference(
                one.container, "an image of your own", one.template, "the README's placeholder"
            )
    if not is_pinned(one.template):
        yield Difference(
            one.container, "a tag other than latest, or a digest", one.template, "not pinned"
        )
    for image in sorted(set(one.running) - {one.template}):
        yield Difference(f"Pods' {one.container}", one.template, image, "not the template's image")
    if len(one.image_ids) > 1:
        yield Difference(
            f"Pods' {one.container}",
            "one image id",
            f"{len(one.image_ids)} image ids",
            "the same name leads to different images",
        )


def judge(row: ImagesRow, fact: tuple[RunningImage, ...]) -> Judgement:
    """Pinned by tag or digest, no placeholder, and the same in every Pod."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(ImagesRow, look, judge)
