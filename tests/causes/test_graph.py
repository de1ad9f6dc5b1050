"""Findings are followed to what explains them, by what the run itself observed."""

from dataclasses import replace

import pytest

from clusterproof.causes.finding import Finding
from clusterproof.causes.graph import groups_of
from clusterproof.causes.place import Part
from clusterproof.judgement import Difference
from clusterproof.spec.row import ObjectRef
from tests.causes.findings import (
    ANSWERS,
    CONFIG,
    CONSUMED,
    DB,
    DB_REPLICAS,
    EGRESS,
    GRACE,
    HEALTH,
    LEADS,
    NAMES,
    REPLICAS,
    SERVICE,
    STARTS,
    WEB,
    failed,
)
from tests.judge.rows import row

SERVES = ObjectRef(kind="Service", namespace="ns", name="web")
ROWS = (
    ANSWERS,
    CONFIG,
    CONSUMED,
    DB_REPLICAS,
    EGRESS,
    GRACE,
    HEALTH,
    LEADS,
    NAMES,
    REPLICAS,
    STARTS,
)


def places(*findings: Finding, rows: tuple = ROWS) -> list[tuple[str, Part, list[str]]]:  # type: ignore[type-arg]
    groups, _ = groups_of(findings, rows)
    return [
        (
            group.place.ref,
            group.place.part,
            [finding.row.id for finding in (*group.own, *group.symptoms)],
        )
        for group in groups
    ]


def test_the_missing_service_that_an_init_container_waits_for_is_the_cause() -> None:
    why = "init container still runs after 90 s: it waits for Service/ns/db, which does not exist"
    starts = failed(STARTS, "container-not-running", "web-1/wait", "running", why)
    replicas = failed(REPLICAS, "replicas-not-ready", "status.readyReplicas", "1", "0")
    health = Finding(HEALTH, doubt="no Pod of Deployment/ns/web runs")
    assert places(replicas, starts, health) == [
        (SERVICE, Part.EXISTS, ["web-replicas", "web-starts", "web-health"])
    ]


def test_pods_that_are_not_ready_for_a_reason_of_their_own_are_their_cause() -> None:
    starts = failed(STARTS, "image-not-pulled", "web-1/web", "running", "ErrImagePull: no such tag")
    replicas = failed(REPLICAS, "replicas-not-ready", "status.readyReplicas", "1", "0")
    assert places(replicas, starts) == [(WEB, Part.PODS, ["web-replicas", "web-starts"])]


@pytest.mark.parametrize(
    ("message", "ref", "part"),
    [
        ('secret "web-keys" not found', "Secret/ns/web-keys", Part.EXISTS),
        ('configmap "web" not found', "ConfigMap/ns/web", Part.EXISTS),
        ("couldn't find key PASSWORD in Secret ns/web-keys", "Secret/ns/web-keys", Part.DATA),
        ('persistentvolumeclaim "data" not found', "PersistentVolumeClaim/ns/data", Part.EXISTS),
    ],
)
def test_what_a_kubelet_names_is_the_cause(message: str, ref: str, part: Part) -> None:
    starts = failed(STARTS, "configuration-missing", "web-1/web", "running", message)
    assert places(starts) == [(ref, part, ["web-starts"])]


def test_a_store_that_has_no_pods_explains_its_service_and_who_asks_it() -> None:
    none = failed(DB_REPLICAS, "replicas-outside-bounds", "spec.replicas", "1", "0")
    leads = failed(LEADS, "no-pod-ready", f"ready Pods of {DB}", "at least one", "none")
    answers = failed(ANSWERS, "answer-differs", "db:5432", "a connection", "refused")
    health = failed(HEALTH, "status-differs", "web-1 GET :80/health", "200", "503")
    assert places(answers, health, leads, none) == [
        (DB, Part.REPLICAS, ["db-replicas", "db-service", "db-answers", "web-health"])
    ]


def test_an_edge_is_taken_from_rows_that_were_looked_at() -> None:
    """Nothing shows that the web depends on the store: an error of its own stays its own."""
    none = failed(DB_REPLICAS, "replicas-outside-bounds", "spec.replicas", "1", "0")
    health = failed(HEALTH, "status-differs", "web-1 GET :80/health", "200", "404")
    assert [ref for ref, _, _ in places(none, health)] == [DB, WEB]


