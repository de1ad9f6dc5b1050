"""What the judges say, to the letter, where other tests look at one part of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from clusterproof.checks.agrees import FieldPair
from clusterproof.checks.http import PodAnswer
from clusterproof.checks.images import RunningImage
from clusterproof.checks.metric import Exposed
from clusterproof.checks.metric_moves import Moved
from clusterproof.checks.probe import Probe
from clusterproof.checks.replicas import Replicas
from clusterproof.checks.targets import Target
from clusterproof.checks.totals import Totals
from clusterproof.compare import meets
from clusterproof.kube.paths import Missing, shown
from clusterproof.observe.fields import FieldValue
from clusterproof.product.router.counting import Counted
from clusterproof.run.results import expected_of
from clusterproof.spec.row import Expectation
from tests.judge.rows import row
from tests.judging import differences

WEB = "Deployment/ns/web"


def said(rule: Any, value: object) -> list[str]:  # noqa: ANN401 - any row
    """The differences as a report shows them."""
    return [str(one) for one in differences(rule, value)]


def test_each_pod_answers_for_itself() -> None:
    """One that does not answer hides nothing of the next."""
    fields = {"status": {"matches": "ok|healthy"}, "db": {"equals": "up"}}
    rule = row("http", workload=WEB, port=8080, path="/health", fields=fields)
    answers = (
        PodAnswer("a", None, (), "connection refused"),
        PodAnswer("b", 503, (("status", "down"), ("db", Missing("db"))), "database away"),
        PodAnswer("c", 200, (("status", "ok"), ("db", "up"))),
    )
    assert said(rule, answers) == [
        "a GET :8080/health: expected 200, observed no answer (connection refused)",
        "b GET :8080/health: expected 200, observed 503 (database away)",
        "b GET :8080/health status: expected matches ok|healthy, observed down",
        "b GET :8080/health db: expected up, observed absent (no db)",
    ]


def test_each_page_has_the_metric() -> None:
    """A page that cannot be read is not a page without the metric."""
    rule = row("metric", workload=WEB, port=9090, name="requests_total", type="counter")
    pages = (Exposed("a", None, "refused"), Exposed("b", None), Exposed("c", "gauge"))
    assert said(rule, (*pages, Exposed("d", "counter"))) == [
        "a requests_total: expected a counter, observed no metrics page (refused)",
        "b requests_total: expected a counter, observed absent from its metrics page",
        "c requests_total: expected counter, observed gauge",
    ]


def moved(*counted: Counted) -> list[str]:
    """What is said of these batches."""
    rule = row("metric-moves", workload=WEB, name="requests_total", by="requests")
    return said(rule, Moved(present=True, batches=counted))


def test_a_rise_is_said_with_its_bounds() -> None:
    """What may or may not have happened widens them."""
    assert moved(Counted(60, 65, 50.0)) == [
        "rise of requests_total: expected 60 to 65, observed 50"
        " (10 of 60 requests were not counted)"
    ]
    assert moved(Counted(60, 60, 90.0)) == [
        "rise of requests_total: expected 60, observed 90 (1.5 for each of our requests)"
    ]
    assert moved(Counted(0, 0, 2.0)) == [
        "rise of requests_total: expected 0, observed 2 (2 for each of our requests)"
    ]


def test_a_metric_that_nobody_has_is_said_once() -> None:
    """Not for each batch."""
    rule = row("metric-moves", workload=WEB, name="requests_total", by="requests")
    assert said(rule, Moved(present=False, batches=(Counted(1, 1, 0.0),) * 2)) == [
        "requests_total: expected a metric, observed absent from every Pod's metrics page"
    ]


def test_each_target_is_up_and_was_scraped() -> None:
    """At its limit of age it still is."""
    rule = row("targets", workload=WEB, port=9090)
    targets = (
        Target("a", None),
        Target("b", 0.0, 2.0),
        Target("c", 1.0, 151.0),
        Target("d", 1.0, 150.0),
    )
    assert said(rule, targets) == [
        "target a:9090: expected up, observed no target (Prometheus has other targets)",
        "target b:9090: expected up, observed up = 0 (the last scrape failed)",
        "target c:9090: expected scraped within 150 s, observed 151 s ago",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((), f"{WEB}: expected containers with images, observed absent"),
        (
            (RunningImage("web", "your-registry/web:1", ("your-registry/web:1",), ("a",)),),
            "web: expected an image of your own, observed your-registry/web:1"
            " (the README's placeholder)",
        ),
        (
            (RunningImage("web", "repo/web:latest", ("repo/web:latest",), ("a",)),),
            "web: expected a tag other than latest, or a digest, observed repo/web:latest"
            " (not pinned)",
        ),
        (
            (RunningImage("web", "web:1", ("web:1", "web:2"), ("a",)),),
            "Pods' web: expected web:1, observed web:2 (not the template's image)",
        ),
        (
            (RunningImage("web", "web:1", ("web:1",), ("a", "b")),),
            "Pods' web: expected one image id, observed 2 image ids"
            " (the same name leads to different images)",
        ),
    ],
)
def test_an_image_is_said_with_its_container(value: tuple[RunningImage, ...], words: str) -> None:
    """Whose it is, what it is, and what is wrong with it."""
    rule = row("images", workload=WEB, placeholders=["your-registry/"])
    assert said(rule, value) == [words]


def test_a_digest_behind_a_tag_need_not_be_a_digest() -> None:
    """A name with a colon in its tag's place is pinned by what follows."""
    rule = row("images", workload=WEB, placeholders=[])
    image = RunningImage("web", "web:latest:1", ("web:latest:1",), ("a",))
    assert said(rule, (image,)) == []


