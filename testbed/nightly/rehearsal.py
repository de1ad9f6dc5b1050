"""A night that passes, one with a seeded defect, and one after it was mended; for real.

Everything is in a namespace of its own, so that nobody's deployment is touched.
"""

import json
from collections.abc import Callable
from typing import Any

from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.deploy.kubectl import Kubectl
from testbed.nightly import job, rules
from testbed.waits import wait_until

FOLDER = paths.CHECKOUT / "testbed" / "nightly" / "rehearsal"
NAMESPACE = "clusterproof-rehearsal"
ROW = "target-hpa-max"
EXPECTED_ALERTS = frozenset({"ClusterproofRowsFailed", "ClusterproofNewFailures"})
ALERT_WITHIN_S = 60.0
GONE_WITHIN_S = 120.0

Say = Callable[[str], None]


def rehearse(kubectl: Kubectl, say: Say) -> None:
    """Green, red, green again; raises at the first thing that is not as it must be.

    Raises:
        TestbedError: Says what was expected and what was seen.
    """
    kubectl.delete_namespaces(NAMESPACE, within_s=GONE_WITHIN_S)
    try:
        _prepare(kubectl, say)
        _night(kubectl, "green", 0, "PASSED", say)
        messages = len(job.messages(kubectl, NAMESPACE))
        _patch(kubectl, 6)
        say("seeded defect: HorizontalPodAutoscaler target maxReplicas 6, the spec says 10")
        log = _night(kubectl, "red", 1, "FAILED", say)
        _expect(f"new failure       {ROW}" in log, f"the diff to name {ROW} as new", log[-600:])
        _await_alerts(EXPECTED_ALERTS, say, firing=True)
        new = job.messages(kubectl, NAMESPACE)[messages:]
        _expect(len(new) == 1 and ROW in json.dumps(new), f"one message with {ROW}", f"{new}")
        say(f"webhook received: {new[0]['text']}")
        _patch(kubectl, 10)
        say("defect taken back: maxReplicas 10")
        log = _night(kubectl, "mended", 0, "PASSED", say)
        _expect(f"mended            {ROW}" in log, f"the diff to name {ROW} as mended", log[-600:])
        _await_alerts(EXPECTED_ALERTS, say, firing=False)
        say(f"webhook received: {job.messages(kubectl, NAMESPACE)[-1]['text']}")
    finally:
        kubectl.delete_namespaces(NAMESPACE, within_s=GONE_WITHIN_S)
        rules.unload()
    say("restored: the namespace and the rules are gone")


def _prepare(kubectl: Kubectl, say: Say) -> None:
    rules.load()
    wait_until(
        rules.names,
        lambda names: set(names) >= EXPECTED_ALERTS,
        waiting_for="Prometheus to have the rules of deploy/nightly",
        within_s=ALERT_WITHIN_S,
        every_s=1.0,
    )
    say(f"Prometheus evaluates: {', '.join(rules.names())}")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl.apply([namespace, _webhook()])
    job.apply(kubectl, FOLDER, NAMESPACE)
    say(f"namespace {NAMESPACE}: CronJob, history, receiver and target are up")


def _night(kubectl: Kubectl, name: str, exit_code: int, verdict: str, say: Say) -> str:
    ended = job.run_now(kubectl, NAMESPACE)
    say(f"{name} night: Job {ended.name} exit {ended.exit_code} after {ended.took_s:.0f} s")
    for line in ended.log.splitlines()[-8:]:
        say(f"    {line}")
    _expect(ended.exit_code == exit_code, f"exit code {exit_code}", f"{ended.exit_code}")
    _expect(f": {verdict}: " in ended.log, f"verdict {verdict}", ended.log[-600:])
    return ended.log


def _await_alerts(names: frozenset[str], say: Say, *, firing: bool) -> None:
    def seen() -> set[str]:
        return {name for name, state in rules.alerts(NAMESPACE).items() if state == "firing"}

    firing_now = wait_until(
        seen,
        lambda now: now >= names if firing else not now & names,
        waiting_for=f"{', '.join(sorted(names))} {'to fire' if firing else 'to be resolved'}",
        within_s=ALERT_WITHIN_S,
        every_s=1.0,
    )
    say(f"alerts firing in Prometheus: {', '.join(sorted(firing_now)) or 'none'}")


def _patch(kubectl: Kubectl, most: int) -> None:
    patch = json.dumps({"spec": {"maxReplicas": most}})
    kubectl.run("patch", "hpa", "target", "-n", NAMESPACE, "--type=merge", "-p", patch)


def _webhook() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "clusterproof-webhook", "namespace": NAMESPACE},
        "stringData": {"url": f"http://receiver.{NAMESPACE}.svc/hook"},
    }


def _expect(fine: bool, expected: str, observed: str) -> None:  # noqa: FBT001 - reads as a claim
    if not fine:
        raise TestbedError(f"rehearsal: expected {expected}, observed {observed}")