def test_a_404_is_not_blamed_on_a_store() -> None:
    none = failed(DB_REPLICAS, "replicas-outside-bounds", "spec.replicas", "1", "0")
    health = failed(HEALTH, "status-differs", "web-1 GET :80/health", "200", "404")
    assert len(places(none, health)) == 2


def test_names_that_do_not_resolve_follow_from_the_policy_that_refuses_dns() -> None:
    dns = EGRESS.model_copy(update={"id": "to-dns", "protocol": "DNS", "host": "10.96.0.10"})
    reason = "NetworkPolicy web: none of 1 egress rules allows it"
    refused = failed(dns, "dns-refused", "1 of 1 Pods", "allowed", f"timeout ({reason})")
    lost = failed(NAMES, "name-not-resolved", "web-1", "10.96.0.7", "the name did not resolve")
    to_db = failed(EGRESS, "name-not-resolved", "1 of 1 Pods", "allowed", "it did not resolve")
    assert places(lost, refused, to_db) == [
        ("NetworkPolicy/ns/web", Part.SPEC, ["to-dns", "web-names", "to-db"])
    ]


def test_fields_of_one_object_are_one_cause_and_those_of_an_absent_one_its_absence() -> None:
    absent = failed(REPLICAS, "workload-absent", WEB, "a workload", "absent")
    field = failed(GRACE, "object-absent", WEB, "30", "no such object")
    assert places(field, absent) == [(WEB, Part.EXISTS, ["web-grace", "web-replicas"])]


def test_findings_that_rest_on_each_other_end() -> None:
    """The store asks the web, and the web the store: each is followed once."""
    first = failed(HEALTH, "no-answer", "web-1 GET :80/health", "200", "no answer")
    asks = EGRESS.model_copy(update={"id": "back", "workload": DB_REPLICAS.workload, "host": "web"})
    serves = LEADS.model_copy(
        update={"id": "web-service", "of": SERVES, "workload": STARTS.workload}
    )
    health = HEALTH.model_copy(update={"id": "db-health", "workload": DB_REPLICAS.workload})
    second = failed(health, "no-answer", "db-1 GET :80/health", "200", "no answer")
    assert len(places(first, second, rows=(*ROWS, asks, serves))) <= 2


def test_rows_that_could_not_look_for_the_same_reason_are_one_group() -> None:
    why = "the API server does not answer"
    assert places(Finding(HEALTH, doubt=why), Finding(STARTS, doubt=why)) == [
        (f"Reason//{why}", Part.STATUS, ["web-health", "web-starts"])
    ]


def test_a_right_that_is_missing_is_named_by_the_refusal() -> None:
    why = 'User "me" cannot create resource "pods/exec" in API group "" in the namespace "ns"'
    (group,) = places(Finding(HEALTH, doubt=f"403: {why}"), Finding(NAMES, doubt=why))
    assert group[0] == "Right/ns/create pods/exec"


def test_a_row_of_no_object_stands_alone() -> None:
    lost = failed(
        row("ingestion", id="lost", figure="lost", expect={"equals": 0}),
        "counted-too-many",
        "lost",
        "0",
        "3",
    )
    groups, alone = groups_of([lost], ROWS)
    assert (groups, alone) == ((), (lost,))


def _ingestion(code: str) -> Finding:
    claim = row("ingestion", id="lost", figure="lost", expect={"equals": 0})
    return Finding(claim, (Difference("lost", "0", "8 of 8", "503 s", code=code),))


def test_events_that_wait_in_a_queue_are_led_to_the_workers_and_to_nothing_else() -> None:
    worker = row(
        "starts", id="worker", workload="Deployment/ns/worker", restarts_at_most=0, within_s=600
    )
    waits = _ingestion("event-waiting")
    down = [failed(each, "pods-absent", "Pods", "Pods", "none") for each in (worker, STARTS)]
    groups, alone = groups_of([waits, *down], (*ROWS, worker, waits.row))
    symptoms = {group.place.ref: group.symptoms for group in groups}
    assert symptoms["Deployment/ns/worker"] == (waits,)
    assert alone == ()


