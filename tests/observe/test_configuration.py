"""Configuration as containers get it: what arrives, what is stale, placeholders, and flaws."""

import base64
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from math import comb
from pathlib import Path
from typing import Any

import pytest

from clusterproof.checks import fresh
from clusterproof.checks.consumed import look as look_at_consumed
from clusterproof.checks.fresh import data_changed_at
from clusterproof.checks.fresh import look as look_at_fresh
from clusterproof.checks.placeholders import look as look_at_placeholders
from clusterproof.checks.secret_shape import _flaw, _is_in_sequence, _period
from clusterproof.checks.secret_shape import look as look_at_secret_shape
from clusterproof.checks.site import Permissions, Site
from clusterproof.errors import ObservationError
from clusterproof.kube.execute import ExecResult
from clusterproof.spec import Settings, Spec
from clusterproof.wait import last_within
from tests.judge.rows import row
from tests.judging import DoubtError, at_cluster, differences
from tests.observe.cluster_objects import cluster_of

read_consumed = at_cluster(look_at_consumed)
read_freshness = at_cluster(look_at_fresh)
read_placeholders = at_cluster(look_at_placeholders)
read_secret_shape = at_cluster(look_at_secret_shape)

Json = dict[str, Any]
ENCODED = base64.b64encode("bitte-ändern".encode()).decode()
AROUND = "between white space (a newline at its end?)"
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"


def held(kind: str, name: str, data: Json | None = None, **more: Any) -> Json:  # noqa: ANN401 - raw
    metadata = {"name": name, "namespace": "shop", "creationTimestamp": EARLY}
    metadata |= more.pop("metadata", {})
    return {"kind": kind, "metadata": metadata, "data": data or {}, **more}


def web(container: Json | None = None, **spec: Any) -> Json:  # noqa: ANN401 - raw
    main = {"name": "web", "image": "web:1", **(container or {})}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [main], **spec}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "d"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def key_of(variable: str, key: str, of: str = "cm") -> Json:
    return {"name": variable, "valueFrom": {"configMapKeyRef": {"name": of, "key": key}}}


def whole(name: str, **more: Any) -> Json:  # noqa: ANN401 - raw
    return {"configMapRef": {"name": name}, **more}


CM = held("ConfigMap", "cm", {"DB_HOST": "db", "DB_USER": "me"})
TEAM = held("ConfigMap", "team", {"DB_USER": "postgres"})


def consumed(
    *objects: Json,
    keys: tuple[str, ...] = ("DB_HOST", "DB_USER"),
    forbidden: tuple[str, ...] = (),
    **fields: Any,  # noqa: ANN401 - of the row
) -> list[str]:
    rule = row(
        "consumed",
        workload="Deployment/shop/web",
        container="web",
        of="ConfigMap/shop/cm",
        keys=list(keys),
        **{"as" if name == "as_" else name: value for name, value in fields.items()},
    )
    with cluster_of(*objects, forbidden=forbidden) as cluster:
        seen = read_consumed(cluster, rule).value
    return [f"{one.what}: {one.observed}" for one in differences(rule, seen)]


@pytest.mark.parametrize(
    "container",
    [
        {"envFrom": [whole("cm")]},
        {"envFrom": [whole("cm", prefix="X_")]},
        {"envFrom": [whole("team"), whole("cm")]},
        {"envFrom": [whole("cm"), whole("team", prefix="T_")]},
        {"envFrom": [whole("cm"), {"configMapRef": {"name": "gone", "optional": True}}]},
        {"env": [key_of("DB_HOST", "DB_HOST"), key_of("DB_USER", "DB_USER")]},
        {"env": [key_of("DATABASE", "DB_HOST"), key_of("LOGIN", "DB_USER")]},
    ],
)
def test_what_arrives_is_consumed_under_whatever_name(container: Json) -> None:
    assert consumed(web(container), CM, TEAM) == []


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (
            {"env": [key_of("DB_HOST", "DB_USER"), key_of("DB_USER", "DB_HOST")]},
            [
                "DB_HOST: DB_HOST comes from ConfigMap cm key DB_USER",
                "DB_USER: DB_USER comes from ConfigMap cm key DB_HOST",
            ],
        ),
        (
            {"envFrom": [whole("cm"), whole("team")]},
            ["DB_USER: DB_USER comes from ConfigMap team key DB_USER"],
        ),
        (
            {"envFrom": [whole("cm"), {"secretRef": {"name": "s"}}]},
            ["DB_USER: DB_USER comes from Secret s key DB_USER"],
        ),
        (
            {"envFrom": [whole("cm")], "env": [{"name": "DB_USER", "value": "root"}]},
            ["DB_USER: DB_USER comes from the container itself"],
        ),
        (
            {"envFrom": [whole("team")]},
            ["DB_HOST: not set from it", "DB_USER: DB_USER comes from ConfigMap team key DB_USER"],
        ),
    ],
)
def test_what_another_source_sets_is_named(container: Json, words: list[str]) -> None:
    secret = held("Secret", "s", {"DB_USER": base64.b64encode(b"x").decode()})
    assert consumed(web(container), CM, TEAM, secret) == words


