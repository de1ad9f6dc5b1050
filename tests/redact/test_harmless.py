"""Two hundred texts that a report cannot do without stay as they are, whatever Secrets hold."""

import base64
import hashlib
import json
import random
import uuid
from dataclasses import replace

import pytest

from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from clusterproof.report.redacted import redacted
from clusterproof.spec.row import Expectation
from clusterproof.spec.terms import terms_of
from tests.judge.rows import row as row_of

DRAWN = random.Random(20261126)  # noqa: S311 - the same texts each time
HEX = "0123456789abcdef"
# Kubernetes' own, without vowels: apimachinery/pkg/util/rand.
SAFE = "bcdfghjklmnpqrstvwxz2456789"


def drawn(letters: str, length: int) -> str:
    return "".join(DRAWN.choice(letters) for _ in range(length))


def per_kind() -> list[str]:
    """Eight of each kind of id that a cluster draws by chance."""
    texts = []
    for number in range(8):
        digest, commit, hashed = drawn(HEX, 64), drawn(HEX, 40), drawn(SAFE, 10)
        stamp = f"2026-11-{number + 10}T0{number}:17:42"
        raw = DRAWN.randbytes(48)
        texts += [
            f"image registry.example.com:5000/shop/web-{number}:1.{number}.0@sha256:{digest}",
            f"imageID: docker.io/library/postgres@sha256:{digest}",
            f"containerID: containerd://{digest}",
            f"uid {uuid.UUID(int=DRAWN.getrandbits(128), version=4)}, generation {number}",
            f"Pod shop/web-{hashed}-{drawn(SAFE, 5)} is ready",
            f"pod-template-hash={hashed}, controller-revision-hash={drawn(SAFE, 9)}",
            f'"resourceVersion": "{drawn("123456789", 18)}"',
            f"checksum/config: {digest}",
            f'annotations: {{"checksum/secret": "{digest}", "revision": "{number}"}}',
            f"git commit {commit}, {commit[:12]}",
            f"helm.sh/chart: posthog-{number}.29.1, app.kubernetes.io/version={commit[:7]}",
            f"arn:aws:iam::{drawn('123456789', 12)}:role/eks-NodeRole-{drawn('ABCDEFGH1234', 12)}",
            f"lastTransitionTime: {stamp}.{drawn('0123456789', 6)}Z",
            f"volume pvc-{uuid.UUID(int=DRAWN.getrandbits(128), version=4)} is bound",
            f"serial number {drawn(HEX, 32)}, expires {stamp}Z",
            f"fingerprint SHA256:{base64.b64encode(raw[:32]).decode().rstrip('=')}",
            f"integrity: sha384-{base64.b64encode(raw).decode()}",
            f'etag: "{hashlib.md5(raw).hexdigest()}"',  # noqa: S324 - an ETag, no signature
            f"trace 4bf92f3577b34da6a3ce929d0e0e{number:04x}, span 00f067aa0ba9{number:04x}",
            f"node ip-10-0-{number}-17.eu-central-1.compute.internal, 10.0.{number}.17:9100",
        ]
    return texts


