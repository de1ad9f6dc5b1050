"""What a mistake in a spec says, to the letter: file, line, what was expected, what was got."""

from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.errors import SpecError
from clusterproof.spec.document import read_document
from clusterproof.spec.row import Expectation, ObjectRef
from clusterproof.spec.settings import Settings
from tests.spec.test_reading import ROW, SPEC, write

TOTALS = """area: resources
rows:
  - id: sum-cpu
    claim: The sum of what all ask for
    source: Topology
    check: totals
    workloads:
      - Deployment/${ns}/web
      - Deployment/${other}/web
    bound: requests
    resource: cpu
    quantity: "3"
    documented: "3"
"""
REHEARSAL = """area: rehearsals
rows:
  - id: kill-web
    claim: A Pod of the web may die
    source: Runbook
    check: rehearsal
    workloads: ["Deployment/${ns}/web"]
    operation: {do: kill, of: "Deployment/${ns}/web"}
    within_s: 60
"""


def mistake(folder: Path, spec: str = SPEC, rows: str = ROW) -> str:
    """What reading them says, without the folder."""
    path = write(folder, spec, rows)
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            ROW.replace("cpu\n", "gpu\n"),
            "rows.yaml:10: resource: Input should be 'cpu' or 'memory'; got 'gpu'",
        ),
        (ROW.replace("quantity: 500m", "because: x"), "rows.yaml:3: quantity: Field required"),
        (
            ROW.replace("Deployment/${ns}/web", "web"),
            "rows.yaml:7: workload: Value error, expected Kind/namespace/name"
            " (Kind//name without one), got 'web'; got 'web'",
        ),
        (
            ROW + ROW.split("rows:\n")[1],
            "rows.yaml:12: expected an id of its own, 'web-cpu' stands in rows.yaml:3",
        ),
        (
            TOTALS,
            "rows.yaml:9: expected an alias of: ns, db; got ${other}; for the text: $${other}",
        ),
        (
            REHEARSAL,
            "rows.yaml:3: expected rehearsals, and nothing else, under `rehearsals`",
        ),
        ("a: 1\nb: [1\nc: 2\n", "rows.yaml:3: expected YAML: expected ',' or ']', but got ':'"),
        (
            "a: 1\nb: \x07\n",
            "rows.yaml:1: expected YAML: unacceptable character #x0007: special characters are not"
            ' allowed\n  in "<unicode string>", position 8',
        ),
        ("- 1\n", "rows.yaml:1: expected a mapping at the top, got list"),
        ("", "rows.yaml:1: expected a mapping at the top, got NoneType"),
    ],
)
def test_a_wrong_row_says_what_and_where(tmp_path: Path, rows: str, words: str) -> None:
    """Only what was given is said to be got."""
    spec = SPEC.replace("{ns: shop}", "{ns: shop, db: data}")
    assert mistake(tmp_path, spec, rows) == words


def test_a_part_of_a_field_is_named_by_its_path(tmp_path: Path) -> None:
    """And stands in its own line."""
    rows = ROW.split("    check")[0] + (
        "    check: replicas\n    workload: Deployment/${ns}/web\n    replicas:\n"
        "      min: 1\n      max: many\n"
    )
    assert mistake(tmp_path, rows=rows) == (
        "rows.yaml:10: replicas.max: Input should be a valid integer, unable to parse string as an"
        " integer; got 'many'"
    )


def test_an_unknown_kind_is_said_of_the_row_itself(tmp_path: Path) -> None:
    """No path stands before it."""
    said = mistake(tmp_path, rows=ROW.replace("check: quantity", "check: quantum"))
    assert said.startswith("rows.yaml:3: Input tag 'quantum' found using 'check' does not match")


def test_a_row_among_the_rehearsals_is_refused(tmp_path: Path) -> None:
    """As a rehearsal is among the rows."""
    assert mistake(tmp_path, SPEC.replace("include", "rehearsals")) == (
        "rows.yaml:3: expected rehearsals, and nothing else, under `rehearsals`"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            "settings: {settle_s: '${x}'}\n",
            "spec.yaml:5: expected an alias of: ns; got ${x}; for the text: $${x}",
        ),
        (
            "settings: {settle_s: -1}\n",
            "spec.yaml:5: settle_s: Input should be greater than 0; got -1",
        ),
    ],
)
def test_a_wrong_setting_is_said_with_its_line(tmp_path: Path, settings: str, words: str) -> None:
    """Also in the spec that is extended, when the one that extends it has no settings."""
    assert mistake(tmp_path, SPEC + settings) == words
    (tmp_path / "lab.yaml").write_text("extends: spec.yaml\n", "utf-8")
    with pytest.raises(SpecError) as caught:
        read_spec(tmp_path / "lab.yaml")
    assert str(caught.value) == f"{tmp_path}/{words}"


def test_a_namespace_of_no_alias_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    """The first by name, where there are several."""
    path = write(tmp_path, SPEC.replace("{ns: shop}", "{ns: shop, db: data}"))
    with pytest.raises(SpecError) as caught:
        read_spec(path, {"ns": "a", "yours": "b", "mine": "c"})
    assert str(caught.value) == f"--namespace: 'mine' is no alias of {path}; it has: ns, db"


