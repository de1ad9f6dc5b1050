"""The schema for editors, what a workload needs, and the rows of a kind."""

import json
from pathlib import Path

import pytest

from clusterproof.checks import json_schema, read_spec
from clusterproof.spec.document import Document
from clusterproof.spec.need import Need, parse_need

PROJECT = Path(__file__).parents[2]


def test_the_committed_schema_is_the_codes() -> None:
    """`make spec-check` says the same, with the command that writes it anew."""
    committed = (PROJECT / "spec" / "schema" / "rows.schema.json").read_text("utf-8")
    assert json_schema() == json.loads(committed)


def test_rows_of_a_kind_are_those_that_one_check_judges() -> None:
    """In the order of the spec, and no others."""
    spec = read_spec(PROJECT / "spec" / "self-hosted.yaml")
    assert [row.id for row in spec.of_kind("flag")] == ["flag-evaluates", "flag-splits"]
    kinds = {row.check for row in spec.rows}
    assert sum(len(spec.of_kind(kind)) for kind in kinds) == len(spec.rows)


@pytest.mark.parametrize(
    ("text", "need", "place"),
    [
        (
            "kube-system/k8s-app=kube-dns,tier=a:53/UDP",
            Need("n", 53, "UDP", "kube-system", {"k8s-app": "kube-dns", "tier": "a"}),
            "kube-system/k8s-app=kube-dns,tier=a",
        ),
        (
            "shop/app.kubernetes.io/name=web:80/TCP",
            Need("n", 80, "TCP", "shop", {"app.kubernetes.io/name": "web"}),
            "shop/app.kubernetes.io/name=web",
        ),
        ("10.0.0.0/8:443/TCP", Need("n", 443, "TCP", cidr="10.0.0.0/8"), "10.0.0.0/8"),
        (
            "203.0.113.10:443/SCTP",
            Need("n", 443, "SCTP", cidr="203.0.113.10/32"),
            "203.0.113.10/32",
        ),
    ],
)
def test_a_need_is_a_place_and_a_port(text: str, need: Need, place: str) -> None:
    """By labels, or by addresses."""
    assert parse_need("n", text) == need
    assert need.place == place


@pytest.mark.parametrize(
    "text",
    ["", "a/b=c", "a/b=c:53", "a/b=c:53/ICMP", "a/b:53/UDP", "/b=c:53/UDP", "10.0.0.1/8:1/TCP"],
)
def test_anything_else_is_refused_as_it_is_written(text: str) -> None:
    """With both forms that there are."""
    with pytest.raises(ValueError, match="expected ") as caught:
        parse_need("n", text)
    assert str(caught.value) == (
        f"expected namespace/label=value:port/protocol or CIDR:port/protocol, got {text!r}"
    )


def test_the_rule_that_would_allow_it_is_shown() -> None:
    """As YAML on one line."""
    assert parse_need("n", "ns/a=b,c=d:53/UDP").remedy() == (
        "- {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ns}}, podSelector:"
        " {matchLabels: {a: b, c: d}}}], ports: [{port: 53, protocol: UDP}]}"
    )
    assert parse_need("n", "10.0.0.0/8:1/TCP").remedy() == (
        "- {to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 1, protocol: TCP}]}"
    )


def test_a_mistake_is_named_at_the_nearest_line() -> None:
    """Of the place itself, of what is around it, or of the file."""
    lines = {(): 2, ("rows",): 4, ("rows", 0): 5}
    document = Document(Path("a.yaml"), {}, lines)
    assert str(document.error(("rows", 0, "id"), "x")) == "a.yaml:5: x"
    assert str(document.error(("rows", 1), "x")) == "a.yaml:4: x"
    assert str(document.error(("else",), "x")) == "a.yaml:2: x"
    assert str(Document(Path("a.yaml"), {}, {}).error(("rows",), "x")) == "a.yaml:1: x"