def test_a_secret_that_goes_over_it_and_may_not_be_read_leaves_it_open() -> None:
    container = {"envFrom": [whole("cm"), {"secretRef": {"name": "s"}}]}
    with pytest.raises(ObservationError, match="later source"):
        consumed(web(container), CM, forbidden=("Secret",))
    before = {"envFrom": [{"secretRef": {"name": "s"}}, whole("cm")]}
    assert consumed(web(before), CM, forbidden=("Secret",)) == []


@pytest.mark.parametrize(
    ("container", "is_open"),
    [
        ({"envFrom": [whole("cm"), {"secretRef": {"name": "s"}, "prefix": "S_"}]}, False),
        ({"envFrom": [whole("cm"), {"secretRef": {"name": "s"}, "prefix": "DB_"}]}, True),
        (
            {
                "envFrom": [whole("cm"), {"secretRef": {"name": "s"}}],
                "env": [key_of("DB_HOST", "DB_HOST"), key_of("DB_USER", "DB_USER")],
            },
            False,
        ),
        (
            {
                "envFrom": [whole("cm"), {"secretRef": {"name": "s"}}],
                "env": [key_of("DB_HOST", "DB_HOST")],
            },
            True,
        ),
        (
            {
                "envFrom": [whole("cm"), {"secretRef": {"name": "s"}}],
                "env": [
                    key_of("DB_HOST", "DB_HOST"),
                    {
                        "name": "DB_USER",
                        "valueFrom": {
                            "configMapKeyRef": {"name": "cm", "key": "GONE", "optional": True}
                        },
                    },
                ],
            },
            True,
        ),
        (
            {
                "envFrom": [
                    whole("cm"),
                    whole("cm", prefix="X_"),
                    {"secretRef": {"name": "s"}, "prefix": "DB_"},
                ]
            },
            True,
        ),
    ],
)
def test_a_secret_that_may_not_be_read_leaves_open_what_it_could_set(
    container: Json, *, is_open: bool
) -> None:
    try:
        assert consumed(web(container), CM, forbidden=("Secret",)) == []
    except ObservationError:
        assert is_open
    else:
        assert not is_open


def test_a_variable_of_another_name_and_a_file_are_said_by_as() -> None:
    container = {
        "env": [key_of("LOGIN", "DB_USER")],
        "volumeMounts": [{"name": "v", "mountPath": "/etc/web"}],
    }
    volumes = [{"name": "v", "projected": {"sources": [{"configMap": {"name": "cm"}}]}}]
    names = {"DB_USER": "LOGIN", "DB_HOST": "/etc/web/DB_HOST"}
    assert consumed(web(container, volumes=volumes), CM, as_=names) == []
    assert consumed(web(container, volumes=volumes), CM) == [
        "DB_HOST: as the file /etc/web/DB_HOST alone; say so by `as`"
    ]
    wrong = {"DB_USER": "USER", "DB_HOST": "/etc/DB_HOST"}
    assert consumed(web(container, volumes=volumes), CM, as_=wrong) == [
        "DB_HOST: no file /etc/DB_HOST of it",
        "DB_USER: no variable USER",
    ]


# --- Freshness


def pod_of(template: Json, *, started: str = "2026-03-01T00:00:00Z") -> Json:
    reference = {"kind": "Deployment", "name": "web", "uid": "d", "controller": True}
    return {
        "kind": "Pod",
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "labels": {"app": "web"},
            "ownerReferences": [reference],
        },
        "spec": template["spec"]["template"]["spec"],
        "status": {"phase": "Running", "startTime": started},
    }


def written(at: str, *fields: str) -> Json:
    return {"managedFields": [{"time": at, "fieldsV1": {name: {} for name in fields}}]}


FRESH = row("fresh", workload="Deployment/shop/web", of="ConfigMap/shop/cm")


