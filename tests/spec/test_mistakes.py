"""Mistakes in a spec: each is one sentence with its line, and never a traceback."""

from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.checks.field import FieldRow
from clusterproof.errors import SpecError

SPEC = "name: mine\nnamespaces: {ns: shop}\ninclude: [rows.yaml]\n"
ROWS = "area: configuration\nrows:\n"


def field(of: str = "ConfigMap/${ns}/cm", path: str = "data.A", expect: str = "{equals: a}") -> str:
    return (
        f"  - {{id: a-row, claim: It is as it is, source: here, check: field, of: '{of}',"
        f' path: "{path}", expect: {expect}}}\n'
    )


def read(folder: Path, spec: str = SPEC, rows: str = "") -> FieldRow:
    (folder / "spec.yaml").write_text(spec, encoding="utf-8")
    (folder / "rows.yaml").write_text(ROWS + (rows or field()), encoding="utf-8")
    (row,) = read_spec(folder / "spec.yaml").rows
    assert isinstance(row, FieldRow)
    return row


@pytest.mark.parametrize(
    "spec",
    [
        "namespaces: [a]\n",
        "namespaces: {a: 5}\n",
        "namespaces: {a: }\n",
        'namespaces: {a: ""}\n',
        "namespaces: {Shop: a}\n",
        "namespaces: {a_b: a}\n",
        "include: [1]\n",
        "include: {a: b}\n",
        "include: rows.yaml\n",
        "include: 3\n",
        "remove: [[a]]\n",
        "remove: a\n",
        "override: [a]\n",
        "override: {a-row: 1}\n",
        "override: {a-row: {}}\n",
        "override: {a-row: {id: other, because: x}}\ninclude: [rows.yaml]\n",
        "settings: [a]\n",
        "settings: {dialler: 3}\n",
        "extends: [a]\n",
        "extends: 3\n",
        "name: &a [*a]\n",
        "settings: &a {b: *a}\n",
        "? [a]\n: b\n",
        "? {a: b}\n: c\n",
        "3: x\n",
        "- a\n",
        "include: [missing.yaml]\n",
    ],
)
def test_a_mistake_in_a_spec_file_is_a_sentence_with_its_line(tmp_path: Path, spec: str) -> None:
    with pytest.raises(SpecError, match=r"spec\.yaml:\d+: "):
        read(tmp_path, spec)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (field(of="ConfigMap//cm"), "is in a namespace"),
        (field(of="Node/${ns}/n"), "is in no namespace"),
        (field(of="Configmap/${ns}/cm"), "write ConfigMap"),
        (field(of="GRPCRoute/${ns}/r"), "KIND.VERSION.GROUP"),
        (field(path="data[A"), "expected a path"),
        (field(path=""), "expected a path"),
        (field(expect='{matches: "("}'), "expected a regular expression"),
        (field(expect="{quantity: 500MB}"), "expected a quantity"),
        (field(expect="{quantity: 0.5}"), 'quote it: "0.5"'),
        (field(expect="{equals: null}"), "absent"),
        (field(expect="{}"), "exactly one of"),
        (field(of="ConfigMap/${Ns}/cm"), "expected an alias of: ns; got ${Ns}"),
        (field(expect='{equals: "${time"}'), "expected an alias of: ns; got ${time"),
        ("  3\n", "rows"),
        (
            "  - {id: a-row, claim: It is as it is, source: here, check: policy, aspect: allows,"
            " of: NetworkPolicy/a/b, workload: Deployment/a/b}\n",
            "can only be green",
        ),
        (
            "  - {id: a-row, claim: It is as it is, source: here, check: secret-manager,"
            " namespace: a, secrets: []}\n",
            "secrets: Tuple should have at least 1 item",
        ),
        (
            "  - {id: a-row, claim: It is as it is, source: here, check: hpa-state, resources: [],"
            " of: HorizontalPodAutoscaler/a/b, aspect: conditions}\n",
            "resources: Tuple should have at least 1 item",
        ),
        (
            "  - {id: a-row, claim: It is as it is, source: here, check: limit-range,"
            " namespace: a, workloads: []}\n",
            "workloads: Tuple should have at least 1 item",
        ),
        (
            "  - {id: a-row, claim: It is as it is, source: here, check: agrees, of: ConfigMap/a/b,"
            " path: data.A, pattern: abc, with: ConfigMap/a/c, with_path: data.B}\n",
            "a pattern with a group",
        ),
        (
            "  - {id: a-row, claim: It is as it is, source: here, check: reference,"
            " of: ConfigMap/a/b, service: Service/a/c}\n",
            "expected `url_key`",
        ),
    ],
)
def test_a_mistake_in_a_row_is_a_sentence_with_its_line(
    tmp_path: Path, rows: str, words: str
) -> None:
    with pytest.raises(SpecError, match=r"rows\.yaml:\d+: ") as caught:
        read(tmp_path, rows=rows)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("$${time}", "${time}"), ("a ${ns} $${ns}", "a shop ${ns}"), ("$5 $x $$", "$5 $x $$")],
)
def test_two_dollars_write_the_text_itself(tmp_path: Path, text: str, meant: str) -> None:
    assert read(tmp_path, rows=field(expect=f'{{equals: "{text}"}}')).expect.equals == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-01-01", "2026-01-01"),
        ("12:30", "12:30"),
        ("=", "="),
        ("y", "y"),
        ("N", "N"),
        ("on", True),
        ("08", "08"),
        ("017", 15),
        ("0o17", "0o17"),
        ("1e3", "1e3"),
        ("1.5e3", "1.5e3"),
        ("1.5e+3", 1500.0),
        ("-.5", "-.5"),
        ("+.nan", "+.nan"),
        ("0_8", "0_8"),
        ("{y: 1, yes: 2, on: 3, 80: 4, ~: 5}", {"y": 1, "yes": 2, "on": 3, "80": 4, "~": 5}),
        ("{<<: {on: 1, n: 2}, n: 3}", {"on": 1, "n": 3}),
        ("[&a 5, {*a : *a}]", [5, {"5": 5}]),
    ],
)
def test_a_plain_value_has_the_type_that_it_always_had(
    tmp_path: Path, text: str, meant: object
) -> None:
    """And a key is a text, as in JSON."""
    equals = read(tmp_path, rows=field(expect=f"{{equals: {text}}}")).expect.equals
    assert (equals, type(equals)) == (meant, type(meant))


