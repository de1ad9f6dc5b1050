"""Settings of the process, read once from the environment."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import SettingsError
from .faults import Faults


@dataclass(frozen=True)
class Settings:
    """Everything the process needs to know; secrets are kept out of its repr."""

    posthog_enabled: bool
    posthog_host: str
    posthog_api_key: str = field(repr=False)
    experiment_flag: str
    db_host: str
    db_port: int
    db_name: str
    db_user: str
    db_password: str = field(repr=False)
    redis_host: str
    redis_port: int
    openai_api_key: str = field(repr=False)
    anthropic_api_key: str = field(repr=False)
    http_port: int
    grpc_port: int
    metrics_port: int
    sim_cpu_s: float
    sim_latency_s: float
    sim_failure_share: float
    sim_token_s: float
    max_in_flight: int
    access_log_every: int
    health_grace_s: float
    drain_within_s: float
    pod_name: str
    faults: Faults


def read_settings(env: Mapping[str, str]) -> Settings:
    """Settings from the environment.

    Raises:
        SettingsError: Names the variable that is missing or wrong.
    """
    enabled = _switch(env, "POSTHOG_ENABLED", default=True)
    return Settings(
        posthog_enabled=enabled,
        posthog_host=_required(env, "POSTHOG_HOST") if enabled else env.get("POSTHOG_HOST", ""),
        posthog_api_key=_required(env, "POSTHOG_API_KEY") if enabled else "",
        experiment_flag=env.get("POSTHOG_EXPERIMENT_FLAG") or "model-router-experiment",
        db_host=_required(env, "DB_HOST"),
        db_port=int(_number(env, "DB_PORT", 5432)),
        db_name=_required(env, "DB_NAME"),
        db_user=_required(env, "DB_USER"),
        db_password=_required(env, "DB_PASSWORD"),
        redis_host=_required(env, "REDIS_HOST"),
        redis_port=int(_number(env, "REDIS_PORT", 6379)),
        openai_api_key=_required(env, "OPENAI_API_KEY"),
        anthropic_api_key=_required(env, "ANTHROPIC_API_KEY"),
        http_port=int(_number(env, "HTTP_PORT", 8080)),
        grpc_port=int(_number(env, "GRPC_PORT", 9000)),
        metrics_port=int(_number(env, "METRICS_PORT", 9090)),
        sim_cpu_s=_number(env, "ROUTER_SIM_CPU_MS", 4) / 1000,
        sim_latency_s=_number(env, "ROUTER_SIM_LATENCY_MS", 10) / 1000,
        sim_failure_share=_number(env, "ROUTER_SIM_FAILURE_SHARE", 0),
        sim_token_s=_number(env, "ROUTER_SIM_TOKEN_MS", 5) / 1000,
        max_in_flight=int(_number(env, "ROUTER_MAX_IN_FLIGHT", 512)),
        access_log_every=_access_log(env),
        health_grace_s=_number(env, "ROUTER_HEALTH_GRACE_S", 20),
        drain_within_s=_number(env, "ROUTER_DRAIN_WITHIN_S", 12),
        pod_name=env.get("POD_NAME") or socket.gethostname(),
        faults=_faults(env),
    )


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise SettingsError(
            f"{name} is not set; the deployment's model-router-config or -secret carries it"
        )
    return value


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError as error:
        raise SettingsError(f"{name}: expected a number, found {text!r}") from error
    if not 0 <= value < float("inf"):
        raise SettingsError(f"{name}: expected a number of at least 0, found {text!r}")
    return value


def _switch(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, "")
    known = {"": default, "true": True, "false": False}
    if text.lower() not in known:
        raise SettingsError(f'{name}: expected "true" or "false", found {text!r}')
    return known[text.lower()]


def _access_log(env: Mapping[str, str]) -> int:
    """Every how many requests a line is written: 1 all, 0 none."""
    text = env.get("ROUTER_ACCESS_LOG") or "all"
    if text in ("all", "off"):
        return 1 if text == "all" else 0
    if text.startswith("sample:") and text[7:].isdecimal() and int(text[7:]):
        return int(text[7:])
    raise SettingsError(f"ROUTER_ACCESS_LOG: expected all, off or sample:N, found {text!r}")


def _faults(env: Mapping[str, str]) -> Faults:
    text = env.get("ROUTER_FAULT", "")
    if text and env.get("ROUTER_FAULTS_ALLOWED") != "1":
        raise SettingsError(
            "ROUTER_FAULT is set: a router that misbehaves on purpose starts only with "
            "ROUTER_FAULTS_ALLOWED=1"
        )
    return Faults.parse(text)
