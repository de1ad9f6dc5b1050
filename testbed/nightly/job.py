"""The CronJob's own Job, now: made from it by kubectl, waited for, and shown."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from testbed.deploy.kubectl import SERVER_SIDE, Kubectl
from testbed.waits import wait_until

CRONJOB = "clusterproof"
START_WITHIN_S = 120.0
END_WITHIN_S = 1300.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A Job that ended.

    Attributes:
        exit_code: Of its container.
        log: What it said.
        took_s: From its container's start to its end, by the cluster's clock in whole seconds.
    """

    name: str
    exit_code: int
    log: str
    took_s: float


def apply(kubectl: Kubectl, folder: Path, namespace: str) -> None:
    """Apply a Kustomize folder, and wait until the history is served."""
    kubectl.run("apply", *SERVER_SIDE, "-k", str(folder))
    wait_until(
        lambda: kubectl.read("deployments", "-n", namespace),
        lambda pods: bool(pods) and all(_available(pod) for pod in pods),
        waiting_for=f"the Deployments of namespace {namespace}",
        within_s=START_WITHIN_S,
        every_s=1.0,
    )


def _available(deployment: dict[str, Any]) -> bool:
    status = deployment.get("status", {})
    return bool(status.get("availableReplicas", 0) >= deployment["spec"].get("replicas", 1))


def run_now(kubectl: Kubectl, namespace: str, *, cron_job: str = CRONJOB) -> Finished:
    """Make a Job of the CronJob, and wait for its end."""
    name = f"{cron_job}-now-{time.strftime('%H%M%S', time.gmtime())}"
    kubectl.run("create", "job", name, f"--from=cronjob/{cron_job}", "-n", namespace)
    state = kubectl.end_of_pod(namespace, f"job-name={name}", within_s=END_WITHIN_S)
    log = kubectl.run("logs", "-n", namespace, f"job/{name}")
    return Finished(name, int(state["exitCode"]), log, _seconds(state))


def _seconds(state: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(state[key]) for key in ("startedAt", "finishedAt"))
    return (ended - began).total_seconds()


def messages(kubectl: Kubectl, namespace: str) -> list[dict[str, Any]]:
    """What the rehearsal's receiver was told so far."""
    log = kubectl.run("logs", "-n", namespace, "deployment/receiver")
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]