def test_events_that_a_store_refuses_are_led_to_the_store_and_not_to_the_workers() -> None:
    refused = "ClickHouse refuses what is written: its user may only read (log of worker-1/worker)"
    claim = row("ingestion", id="lost", figure="lost", expect={"equals": 0})
    alive = row("posthog-status", id="alive", figure="worker_alive", expect={"equals": True})
    where = "ns/sender -> http://web.ns.svc"
    lost = Finding(
        claim, (Difference("lost", "0", "8 of 8", refused, code="store-refuses"),), where=where
    )
    doubtful = Finding(alive, (), f"it could not be confirmed: {refused}", where=where)
    web = LEADS.model_copy(
        update={
            "id": "web-service",
            "of": ObjectRef(kind="Service", namespace="ns", name="web"),
            "workload": STARTS.workload,
        }
    )
    stores = [
        row("replicas", id=name, workload=f"Deployment/ns/{name}", replicas={"min": 1, "max": 1})
        for name in ("worker", "clickhouse", "redis")
    ]
    groups, _ = groups_of([lost, doubtful], (*ROWS, *stores, web, claim, alive))
    assert groups[0].place.ref == "Deployment/ns/clickhouse"
    assert set(groups[0].own) == {lost, doubtful}


def test_events_that_some_store_refuses_are_led_to_the_store_that_says_so() -> None:
    lost = _ingestion("store-refuses")
    full = failed(ANSWERS, "store-refuses", "db:5432", "a store", "full")
    groups, alone = groups_of([lost, full], (*ROWS, lost.row))
    assert [(group.own, group.symptoms) for group in groups] == [((full,), (lost,))]
    assert alone == ()


@pytest.mark.parametrize("code", ["event-clock", "flag-quota-limited"])
def test_a_clock_and_a_plan_are_led_to_no_object(code: str) -> None:
    away = _ingestion(code)
    down = failed(STARTS, "pods-absent", "Pods", "Pods", "none")
    groups, alone = groups_of([away, down], (*ROWS, away.row))
    assert ([group.symptoms for group in groups], alone) == ([()], (away,))


def test_three_objects_that_differ_in_the_same_way_are_one_cause_that_names_each() -> None:
    absent = [
        failed(
            LEADS.model_copy(
                update={"id": name, "of": ObjectRef(kind="Service", namespace="ns", name=name)}
            ),
            "service-missing",
            f"Service/ns/{name}",
            "a Service",
            "absent",
        )
        for name in ("a", "b", "c")
    ]
    groups, _ = groups_of([*absent, failed(GRACE, "field-differs", "spec.x", "30", "5")], ROWS)
    assert [group.refs for group in groups] == [
        ("Service/ns/a", "Service/ns/b", "Service/ns/c"),
        (WEB,),
    ]
    assert len(groups_of(absent[:2], ROWS)[0]) == 2


def test_events_that_are_lost_are_led_to_what_the_run_asked() -> None:
    """By the place that the look states, and the rows that followed the Service's endpoints."""
    worker = DB_REPLICAS.model_copy(
        update={
            "id": "worker",
            "workload": ObjectRef(kind="Deployment", namespace="ns", name="worker"),
        }
    )
    serves = LEADS.model_copy(
        update={"id": "web-service", "of": SERVES, "workload": STARTS.workload}
    )
    rows = (*ROWS, worker, serves)

    def asked(figure: str) -> Finding:
        claim = row("ingestion", id=figure, figure=figure, expect={"equals": 0})
        finding = failed(claim, "counted-too-many", figure, "0", "3 of 8")
        return replace(finding, where="ns/pod -> http://web.ns.svc.cluster.local:8000")

    assert places(asked("lost"), rows=rows) == [(WEB, Part.PROGRAM, ["lost"])]
    assert places(asked("late"), rows=rows) == [("Deployment/ns/worker", Part.PROGRAM, ["late"])]
    groups, alone = groups_of([asked("lost")], ROWS)
    assert (groups, len(alone)) == ((), 1)


def test_a_metric_that_stands_still_is_no_reason_for_an_ingress_that_does_not_answer() -> None:
    serves = LEADS.model_copy(
        update={"id": "web-service", "of": SERVES, "workload": STARTS.workload}
    )
    sends = row(
        "ingress", id="sends", of="Ingress/ns/web", host="web.example", service="web", port=80
    )
    asks = row("ingress-answer", id="asks", of="Ingress/ns/web", host="web.example", path="/")
    metric = row(
        "metric", id="counts", workload=WEB, port=9090, name="requests_total", type="counter"
    )
    still = failed(metric, "metric-missing", "requests_total", "a counter", "absent")
    away = failed(asks, "ingress-answer", "https://web.example/", "200", "no TLS")
    rows = (*ROWS, serves, sends, asks, metric)
    assert [group[0] for group in places(away, still, rows=rows)] == ["Ingress/ns/web", WEB]


