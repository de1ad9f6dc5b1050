"""What the tools print, as findings."""

import json

from testbed.compare.findings import Finding, read_checkov, read_kube_score, read_schema


def test_kube_score_passed_and_skipped_checks_are_no_findings() -> None:
    """A check with two comments is two findings, each at its own container."""
    check = {"check": {"id": "probes", "name": "Probes"}, "skipped": False}
    item = {
        "type_meta": {"kind": "Deployment"},
        "object_meta": {"name": "router"},
        "checks": [
            {**check, "grade": 10, "comments": None},
            {**check, "grade": 1, "skipped": True, "comments": None},
            {
                **check,
                "grade": 1,
                "comments": [{"path": "main", "summary": "none"}, {"path": "", "summary": "two"}],
            },
            {**check, "grade": 5, "comments": None},
        ],
    }
    assert read_kube_score(json.dumps([item, {**item, "checks": None}])) == [
        Finding("probes", "Deployment/router/main", "none"),
        Finding("probes", "Deployment/router", "two"),
        Finding("probes", "Deployment/router", "Probes"),
    ]


def test_checkov_says_each_folder_in_a_line() -> None:
    """Whatever else is printed is none."""
    said = "Liveness Probe Should be Configured"
    text = json.dumps([["CKV_K8S_8", "Deployment.a.router", said]]) + "\na warning\n[]\n"
    assert read_checkov(text) == [[Finding("CKV_K8S_8", "Deployment.a.router", said)], []]


def test_only_errors_of_the_schema_are_findings() -> None:
    """Of each file by itself; not what passed, and not a kind that it does not know."""
    text = """INFO a/m.yaml passed for resource service/a against version 1.35
WARN a/m.yaml Couldn't find schema for kind X with api version y/v1 for kubernetes version 1.35
ERROR b/m.yaml did not validate for resource deployment/a against version 1.35: spec.replicas: \
'x: y' is not of type 'integer'
"""
    finding = Finding("schema", "deployment/a/spec.replicas", "'x: y' is not of type 'integer'")
    assert read_schema(text, ["a/m.yaml", "b/m.yaml"]) == [[], [finding]]
