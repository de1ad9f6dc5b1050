"""The judges of workloads: each has a passing case, and a failing one for each of its reasons."""

import re
from dataclasses import replace
from typing import Any

import pytest

from clusterproof.checks import judge
from clusterproof.checks.images import RunningImage
from clusterproof.checks.probe import Probe
from clusterproof.checks.quantity import Bound
from clusterproof.checks.replicas import Replicas
from clusterproof.checks.starts import Starts
from clusterproof.judgement import Doubt, Passed
from tests.judge.rows import row
from tests.judging import differences

RIGHT = Replicas(exists=True, desired=3, updated=3, ready=3, available=3, total=3)
DIGEST = f"repo/web@sha256:{'a' * 64}"


def said(rule: Any, fact: object) -> list[str]:  # noqa: ANN401 - any row
    different = differences(rule, fact)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)+", each.code) for each in different), different
    return [str(each) for each in different]


def replicas_row(low: int = 3, high: int = 10) -> Any:  # noqa: ANN401 - a row
    return row("replicas", workload="Deployment/ns/web", replicas={"min": low, "max": high})


@pytest.mark.parametrize("count", [3, 4, 10])
def test_replicas_within_bounds_are_right(count: int) -> None:
    value = Replicas(
        exists=True, desired=count, updated=count, ready=count, available=count, total=count
    )
    assert said(replicas_row(), value) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exists": False}, "Deployment/ns/web: expected a workload, observed absent"),
        ({"ready": 2}, "status.readyReplicas: expected 3, observed 2"),
        ({"updated": 1}, "status.updatedReplicas: expected 3, observed 1"),
        ({"available": 0}, "status.availableReplicas: expected 3, observed 0"),
        ({"total": 4}, "status.replicas: expected 3, observed 4"),
        ({"generation_observed": False}, "status.observedGeneration: expected the current"),
    ],
)
def test_each_count_that_differs_is_said(change: dict[str, Any], words: str) -> None:
    (found,) = said(replicas_row(), replace(RIGHT, **change))
    assert found.startswith(words)


@pytest.mark.parametrize("count", [0, 2, 11])
def test_replicas_out_of_bounds_are_said(count: int) -> None:
    value = Replicas(
        exists=True, desired=count, updated=count, ready=count, available=count, total=count
    )
    assert said(replicas_row(), value) == [f"spec.replicas: expected 3 to 10, observed {count}"]


def test_one_expected_number_is_said_as_one() -> None:
    assert said(replicas_row(2, 2), RIGHT) == ["spec.replicas: expected 2, observed 3"]


def test_troubles_of_pods_are_the_reason() -> None:
    value = replace(RIGHT, ready=2, troubles=("web-1: not scheduled: 0/5 nodes",))
    assert said(replicas_row(), value)[0].endswith("(web-1: not scheduled: 0/5 nodes)")


def image(
    template: str, *running: str, ids: tuple[str, ...] = ("sha256:1",)
) -> tuple[RunningImage]:
    return (RunningImage("web", template, running or (template,), ids),)


@pytest.mark.parametrize(
    "name",
    [
        "repo/web:1.2",
        "host:5000/repo/web:1.2",
        DIGEST,
        "web:v1@x:1",
        f"repo/web@sha512:{'0' * 128}",
    ],
)
def test_pinned_images_are_right(name: str) -> None:
    rule = row("images", workload="Deployment/ns/web", placeholders=["your-registry/"])
    assert said(rule, image(name)) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (image("repo/web:latest"), "expected a tag other than latest, or a digest"),
        (image("repo/web"), "(not pinned)"),
        (image("host:5000/web"), "(not pinned)"),
        (image("repo/web:"), "(not pinned)"),
        (image("repo/web@sha256:abc"), "(not pinned)"),
        (image(f"repo/web@sha512:{'0' * 64}"), "(not pinned)"),
        (image("your-registry/web:1"), "the README's placeholder"),
        (image("web:1", "web:1", "web:2"), "Pods' web: expected web:1, observed web:2"),
        (image("web:1", ids=("sha256:1", "sha256:2")), "expected one image id, observed 2"),
        ((), "expected containers with images, observed absent"),
    ],
)
def test_each_wrong_image_is_said(value: tuple[RunningImage, ...], words: str) -> None:
    rule = row("images", workload="Deployment/ns/web", placeholders=["your-registry/"])
    (found,) = said(rule, value)
    assert words in found


def starts_row() -> Any:  # noqa: ANN401 - a row
    return row("starts", workload="Deployment/ns/web", restarts_at_most=1, within_s=600)


def test_containers_that_run_are_right() -> None:
    assert said(starts_row(), Starts(2, (), ())) == []
    assert said(starts_row(), Starts(2, (), (("web-1/web", 1),))) == []


