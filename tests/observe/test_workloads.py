"""Workloads as other deployments have them: sidecars, init containers, DaemonSets, canaries."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clusterproof.checks.images import look as look_at_images
from clusterproof.checks.probe import look as look_at_probe
from clusterproof.checks.quantity import look as look_at_quantity
from clusterproof.checks.replicas import look as look_at_replicas
from clusterproof.checks.starts import look as look_at_starts
from clusterproof.kube.workloads import would_adopt
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import is_counting, is_settling
from clusterproof.spec.row import ObjectRef
from tests.judge.rows import row
from tests.judging import DoubtError, at_cluster, differences, doubt
from tests.observe.cluster_objects import cluster_of, owned_by

read_bound = at_cluster(look_at_quantity)
read_images = at_cluster(look_at_images)
read_probe = at_cluster(look_at_probe)
read_replicas = at_cluster(look_at_replicas)
read_starts = at_cluster(look_at_starts)

Json = dict[str, Any]
WEB = "Deployment/ns/web"


def ago(**since: float) -> str:
    return (datetime.now(tz=UTC) - timedelta(**since)).isoformat()


def workload(kind: str = "Deployment", **spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    containers = spec.pop("containers", [{"name": "web", "image": "web:1"}])
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": containers, "initContainers": spec.pop("init", [])},
    }
    return {
        "kind": kind,
        "metadata": {"name": "web", "namespace": "ns", "uid": "web", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
        "status": {"observedGeneration": 1},
    }


def running(name: str = "web-1", **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    ready = str(more.pop("ready", True))
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": ready}],
        "containerStatuses": more.pop("statuses", [{"name": "web", "state": {"running": {}}}]),
        "initContainerStatuses": more.pop("init_statuses", []),
    }
    created = more.pop("created", ago(hours=2))
    meta = {"name": name, "namespace": "ns", "labels": {"app": "web"}, "creationTimestamp": created}
    spec = {"containers": [{"name": "web", "image": "web:1"}], **more.pop("spec", {})}
    return {"kind": "Pod", "metadata": meta | more, "spec": spec, "status": status}


def said(rule: Any, cluster: Cluster, read: Any) -> list[str]:  # noqa: ANN401 - any row, any observer
    return [str(each) for each in differences(rule, read(cluster, rule).value)]


def starts(at_most: int = 0) -> Any:  # noqa: ANN401 - a row
    return row("starts", workload=WEB, restarts_at_most=at_most, within_s=600)


def images() -> Any:  # noqa: ANN401 - a row
    return row("images", workload=WEB, placeholders=[])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"waiting": {"reason": "ContainerCreating"}}, "ContainerCreating for 720"),
        ({"waiting": {"reason": "PodInitializing"}}, "PodInitializing for 720"),
        ({"waiting": {}}, "waiting for 720"),
    ],
)
def test_a_pod_that_has_not_started_for_hours_is_no_start(state: Json, words: str) -> None:
    pod = running(ready=False, statuses=[{"name": "web", "state": state}])
    with cluster_of(workload(), pod) as cluster:
        (found,) = said(starts(), cluster, read_starts)
    assert found.startswith(f"web-1/web: expected running, observed {words}")


def test_the_init_container_that_is_waited_for_is_named_by_starts_and_by_replicas() -> None:
    pod = running(
        ready=False,
        statuses=[{"name": "web", "state": {"waiting": {"reason": "PodInitializing"}}}],
        init_statuses=[{"name": "wait-for-db", "state": {"running": {}}}],
        spec={"initContainers": [{"name": "wait-for-db", "image": "wait:1"}]},
    )
    words = "web-1/wait-for-db: init container still runs after 720"
    replicas = row("replicas", workload=WEB, replicas={"min": 1, "max": 1})
    with cluster_of(workload(), pod) as cluster:
        assert said(starts(), cluster, read_starts)[0].startswith("web-1/wait-for-db: expected")
        assert words in said(replicas, cluster, read_replicas)[0]


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("until nc -z postgres-service 5432; do sleep 2; done", "Service/ns/postgres-service"),
        ("nc -z $DB_HOST $(DB_PORT)", "Service/stores/postgres"),
        ("curl redis-service.stores.svc.cluster.local:6379", "Service/stores/redis-service"),
        (
            'until (exec 3<>"/dev/tcp/$DB_HOST/$DB_PORT"); do sleep 1; done',
            "Service/stores/postgres",
        ),
        ("nc -w 3 -z db 5432", "Service/ns/db"),
        ("pg_isready -U me -h db", "Service/ns/db"),
        ("nc -z there 5432", ""),
        ("nc -z api.example.com 443", ""),
        ("until false; do sleep 20; done", ""),
    ],
)
def test_a_service_that_an_init_container_dials_and_that_is_not_there_is_named(
    command: str, missing: str
) -> None:
    env = [
        {"name": "DB_HOST", "value": "postgres.stores.svc"},
        {"name": "DB_PORT", "value": "5432"},
    ]
    wait = {"name": "wait", "image": "w:1", "command": ["sh", "-c", command], "env": env}
    pod = running(
        ready=False,
        statuses=[{"name": "web", "state": {"waiting": {"reason": "PodInitializing"}}}],
        init_statuses=[{"name": "wait", "state": {"running": {}}}],
        spec={"initContainers": [wait]},
    )
    there = {"kind": "Service", "metadata": {"name": "there", "namespace": "ns"}, "spec": {}}
    with cluster_of(workload(), pod, there) as cluster:
        (trouble,) = said(starts(), cluster, read_starts)
    words = f": it waits for {missing}, which does not exist"
    assert trouble.endswith(words if missing else " s")


def test_where_services_may_not_be_listed_none_is_called_missing() -> None:
    wait = {"name": "wait", "image": "w:1", "command": ["nc", "-z", "db", "5432"]}
    pod = running(
        ready=False,
        statuses=[{"name": "web", "state": {"waiting": {"reason": "PodInitializing"}}}],
        init_statuses=[{"name": "wait", "state": {"running": {}}}],
        spec={"initContainers": [wait]},
    )
    with cluster_of(workload(), pod, forbidden=("Service",)) as cluster:
        assert "does not exist" not in said(starts(), cluster, read_starts)[0]


def test_a_pod_that_was_made_a_moment_ago_may_still_start() -> None:
    state = {"waiting": {"reason": "ContainerCreating"}}
    pod = running(ready=False, statuses=[{"name": "web", "state": state}], created=ago(seconds=5))
    with cluster_of(workload(), pod) as cluster:
        assert said(starts(), cluster, read_starts) == []
        assert is_settling(cluster, starts().workload)


LOG = "/api/v1/namespaces/ns/pods/web-1/log"
CRASHED = {
    "name": "web",
    "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-27T00:00:00Z"}},
}


def test_the_last_line_of_a_container_that_ended_is_evidence() -> None:
    pod = running(ready=False, statuses=[CRASHED])
    with cluster_of(workload(), pod, texts={LOG: "starting\npanic: no database\n\n"}) as cluster:
        evidence = read_starts(cluster, starts()).evidence
        assert 'log of web-1/web: "panic: no database"' in evidence
        (call,) = (call for call in cluster.api.calls if call[1].endswith("/log"))
        assert call[0] == "GET"


def test_a_log_that_may_not_be_read_is_a_note_and_no_error() -> None:
    pod = running(ready=False, statuses=[CRASHED])
    with cluster_of(workload(), pod, forbidden=("log",)) as cluster:
        observed = read_starts(cluster, starts())
    assert any(line.startswith("log of web-1/web: not read: ") for line in observed.evidence)
    assert "CrashLoopBackOff" in observed.value.troubles[0]


def test_the_log_of_a_container_that_runs_is_not_read() -> None:
    with cluster_of(workload(), running()) as cluster:
        read_starts(cluster, starts())
        assert not any(path.endswith("/log") for _, path in cluster.api.calls)


@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff"])
def test_a_pod_that_cannot_start_by_itself_is_not_waited_for(reason: str) -> None:
    """Though the Deployment's controller still calls its rollout under way."""
    pod = running(
        ready=False,
        statuses=[{"name": "web", "state": {"waiting": {"reason": reason}}}],
        created=ago(seconds=5),
    )
    with cluster_of(_rolling(), pod) as cluster:
        assert not is_settling(cluster, starts().workload)


