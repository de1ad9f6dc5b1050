"""Settings of the web and worker processes, read once from the environment."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import SettingsError
from .faults import Faults

MIN_SECRET_KEY_LENGTH = 32


@dataclass(frozen=True)
class Settings:
    """Everything a process needs to know; secrets are kept out of its repr."""

    site_url: str
    secret_key: str = field(repr=False)
    db_host: str
    db_port: int
    db_name: str
    db_user: str
    db_password: str = field(repr=False)
    redis_url: str
    clickhouse_url: str
    clickhouse_password: str = field(repr=False)
    project_token: str = field(repr=False)
    personal_api_key: str = field(repr=False)
    personal_api_key_scopes: tuple[str, ...]
    flag_key: str
    host: str
    port: int
    worker_name: str
    linger_s: float
    claim_after_s: float
    batch_size: int
    faults: Faults


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        message = f"{name} is not set; the deployment's posthog-config or posthog-secret carries it"
        raise SettingsError(message)
    return value


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError as error:
        message = f"{name}: expected a number, found {text!r}"
        raise SettingsError(message) from error
    if value < 0:
        message = f"{name}: expected at least 0, found {text!r}"
        raise SettingsError(message)
    return value


def read_settings(env: Mapping[str, str], *, default_port: int = 8000) -> Settings:
    """Settings from the environment.

    Raises:
        SettingsError: Names the variable that is missing or wrong, never a secret's value.
    """
    secret_key = _required(env, "SECRET_KEY")
    if len(secret_key) < MIN_SECRET_KEY_LENGTH:
        message = (
            f"SECRET_KEY: expected at least {MIN_SECRET_KEY_LENGTH} characters, "
            f"found {len(secret_key)}"
        )
        raise SettingsError(message)
    faults = Faults.parse(env.get("POSTHOG_FAULT", ""))
    return Settings(
        site_url=_required(env, "SITE_URL"),
        secret_key=secret_key,
        db_host=_required(env, "POSTHOG_DB_HOST"),
        db_port=int(_number(env, "POSTHOG_DB_PORT", 5432)),
        db_name=env.get("POSTHOG_DB_NAME") or "posthog",
        db_user=env.get("POSTHOG_DB_USER") or "posthog",
        db_password=_required(env, "POSTHOG_DB_PASSWORD"),
        redis_url=_required(env, "REDIS_URL"),
        clickhouse_url=_required(env, "CLICKHOUSE_HTTP_URL").rstrip("/"),
        clickhouse_password=_required(env, "CLICKHOUSE_PASSWORD"),
        project_token=_required(env, "POSTHOG_API_KEY"),
        personal_api_key=_required(env, "POSTHOG_PERSONAL_API_KEY"),
        personal_api_key_scopes=tuple(
            (env.get("POSTHOG_PERSONAL_API_KEY_SCOPES") or "*").split(",")
        ),
        flag_key=env.get("POSTHOG_EXPERIMENT_FLAG") or "model-router-experiment",
        host=env.get("LISTEN_HOST") or "0.0.0.0",  # noqa: S104  # a Pod is reached from others
        port=int(_number(env, "PORT", default_port)),
        worker_name=env.get("WORKER_NAME") or socket.gethostname(),
        linger_s=_number(env, "WORKER_LINGER_SECONDS", 0.5),
        # A batch that is held on purpose is late: a peer that took it over would store it twice.
        claim_after_s=_number(env, "WORKER_CLAIM_AFTER_SECONDS", 30.0) + faults.level("late"),
        batch_size=int(_number(env, "WORKER_BATCH_SIZE", 1000)),
        faults=faults,
    )
