"""A value that may be a secret is written into no spec; one that is surely none is."""

import base64
from typing import Any

import pytest

from clusterproof.generate.doubt import holds_a_secret, may_be_secret
from tests.generate.test_init import deployment, rows_of

WEAK = "tulip-garden"
DRAWN = "Qz8Lr2VdX5"

SECRET = (
    ("MARIADB_ROOT_PW", WEAK),
    ("SMTP_KENNWORT", WEAK),
    ("DOOR_PIN", "48213"),
    ("SESSION_SECRET_B64", WEAK),
    ("SECRET_KEY_BASE", WEAK),
    ("apiKey", WEAK),
    ("HMAC_SALT", WEAK),
    ("mail.ini", f"[smtp]\npassword = {WEAK}\nhost = mail"),
    ("mail.ini", f"[smtp]\nhost = mail\nsmtp_pw={WEAK}"),
    ("users.xml", f"<users><password>{WEAK}</password></users>"),
    ("cache.conf", f"maxmemory 1gb\nmasterauth {WEAK}"),
    ("CACHE", f"redis://cache:6379/0?pw={WEAK}"),
    ("REPOSITORY", f"https://{DRAWN * 3}@git.example.com/a"),
    ("DESIGN", "figd_" + "aB1c" * 10),
    ("EDGE", "sb_secret_" + "aB1c" * 8),
    ("ANY", DRAWN),
    ("ANY", f"app:{DRAWN}"),
    ("ANY", "k7q2x9w4m1z8v3t6"),
    ("ANY", ["--db-password", WEAK]),
    ("ANY", ["valkey-server", "--requirepass", WEAK]),
    ("ANY", ["serve", "--admin-pin", "48213"]),
    ("ANY", ["sh", "-c", f"sshpass -p {WEAK} ssh a@b"]),
    ("ANY", {"httpHeaders": [{"name": "X-Shop-Token", "value": WEAK}]}),
    ("ANY", {"exec": {"command": ["redis-cli", "-a", WEAK, "ping"]}}),
)

PLAIN = (
    ("AUTH_MODE", "oidc"),
    ("TOKEN_ISSUER", "https://issuer.example.com"),
    ("PASSWORD_FILE", "/run/secrets/db"),
    ("MAX_TOKENS", "4096"),
    ("SESSION_TTL", "3600s"),
    ("KEY_PREFIX", "shop"),
    ("DB_PASSWORD", "$(FROM_SECRET)"),
    ("MODE", "fast"),
    ("DATABASE_HOST", "postgres-0.postgres.shop.svc:5432"),
    ("IMAGE", "registry.example.com/shop/web:1.2.3@sha256:" + "0a1b2c3d" * 8),
    ("CLUSTER", "3f1b2a7e-9c7d-4a53-9b68-0f3a5f1e2d4c"),
    ("API", "autoscaling/v2beta2, batch/v1alpha1"),
    ("ANY", ["--port", "8080", "--log-level=info", "--token-ttl", "30s"]),
    ("ANY", ["sh", "-c", "exec nginx -g 'daemon off;'"]),
    ("ANY", {"topologyKey": "kubernetes.io/hostname", "maxSkew": 1}),
    ("ANY", [{"key": "dedicated", "operator": "Equal", "value": "router"}]),
)


@pytest.mark.parametrize(("name", "node"), SECRET)
def test_what_may_be_a_secret_is_doubted(name: str, node: object) -> None:
    assert may_be_secret(node, name)


@pytest.mark.parametrize(("name", "node"), PLAIN)
def test_a_plain_setting_is_not(name: str, node: object) -> None:
    assert not may_be_secret(node, name)


def config_map(**fields: dict[str, str]) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "web", "namespace": "here"}, **fields}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_binary_data_is_read_before_it_is_written() -> None:
    binary = {"PASS": encoded(WEAK), "a": encoded(f"db_pw={WEAK}"), "b": encoded("fast")}
    rows = rows_of(deployment(), config_map(binaryData=binary))
    assert [row["path"] for row in rows.areas["configuration"]] == ["binaryData['b']"]
    assert rows.left_out == [
        "ConfigMap/${here}/web: PASS, which looks like a secret in a ConfigMap",
        "ConfigMap/${here}/web: a, which looks like a secret in a ConfigMap",
    ]