def test_a_pod_that_starts_beside_one_that_cannot_is_waited_for() -> None:
    """What was broken is being replaced."""
    stuck = running(
        ready=False, statuses=[{"name": "web", "state": {"waiting": {"reason": "ErrImagePull"}}}]
    )
    state = {"waiting": {"reason": "ContainerCreating"}}
    fresh = running(ready=False, statuses=[{"name": "web", "state": state}], created=ago(seconds=5))
    fresh["metadata"]["name"] = "web-2"
    with cluster_of(_rolling(), stuck, fresh) as cluster:
        assert is_settling(cluster, starts().workload)


def test_a_pod_that_waits_for_a_service_that_does_not_exist_is_red_at_once() -> None:
    wait = {"name": "wait", "image": "w:1", "command": ["nc", "-z", "db", "5432"]}
    pod = running(
        ready=False,
        statuses=[{"name": "web", "state": {"waiting": {"reason": "PodInitializing"}}}],
        init_statuses=[{"name": "wait", "state": {"running": {}}}],
        spec={"initContainers": [wait]},
        created=ago(seconds=5),
    )
    with cluster_of(_rolling(), pod) as cluster:
        assert not is_settling(cluster, starts().workload)
        assert (
            "waits for Service/ns/db, which does not exist"
            in said(starts(), cluster, read_starts)[0]
        )