@pytest.mark.parametrize(
    ("why", "name"),
    [
        ("not scheduled: persistentvolumeclaim x not found", "PVC not bound"),
        ("not scheduled: unbound immediate PersistentVolumeClaims", "PVC not bound"),
        ("not scheduled: 5 Insufficient memory", "memory short"),
        ("memory short: OOMKilled", "memory short"),
        ("not scheduled: 5 Insufficient cpu", "CPU short"),
        ("ImagePullBackOff: back-off", "image pull failed"),
        ("ErrImagePull: not found", "image pull failed"),
        ("ErrImageNeverPull: absent", "image pull failed"),
        ("InvalidImageName: x", "image pull failed"),
        ("RegistryUnavailable: x", "image pull failed"),
        ("SignatureValidationFailed: x", "image pull failed"),
        (
            'CreateContainerConfigError: secret "s" not found',
            "a ConfigMap or Secret, or a key of it, is missing",
        ),
        (
            "CreateContainerConfigError: couldn't find key K in ConfigMap ns/c",
            "a ConfigMap or Secret, or a key of it, is missing",
        ),
    ],
)
def test_the_readmes_failure_causes_are_named(why: str, name: str) -> None:
    (found,) = said(starts_row(), Starts(1, (f"web-1/web: {why}",), ()))
    assert found == f"web-1/web: expected running, observed {why} ({name})"


@pytest.mark.parametrize(
    "why",
    [
        "CrashLoopBackOff: back-off",
        "CreateContainerConfigError: container has runAsNonRoot and image will run as root",
        'RunContainerError: exec: "run": executable file not found in $PATH',
    ],
)
def test_other_causes_are_said_as_they_are(why: str) -> None:
    (found,) = said(starts_row(), Starts(1, (f"web-1/web: {why}",), ()))
    assert found == f"web-1/web: expected running, observed {why}"


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_a_job_that_is_gone_is_no_job(kind: str) -> None:
    rule = row("starts", workload=f"{kind}/ns/web", restarts_at_most=1, within_s=600)
    (found,) = differences(rule, Starts(0, (), (), ends=True, exists=False))
    assert (found.expected, found.observed) == (f"a {kind}", f"no such {kind}")
    assert found.code == "pods-absent"


def test_restarts_and_no_pods_are_said() -> None:
    assert said(starts_row(), Starts(1, (), (("web-1/web", 2),))) == [
        "web-1/web: expected at most 1 restarts, none in the last 600 s, observed 2 restarts"
    ]
    assert said(starts_row(), Starts(0, (), ())) == [
        "Deployment/ns/web: expected Pods, observed none"
    ]


def probe_row(**fields: Any) -> Any:  # noqa: ANN401 - fields of a row
    right = {
        "workload": "Deployment/ns/web",
        "container": "web",
        "probe": "readinessProbe",
        "handler": "httpGet",
        "path": "/ready",
        "port": 8080,
    }
    return row("probe", **(right | fields))


def probe(**action: Any) -> Probe:  # noqa: ANN401 - JSON
    return Probe(container_exists=True, probe={"httpGet": action}, ports=(("http", 8080),))


@pytest.mark.parametrize("port", [8080, "http"])
def test_a_port_by_name_is_the_port(port: object) -> None:
    assert said(probe_row(), probe(path="/ready", port=port)) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (probe(path="/x", port=8080), "readinessProbe path: expected /ready, observed /x"),
        (probe(port=8080), "readinessProbe path: expected /ready, observed /"),
        (probe(path="/ready", port=9090), "readinessProbe port: expected 8080, observed 9090"),
        (probe(path="/ready", port="grpc"), "readinessProbe port: expected 8080, observed grpc"),
        (Probe(container_exists=True, probe=None, ports=()), "expected httpGet, observed absent"),
        (
            Probe(container_exists=True, probe={"exec": {}, "periodSeconds": 1}, ports=()),
            "expected httpGet, observed exec",
        ),
        (Probe(container_exists=False, probe=None, ports=()), "expected container web"),
    ],
)
def test_each_wrong_probe_is_said(value: Probe, words: str) -> None:
    (found,) = said(probe_row(), value)
    assert words in found


def test_a_probe_without_path_and_port_needs_its_handler_only() -> None:
    rule = probe_row(handler="exec", path="", port=0)
    value = Probe(container_exists=True, probe={"exec": {"command": ["true"]}}, ports=())
    assert said(rule, value) == []


def bound_row(quantity: str = "500m") -> Any:  # noqa: ANN401 - a row
    return row(
        "quantity",
        workload="Deployment/ns/web",
        container="web",
        bound="requests",
        resource="cpu",
        quantity=quantity,
    )