SAID = (
    "Basic connectivity to Redis works",
    "POSTHOG_API_KEY: present, 47 characters",
    "expected no placeholder, observed your-strong-password",
    "Secret/shop/web-secret: keys DB_PASSWORD, SECRET_KEY present",
    "kubectl -n shop get secret web-secret -o yaml",
    "secretKeyRef: {name: web-secret, key: DB_PASSWORD}",
    "imagePullSecrets[0].name: expected regcred, observed absent",
    "automountServiceAccountToken: expected False, observed True",
    "spec.template.spec.volumes[name=tls].secret.secretName is 'web-tls'",
    "env DB_HOST is 'postgres.shop.svc.cluster.local', DB_PORT is '5432'",
    "reference http://posthog-web.posthog.svc.cluster.local:8000",
    "the token of the ServiceAccount is projected for 3607 s",
    "php_fpm_active_processes 4, hf_hub_offline 1, npm_config_cache_dir /x",
    "shop-sk-frontend-a-replicas: expected 3, observed 2",
    "nginx.ingress.kubernetes.io/auth-type: basic",
    "HorizontalPodAutoscaler/shop/web: AbleToScale True, ScalingActive True",
    "maxTokens: 4096, tokens_total 17, token_count=5",
    "password_file: /run/secrets/db-password",
    "PWD=/app, HOME=/home/nonroot",
    "no answer in 3 s, 3 of 3 attempts; control peer answered in 4 ms",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 over TLS 1.3",
    "FailedCreatePodSandBox: failed to set up sandbox container",
    "the Lease is held by clusterproof-20261126-021742-a1b2c3",
    "GET /api/v1/namespaces/shop/secrets: 403 Forbidden",
    "router-secret-api-key: as expected: The key has 20 characters and more",
    "für alle, 全部 , tous",
    "1000m of 500m CPU, 268435456 bytes of 512Mi, 99.95 %, 1e3, 0.5Gi",
    "POSTGRES_PASSWORD=${DB_PASSWORD}, TOKEN=<token>, API_KEY=phc_YOUR_API_KEY",
    "--token-ttl 30s --password-file /run/p --auth-mode RBAC",
    "postgres://router@db.shop:5432/x?sslmode=require",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0nq2m",
    "eyJ is how a JSON object begins in base64",
    "requests: 12, code=200, key=le, le=0.25",
    "session affinity: ClientIP, seed=17, cookie: none",
    "clusterproof.dev/run=20261126-021742-a1b2c3",
    "PodDisruptionBudget/shop/web: disruptionsAllowed 1, currentHealthy 3",
    "ClusterIP 10.96.0.10, ports 53/UDP, 53/TCP, 9153/TCP",
    "X-Request-Id: 9f8c6b5d-0000-4000-8000-1234567890ab",
    "GOOGLE_APPLICATION_CREDENTIALS=/var/run/secrets/google/key.json",
    "kubectl auth can-i list secrets -n shop",
)
HARMLESS = (*per_kind(), *SAID)
HELD = (
    *("router", "postgres", "5432", "true", "shop", "production", "redis", "admin", "300000"),
    *("postgres.shop.svc.cluster.local", "redis-master:6379", "http://posthog-web.posthog:8000"),
    "server:\n  port: 8080\n  replicas: 3\nlogging: debug\n",
    '{"kind": "Deployment", "replicas": 3, "port": "8080"}',
    "/run/secrets/db-password",
    "<token>",
)
"""What stands in Secrets of clusters and is none."""


def test_there_are_two_hundred() -> None:
    assert len(set(HARMLESS)) == 200


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_it_stays_by_itself_and_in_every_form_of_a_report(text: str) -> None:
    redactor = Redactor.of(HELD, ["web", "posthog-web", "shop", "posthog"])
    assert Redactor().text(text) is text
    for form in (text, json.dumps({"evidence": [text]}), f"  evidence  {text}\n  next  x\n"):
        assert redactor.text(form) == form


def test_what_a_secret_holds_in_place_of_one_is_not_known() -> None:
    """Of a file, only the whole of it."""
    known = Redactor.of(HELD, ["posthog-web", "shop"]).known
    assert {value for value in known if "Deployment" not in value and "\n" not in value} == set()


ROW = row_of(
    "field", of="ConfigMap/shop/rout3r-settings", path="data.MODE", expect={"equals": "x9"}
)


def record() -> RunRecord:
    """Two rows whose ids differ in what has the shape of a key."""
    rows = tuple(
        RowResult(
            id=f"shop-sk-frontend-{letter}-v2-replicas",
            area="workloads",
            title="PostgreSQL runs its rout3r",
            outcome=outcome,
            source="rows.yaml:7, the contract of rout3r",
            observed="rout3r says no, rout3r-x1 too, Rout3rPass77",
        )
        for letter, outcome in (("a", Outcome.FAILED), ("b", Outcome.PASSED))
    )
    return RunRecord(
        run_id="r",
        started_at=1,
        finished_at=2,
        cluster=ClusterFacts(context="sk-Prod_Cluster1234567890", uid="u"),
        rows=rows,
        notes=("shop-sk-frontend-a-v2-replicas was retired",),
    )


def test_ids_claims_and_sources_are_what_they_were() -> None:
    """Else two rows become one, or every row vanishes since the night before."""
    clean = redacted(record(), Redactor.of(["rout3r", "workloads", "rows.yaml", "Rout3rPass77"]))
    kept = [replace(row, observed="") for row in clean.rows]
    assert kept == [replace(row, observed="") for row in record().rows]
    assert clean.cluster == record().cluster
    assert clean.notes == record().notes
    assert "Rout3rPass77" not in clean.to_json()


def test_names_of_the_spec_are_no_secrets_but_what_it_expects_may_be() -> None:
    terms = terms_of(ROW)
    assert {"rout3r-settings", "shop", "data.MODE", ROW.id, ROW.claim} <= terms
    assert not {"x9"} & terms_of(ROW.model_copy(update={"expect": Expectation(equals="x9")}))
    redactor = Redactor.of(["rout3r-settings", "rout3r", "rout3rs-own"], terms)
    said = "rout3r-settings of rout3r hold rout3rs-own"
    assert redactor.text(said) == "rout3r-settings of rout3r hold [redacted]"