def test_a_pod_that_a_quota_refuses_is_not_waited_for() -> None:
    refused = _rolling()
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
    refused["status"]["conditions"].append(condition)
    with cluster_of(refused) as cluster:
        assert not is_settling(cluster, starts().workload)


def _rolling() -> Json:
    """A Deployment whose rollout is under way by its controller's account."""
    item = workload()
    progressing = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
    item["status"] = {**item["status"], "readyReplicas": 0, "conditions": [progressing]}
    return item


def ended(restarts: int, *, began: str, finished: str, reason: str = "Error") -> Json:
    last = {"terminated": {"startedAt": began, "finishedAt": finished, "reason": reason}}
    return {"name": "web", "restartCount": restarts, "state": {"running": {}}, "lastState": last}


def test_restarts_of_a_native_sidecar_count() -> None:
    status = ended(57, began=ago(seconds=90), finished=ago(seconds=40)) | {"name": "proxy"}
    sidecar = {"name": "proxy", "image": "p:1", "restartPolicy": "Always"}
    pod = running(init_statuses=[status], spec={"initContainers": [sidecar]})
    with cluster_of(workload(init=[sidecar]), pod) as cluster:
        (found,) = said(starts(), cluster, read_starts)
    assert found.startswith("web-1/proxy: expected at most 0 restarts")


def test_an_end_by_lack_of_memory_long_ago_is_no_trouble() -> None:
    long_ago = ended(1, began=ago(days=61), finished=ago(days=60), reason="OOMKilled")
    pod = running(created=ago(days=90), statuses=[long_ago])
    with cluster_of(workload(), pod) as cluster:
        assert said(starts(3), cluster, read_starts) == []


def test_an_end_by_lack_of_memory_of_late_is_one() -> None:
    of_late = ended(1, began=ago(days=61), finished=ago(seconds=60), reason="OOMKilled")
    pod = running(created=ago(days=90), statuses=[of_late])
    with cluster_of(workload(), pod) as cluster:
        (found,) = said(starts(3), cluster, read_starts)
    assert "memory short: OOMKilled" in found


def test_a_container_that_failed_and_is_not_run_again_is_a_trouble() -> None:
    end = {"exitCode": 1, "reason": "Error", "finishedAt": ago(days=2)}
    pod = running(
        ready=False,
        statuses=[
            {"name": "web", "restartCount": 0, "state": {"terminated": end}},
            {"name": "proxy", "restartCount": 0, "state": {"running": {}}},
        ],
        spec={
            "restartPolicy": "Never",
            "containers": [{"name": "web", "image": "w:1"}, {"name": "proxy", "image": "p:1"}],
        },
    )
    rule = row("starts", workload="Pod/ns/web-1", restarts_at_most=3, within_s=600)
    words = "web-1/web: expected running, observed ended with 1 (Error), and is not run again"
    with cluster_of(pod) as cluster:
        assert said(rule, cluster, read_starts) == [words]
    end["exitCode"] = 0
    with cluster_of(pod) as cluster:
        assert said(rule, cluster, read_starts) == []


