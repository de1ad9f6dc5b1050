"""Judges of workloads: replicas, images, starts, probes, requests and limits."""

from collections.abc import Iterable, Iterator

from clusterproof.judge.difference import Difference, judge
from clusterproof.kube.containers import is_pinned
from clusterproof.kube.quantity import parse_quantity
from clusterproof.observe.workloads import Bound, Probe, Replicas, RunningImage, Starts
from clusterproof.spec.desired import ImagesRow, ProbeRow, QuantityRow, ReplicasRow, StartsRow


@judge.register
def judge_replicas(rule: ReplicasRow, value: Replicas) -> Iterator[Difference]:
    """Desired within bounds; updated, ready and available all equal to desired."""
    if not value.exists:
        yield Difference(str(rule.workload), "a workload", "absent")
        return
    low, high = rule.replicas.min, rule.replicas.max
    expected = f"{low}" if low == high else f"{low} to {high}"
    because = "; ".join(value.troubles)
    if not low <= value.desired <= high:
        desired = _DESIRED.get(rule.workload.kind, "spec.replicas")
        yield Difference(desired, expected, f"{value.desired}")
    if not value.generation_observed:
        yield Difference("status.observedGeneration", "the current generation", "an older one")
    if value.paused:
        reason = "paused: the next change of the template will not be rolled out"
        yield Difference("spec.paused", "false", "true", reason)
    updated, ready, available, total = _COUNTS.get(rule.workload.kind, _REPLICAS)
    wanted = value.desired if value.updated_wanted < 0 else value.updated_wanted
    if value.updated < wanted or (value.updated_wanted < 0 and value.updated > wanted):
        yield Difference(f"status.{updated}", f"{wanted}", f"{value.updated}", because)
    for name, count in ((ready, value.ready), (available, value.available), (total, value.total)):
        if count != value.desired:
            yield Difference(f"status.{name}", f"{value.desired}", f"{count}", because)


_DESIRED = {"DaemonSet": "status.desiredNumberScheduled"}
_REPLICAS = ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")
_COUNTS = {
    "DaemonSet": (
        "updatedNumberScheduled",
        "numberReady",
        "numberAvailable",
        "currentNumberScheduled",
    )
}
"""The status fields of updated, ready, available and all Pods."""


@judge.register
def judge_images(rule: ImagesRow, value: tuple) -> Iterator[Difference]:  # type: ignore[type-arg]
    """Pinned by tag or digest, no placeholder, and the same in every Pod."""
    if not value:
        yield Difference(str(rule.workload), "containers with images", "absent")
    for one in value:
        yield from _image_differences(rule, one)


def _image_differences(rule: ImagesRow, one: RunningImage) -> Iterator[Difference]:
    for placeholder in rule.placeholders:
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


@judge.register
def judge_starts(rule: StartsRow, value: Starts) -> Iterator[Difference]:
    """No waiting reason, and no more restarts within the window than the row allows."""
    if value.pods == 0:
        yield Difference(str(rule.workload), "Pods", "none")
    for trouble in value.troubles:
        place, _, why = trouble.partition(": ")
        yield Difference(place, "running", why, _named_cause(why))
    for place, count in value.recent_restarts:
        if count > rule.restarts_at_most:
            expected = f"at most {rule.restarts_at_most} restarts, none in the last"
            yield Difference(place, f"{expected} {rule.within_s} s", f"{count} restarts")


def _named_cause(why: str) -> str:
    """The README's failure causes by name."""
    causes = (
        ("PersistentVolumeClaim", "PVC not bound"),
        ("persistentvolumeclaim", "PVC not bound"),
        ("Insufficient memory", "memory short"),
        ("OOMKilled", "memory short"),
        ("Insufficient cpu", "CPU short"),
        ("ImagePullBackOff", "image pull failed"),
        ("ErrImagePull", "image pull failed"),
        ("ErrImageNeverPull", "image pull failed"),
        ("InvalidImageName", "image pull failed"),
        ("CreateContainerConfigError", "a ConfigMap or Secret, or a key of it, is missing"),
    )
    return next((name for text, name in causes if text in why), "")


@judge.register
def judge_probe(rule: ProbeRow, value: Probe) -> Iterable[Difference]:
    """The right handler, path, and port; a port by name is the port of that name."""
    if not value.container_exists:
        return [Difference(str(rule.workload), f"container {rule.container}", "absent")]
    if value.probe is None or rule.handler not in value.probe:
        kinds = [key for key in (value.probe or {}) if key in _HANDLERS]
        return [Difference(rule.probe, rule.handler, ", ".join(kinds) or "absent")]
    action = value.probe[rule.handler] or {}
    found = []
    if rule.path and action.get("path", "/") != rule.path:
        found.append(Difference(f"{rule.probe} path", rule.path, str(action.get("path", "/"))))
    port = dict(value.ports).get(str(action.get("port")), action.get("port"))
    if rule.port and str(port) != str(rule.port):
        found.append(Difference(f"{rule.probe} port", str(rule.port), str(action.get("port"))))
    return found


_HANDLERS = frozenset({"httpGet", "tcpSocket", "exec", "grpc"})


@judge.register
def judge_bound(rule: QuantityRow, value: Bound) -> Iterator[Difference]:
    """The template's quantity and each Pod's, compared as numbers."""
    if not value.container_exists:
        yield Difference(str(rule.workload), f"container {rule.container}", "absent")
        return
    what = f"{rule.bound}.{rule.resource}"
    if not _same(value.template, rule.quantity):
        reason = ""
        if value.template is None and any(_same(found, rule.quantity) for _, found in value.pods):
            reason = "the Pods have it from a LimitRange, the template does not declare it"
        yield Difference(f"template {what}", rule.quantity, value.template or "none", reason)
    for pod, found in value.pods:
        if not _same(found, rule.quantity):
            reason = "set by a LimitRange" if pod in value.limit_ranged else ""
            yield Difference(f"{pod} {what}", rule.quantity, found or "none", reason)
    for pod, words in value.resizing:
        yield Difference(f"{pod} {what}", rule.quantity, words)


def _same(found: str | None, expected: str) -> bool:
    return found is not None and parse_quantity(found) == parse_quantity(expected)
