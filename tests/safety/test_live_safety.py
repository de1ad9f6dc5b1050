"""On the local cluster: faults, no rights, Ctrl-C, two runs at once, kubeconfigs of every kind.

Each runs against a workload of its own, in a namespace of its own.
"""

import base64
import datetime as dt
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.record import RunRecord
from clusterproof.wait import wait_until
from testbed.cluster import paths
from testbed.faultproxy import scratch
from testbed.faultproxy.faults import FAULTS
from testbed.faultproxy.matrix import CLEAN, Run, line_of, verify
from testbed.faultproxy.server import running

pytestmark = pytest.mark.cluster

NAMESPACE = "safety-live"
KUBECONFIG = paths.KUBECONFIG
ENDS_WITHIN_S = 60.0
"""From Ctrl-C to the end of the process."""


@pytest.fixture(scope="module")
def api() -> Iterator[KubeApi]:
    """The real API server, with the workload in place."""
    found = KubeApi(connect(str(KUBECONFIG)))
    with scratch.deployed(found, NAMESPACE):
        yield found
    found.close()


@pytest.fixture(scope="module")
def clean(api: KubeApi) -> Run:
    """A run through no fault: every row passes, and rests on something."""
    whole = verify(api.connection, CLEAN, arguments())
    assert set(whole.outcomes.values()) == {Outcome.PASSED}, whole.output
    assert whole.looked.keys() == whole.outcomes.keys()
    dialled = " ".join(whole.looked["web-reaches-web"])
    assert all(part in dialled for part in ("EXEC ", "GET /api/v1/", "/endpointslices"))
    return whole


def arguments(*more: str) -> list[str]:
    return ["suites", "--spec", str(scratch.SPEC), "--namespace", f"scratch={NAMESPACE}", *more]


def record_of(folder: Path) -> RunRecord:
    (path,) = folder.glob("*/run.json")
    return RunRecord.from_json(path.read_text("utf-8"))


def run(folder: Path, kubeconfig: Path, *more: str) -> tuple[int, str]:
    """A whole run: its exit code and what it said."""
    started = scratch.start(*scratch.command(kubeconfig, NAMESPACE, str(folder), *more))
    said, _ = started.communicate(timeout=240)
    return started.returncode, said


def nothing_left(api: KubeApi) -> None:
    wait_until(
        lambda: scratch.left_over(api, NAMESPACE),
        lambda found: not found,
        waiting_for="nothing left over",
        within_s=30,
    )


@pytest.mark.parametrize("name", [one for one in FAULTS if one != "delete-refused"])
def test_fault_is_never_a_false_pass(api: KubeApi, clean: Run, name: str) -> None:
    found = line_of(verify(api.connection, FAULTS[name], arguments()), FAULTS[name], clean)
    assert found.sound, str(found)


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("none", Outcome.FAILED, "connection refused"),
        ("hang-pod-proxy", Outcome.INCONCLUSIVE, "the way to it is broken"),
    ],
)
def test_a_silent_program_fails_and_a_silent_proxy_does_not(
    api: KubeApi, tmp_path: Path, name: str, outcome: Outcome, words: str
) -> None:
    faults = {**FAULTS, CLEAN.name: CLEAN}
    place = f"{NAMESPACE}-{name}"
    with (
        scratch.deployed(api, place, scratch.LISTENS),
        running(api.connection, faults[name]) as proxy,
    ):
        options = ("--read-only", "-k", "web-page")
        command = scratch.command(proxy.kubeconfig, place, str(tmp_path), *options)
        said, _ = scratch.start(*command).communicate(timeout=90)
    (row,) = record_of(tmp_path).rows
    assert row.outcome is outcome, said
    assert "no answer within 4 s" in (text := f"{row.cause} {row.differences}")
    assert words in text


def test_pods_that_could_not_be_deleted_are_found_by_the_next_run(
    api: KubeApi, tmp_path: Path
) -> None:
    hurt = verify(api.connection, FAULTS["delete-refused"], arguments())
    assert hurt.exit_code == ExitCode.PASSED, hurt.output
    assert "could not be removed" in hurt.output
    assert "Traceback" not in hurt.output
    assert scratch.left_over(api, NAMESPACE)
    code, said = run(tmp_path, KUBECONFIG)
    assert code == ExitCode.PASSED, said
    # Its Lease was released, so the next run knows them by their deadline, or holds the same lock.
    assert "left behind" in said
    nothing_left(api)


def test_ctrl_c_leaves_a_partial_report_and_nothing_else(api: KubeApi, tmp_path: Path) -> None:
    # A fault before this test may have left Pods, which the next run removes: they are not its own.
    before = scratch.left_over(api, NAMESPACE)
    command = scratch.command(KUBECONFIG, NAMESPACE, str(tmp_path))
    started = scratch.start(*command)
    wait_until(
        lambda: set(scratch.left_over(api, NAMESPACE)).difference(before),
        lambda made: any(name.startswith("pod/") for name in made),
        waiting_for="a Pod of the run",
        within_s=90,
        every_s=0.1,
    )
    started.send_signal(signal.SIGINT)
    said, _ = started.communicate(timeout=ENDS_WITHIN_S)
    assert started.returncode == ExitCode.INTERRUPTED, said
    assert "Traceback" not in said
    record = record_of(tmp_path)
    assert Outcome.NOT_RUN in {row.outcome for row in record.rows}
    assert len(record.rows) == 6
    nothing_left(api)