@pytest.mark.parametrize(
    "state",
    [
        {"waiting": {"reason": "ImagePullBackOff", "message": "back-off"}},
        {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    ],
)
def test_an_ephemeral_container_is_none_of_the_workload(state: Json) -> None:
    pod = running(spec={"ephemeralContainers": [{"name": "debugger", "image": "nowhere"}]})
    pod["status"]["ephemeralContainerStatuses"] = [{"name": "debugger", "state": state}]
    with cluster_of(workload(), pod) as cluster:
        assert said(starts(), cluster, read_starts) == []


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (
            {"hours": 1},
            "istio-proxy: expected running, observed sidecar not started after 36",
        ),
        # One that was started again a moment ago, or has ended, is not what the others wait for.
        ({"seconds": 3}, "web: expected running, observed PodInitializing for 72"),
        (None, "web: expected running, observed PodInitializing for 72"),
    ],
)
def test_a_sidecar_that_keeps_the_containers_behind_it_waiting_is_named(
    runs: Json | None, words: str
) -> None:
    """As a mesh's proxy does whose control plane is away."""
    state = {"running": {"startedAt": ago(**runs)}} if runs else {"terminated": {"exitCode": 0}}
    pod = running(
        ready=False,
        statuses=[{"name": "web", "state": {"waiting": {"reason": "PodInitializing"}}}],
        init_statuses=[{"name": "istio-proxy", "started": False, "state": state}],
        spec={"initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}]},
    )
    with cluster_of(workload(), pod) as cluster:
        (only,) = said(starts(), cluster, read_starts)
    assert only.startswith(f"web-1/{words}")


@pytest.mark.parametrize(("since", "named"), [({"minutes": 20}, True), ({"seconds": 5}, False)])
def test_a_pod_of_a_lost_node_that_does_not_end_is_why_a_replica_is_missing(
    since: Json, *, named: bool
) -> None:
    lost = running("web-0", ready=False, deletionTimestamp=ago(**since))
    lost["metadata"]["deletionGracePeriodSeconds"] = 30
    lost["spec"]["nodeName"] = "n1"
    item = workload("StatefulSet", replicas=1)
    replicas = row("replicas", workload="StatefulSet/ns/web", replicas={"min": 1, "max": 1})
    with cluster_of(item, lost) as cluster:
        found = said(replicas, cluster, read_replicas)
    assert found
    assert all(("web-0: should have ended" in each) is named for each in found)


def test_a_readiness_gate_that_nobody_opens_is_said_by_replicas() -> None:
    """As a load balancer's controller does for Pods that are no targets of it yet."""
    pod = running(ready=False)
    gate = 'corresponding condition of pod readiness gate "target-health/web" does not exist.'
    pod["status"]["conditions"][0] |= {"reason": "ReadinessGatesNotReady", "message": gate}
    replicas = row("replicas", workload=WEB, replicas={"min": 1, "max": 1})
    with cluster_of(workload(), pod) as cluster:
        assert f"(web-1: {gate})" in said(replicas, cluster, read_replicas)[0]
        assert said(starts(), cluster, read_starts) == []


def test_a_pod_that_waits_at_a_gate_says_so() -> None:
    pod = running(ready=False, statuses=[], created=ago(seconds=90))
    gate = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    pod["status"] |= {"phase": "Pending", "conditions": [gate]}
    with cluster_of(workload(), pod) as cluster:
        (found,) = said(starts(), cluster, read_starts)
    assert found == "web-1: expected running, observed not scheduled: SchedulingGated"


def test_restarts_of_a_lifetime_are_not_those_of_the_window() -> None:
    status = ended(4, began=ago(days=100), finished=ago(seconds=60))
    pod = running(created=ago(days=300), statuses=[status])
    with cluster_of(workload(), pod) as cluster:
        assert said(starts(3), cluster, read_starts) == []
        assert read_starts(cluster, starts(3)).value.recent_restarts == (("web-1/web", 1),)


def test_restarts_that_the_api_does_not_date_are_no_verdict() -> None:
    status = ended(4, began=ago(seconds=200), finished=ago(seconds=60))
    pod = running(created=ago(days=300), statuses=[status])
    with cluster_of(workload(), pod) as cluster:
        fact = read_starts(cluster, starts(3)).value
    with pytest.raises(DoubtError, match="restarted 2 to 4 times in the last 600 s"):
        differences(starts(3), fact)


def test_restarts_of_a_pod_younger_than_the_window_are_exact() -> None:
    status = ended(4, began=ago(seconds=100), finished=ago(seconds=60))
    pod = running(created=ago(seconds=300), statuses=[status])
    with cluster_of(workload(), pod) as cluster:
        (found,) = said(starts(3), cluster, read_starts)
    assert found.endswith("observed 4 restarts")


@pytest.mark.parametrize("kind", ["Job", "ReplicaSet"])
def test_pods_of_others_with_the_same_labels_are_not_looked_at(kind: str) -> None:
    other = running("other-1", spec={"containers": [{"name": "web", "image": "other:9"}]})
    other["metadata"] |= owned_by(f"a-{kind}", app="web")
    with cluster_of(workload(), running(), other) as cluster:
        assert said(images(), cluster, read_images) == []
        assert [pod["metadata"]["name"] for pod in cluster.pods_of(images().workload)] == ["web-1"]


DIGEST = f"@sha256:{'1' * 64}"


@pytest.mark.parametrize(
    ("template", "admitted", "right"),
    [
        ("web:1", "docker.io/library/web:1", True),
        ("index.docker.io/team/web:1", "team/web:1", True),
        ("web:1", "team/web:1", False),
        ("web:1", "mirror:5000/library/web:1", False),
        ("localhost/web:1", "web:1", False),
        ("web:1", f"web:2{DIGEST}", False),
        (f"web:1{DIGEST}", f"web{DIGEST}", True),
        (f"web:1{DIGEST}", "web:1", False),
        (f"web:1{DIGEST}", f"web:1@sha256:{'2' * 64}", False),
    ],
)
def test_the_image_of_a_pod_is_the_templates_in_whatever_form_admission_wrote_it(
    template: str, admitted: str, *, right: bool
) -> None:
    item = workload(containers=[{"name": "web", "image": template}])
    pod = running(spec={"containers": [{"name": "web", "image": admitted}]})
    with cluster_of(item, pod) as cluster:
        assert (said(images(), cluster, read_images) == []) is right


@pytest.mark.parametrize("admitted", [f"web{DIGEST}", f"web:1{DIGEST}"])
def test_a_tag_that_admission_took_a_digest_for_is_a_doubt(admitted: str) -> None:
    """Beside a digest the tag says nothing: the digest is pulled."""
    pod = running(spec={"containers": [{"name": "web", "image": admitted}]})
    with cluster_of(workload(), pod) as cluster:
        why = doubt(images(), read_images(cluster, images()).value)
    assert why.startswith(f"web: admission made {admitted} of web:1")


@pytest.mark.parametrize(
    ("other", "differ"),
    [
        (f"docker-pullable://web@sha256:{'1' * 64}", False),
        (f"mirror:5000/library/web@sha256:{'1' * 64}", False),
        (f"docker.io/library/web@sha256:{'2' * 64}", True),
    ],
)
def test_an_image_is_its_digest_wherever_it_was_pulled_from(other: str, *, differ: bool) -> None:
    pods = [
        running(name, statuses=[{"name": "web", "imageID": image_id, "state": {"running": {}}}])
        for name, image_id in (("web-1", f"docker.io/library/web@sha256:{'1' * 64}"), ("b", other))
    ]
    with cluster_of(workload(), *pods) as cluster:
        assert bool(said(images(), cluster, read_images)) is differ


def test_pods_of_a_cron_job_are_those_of_its_jobs() -> None:
    template = workload()["spec"]["template"]
    cron: Json = {
        "kind": "CronJob",
        "metadata": {"name": "web", "namespace": "ns", "uid": "cron"},
        "spec": {"jobTemplate": {"spec": {"template": template}}},
    }
    job: Json = {"kind": "Job", "metadata": {"name": "web-1", "namespace": "ns", "uid": "job"}}
    job["metadata"] |= owned_by("cron")
    pod = running()
    pod["metadata"] |= owned_by("job", app="web")
    rule = row("images", workload="CronJob/ns/web", placeholders=[])
    with cluster_of(cron, job, pod) as cluster:
        (image,) = read_images(cluster, rule).value
    assert (image.container, image.running) == ("web", ("web:1",))


SIDECAR = {
    "name": "proxy",
    "image": "p:1",
    "restartPolicy": "Always",
    "ports": [{"name": "admin", "containerPort": 15000}],
    "readinessProbe": {"httpGet": {"path": "/ready", "port": "admin"}},
    "resources": {"requests": {"cpu": "100m"}},
}


def test_a_native_sidecar_is_a_container_like_the_others() -> None:
    pod = running(spec={"initContainers": [SIDECAR]})
    probe = row(
        "probe", workload=WEB, container="proxy", probe="readinessProbe",
        handler="httpGet", path="/ready", port=15000,
    )  # fmt: skip
    quantity = row(
        "quantity", workload=WEB, container="proxy", bound="requests", resource="cpu",
        quantity="100m",
    )  # fmt: skip
    with cluster_of(workload(init=[SIDECAR]), pod) as cluster:
        assert said(probe, cluster, read_probe) == []
        assert said(quantity, cluster, read_bound) == []


def test_a_request_that_is_not_declared_is_the_limit() -> None:
    limits = {"limits": {"cpu": "500m"}}
    declared = {"name": "web", "image": "web:1", "resources": limits}
    admitted = {**declared, "resources": {**limits, "requests": {"cpu": "500m"}}}
    rule = row(
        "quantity",
        workload=WEB,
        container="web",
        bound="requests",
        resource="cpu",
        quantity="0.5",
    )
    pod = running(spec={"containers": [admitted]})
    with cluster_of(workload(containers=[declared]), pod) as cluster:
        assert said(rule, cluster, read_bound) == []


def test_a_resize_that_is_not_carried_out_is_said() -> None:
    bound = {"resources": {"requests": {"cpu": "500m"}}}
    container = {"name": "web", "image": "web:1", **bound}
    actual = {"name": "web", "resources": {"requests": {"cpu": "250m"}}}
    pod = running(spec={"containers": [container]}, statuses=[actual])
    waiting = {"type": "PodResizePending", "status": "True", "reason": "Deferred"}
    pod["status"]["conditions"].append(waiting)
    rule = row(
        "quantity", workload=WEB, container="web", bound="requests", resource="cpu",
        quantity="500m",
    )  # fmt: skip
    with cluster_of(workload(containers=[container]), pod) as cluster:
        (found,) = said(rule, cluster, read_bound)
    assert found.endswith("observed runs with 250m, its resize is not done (Deferred)")


def test_a_quantity_that_a_kubelet_writes_in_another_form_is_no_resize() -> None:
    container = {"name": "web", "image": "web:1", "resources": {"limits": {"memory": "1G"}}}
    actual = {"name": "web", "resources": {"limits": {"memory": "1000000000"}}}
    pod = running(spec={"containers": [container]}, statuses=[actual])
    waiting = {"type": "PodResizePending", "status": "True", "reason": "Deferred"}
    pod["status"]["conditions"].append(waiting)  # of another resource
    rule = row(
        "quantity", workload=WEB, container="web", bound="limits", resource="memory",
        quantity="1G",
    )  # fmt: skip
    with cluster_of(workload(containers=[container]), pod) as cluster:
        assert said(rule, cluster, read_bound) == []


def daemons(**status: int) -> Json:
    item = workload("DaemonSet")
    names = ("desired", "current", "updated")
    counts = {f"{name}NumberScheduled": 3 for name in names} | {"numberReady": 3}
    item["status"] |= counts | {"numberAvailable": 3} | status
    return item


DAEMONS = {"workload": "DaemonSet/ns/web", "replicas": {"min": 3, "max": 3}}


def test_a_healthy_daemon_set_is_right_and_settled() -> None:
    rule = row("replicas", **DAEMONS)
    with cluster_of(daemons()) as cluster:
        assert said(rule, cluster, read_replicas) == []
        assert not is_settling(cluster, rule.workload)


def test_a_daemon_set_is_judged_by_its_own_counts() -> None:
    with cluster_of(daemons(numberReady=2, numberAvailable=2)) as cluster:
        found = said(row("replicas", **DAEMONS), cluster, read_replicas)
    assert found == [
        "status.numberReady: expected 3, observed 2",
        "status.numberAvailable: expected 3, observed 2",
    ]


STATEFUL = {"workload": "StatefulSet/ns/web", "replicas": {"min": 3, "max": 3}}


@pytest.mark.parametrize(
    ("strategy", "updated", "right"),
    [
        ({"type": "RollingUpdate"}, 3, True),
        ({"type": "RollingUpdate"}, 1, False),
        ({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, 1, True),
        ({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}, 1, False),
        ({"type": "OnDelete"}, 0, True),
    ],
)
def test_a_stateful_set_is_updated_as_far_as_its_strategy_says(
    strategy: Json, updated: int, *, right: bool
) -> None:
    item = workload("StatefulSet", replicas=3, updateStrategy=strategy)
    counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), 3)
    item["status"] |= counts | {"updatedReplicas": updated}
    with cluster_of(item) as cluster:
        assert (said(row("replicas", **STATEFUL), cluster, read_replicas) == []) is right


