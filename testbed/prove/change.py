"""Applies steps to a running cluster, and puts everything back as it was."""

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.observe.api import Json, KubeApi
from clusterproof.observe.cluster import KINDS
from clusterproof.spec.row import ObjectRef
from clusterproof.wait import pause, wait_until
from testbed.prove.catalogue import Patch, Step

_STRATEGIC = "application/strategic-merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_SERVER_SIDE = (
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
)
_RESTARTED = "clusterproof.dev/restarted-for-proof"
ROLLOUT_S = 150.0


class Change:
    """What was done to the cluster, and the way back; a context manager that always goes back."""

    def __init__(self, api: KubeApi) -> None:
        """Nothing was done yet."""
        self._api = api
        self._saved: dict[ObjectRef, Json | None] = {}
        self._stopped: list[str] = []
        self._rolled: list[ObjectRef] = []

    def apply(self, step: Step) -> None:
        """Do one step, after the objects that it changes were saved."""
        for ref in step.objects:
            if ref not in self._saved:
                self._saved[ref] = self._api.find(path_of(ref))
        if step.pause:
            self._patch(
                Patch.model_validate({"of": step.pause.of, "with": {"spec": {"paused": True}}})
            )
        if patch := step.patch or step.pause:
            self._patch(patch)
        elif step.delete:
            self._delete(step.delete)
        elif step.create:
            (ref,) = step.objects
            self._api.request("POST", KINDS[ref.kind].collection(ref.namespace), body=step.create)
        elif step.stop:
            component("stop", step.stop)
            self._stopped.append(step.stop)
        elif step.rollout:
            self._rolled.append(step.rollout)
            rolled_out(self._api, step.rollout)
        elif step.settle_s:
            pause(step.settle_s)

    def restore(self, restart: Iterable[ObjectRef] = ()) -> None:
        """Put everything back, newest first, and wait until what rolled has rolled back."""
        for name in reversed(self._stopped):
            component("start", name)
        for ref, saved in reversed(self._saved.items()):
            self._put_back(ref, saved)
        for ref in dict.fromkeys(restart):
            self._restart(ref)
        for ref in dict.fromkeys([*self._rolled, *restart]):
            rolled_out(self._api, ref)

    def differing(self) -> list[str]:
        """The objects that are not as they were before the first step."""
        return [
            str(ref)
            for ref, saved in self._saved.items()
            if _essence(self._api.find(path_of(ref))) != _essence(saved)
        ]

    def _patch(self, patch: Patch) -> None:
        content_type = _JSON_PATCH if isinstance(patch.with_, list) else _STRATEGIC
        self._api.request("PATCH", path_of(patch.of), body=patch.with_, content_type=content_type)

    def _delete(self, ref: ObjectRef) -> None:
        path = path_of(ref)
        self._api.request("DELETE", path, body={"propagationPolicy": "Background"})
        wait_until(
            lambda: self._api.find(path),
            lambda found: found is None,
            waiting_for=f"{ref} gone",
            within_s=60,
            every_s=0.2,
        )

    def _put_back(self, ref: ObjectRef, saved: Json | None) -> None:
        there = self._api.find(path_of(ref))
        if saved is None:
            if there is not None:
                self._delete(ref)
        elif there is None:
            self._api.request("POST", KINDS[ref.kind].collection(ref.namespace), body=bare(saved))
        elif _essence(there) != _essence(saved):
            self._api.request("PUT", path_of(ref), body=bare(saved))

    def _restart(self, ref: ObjectRef) -> None:
        version = str((self._api.get(path_of(ref)))["metadata"]["resourceVersion"])
        body = {"spec": {"template": {"metadata": {"annotations": {_RESTARTED: version}}}}}
        self._api.request("PATCH", path_of(ref), body=body, content_type=_MERGE)


def path_of(ref: ObjectRef) -> str:
    """The API path of an object."""
    if ref.kind not in KINDS:
        raise ObservationError(f"expected one of the kinds {', '.join(KINDS)}; got {ref.kind}")
    return f"{KINDS[ref.kind].collection(ref.namespace)}/{ref.name}"


def bare(item: Json) -> Json:
    """The object without what the server writes."""
    metadata = {k: v for k, v in item["metadata"].items() if k not in _SERVER_SIDE}
    return {**{k: v for k, v in item.items() if k != "status"}, "metadata": metadata}


def _essence(item: Json | None) -> Any:  # noqa: ANN401 - JSON
    if item is None:
        return None
    kept = bare(item)
    annotations = dict(kept["metadata"].get("annotations") or {})
    annotations.pop("deployment.kubernetes.io/revision", None)
    kept["metadata"]["annotations"] = annotations
    template = (kept.get("spec") or {}).get("template") or {}
    if isinstance(template, dict):
        ((template.get("metadata") or {}).get("annotations") or {}).pop(_RESTARTED, None)
    if kept["kind"] == "Deployment":
        kept["spec"].pop("replicas", None)  # the autoscaler's business
    return kept


def rolled_out(api: KubeApi, ref: ObjectRef) -> None:
    """Wait until the controller saw the workload and all of its Pods are the current ones."""

    def state() -> tuple[bool, str]:
        item = api.get(path_of(ref))
        status, desired = item.get("status") or {}, item["spec"].get("replicas", 1)
        seen = status.get("observedGeneration", 0) >= item["metadata"]["generation"]
        counts = [
            status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas")
        ]
        return seen and counts == [
            desired
        ] * 3, f"desired {desired}, updated/available/all {counts}"

    wait_until(
        state,
        lambda found: found[0],
        waiting_for=f"{ref} rolled out",
        within_s=ROLLOUT_S,
        every_s=0.5,
    )


def component(action: str, name: str) -> None:
    """Stop or start a component of the local cluster."""
    command = [sys.executable, "-m", "testbed.cluster", "component", action, name]
    subprocess.run(command, check=True, capture_output=True, timeout=90)