@pytest.mark.parametrize("text", ["1.5e3", "1e3", "08"])
def test_a_plain_quantity_is_a_quantity(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, rows=field(expect=f"{{quantity: {text}}}")).expect.quantity


def test_a_value_that_its_tag_does_not_allow_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"rows\.yaml:\d+: .*that its tag does not allow"):
        read(tmp_path, rows=field(expect="{equals: !!int a}"))


def test_another_kind_is_named_as_kubectl_names_it(tmp_path: Path) -> None:
    of = "HTTPRoute.v1.gateway.networking.k8s.io/${ns}/r"
    assert read(tmp_path, rows=field(of=of)).of.kubectl == (
        "-n shop httproute.v1.gateway.networking.k8s.io/r"
    )


def test_a_place_has_its_folder(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "rows.yaml").write_text(ROWS + field(), encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(
        "namespaces: {ns: a}\ninclude: [web/rows.yaml]\n", encoding="utf-8"
    )
    assert read_spec(tmp_path / "spec.yaml").places == {"a-row": "web/rows.yaml:3"}


def test_no_row_hides_among_rehearsals_that_nobody_asks_for(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "rows.yaml").write_text("area: rehearsals\nrows:\n" + field(), encoding="utf-8")
    with pytest.raises(SpecError, match=r"rows\.yaml:\d+: expected rehearsals, and nothing else"):
        read_spec(tmp_path / "spec.yaml")