def test_a_paused_rollout_is_said() -> None:
    item = workload(replicas=1, paused=True)
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    item["status"] |= dict.fromkeys(counts, 1)
    rule = row("replicas", workload=WEB, replicas={"min": 1, "max": 1})
    with cluster_of(item) as cluster:
        (found,) = said(rule, cluster, read_replicas)
    assert found.startswith("spec.paused: expected false, observed true")


def cron_job(**spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    template = workload()["spec"]["template"]
    return {
        "kind": "CronJob",
        "metadata": {"name": "web", "namespace": "ns", "uid": "cron"},
        "spec": {"jobTemplate": {"spec": {"template": template, **spec}}},
    }


def job(name: str, *, created: str, failed: str = "") -> Json:
    ended = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    return {
        "kind": "Job",
        "metadata": {"name": name, "namespace": "ns", "uid": name, "creationTimestamp": created}
        | {"ownerReferences": owned_by("cron")["ownerReferences"]},
        "spec": {"template": workload()["spec"]["template"]},
        "status": {"conditions": [ended | {"lastTransitionTime": failed}] if failed else []},
    }


def ran(name: str, of: str, phase: str, **since: float) -> Json:
    state = {"terminated": {"finishedAt": ago(**since), "exitCode": int(phase == "Failed")}}
    pod = running(name, ready=False, statuses=[{"name": "web", "state": state}])
    pod["metadata"] |= owned_by(of, app="web")
    pod["status"]["phase"] = phase
    return pod


CRON = row("starts", workload="CronJob/ns/web", restarts_at_most=1, within_s=600)


def test_the_runs_of_a_cron_job_that_ended_well_are_its_starts() -> None:
    pods = [ran("web-1", "one", "Succeeded", hours=2), ran("web-2", "two", "Succeeded", hours=1)]
    jobs = (job("one", created=ago(hours=2)), job("two", created=ago(hours=1)))
    with cluster_of(cron_job(), *jobs, *pods) as cluster:
        assert said(CRON, cluster, read_starts) == []
        assert read_starts(cluster, CRON).value.pods == 2


def test_pods_of_a_run_that_fail_one_after_the_other_are_its_restarts() -> None:
    pods = [ran(f"web-{second}", "one", "Failed", seconds=second) for second in (1, 2, 3)]
    old = ran("web-9", "one", "Failed", hours=3)
    with cluster_of(cron_job(), job("one", created=ago(hours=4)), *pods, old) as cluster:
        (difference,) = differences(CRON, read_starts(cluster, CRON).value)
    assert difference.code == "pods-failed"
    assert difference.observed == "web-1, web-2, web-3"


@pytest.mark.parametrize(
    ("failed", "later", "is_trouble"),
    [
        ({"hours": 5}, False, True),
        ({"hours": 5}, True, False),
        ({"seconds": 60}, True, True),
    ],
    ids=["no later run", "a later run", "a moment ago"],
)
def test_a_job_that_failed_is_a_trouble_until_a_later_one_ran(
    failed: dict[str, int], *, later: bool, is_trouble: bool
) -> None:
    jobs = [job("one", created=ago(hours=6), failed=ago(**failed))]
    jobs += [job("two", created=ago(seconds=30))] if later else []
    with cluster_of(cron_job(), *jobs, ran("web-1", "one", "Failed", hours=5)) as cluster:
        sentences = said(CRON, cluster, read_starts)
    expected = ["one: expected running, observed BackoffLimitExceeded"] if is_trouble else []
    assert sentences == expected


@pytest.mark.parametrize("kind", ["CronJob", "Job"])
def test_a_run_that_is_not_there_is_no_doubt(kind: str) -> None:
    rule = row("starts", workload=f"{kind}/ns/web", restarts_at_most=0, within_s=600)
    with cluster_of() as cluster:
        (only,) = said(rule, cluster, read_starts)
    assert only == f"{kind}/ns/web: expected a {kind}, observed no such {kind}"


def evicted(name: str, reason: str = "Evicted", **since: float) -> Json:
    """A Pod that its node has ended: its containers have no times of their own."""
    state = {"terminated": {"reason": "ContainerStatusUnknown", "exitCode": 137}}
    pod = running(name, ready=False, statuses=[{"name": "web", "state": state}])
    times = (ago(hours=2), ago(**since))
    kinds = ("PodScheduled", "DisruptionTarget")
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": time}
        for kind, time in zip(kinds, times, strict=True)
    ]
    pod["status"] |= {"phase": "Failed", "reason": reason, "conditions": conditions}
    return pod