def test_a_command_with_a_secret_is_left_out_and_said() -> None:
    web = deployment()
    container = web["spec"]["template"]["spec"]["containers"][0]
    container |= {"command": ["serve", "--port", "80"], "args": ["--password", WEAK]}
    rows = rows_of(web)
    paths = [row.get("path", "") for row in rows.areas["workloads"]]
    place = "spec.template.spec.containers[name=web]"
    assert f"{place}.command" in paths
    assert f"{place}.args" not in paths
    assert rows.left_out == [f"Deployment/${{here}}/web: {place}.args, which looks like a secret"]
    assert WEAK not in str(rows.areas) + str(rows.remarks.of_objects)


def test_one_annotation_with_a_secret_leaves_the_others() -> None:
    web = deployment()
    web["spec"]["template"]["metadata"]["annotations"] = {
        "example.com/snippet": f'set_header X-Shop-Token "{WEAK}";',
        "example.com/mode": "fast",
    }
    rows = rows_of(web)
    (row,) = (row for row in rows.areas["workloads"] if "annotations" in row.get("path", ""))
    assert row["expect"] == {"contains": {"example.com/mode": "fast"}}
    assert any("['example.com/snippet'], which looks like a secret" in s for s in rows.left_out)


OWN_SECRET: tuple[dict[str, Any], ...] = (
    {"credentials": {"a": "hunter2"}},
    {"passwords": {"alice": "hunter2"}},
    {"passwords": ["hunter2"]},
    {"passwords": "hunter2"},
    {"token": {"inline": "hunter2"}},
    {"users": {"admin": {"password": {"value": "hunter2"}}}},
    {"users": [{"password": {"deep": [{"x": ["hunter2"]}]}}]},
    {"creds": {"first": "hunter2"}},
    {"creds": {"first": 48213}},
    {"params": [{"key": "password", "value": "hunter2"}]},
    {"params": [{"k": "password", "v": "hunter2"}]},
    {"params": [{"Key": "passwords", "Value": {"a": "hunter2"}}]},
    {"params": [{"name": "credentials", "value": ["hunter2"]}]},
    {"params": [{"setting": "password", "value": "hunter2"}]},
    {"sessionCookie": {"inline": "hunter2"}},
    {"secretRef": {"inline": "hunter2"}},
    {"apiKeys": {"shop": "hunter2"}},
    {"credentialsConfig": {"a": "hunter2"}},
    {"values": "db:\n  credentials:\n    first: hunter2\n"},
    {"values": '{"credentials": {"first": "hunter2"}}'},
)
OWN_PLAIN: tuple[dict[str, Any], ...] = (
    {"secretRef": {"name": "hunter2"}},
    {"secretName": "db-user"},
    {"tokenSecretRef": {"name": "db-user", "key": "token"}},
    {"credentials": {"secretRef": {"name": "db-user", "key": "password", "optional": True}}},
    {"password": {"valueFrom": {"secretKeyRef": {"name": "db-user", "key": "password"}}}},
    {"imagePullSecrets": [{"name": "registry"}]},
    {"credentials": {"enabled": True, "a": "", "b": None}},
    {"maxTokens": 4096},
    {"tokenTTL": "3600s"},
    {"params": [{"key": "mode", "value": "fast"}]},
    {"values": "mode: fast\nhost: db\n"},
)


@pytest.mark.parametrize("spec", OWN_SECRET, ids=str)
def test_value_below_the_name_of_a_secret_is_written_of_no_own_kind(spec: dict[str, Any]) -> None:
    own = {"kind": "Odd.v1.a.example", "metadata": {"name": "o", "namespace": "here"}}
    rows = rows_of({**own, "spec": {**spec, "size": 3}}, {**own, **spec})
    written = f"{rows.areas}{rows.left_out}{rows.remarks.of_objects}"
    for secret in ("hunter2", "48213"):
        assert secret not in written
    (key,) = spec
    named = f"Odd.v1.a.example/${{here}}/o: spec.{key}, which looks like a secret"
    assert named in rows.left_out
    assert [row["path"] for row in rows.areas["workloads"]] == ["spec.size"]


@pytest.mark.parametrize("spec", OWN_PLAIN, ids=str)
def test_name_of_an_object_is_no_secret_of_an_own_kind(spec: dict[str, Any]) -> None:
    assert not holds_a_secret(spec, "spec")
