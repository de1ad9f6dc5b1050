"""The manifests of deploy/nightly: what the night may not lose when somebody edits them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof import cli
from testbed.images.recipes import IMAGES

DEPLOY = Path(__file__).parents[2] / "deploy" / "nightly"
Json = dict[str, Any]


def objects() -> Iterator[Json]:
    for path in sorted((DEPLOY / "base").glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def one(kind: str) -> Json:
    (found,) = [item for item in objects() if item["kind"] == kind]
    return found


def pod_specs() -> dict[str, Json]:
    return {
        "run": one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        "history": one("Deployment")["spec"]["template"]["spec"],
    }


def test_the_cron_job_runs_once_a_night_alone_and_without_a_retry() -> None:
    spec = one("CronJob")["spec"]
    job = spec["jobTemplate"]["spec"]
    assert (spec["timeZone"], spec["concurrencyPolicy"]) == ("Etc/UTC", "Forbid")
    assert (job["backoffLimit"], job["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert spec["startingDeadlineSeconds"] > 0


def test_the_run_ends_itself_before_its_job_does() -> None:
    job = one("CronJob")["spec"]["jobTemplate"]["spec"]
    options = cli.command_parser().parse_args(pod_specs()["run"]["containers"][0]["args"][:4])
    assert options.within + options.grace < job["activeDeadlineSeconds"]
    assert options.grace < job["template"]["spec"]["terminationGracePeriodSeconds"]


def test_the_default_is_read_only() -> None:
    args = pod_specs()["run"]["containers"][0]["args"]
    assert {"--read-only", "--profile=read-only"} <= set(args)


@pytest.mark.parametrize("name", ["run", "history"])
def test_each_pod_is_restricted_and_writes_to_its_results_only(name: str) -> None:
    spec = pod_specs()[name]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/results"]
        assert set(container["resources"]) == {"requests", "limits"}
    assert [set(volume) - {"name"} for volume in spec["volumes"]] == [{"persistentVolumeClaim"}]


def test_only_the_run_has_a_token_and_only_an_optional_secret() -> None:
    specs = pod_specs()
    assert specs["run"]["serviceAccountName"] == "clusterproof"
    assert specs["history"]["automountServiceAccountToken"] is False
    (variable,) = specs["run"]["containers"][0]["env"]
    assert variable["valueFrom"]["secretKeyRef"]["optional"] is True


def test_the_image_is_one_that_the_testbed_makes() -> None:
    known = {image.reference for image in IMAGES}
    images = {one["image"] for spec in pod_specs().values() for one in spec["containers"]}
    assert images <= known


def test_prometheus_scrapes_the_history_where_it_listens() -> None:
    template = one("Deployment")["spec"]["template"]
    port = template["metadata"]["annotations"]["prometheus.io/port"]
    assert template["metadata"]["annotations"]["prometheus.io/scrape"] == "true"
    assert f"--port={port}" in template["spec"]["containers"][0]["args"]


def test_every_folder_that_a_kustomization_names_is_there() -> None:
    for path in DEPLOY.rglob("kustomization.yaml"):
        for name in yaml.safe_load(path.read_text(encoding="utf-8"))["resources"]:
            assert (path.parent / name).exists(), f"{path}: {name}"


def test_the_sonobuoy_plugin_is_of_its_documented_form() -> None:
    plugin = yaml.safe_load((DEPLOY.parent / "sonobuoy" / "plugin.yaml").read_text())
    config, spec = plugin["sonobuoy-config"], plugin["spec"]
    assert (config["driver"], config["result-format"]) == ("Job", "junit")
    assert config["plugin-name"] == "clusterproof"
    (mount,) = spec["volumeMounts"]
    assert mount == {"name": "results", "mountPath": "/tmp/sonobuoy/results"}  # noqa: S108
    options, rest = cli.command_parser().parse_known_args(spec["args"])
    assert str(options.done) == f"{mount['mountPath']}/done"
    assert mount["mountPath"] in str(options.results)
    assert rest == ["--read-only"]