def after_init(pod: Json) -> Json:
    """The Pod, with an init container that ended long before."""
    state = {"terminated": {"exitCode": 0, "finishedAt": ago(days=10)}}
    pod["spec"]["initContainers"] = [{"name": "migrate", "image": "web:1"}]
    pod["status"]["initContainerStatuses"] = [{"name": "migrate", "state": state}]
    return pod


@pytest.mark.parametrize("prepared", [dict, after_init])
@pytest.mark.parametrize(
    ("reason", "minutes", "words"),
    [
        ("Evicted", 5, ["observed web-1 Evicted"]),
        ("OutOfcpu", 5, ["observed web-1 OutOfcpu"]),
        ("Evicted", 50, []),
        ("Terminated", 5, []),
        ("NodeShutdown", 5, []),
    ],
)
def test_pods_that_their_node_evicts_have_not_stayed_up(
    reason: str, minutes: int, words: list[str], prepared: Callable[[Json], Json]
) -> None:
    pod = prepared(evicted("web-1", reason, minutes=minutes))
    with cluster_of(workload(), running("web-2"), pod) as cluster:
        found = said(starts(), cluster, read_starts)
        assert said(starts(1), cluster, read_starts) == []
    assert [each.rpartition(", ")[2] for each in found] == words


def test_a_cron_job_of_which_no_pod_is_kept_is_a_doubt() -> None:
    with cluster_of(cron_job()) as cluster:
        fact = read_starts(cluster, CRON).value
    with pytest.raises(DoubtError, match="no Pod of CronJob/ns/web is there or was kept"):
        differences(CRON, fact)


