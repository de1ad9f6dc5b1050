"""The deployer: secrets of the right shape, certificates that hold, words for what is late."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from testbed.deploy import secrets, tls
from testbed.deploy.__main__ import main
from testbed.deploy.profiles import PROFILES
from testbed.deploy.rollout import troubles, workloads

Json = dict[str, Any]


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = secrets.load_or_make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secrets.load_or_make(path) == first
    assert secrets.load_or_make(tmp_path / "other.json") != first


def test_secrets_have_the_shapes_of_the_contract(tmp_path: Path) -> None:
    values = secrets.load_or_make(tmp_path / "secrets.json")
    assert values["POSTHOG_API_KEY"].startswith("phc_")
    assert values["OPENAI_API_KEY"].startswith("sk-")
    assert values["ANTHROPIC_API_KEY"].startswith("sk-ant-")
    assert len(values["SECRET_KEY"]) >= 32


def test_a_secret_that_is_new_in_the_list_is_added_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"DB_PASSWORD": "kept"}))
    values = secrets.load_or_make(path)
    assert values["DB_PASSWORD"] == "kept"  # noqa: S105 - a planted value
    assert json.loads(path.read_text()) == values


@pytest.mark.parametrize(
    ("profile", "names"),
    [
        ("self-hosted", {"model-router-secret", "postgres-secret", "posthog-secret"}),
        ("lab", {"model-router-secret", "postgres-secret", "posthog-secret"}),
        ("cloud", {"model-router-secret-cloud", "postgres-secret", "posthog-secret"}),
    ],
)
def test_each_profile_has_its_secrets(tmp_path: Path, profile: str, names: set[str]) -> None:
    values = secrets.load_or_make(tmp_path / "secrets.json")
    made = secrets.objects(values, PROFILES[profile])
    assert {item["metadata"]["name"] for item in made} == names
    router = base64.b64decode(made[0]["data"]["DB_PASSWORD"]).decode()
    database = base64.b64decode(made[1]["data"]["POSTGRES_PASSWORD"]).decode()
    assert router == database == values["DB_PASSWORD"]


def test_certificates_name_their_host_and_are_signed_by_the_authority(tmp_path: Path) -> None:
    made = tls.objects(tmp_path, PROFILES["self-hosted"])
    authority = x509.load_pem_x509_certificate((tmp_path / "ingress-ca.crt").read_bytes())
    wanted_ones = PROFILES["self-hosted"].certificates
    assert wanted_ones
    for item, wanted in zip(made, wanted_ones, strict=True):
        pem = base64.b64decode(item["data"]["tls.crt"])
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(authority)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [wanted.host]


def test_certificates_are_kept_until_their_authority_changes(tmp_path: Path) -> None:
    first = tls.objects(tmp_path, PROFILES["lab"])
    assert tls.objects(tmp_path, PROFILES["lab"]) == first
    (tmp_path / "ingress-ca.key").unlink()
    second = tls.objects(tmp_path, PROFILES["lab"])
    assert second[0]["data"]["tls.crt"] != first[0]["data"]["tls.crt"]


def deployment(name: str, **status: int) -> Json:
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ns", "generation": 2},
        "spec": {"replicas": status.get("replicas", 1)},
        "status": {"observedGeneration": 2, **status},
    }


READY = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}


AT_LEAST = PROFILES["self-hosted"].at_least


def test_the_router_is_complete_with_three_although_its_manifest_has_no_number() -> None:
    one = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}
    (late,) = workloads([deployment("model-router", **one)], AT_LEAST)
    assert (str(late), late.complete) == ("model-router 1/3", False)
    (done,) = workloads([deployment("model-router", **READY)], AT_LEAST)
    assert done.complete


@pytest.mark.parametrize(
    "change",
    [{"observedGeneration": 1}, {"updatedReplicas": 2}, {"availableReplicas": 2}, {"replicas": 4}],
    ids=lambda change: next(iter(change)),
)
def test_a_rollout_in_progress_is_not_complete(change: dict[str, int]) -> None:
    item = deployment("model-router", **READY)
    item["status"].update(change)
    (found,) = workloads([item], AT_LEAST)
    assert not found.complete


def test_daemons_and_stateful_sets_are_waited_for_by_their_own_counts() -> None:
    meta = {"namespace": "ns", "generation": 1}
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled")
    daemons: Json = {
        "kind": "DaemonSet",
        "metadata": {**meta, "name": "agent"},
        "spec": {},
        "status": {"observedGeneration": 1, "numberReady": 4, **dict.fromkeys(counts, 5)},
    }
    baskets = {
        "kind": "StatefulSet",
        "metadata": {**meta, "name": "basket"},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 1, **READY},
    }
    agent, basket = workloads([baskets, daemons], {})
    assert (str(agent), agent.complete) == ("agent 4/5", False)
    assert (str(basket), basket.complete) == ("basket 3/3", True)


def test_a_binary_value_is_no_text_and_is_the_same_at_each_deploy(tmp_path: Path) -> None:
    values = secrets.load_or_make(tmp_path / "secrets.json")
    made = {item["metadata"]["name"]: item for item in secrets.objects(values, PROFILES["shop"])}
    content = base64.b64decode(made["storefront-keys"]["data"]["session.key"])
    assert len(content) == 32
    with pytest.raises(UnicodeDecodeError):
        content.decode()
    assert secrets.load_or_make(tmp_path / "secrets.json") == values


def test_a_chain_leads_from_the_host_over_an_intermediate_to_the_authority(tmp_path: Path) -> None:
    made = tls.objects(tmp_path, PROFILES["shop"])
    authority = x509.load_pem_x509_certificate((tmp_path / "ingress-ca.crt").read_bytes())
    for item in made:
        leaf, between = x509.load_pem_x509_certificates(base64.b64decode(item["data"]["tls.crt"]))
        leaf.verify_directly_issued_by(between)
        between.verify_directly_issued_by(authority)
    assert tls.objects(tmp_path, PROFILES["shop"]) == made


def pod(status: Json) -> Json:
    return {"metadata": {"name": "p", "namespace": "ns"}, "status": status}


def container(**state: Any) -> Json:  # noqa: ANN401 - any part of a container's status
    return {"name": "app", "restartCount": 0, **state}


@pytest.mark.parametrize(
    ("status", "words", "hopeless"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no cpu"}]},
            "not scheduled: no cpu",
            False,
        ),
        (
            {
                "containerStatuses": [
                    container(state={"waiting": {"reason": "ImagePullBackOff", "message": "m"}})
                ]
            },
            "container app: ImagePullBackOff: m",
            True,
        ),
        (
            {
                "containerStatuses": [
                    container(
                        restartCount=4,
                        state={"waiting": {"reason": "CrashLoopBackOff"}},
                        lastState={"terminated": {"exitCode": 4, "reason": "Error"}},
                    )
                ]
            },
            "container app ended 4 times, last with exit 4 (Error)",
            True,
        ),
        (
            {
                "initContainerStatuses": [container(state={"running": {}})],
                "containerStatuses": [container(state={"waiting": {"reason": "PodInitializing"}})],
            },
            "init container app has not ended yet",
            False,
        ),
        ({"phase": "Pending"}, "phase Pending, not ready yet", False),
    ],
    ids=["unschedulable", "image", "crash", "init", "pending"],
)
def test_a_pod_that_is_late_says_why(status: Json, words: str, hopeless: bool) -> None:  # noqa: FBT001
    (found,) = troubles([pod(status)])
    assert (found.reason, found.hopeless) == (words, hopeless)
    assert "kubectl -n ns describe pod p" in str(found)


def test_a_ready_pod_is_no_trouble() -> None:
    assert troubles([pod({"conditions": [{"type": "Ready", "status": "True"}]})]) == ()


def test_no_cluster_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kubeconfig", str(tmp_path / "none"), "up"]) == 4
    assert "start the cluster: make cluster" in capsys.readouterr().err