def freshness_of(
    monkeypatch: pytest.MonkeyPatch,
    workload: Json,
    item: Json,
    has: dict[str, str],
    **pod: Any,  # noqa: ANN401 - of `pod_of`
) -> list[str]:
    """The differences, where the exec runs our own script with this environment."""
    missing = pod.pop("missing", ())

    def execute(*_: object, **__: object) -> ExecResult:
        argv = _[4]
        assert isinstance(argv, list)
        if argv[0] in missing:
            raise ObservationError(f"{argv[0]}: executable file not found in $PATH")
        # The Python of these tests first: pyenv's `python3` has variables of its own.
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        ended = subprocess.run(  # noqa: S603 - our own script
            argv,
            env={"PATH": path, **has},
            capture_output=True,
            text=True,
            check=False,
        )
        return ExecResult(ended.stdout, ended.stderr, ended.returncode)

    monkeypatch.setattr(fresh, "execute", execute)
    with cluster_of(workload, item, pod_of(workload, **pod)) as cluster:
        seen = read_freshness(cluster, FRESH).value
    return [f"{one.what}: {one.observed}" for one in differences(FRESH, seen)]


BY_ENV = web({"envFrom": [whole("cm")]})
CHANGED = held("ConfigMap", "cm", {"A": "2"}, metadata=written(LATE, "f:data"))


@pytest.mark.parametrize(
    ("production", "permissions", "words"),
    [
        (("loop*",), Permissions(), r"context 'loopback' matches 'loop\*' in production"),
        ((), Permissions(read_only=True), "--read-only was given"),
    ],
)
def test_no_pod_is_entered_where_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
    production: tuple[str, ...],
    permissions: Permissions,
    words: str,
) -> None:
    entered: list[object] = []
    monkeypatch.setattr(fresh, "execute", lambda *place: entered.append(place))
    settings = Settings(production_contexts=production)
    spec = Spec("test", "test", Path("spec.yaml"), {}, settings, (FRESH,), {})
    with cluster_of(BY_ENV, CHANGED, pod_of(BY_ENV)) as cluster:
        site = Site(cluster, spec, "20260101-000000-abcdef", (FRESH,), permissions)
        with pytest.raises(ObservationError, match=words) as refusal:
            look_at_fresh(FRESH, site)
    assert refusal.value.next_command == "kubectl -n shop get pods"
    assert entered == []


@pytest.mark.parametrize("missing", [(), ("python3",)])
def test_an_older_pod_is_asked_by_python_or_by_a_shell(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    ask = {"missing": missing}
    assert freshness_of(monkeypatch, BY_ENV, CHANGED, {"A": "2"}, **ask) == []
    assert freshness_of(monkeypatch, BY_ENV, CHANGED, {"A": "1"}, **ask) == [
        "web-1: earlier ones of A"
    ]
    assert freshness_of(monkeypatch, BY_ENV, CHANGED, {}, **ask) == ["web-1: earlier ones of A"]
    assert freshness_of(monkeypatch, BY_ENV, CHANGED, {"A": "1", "GONE": "x"}, **ask) == [
        "web-1: earlier ones of A"
    ]
    with pytest.raises(DoubtError, match="has GONE in its environment"):
        freshness_of(monkeypatch, BY_ENV, CHANGED, {"A": "2", "GONE": "x"}, **ask)


def test_an_image_with_neither_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ObservationError, match="cannot be asked"):
        freshness_of(monkeypatch, BY_ENV, CHANGED, {"A": "2"}, missing=("python3", "sh"))


def test_a_pod_that_gets_nothing_of_it_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert freshness_of(monkeypatch, web(), CHANGED, {}) == ["web-1: no container gets any of it"]
    newer = {"started": "2026-07-01T00:00:00Z"}
    said = freshness_of(monkeypatch, web(), CHANGED, {}, **newer)
    assert said == ["web-1: no container gets any of it"]


def test_what_only_an_init_container_was_given_is_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    init = {"name": "migrate", "image": "web:1", "envFrom": [whole("cm")]}
    with pytest.raises(DoubtError, match="only init containers of web-1 get anything"):
        freshness_of(monkeypatch, web(initContainers=[init]), CHANGED, {})
    younger = {"started": "2026-07-01T00:00:00Z"}
    assert freshness_of(monkeypatch, web(initContainers=[init]), CHANGED, {}, **younger) == []