def test_a_quantity_of_a_cron_job_between_two_runs_is_that_of_its_template() -> None:
    rule = row(
        "quantity", workload="CronJob/ns/web", container="web", bound="requests", resource="cpu",
        quantity="500m",
    )  # fmt: skip
    item = cron_job()
    asking = {"name": "web", "image": "web:1", "resources": {"requests": {"cpu": "500m"}}}
    item["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"] = [asking]
    with cluster_of(item) as cluster:
        assert said(rule, cluster, read_bound) == []
    item["status"] = {"active": [{"name": "one"}]}
    with cluster_of(item) as cluster, pytest.raises(DoubtError):
        said(rule, cluster, read_bound)


@pytest.mark.parametrize(
    ("counted", "since", "counting"),
    [
        (0, {"seconds": 2}, True),
        (1, {"seconds": 2}, False),
        (0, {"minutes": 5}, False),
        (0, {"minutes": -5}, False),
    ],
    ids=["not yet counted", "counted", "never counted", "a clock that is ahead"],
)
def test_a_budget_is_given_a_moment_to_count_a_pod(
    counted: int, since: dict[str, float], *, counting: bool
) -> None:
    """Its status is red for as long, though nothing is wrong with the Pods."""
    pod = running()
    pod["status"]["conditions"][0]["lastTransitionTime"] = ago(**since)
    budget = {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "ns", "uid": "budget"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"currentHealthy": counted},
    }
    # One that is going is ready still, and not counted (countHealthyPods).
    going = running("web-2", deletionTimestamp=ago(minutes=1))
    with cluster_of(budget, pod, going) as cluster:
        ref = ObjectRef(kind="PodDisruptionBudget", namespace="ns", name="web")
        assert is_counting(cluster, ref) is counting