@pytest.mark.parametrize(
    ("code", "observed", "place"),
    [
        ("backend-differs", "Service/ns/other:80", ("HTTPRoute/ns/web", Part.SPEC)),
        ("route-differs", "ns/beta (rule 0, Exact /)", ("HTTPRoute/ns/beta", Part.SPEC)),
        ("route-refused", "none", ("Gateway/infra/edge", Part.SPEC)),
        ("gateway-not-programmed", "False", ("Gateway/infra/edge", Part.SPEC)),
        ("grant-missing", "none", ("HTTPRoute/ns/web", Part.STATUS)),
    ],
)
def test_a_request_that_goes_elsewhere_is_led_to_what_sends_it(
    code: str, observed: str, place: tuple[str, Part]
) -> None:
    """The route itself, another one, or the Gateway."""
    sends = row(
        "route",
        id="sends",
        of="HTTPRoute/ns/web",
        gateway="Gateway/infra/edge",
        host="web.example",
        backends=[{"service": "Service/ns/web", "port": 80}],
    )
    (group,) = places(failed(sends, code, "web.example/ at port 80", "x", observed), rows=(sends,))
    assert group == (*place, ["sends"])


def test_a_service_that_a_route_lacks_is_named() -> None:
    sends = row(
        "route",
        id="sends",
        of="HTTPRoute/ns/web",
        gateway="Gateway/infra/edge",
        host="web.example",
        backends=[{"service": "Service/ns/web", "port": 80}],
    )
    gone = failed(sends, "service-missing", "Service/ns/web", "a Service", "absent")
    assert places(gone, rows=(sends,)) == [("Service/ns/web", Part.EXISTS, ["sends"])]
    asks = row(
        "ingress-answer",
        id="asks",
        of="HTTPRoute/ns/web",
        gateway="Gateway/infra/edge",
        host="web.example",
        path="/",
    )
    away = failed(asks, "status-differs", "http://web.example/", "HTTP 200", "HTTP 500")
    assert [group[0] for group in places(away, gone, rows=(sends, asks))] == ["Service/ns/web"]


@pytest.mark.parametrize("budgets", [["one"], ["one", "two"]])
def test_a_pod_that_may_not_be_evicted_is_led_to_the_only_budget(budgets: list[str]) -> None:
    rows = [
        row("field", id=name, of=f"PodDisruptionBudget/ns/{name}", path="x", expect={"equals": 1})
        for name in budgets
    ]
    drain = {"do": "drain", "runs": WEB, "elsewhere": [WEB]}
    drains = row("rehearsal", id="drain", workloads=[WEB], operation=drain)
    stays = failed(drains, "step-not-reached", "operation", "left", "web-1 may not be evicted")
    named = [group[0] for group in places(stays, rows=(*ROWS, *rows))]
    assert named == (["PodDisruptionBudget/ns/one"] if len(budgets) == 1 else [])


def test_a_peer_that_is_not_reached_is_led_to_the_policy_that_differs_where_it_runs() -> None:
    peers = row("field", id="lets-in", of="NetworkPolicy/ns/db", path="x", expect={"equals": 1})
    shut = failed(EGRESS, "peer-not-reached", "1 of 1 Pods", "allowed", "timeout")
    differs = failed(peers, "field-differs", "x", "1", "2")
    assert [group[0] for group in places(shut, differs)] == ["NetworkPolicy/ns/db"]


@pytest.mark.parametrize(
    ("what", "reason", "api"),
    [
        ("cpu", "unable to fetch metrics from resource metrics API", "v1beta1.metrics.k8s.io"),
        (
            "current Pods metric requests",
            "unable to fetch metrics from custom metrics API: no versions found",
            "v1beta1.custom.metrics.k8s.io",
        ),
        (
            "ScalingActive",
            "unable to get external metric: unable to fetch metrics from external metrics API",
            "v1beta1.external.metrics.k8s.io",
        ),
    ],
)
def test_an_autoscaler_without_a_figure_rests_on_the_api_of_its_metric(
    what: str, reason: str, api: str
) -> None:
    of = ObjectRef(kind="HorizontalPodAutoscaler", namespace="shop", name="web")
    measured = row("hpa-state", id="measured", of=of, aspect="metrics")
    finding = failed(measured, "metric-unknown", what, "a figure", f"unknown: {reason}")
    (group,), alone = groups_of([finding], [measured])
    assert (group.place.ref, alone) == (f"APIService//{api}", ())