def test_a_file_by_subpath_is_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("mounted")
    mount = {"name": "v", "mountPath": f"{folder}/A", "subPath": "A"}
    workload = web({"volumeMounts": [mount]}, volumes=[{"name": "v", "configMap": {"name": "cm"}}])
    for text, words in (("1", ["web-1: earlier ones of A"]), ("2", [])):
        (folder / "A").write_text(text, encoding="utf-8")
        assert freshness_of(monkeypatch, workload, CHANGED, {}) == words


def changed(seconds_ago: float) -> Json:
    at = datetime.now(tz=UTC) - timedelta(seconds=seconds_ago)
    data = written(at.strftime("%Y-%m-%dT%H:%M:%SZ"), "f:data")
    return held("ConfigMap", "cm", {"A": "2"}, metadata=data)


@pytest.fixture
def mounted(tmp_path: Path) -> tuple[Path, Json]:
    """A file of the object in a folder, as a kubelet mounts it, and the workload that has it."""
    mount = {"name": "v", "mountPath": str(tmp_path)}
    volume = {"name": "v", "configMap": {"name": "cm"}}
    file = tmp_path / "A"
    file.write_text("1", encoding="utf-8")
    return file, web({"volumeMounts": [mount]}, volumes=[volume])


def test_a_file_that_the_kubelet_is_about_to_write_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, mounted: tuple[Path, Json]
) -> None:
    file, workload = mounted

    def sync(_: float) -> None:
        file.write_text("2", encoding="utf-8")

    def wait(read: Any, accept: Any, *, within_s: float, every_s: float) -> Any:  # noqa: ANN401
        assert 0 < within_s <= fresh.SYNC_S
        return last_within(
            read,
            accept,
            within_s=within_s,
            every_s=every_s,
            sleep=sync,
        )

    monkeypatch.setattr(fresh, "last_within", wait)
    assert freshness_of(monkeypatch, workload, changed(seconds_ago=30), {}) == []


def test_a_file_that_no_sync_has_brought_in_time_is_stale(
    monkeypatch: pytest.MonkeyPatch, mounted: tuple[Path, Json]
) -> None:
    item = changed(seconds_ago=fresh.SYNC_S + 1)
    assert freshness_of(monkeypatch, mounted[1], item, {}) == ["web-1: earlier ones of A"]


def test_a_variable_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    item = changed(seconds_ago=1)
    began = time.monotonic()
    assert freshness_of(monkeypatch, BY_ENV, item, {"A": "1"}) == ["web-1: earlier ones of A"]
    assert time.monotonic() - began < fresh.EVERY_S


@pytest.mark.parametrize("field", ["f:data", "f:stringData", "f:binaryData"])
def test_the_time_of_the_data_is_that_of_any_of_its_fields(field: str) -> None:
    assert data_changed_at(held("Secret", "s", metadata=written(LATE, field))) == LATE


def test_a_time_that_nobody_says_makes_every_pod_an_older_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown = held("ConfigMap", "cm", {"A": "2"}, metadata=written(LATE, "f:metadata"))
    assert data_changed_at(unknown) == ""
    assert freshness_of(monkeypatch, BY_ENV, unknown, {"A": "1"}) == ["web-1: earlier ones of A"]


# --- Placeholders


@pytest.mark.parametrize(
    "item",
    [
        web({"env": [{"name": "A", "value": "bitte-ändern"}]}),
        web({"env": [{"name": "A", "value": '"bitte-ändern"'}]}),
        {**web({"image": "bitte-ändern/x:1"}), "kind": "DaemonSet"},
        held(
            "ConfigMap",
            "c",
            {},
            binaryData={"x": ENCODED},
        ),
        held("ConfigMap", "c", metadata={"annotations": {"note": "bitte-ändern"}}),
        {
            "kind": "CronJob",
            "metadata": {"name": "c", "namespace": "shop"},
            "spec": {"jobTemplate": {"spec": web({"image": "bitte-ändern"})["spec"]}},
        },
        held("Secret", "s", {"x": ENCODED}),
        {**web(), "kind": "Pod", "spec": {"containers": [{"name": "a", "image": "bitte-ändern"}]}},
        {
            "kind": "Service",
            "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"type": "ExternalName", "externalName": "bitte-ändern.example"},
        },
    ],
)
def test_a_placeholder_is_seen_wherever_it_stands(item: Json) -> None:
    rule = row("placeholders", namespace="shop", placeholders=["bitte-ändern"])
    with cluster_of(item) as cluster:
        assert len(differences(rule, read_placeholders(cluster, rule).value)) == 1