def on(node: str, image_id: str, name: str) -> Json:
    statuses = [{"name": "web", "imageID": image_id, "state": {"running": {}}}]
    return running(name, spec={"nodeName": node}, statuses=statuses)


def platform(name: str, architecture: str) -> Json:
    info = {"operatingSystem": "linux", "architecture": architecture}
    return {"kind": "Node", "metadata": {"name": name}, "status": {"nodeInfo": info}}


MIXED = [platform("n1", "amd64"), platform("n2", "arm64"), platform("n3", "arm64")]


def test_image_ids_of_two_architectures_are_not_compared() -> None:
    """A runtime may name the manifest of the platform, and not the index that all share."""
    pods = [on("n1", "reg/web@sha256:a", "web-1"), on("n2", "reg/web@sha256:b", "web-2")]
    with cluster_of(workload(), *MIXED, *pods) as cluster:
        why = doubt(images(), read_images(cluster, images()).value)
    assert "image ids that cannot be compared" in why
    assert "a registry's on linux/amd64; a registry's on linux/arm64" in why


def test_an_image_that_was_loaded_into_one_node_has_another_kind_of_id() -> None:
    pods = [on("n2", "sha256:a", "web-1"), on("n3", "reg/web@sha256:b", "web-2")]
    with cluster_of(workload(), *MIXED, *pods) as cluster:
        assert doubt(images(), read_images(cluster, images()).value)


def test_image_ids_of_one_architecture_differ() -> None:
    pods = [on("n2", "reg/web@sha256:a", "web-1"), on("n3", "reg/web@sha256:b", "web-2")]
    with cluster_of(workload(), *MIXED, *pods) as cluster:
        (found,) = differences(images(), read_images(cluster, images()).value)
    assert found.code == "image-ids-differ"


def test_image_ids_differ_where_the_nodes_may_not_be_listed() -> None:
    pods = [on("n2", "reg/web@sha256:a", "web-1"), on("n3", "reg/web@sha256:b", "web-2")]
    with cluster_of(workload(), *pods, forbidden=("Node",)) as cluster:
        (found,) = differences(images(), read_images(cluster, images()).value)
    assert found.code == "image-ids-differ"


def test_a_digest_says_that_two_architectures_run_one_image() -> None:
    image = f"reg/web@sha256:{'c' * 64}"
    pods = [on("n1", "reg/web@sha256:a", "web-1"), on("n2", "reg/web@sha256:b", "web-2")]
    for pod in pods:
        pod["spec"]["containers"] = [{"name": "web", "image": image}]
    item = workload(containers=[{"name": "web", "image": image}])
    with cluster_of(item, *MIXED, *pods) as cluster:
        fact = read_images(cluster, images()).value
    assert differences(images(), fact) == ()


def test_a_controller_of_another_type_whose_selector_is_a_text_adopts_nothing() -> None:
    assert not would_adopt("Fleet", {"spec": {"selector": "app=web"}}, {"app": "web"})