def bound(template: str | None, *pods: str | None, ranged: tuple[str, ...] = ()) -> Bound:
    found = tuple((f"web-{index}", quantity) for index, quantity in enumerate(pods))
    return Bound(container_exists=True, template=template, pods=found, limit_ranged=ranged)


def test_the_same_quantity_is_right_however_it_is_written() -> None:
    assert said(bound_row(), bound("0.5", "500m", "0.5")) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (bound("1", "500m"), ["template requests.cpu: expected 500m, observed 1"]),
        (bound(None), ["template requests.cpu: expected 500m, observed none"]),
        (
            bound(None, "500m"),
            [
                "template requests.cpu: expected 500m, observed none (the Pods have it from a"
                " LimitRange, the template does not declare it)"
            ],
        ),
        (
            Bound(container_exists=True, template=None, pods=(), limit="2"),
            [
                "template requests.cpu: expected 500m, observed none (the API server uses the"
                " limit as the request: 2)"
            ],
        ),
        (bound("500m", "1"), ["web-0 requests.cpu: expected 500m, observed 1"]),
        (
            bound("500m", "1", ranged=("web-0",)),
            ["web-0 requests.cpu: expected 500m, observed 1 (set by a LimitRange)"],
        ),
        (bound("500m", None), ["web-0 requests.cpu: expected 500m, observed none"]),
        (
            Bound(container_exists=False, template=None, pods=()),
            ["Deployment/ns/web: expected container web, observed absent"],
        ),
    ],
)
def test_each_wrong_bound_is_said(value: Bound, words: list[str]) -> None:
    assert said(bound_row(), value) == words


def images_row() -> Any:  # noqa: ANN401 - a row
    return row("images", workload="Deployment/ns/web", placeholders=[])


@pytest.mark.parametrize("wanted", [1, 3])
def test_a_template_alone_is_a_doubt_where_pods_are_wanted(wanted: int) -> None:
    quantity = judge(bound_row(), replace(bound("500m"), pods_wanted=wanted))
    assert isinstance(quantity, Doubt)
    assert "what is admitted cannot be seen" in quantity.reason
    unseen = RunningImage("web", "web:1", (), (), pods_wanted=wanted)
    images = judge(images_row(), (unseen,))
    assert isinstance(images, Doubt)
    assert "has the container web" in images.reason


def test_a_template_alone_is_judged_where_no_pod_is_wanted() -> None:
    assert judge(bound_row(), bound("0.5")) == Passed("template requests.cpu")
    assert judge(images_row(), (RunningImage("web", "web:1", (), ()),)) == Passed("template web")


def test_a_template_that_is_wrong_differs_whether_or_not_there_are_pods() -> None:
    assert said(bound_row(), replace(bound("1"), pods_wanted=3)) == [
        "template requests.cpu: expected 500m, observed 1"
    ]
    unseen = RunningImage("web", "web", (), (), pods_wanted=3)
    assert said(images_row(), (unseen,)) == [
        "web: expected a tag other than latest, or a digest, observed web (not pinned)"
    ]


def test_a_pass_names_each_pod_that_was_compared() -> None:
    assert judge(bound_row(), bound("500m", "500m", "0.5")) == Passed(
        "template requests.cpu", "web-0 requests.cpu", "web-1 requests.cpu"
    )


def test_restarts_that_the_api_does_not_date_are_a_doubt_where_they_decide() -> None:
    undated = Starts(1, (), (("web-1/web", 1),), possible_restarts=(("web-1/web", 4),))
    judgement = judge(starts_row(), undated)
    assert isinstance(judgement, Doubt)
    assert judgement.reason.startswith("web-1/web restarted 1 to 4 times in the last 600 s")
    assert judgement.next_command == "kubectl describe -n ns deployment/web"
    few = replace(undated, recent_restarts=(), possible_restarts=(("web-1/web", 1),))
    assert said(starts_row(), few) == []
    trouble = replace(undated, troubles=("web-1/web: CrashLoopBackOff: x",))
    assert len(said(starts_row(), trouble)) == 1


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("not scheduled: unbound immediate PersistentVolumeClaims", "claim-not-bound"),
        ("memory short: OOMKilled", "memory-short"),
        ("ErrImagePull: not found", "image-not-pulled"),
        ("CrashLoopBackOff: back-off", "container-not-running"),
    ],
)
def test_the_cause_of_a_trouble_is_its_code(why: str, code: str) -> None:
    (difference,) = differences(starts_row(), Starts(1, (f"web-1/web: {why}",), ()))
    assert difference.code == code


@pytest.mark.parametrize("kind", ["Job", "CronJob", "Pod"])
def test_what_has_no_replicas_is_no_workload_of_a_replicas_row(kind: str) -> None:
    with pytest.raises(ValueError, match=f"a {kind} has none: `check: starts`"):
        row("replicas", workload=f"{kind}/ns/web", replicas={"min": 1, "max": 1})