def test_a_spec_keeps_what_its_file_says(tmp_path: Path) -> None:
    """With the namespaces that were asked for."""
    path = write(tmp_path, SPEC + "settings: {settle_s: 3}\n")
    spec = read_spec(path, {"ns": "shop-2"})
    assert (spec.name, spec.profile, spec.path) == ("mine", "mine", path)
    assert spec.namespaces == {"ns": "shop-2"}
    assert spec.settings == Settings(settle_s=3)
    assert spec.places == {"web-cpu": "rows.yaml:3"}


def test_a_spec_is_named_by_its_file_unless_it_says_otherwise(tmp_path: Path) -> None:
    """One that extends another has the name of that one."""
    write(tmp_path, "namespaces: {ns: shop}\n")
    plain = read_spec(tmp_path / "spec.yaml")
    assert (plain.name, plain.profile) == ("spec", "spec")
    (tmp_path / "lab.yaml").write_text("extends: spec.yaml\n", "utf-8")
    lab = read_spec(tmp_path / "lab.yaml")
    assert (lab.name, lab.profile) == ("spec", "spec")
    (tmp_path / "own.yaml").write_text("extends: spec.yaml\nname: own\nprofile: p\n", "utf-8")
    own = read_spec(tmp_path / "own.yaml")
    assert (own.name, own.profile) == ("own", "p")


def test_a_rehearsed_spec_has_no_rehearsals_left(tmp_path: Path) -> None:
    """They are rows now, the last of them."""
    write(tmp_path, SPEC + "rehearsals: [kill.yaml]\n")
    (tmp_path / "kill.yaml").write_text(REHEARSAL, "utf-8")
    spec = read_spec(tmp_path / "spec.yaml")
    assert spec.rehearsal_places == {"kill-web": "kill.yaml:3"}
    rehearsed = spec.rehearsed()
    assert [row.id for row in rehearsed.rows] == ["web-cpu", "kill-web"]
    assert rehearsed.places == {"web-cpu": "rows.yaml:3", "kill-web": "kill.yaml:3"}
    assert (rehearsed.rehearsals, rehearsed.rehearsal_places) == ((), {})


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """It is not there, or it is no UTF-8."""
    with pytest.raises(SpecError) as missing:
        read_document(tmp_path / "none.yaml")
    assert str(missing.value) == (
        f"{tmp_path}/none.yaml: expected a spec file: No such file or directory"
    )
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(SpecError) as latin:
        read_document(tmp_path / "latin.yaml")
    assert str(latin.value) == (
        f"{tmp_path}/latin.yaml: expected a spec file in UTF-8: 'utf-8' codec can't decode byte"
        " 0xe9 in position 9: invalid continuation byte"
    )


def test_kubectl_is_given_the_namespace_where_there_is_one() -> None:
    """And the kind as it takes it."""
    web = ObjectRef(kind="Deployment", namespace="shop", name="web")
    assert web.kubectl == "-n shop deployment/web"
    assert ObjectRef(kind="Node", namespace="", name="n1").kubectl == "node/n1"


@pytest.mark.parametrize("text", ["Deployment/shop/", "/shop/web", "Deployment/web", "a/b/c/d"])
def test_an_object_is_a_kind_a_namespace_and_a_name(tmp_path: Path, text: str) -> None:
    """Nothing less and nothing more."""
    said = mistake(tmp_path, rows=ROW.replace("Deployment/${ns}/web", text))
    assert f"(Kind//name without one), got '{text}'" in said


def test_an_object_may_be_without_a_namespace(tmp_path: Path) -> None:
    """A Node is of the whole cluster."""
    field = ROW.partition("    check:")[0] + "    check: field\n    of: Node//n1\n"
    rows = field + "    path: spec.unschedulable\n    expect: {absent: true}\n"
    (row,) = read_spec(write(tmp_path, rows=rows)).rows
    assert str(getattr(row, "of", "")) == "Node//n1"


@pytest.mark.parametrize("kind", ["Service", "HorizontalPodAutoscaler", "ConfigMap"])
def test_what_runs_no_pods_is_no_workload(tmp_path: Path, kind: str) -> None:
    """However many Pods its selector takes in."""
    with pytest.raises(SpecError, match=f"expected a workload .*; {kind} runs no Pods"):
        read_spec(write(tmp_path, rows=ROW.replace("Deployment/", f"{kind}/")))


def test_an_expectation_names_what_it_may_be_and_what_it_was_given() -> None:
    """All of them, in the order of the documentation."""
    with pytest.raises(ValueError, match="exactly one") as caught:
        Expectation.model_validate({"equals": 1, "at_least": 2})
    assert (
        "expected exactly one of: equals, contains, quantity, at_least, at_most, matches, names,"
        " absent; got ['at_least', 'equals']"
    ) in str(caught.value)


@pytest.mark.parametrize("text", ["a: " + "[" * 200_000, "- " * 200_000 + "1", "{" * 6_000])
def test_a_text_that_is_nested_too_deeply_is_refused(tmp_path: Path, text: str) -> None:
    """In one sentence; libyaml would end the whole process."""
    assert "rows.yaml:1: expected YAML: maximum recursion depth" in mistake(tmp_path, rows=text)
