"""What no row compares is said by its path, folded, and without its value."""

from typing import Any

import pytest

from clusterproof.generate.coverage import Unread, unread
from clusterproof.generate.remarks import Remarks, folded
from tests.generate.test_init import deployment, rows_of

Json = dict[str, Any]
REF = "Deployment/${here}/web"


def test_paths_that_differ_in_their_last_part_are_one() -> None:
    paths = ["spec.a", "spec.b.c", "spec.d", "spec.b['x.y']", "data"]
    assert list(folded(paths)) == ["spec.{a, d}", "spec.b.c", "spec.b['x.y']", "data"]


def test_field_that_nothing_compares_is_named_by_its_element() -> None:
    web = deployment()
    pod = web["spec"]["template"]["spec"]
    pod |= {"hostnameOverride": "a", "resourceClaims": [{"name": "gpu"}, {"name": "it's"}]}
    pod["containers"][0] |= {"stdinOnce": True, "resizePolicy": [{"resourceName": "cpu"}]}
    (line,) = rows_of(web).remarks.of_objects
    container = "spec.template.spec.containers[name=web]"
    assert line == (
        f"{REF}: {container}.{{stdinOnce, resizePolicy}},"
        " spec.template.spec.{hostnameOverride, resourceClaims}"
    )


def test_part_of_which_nothing_is_compared_is_one_path() -> None:
    item = {"kind": "Service", "spec": {"a": {"b": 1, "c": [2]}, "d": {"e": 1, "f": 2}}}
    row = {"check": "field", "path": "spec.d.e", "expect": {"equals": 1}}
    assert unread("Service", item, [row]).declared == (("spec", "a"), ("spec", "d", "f"))


def test_what_is_null_and_what_is_metadata_or_status_is_no_field() -> None:
    item = {"kind": "Service", "metadata": {"a": 1}, "status": {"a": 1}, "spec": {"a": None}}
    assert unread("Service", item, []) == Unread()


def test_default_is_of_its_kind_and_not_of_somebody_elses() -> None:
    item: Json = {"spec": {"suspend": False, "replicas": 3}}
    assert unread("CronJob", item, []).by_default == (("spec", "suspend"),)
    assert unread("Odd.v1.example.org", item, []).by_default == ()


def test_sidecar_is_no_default() -> None:
    item = deployment()
    item["spec"]["template"]["spec"]["initContainers"] = [
        {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}
    ]
    paths = [row.get("path", "") for row in rows_of(item).areas["workloads"]]
    assert "spec.template.spec.initContainers[name=proxy].restartPolicy" in paths


def test_defaults_of_all_objects_of_a_kind_are_one_line() -> None:
    first, second = deployment("a"), deployment("b")
    first["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
    second["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
    remarks = rows_of(first, second).remarks
    assert remarks.of_objects == ()
    assert remarks.by_default == (
        "Deployment: spec.template.spec.dnsPolicy,"
        " spec.template.spec.containers[*].imagePullPolicy",
    )


@pytest.mark.parametrize(("count", "lines"), [(3, 3), (4, 1)])
def test_field_that_many_objects_pass_over_is_said_of_the_kind(count: int, lines: int) -> None:
    remarks = Remarks()
    item: Json = {"spec": {"a": 1}}
    for number in range(count):
        rest = Unread((("spec", "a"),))
        remarks.add("Service", f"Service/${{here}}/{number}", item, rest)
    named = remarks.of_objects
    assert len(named) == lines
    assert (named[0] == "Service (4 of them): spec.a") is (lines == 1)


def test_key_of_a_hostile_name_is_one_line_and_not_endless() -> None:
    remarks = Remarks()
    key = "a\n# b: " + "x" * 500
    remarks.add("Odd.v1.a", "ref", {"spec": {key: 1}}, Unread((("spec", key),)))
    (line,) = remarks.of_objects
    assert line.startswith("ref: spec['a # b: x")
    assert len(line) < 130


def test_no_value_is_in_a_remark() -> None:
    web = deployment()
    pod = web["spec"]["template"]["spec"]
    pod["resourceClaims"] = [{"name": "debug", "resourceClaimName": "tulip-garden"}]
    pod["containers"][0]["env"] = [{"name": "LONG", "value": "tulip-garden " * 50}]
    named = "".join(rows_of(web).remarks.of_objects)
    assert "containers[name=web].env" in named
    assert "resourceClaims" in named
    assert "tulip" not in named


def test_empty_value_that_the_api_server_drops_is_in_no_row() -> None:
    """Declared so, the row would be red on the very cluster that it is applied to."""
    web = deployment(minReadySeconds=0)
    web["spec"]["template"]["spec"] |= {
        "hostNetwork": False,
        "securityContext": {"fsGroup": 0, "supplementalGroups": []},
        "tolerations": [{"key": "a", "operator": "Exists"}],
    }
    rows = {row["path"]: row["expect"] for row in rows_of(web).areas["workloads"] if "path" in row}
    assert rows["spec.template.spec.securityContext"] == {"contains": {"fsGroup": 0}}
    assert not [path for path in rows if path.endswith(("hostNetwork", "minReadySeconds"))]
    (line,) = rows_of(web).remarks.by_default
    for field in ("hostNetwork", "minReadySeconds", "supplementalGroups"):
        assert field in line