def test_a_copy_that_kubectl_keeps_is_no_placeholder() -> None:
    kept = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": "change-me"}'}
    rule = row("placeholders", namespace="shop", placeholders=["change-me"])
    with cluster_of(held("ConfigMap", "c", metadata={"annotations": kept})) as cluster:
        assert differences(rule, read_placeholders(cluster, rule).value) == ()


# --- Shapes


SEQUENCE = "characters in the order of the alphabet, of the digits or of a keyboard"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (bytes(range(224, 256)), []),
        (b"correct-horse-battery-staple-0123", []),
        (b" " * 32, ["only white space"]),
        (b"a" * 40, ["one character repeated"]),
        (b"ab" * 20, ["two or three characters over and over"]),
        (b"abc" * 12, ["a short text over and over"]),
        (b"0123456789abcdef" * 2, ["a short text over and over"]),
        (b"change-me-change-me-change-me-ch", ["a short text over and over"]),
        (b"correct-horse-991+correct-horse-991", ["a short text over and over"]),
        (b"abcdefghijklmnopqrstuvwxyz012345", [SEQUENCE]),
        (b"98765432100123456789-zyxwvuts", [SEQUENCE]),
        (b"QwertyuiopAsdfghjklZxcvbnm!!", [SEQUENCE]),
        (b"9f8e1c0a7b6d5f4e3c2b1a0998877665", []),
        (b"Zq8vT3xKw7Lm2Rp9Yc4NdHs6Zq8vT3xK", []),
        (b"key-2026-11-27-qwe-7Hj2kLp0Zx", []),
        (b"correct-horse-battery-staple-0123\n", [AROUND]),
        (b"correct-horse-battery-staple-0123\r\n", [AROUND]),
        (
            b"\xef\xbb\xbfcorrect-horse-battery-staple",
            [AROUND],
        ),
        ("correct-horse-battery-staple\xa0".encode(), [AROUND]),
        ("correct-horse-battery-staple\u200b".encode(), [AROUND]),
        ("\u2028correct-horse-battery-staple".encode(), [AROUND]),
        (b"correct-horse-battery-staple\0", [AROUND]),
        (b"line one\nline two of several lines\n", []),
        (b"short", ["5 characters"]),
    ],
)
def test_a_secret_by_its_shape(value: bytes, words: list[str]) -> None:
    rule = row("secret-shape", of="Secret/shop/s", key="k", min_length=24)
    secret = held("Secret", "s", {"k": base64.b64encode(value).decode()})
    with cluster_of(secret) as cluster:
        seen = read_secret_shape(cluster, rule)
    assert [one.observed for one in differences(rule, seen.value)] == words
    assert "correct-horse" not in str(seen)


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ("12345678", SEQUENCE),
        ("87654321", SEQUENCE),
        ("qwerty12", SEQUENCE),
        ("123456", ""),
        ("12345670", ""),
        ("1234567897", ""),
        ("12345678907", SEQUENCE),
        ("hgfedcbx", ""),
    ],
)
def test_a_short_value_is_in_sequence_as_a_whole_only(value: str, flaw: str) -> None:
    assert _flaw(value) == flaw


def test_a_random_value_is_hardly_ever_in_sequence() -> None:
    """Of digits, the chance is a binomial sum: each of ten has two neighbours among ten."""
    for length in range(1, 41):
        counts = [
            count
            for count in range(length)
            if _is_in_sequence(_digits_with(count, length - 1 - count))
        ]
        chance = sum(
            comb(length - 1, count) * 0.2**count * 0.8 ** (length - 1 - count) for count in counts
        )
        assert chance < 1e-4, length


def _digits_with(neighbours: int, others: int) -> str:
    """Digits with so many pairs of neighbours, and so many others."""
    digits = [0]
    for step in [1] * neighbours + [5] * others:
        digits.append((digits[-1] + step) % 10)
    return "".join(map(str, digits))


def test_the_period_of_a_long_value_is_found_in_linear_time() -> None:
    """A Secret may have a mebibyte; each of its beginnings against the rest would take minutes."""
    began = time.process_time()
    assert _period("a" * 400_000 + "b") == 400_001
    assert time.process_time() - began < 5


def test_a_row_may_say_that_white_space_does_not_matter() -> None:
    rule = row("secret-shape", of="Secret/shop/s", key="k", min_length=1, trimmed=False)
    secret = held("Secret", "s", {"k": base64.b64encode(b"value\n").decode()})
    with cluster_of(secret) as cluster:
        assert differences(rule, read_secret_shape(cluster, rule).value) == ()
