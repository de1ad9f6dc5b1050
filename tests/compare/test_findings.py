"""What the tools print, as findings."""

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
    assert read_kube_score([item, {**item, "checks": None}]) == [
        Finding("probes", "Deployment/router/main", "none"),
        Finding("probes", "Deployment/router", "two"),
        Finding("probes", "Deployment/router", "Probes"),
    ]


def test_checkov_names_the_fields_that_it_read() -> None:
    """Two containers of one Deployment are told apart by them."""
    said = "Liveness Probe Should be Configured"
    failed: dict[str, object] = {
        "check_id": "CKV_K8S_8",
        "check_name": said,
        "resource": "Deployment.a.router",
        "check_result": {"evaluated_keys": ["spec/b", "spec/a"]},
    }
    report = {"results": {"failed_checks": [failed, {**failed, "check_result": None}]}}
    assert read_checkov(report) == [
        Finding("CKV_K8S_8", "Deployment.a.router/spec/a/spec/b", said),
        Finding("CKV_K8S_8", "Deployment.a.router", said),
    ]


def test_only_errors_of_the_schema_are_findings() -> None:
    """Not what passed, and not a kind that it does not know."""
    text = """INFO m.yaml passed for resource service/a against version 1.35
WARN m.yaml Couldn't find schema for kind X with api version y/v1 for kubernetes version 1.35
ERROR m.yaml did not validate for resource deployment/a against version 1.35: spec.replicas: \
'x: y' is not of type 'integer'
"""
    finding = Finding("schema", "deployment/a/spec.replicas", "'x: y' is not of type 'integer'")
    assert read_schema(text) == [finding]