def test_replicas_say_every_trouble_of_their_pods() -> None:
    """And which generation the status is of."""
    rule = row("replicas", workload=WEB, replicas={"min": 3, "max": 3})
    right = Replicas(exists=True, desired=3, updated=3, ready=3, available=3, total=3)
    assert said(rule, replace(right, ready=2, troubles=("a: x", "b: y"))) == [
        "status.readyReplicas: expected 3, observed 2 (a: x; b: y)"
    ]
    assert said(rule, replace(right, generation_observed=False)) == [
        "status.observedGeneration: expected the current generation, observed an older one"
    ]


def test_a_sum_of_cpu_is_said_in_cores() -> None:
    """Or in thousandths of one."""
    fields = {"workloads": [WEB], "bound": "requests", "resource": "cpu", "quantity": "3"}
    rule = row("totals", **fields, documented="3-10")
    assert said(rule, Totals(Decimal("3.75"), (), ())) == [
        "sum of requests.cpu: expected 3, observed 3750m"
    ]


def test_a_probe_says_what_there_is_instead() -> None:
    """Handlers only, not its other fields."""
    fields = {"workload": WEB, "container": "web", "handler": "httpGet", "port": 8080}
    rule = row("probe", **fields, probe="readinessProbe", path="/")
    both = {"exec": {}, "tcpSocket": {}, "periodSeconds": 1}
    assert said(rule, Probe(container_exists=True, probe=both, ports=())) == [
        "readinessProbe: expected httpGet, observed exec, tcpSocket"
    ]
    assert said(rule, Probe(container_exists=False, probe=None, ports=())) == [
        f"{WEB}: expected container web, observed absent"
    ]
    by_default = {"httpGet": {"port": 8080}}
    assert said(rule, Probe(container_exists=True, probe=by_default, ports=())) == []


def field(**expect: Any) -> Any:  # noqa: ANN401 - a row
    """A row of one field."""
    return row("field", of="ConfigMap/ns/c", path="data.KEY", expect=expect)


def test_a_field_is_said_with_its_path_and_an_object_with_its_name() -> None:
    """Where nothing is there to have a path."""
    gone = FieldValue(object_exists=False, value=Missing("data"))
    assert said(field(equals=3), gone) == ["ConfigMap/ns/c: expected 3, observed no such object"]
    there = FieldValue(object_exists=True, value={"a": 1})
    assert said(field(at_least=3), there) == ['data.KEY: expected at_least 3.0, observed {"a": 1}']


def test_two_fields_that_disagree_are_both_said() -> None:
    """Or the one that has no part to compare."""
    rule = row(
        "agrees",
        of="ConfigMap/ns/c",
        path="data.URL",
        pattern="https://(.*)",
        **{"with": "Ingress/ns/i", "with_path": "spec.host"},
    )

    def pair(one: object, other: object) -> FieldPair:
        return FieldPair(
            FieldValue(object_exists=True, value=one), FieldValue(object_exists=True, value=other)
        )

    assert said(rule, pair("https://a", "a")) == []
    assert said(rule, pair("https://a", "b")) == [
        "data.URL: expected b (as Ingress/ns/i), observed a"
    ]
    assert said(rule, pair("ftp://a", "a")) == [
        "data.URL: expected text like https://(.*), observed ftp://a"
    ]
    assert said(rule, pair("https://a", Missing("host"))) == [
        "Ingress/ns/i spec.host: expected a value, observed absent (no host)"
    ]


@pytest.mark.parametrize(("length", "cut"), [(200, False), (201, True)])
def test_a_long_value_is_cut(length: int, *, cut: bool) -> None:
    """It still says how long it was."""
    assert shown("x" * length) == ("x" * 200 + "… (201 characters)" if cut else "x" * 200)


@pytest.mark.parametrize("value", [True, "many", None, [1]])
def test_what_is_no_number_is_neither_over_nor_under(value: object) -> None:
    """True is not 1 here."""
    assert not meets(Expectation(at_least=0), value)
    assert not meets(Expectation(at_most=5), value)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (field(at_most=3), "at_most 3.0"),
        (
            row(
                "quantity",
                workload=WEB,
                container="web",
                bound="limits",
                resource="cpu",
                quantity="500m",
            ),
            "500m",
        ),
        (row("targets", workload=WEB, port=9090), "it is as it should be"),
        (
            row("egress", workload=WEB, host="db", port=1, protocol="TCP", expected="refused"),
            "refused",
        ),
    ],
)
def test_a_row_says_what_it_expects_in_one_line(claim: Any, words: str) -> None:  # noqa: ANN401
    """Its claim, where no field of it says so."""
    assert expected_of(claim, ()) == words