def test_two_at_once_the_second_says_who_holds_the_lock(api: KubeApi, tmp_path: Path) -> None:
    from clusterproof.act.lock import RunLock  # noqa: PLC0415 - only here

    first = RunLock(api, NAMESPACE, "the-first")
    first.acquire(within_s=5)
    try:
        code, said = run(tmp_path, KUBECONFIG, "--lock-wait", "2")
    finally:
        first.release()
    assert code == ExitCode.INCONCLUSIVE, said
    assert "run the-first on" in said
    assert f"holds Lease {NAMESPACE}/clusterproof" in said
    read = [row for row in record_of(tmp_path).rows if row.outcome is Outcome.PASSED]
    assert {row.id for row in read} == {"web-replicas", "web-service", "web-page"}


def test_two_at_once_the_second_waits(api: KubeApi, tmp_path: Path) -> None:
    runs = [
        scratch.start(*scratch.command(KUBECONFIG, NAMESPACE, str(tmp_path / str(one))))
        for one in range(2)
    ]
    ends = [(one.communicate(timeout=240)[0], one.returncode) for one in runs]
    assert [code for _, code in ends] == [ExitCode.PASSED, ExitCode.PASSED], ends
    nothing_left(api)


def test_production_is_not_written_to(api: KubeApi, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    text = scratch.SPEC.read_text("utf-8").replace("rows.yaml", str(scratch.FOLDER / "rows.yaml"))
    spec.write_text(f"{text}  production_contexts: [testbed]\n", encoding="utf-8")
    before = len(scratch.pods(api, NAMESPACE))
    code, said = run(tmp_path / "r", KUBECONFIG, "--spec", str(spec))
    assert code == ExitCode.INCONCLUSIVE, said
    assert "production" in said
    assert not any(right.startswith("create") for right in record_of(tmp_path / "r").rights)
    assert len(scratch.pods(api, NAMESPACE)) == before
    code, said = run(tmp_path / "s", KUBECONFIG, "--spec", str(spec), "--allow-production")
    assert code == ExitCode.PASSED, said


def service_account_token(api: KubeApi, name: str, seconds: int = 600) -> str:
    """A token of a ServiceAccount without any Role."""
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    body: dict[str, Any] = {"metadata": {"name": name}}
    api.request("POST", accounts, body=body, expect_ok=False)
    answer = api.request(
        "POST", f"{accounts}/{name}/token", body={"spec": {"expirationSeconds": seconds}}
    )
    return str(answer.json()["status"]["token"])


def kubeconfig_with(folder: Path, user: dict[str, Any]) -> Path:
    """The local cluster's kubeconfig, with two contexts and another user."""
    document = json.loads(KUBECONFIG.read_text("utf-8"))
    document["users"].append({"name": "other", "user": user})
    cluster = document["contexts"][0]["context"]["cluster"]
    entry = {"name": "other", "context": {"cluster": cluster, "user": "other"}}
    document["contexts"].append(entry)
    document["current-context"] = "other"
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_no_rights_at_all_is_inconclusive_with_one_cause_each(api: KubeApi, tmp_path: Path) -> None:
    kubeconfig = kubeconfig_with(tmp_path, {"token": service_account_token(api, "nobody")})
    code, said = run(tmp_path / "r", kubeconfig)
    assert code == ExitCode.INCONCLUSIVE, said
    assert "Traceback" not in said
    rows = record_of(tmp_path / "r").rows
    assert {row.outcome for row in rows} == {Outcome.INCONCLUSIVE}
    assert all("403 Forbidden" in row.cause and "cannot list" in row.cause for row in rows)
    assert all(row.next.startswith("kubectl auth can-i list") for row in rows)


def test_users_of_every_kind_are_let_in(api: KubeApi, tmp_path: Path) -> None:
    token = service_account_token(api, "nobody")
    (tmp_path / "token").write_text(token, encoding="utf-8")
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n", encoding="utf-8")
    plugin.chmod(0o700)
    version = "client.authentication.k8s.io/v1"
    users: list[dict[str, Any]] = [
        {"token": token},
        {"tokenFile": "token"},
        {"exec": {"command": "./plugin", "apiVersion": version, "interactiveMode": "Never"}},
    ]
    review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    for user in users:
        other = KubeApi(connect(str(kubeconfig_with(tmp_path, user))))
        answer = other.request("POST", review, body={})
        who = answer.json()["status"]["userInfo"]["username"]
        assert who == f"system:serviceaccount:{NAMESPACE}:nobody"
        other.close()
    both = str(tmp_path / "kubeconfig")
    for context in ("testbed", "other"):
        assert connect(both, context).context == context


def test_expired_credentials_are_said_to_be(tmp_path: Path) -> None:
    ca_key = serialization.load_pem_private_key((paths.CERTS / "ca.key").read_bytes(), None)
    ca = x509.load_pem_x509_certificate((paths.CERTS / "ca.crt").read_bytes())
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(tz=dt.UTC)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "late")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now - dt.timedelta(days=1))
        .sign(ca_key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    user = {
        "client-certificate-data": base64.b64encode(pem).decode(),
        "client-key-data": base64.b64encode(secret).decode(),
    }
    path = kubeconfig_with(tmp_path, user)
    with pytest.raises(SpecError, match="client certificate that is valid, it expired"):
        connect(str(path))
    wrong = KubeApi(connect(str(kubeconfig_with(tmp_path, {"token": "no-token-at-all"}))))
    with pytest.raises(ObservationError, match="401 Unauthorized"):
        wrong.get("/api/v1/namespaces")
    wrong.close()


PEAK_MEMORY = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory_of_a_run_is_bounded(api: KubeApi, tmp_path: Path) -> None:
    command = scratch.command(KUBECONFIG, NAMESPACE, str(tmp_path))
    # Linux counts what a process was before its exec too: the run's parent has to be small.
    measured = subprocess.run(  # noqa: S603 - our own run
        [sys.executable, "-c", PEAK_MEMORY, *command],
        cwd=scratch.PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    assert int(measured.stdout) <= 150 * 1024, api.usage
