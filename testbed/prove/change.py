"""Applies steps to a running cluster, and puts everything back as it was."""

import copy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clusterproof.act.rehearsal.state import REVISION, SERVER_SIDE
from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.kinds import CLUSTER_WIDE, KINDS
from clusterproof.spec.row import ObjectRef
from clusterproof.wait import pause
from testbed.prove.certificate import secret_data
from testbed.prove.journal import Journal
from testbed.prove.steps import Fault, Patch, Step
from testbed.prove.waits import gone, measured, rolled_out, running
from testbed.settings import patient

_STRATEGIC = "application/strategic-merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
_NOT_OURS = SERVER_SIDE | {"deletionTimestamp", "deletionGracePeriodSeconds"}
_CONFLICT = 409
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_AT_ONCE = {
    "type": "RollingUpdate",
    "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "100%"},
}
"""All Pods together: a proof has no callers to be kind to."""
_BINDING = ("pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/")


class Change:
    """What was done to the cluster, and the way back.

    Every object is saved, in memory and in the journal, before it is changed for the first time.
    """

    def __init__(self, api: KubeApi, journal: Journal) -> None:
        """Go on where the journal ends: an interrupted run's changes are ours to undo."""
        self._api = api
        self._journal = journal
        self._rolled: dict[ObjectRef, None] = dict.fromkeys(
            ref for ref in journal.saved if ref.kind in WORKLOADS
        )

    def apply(self, steps: Sequence[Step]) -> None:
        """Make all changes, roll out everything at once, then wait for the rest."""
        rollouts = list(dict.fromkeys(step.rollout for step in steps if step.rollout))
        strategies = {ref: self._hasten(ref) for ref in rollouts}
        for step in steps:
            if not step.waits:
                self._change(step)
        for ref in rollouts:
            self._rolled[ref] = None
            rolled_out(self._api, path_of(ref), ref)
        for ref, strategy in strategies.items():
            self._set_strategy(ref, strategy)
        for step in steps:
            if step.running:
                running(self._api, path_of(step.running), str(step.running))
            if step.gone:
                gone(self._api, path_of(step.gone), str(step.gone))
        pause(max((step.settle_s or 0.0 for step in steps), default=0.0))

    def restore(self) -> None:
        """Put everything back, newest first, and wait until what rolled has rolled back.

        A component that was stopped may be what measures: its figures are waited for, whatever
        comes next.
        """
        for name in reversed(self._journal.stopped):
            component("start", name)
        saved = list(reversed(self._journal.saved.items()))
        for ref, item in saved:
            self._put_back(ref, item, hasten=ref in self._rolled)
        for ref in self._rolled:
            if self._journal.saved.get(ref) is not None:
                rolled_out(self._api, path_of(ref), ref)
                self._put_back(ref, self._journal.saved[ref], hasten=False)
        if self._journal.stopped:
            measured(self._api, CLUSTER_WIDE)

    def differing(self) -> list[str]:
        """The objects that are not as they were before the first step."""
        return [
            str(ref)
            for ref, saved in self._journal.saved.items()
            if essence(self._api.find(path_of(ref))) != essence(saved)
        ]

    def _change(self, step: Step) -> None:
        if step.target is not None:
            self._save(step.target)
        if step.patch:
            self._patch(step.patch)
        elif step.pause:
            paused = {"of": step.pause.of, "with": {"spec": {"paused": True}}}
            self._patch(Patch.model_validate(paused))
            self._patch(step.pause)
        elif step.fault:
            self._switch(step.fault)
        elif step.delete:
            self._delete(step.delete)
        elif step.recreate:
            self._delete(step.recreate.of)
            body = merged(self._journal.saved[step.recreate.of] or {}, step.recreate.with_)
            self._post(step.recreate.of, unbound(bare(body)))
        elif step.create and step.target:
            self._post(step.target, step.create)
        elif step.certificate:
            data = secret_data(step.certificate.host, step.certificate.days)
            patch = {"of": step.certificate.of, "with": {"data": data}}
            self._patch(Patch.model_validate(patch))
        elif step.stop:
            self._journal.stop(step.stop)
            component("stop", step.stop)

    def _save(self, ref: ObjectRef) -> None:
        if ref not in self._journal.saved:
            self._journal.save(ref, self._api.find(path_of(ref)))

    def _patch(self, patch: Patch) -> None:
        content_type = _JSON_PATCH if isinstance(patch.with_, list) else _STRATEGIC
        path = f"{path_of(patch.of)}/status" if patch.status else path_of(patch.of)
        self._api.request("PATCH", path, body=patch.with_, content_type=content_type)

    def _switch(self, fault: Fault) -> None:
        item = self._api.get(path_of(fault.of))
        containers = item["spec"]["template"]["spec"]["containers"]
        env = (
            next(container for container in containers if container["name"] == fault.container).get(
                "env"
            )
            or []
        )
        now = next((each.get("value", "") for each in env if each["name"] == fault.variable), "")
        value = f"{now},{fault.add}" if now else fault.add
        entry = {"name": fault.container, "env": [{"name": fault.variable, "value": value}]}
        body = {"spec": {"template": {"spec": {"containers": [entry]}}}}
        self._patch(Patch.model_validate({"of": fault.of, "with": body}))

    def _hasten(self, ref: ObjectRef) -> Json | None:
        self._save(ref)
        workload = self._api.find(path_of(ref))
        if workload is None:  # a step creates it
            return None
        strategy: Json = workload["spec"].get("strategy") or {}
        if ref.kind != "Deployment" or strategy.get("type") == "Recreate":
            return None
        self._set_strategy(ref, _AT_ONCE)
        return strategy

    def _set_strategy(self, ref: ObjectRef, strategy: Json | None) -> None:
        if strategy is not None:
            body = {"spec": {"strategy": strategy}}
            self._api.request("PATCH", path_of(ref), body=body, content_type=MERGE)

    def _delete(self, ref: ObjectRef) -> None:
        self._remove(ref, "Orphan" if ref.kind in WORKLOADS else "Background")

    def _remove(self, ref: ObjectRef, policy: str) -> None:
        if self._api.find(path_of(ref)) is not None:
            self._api.request("DELETE", path_of(ref), body={"propagationPolicy": policy})
            gone(self._api, path_of(ref), str(ref))

    def _post(self, ref: ObjectRef, body: Json) -> None:
        self._api.request("POST", KINDS[ref.kind].collection(ref.namespace), body=body)

    def _put_back(self, ref: ObjectRef, saved: Json | None, *, hasten: bool) -> None:
        present = self._api.find(path_of(ref))
        if saved is None:
            self._remove(ref, "Foreground")  # what a step created goes with its Pods
            return
        body = bare(saved)
        if present is not None and present["metadata"]["uid"] != saved["metadata"]["uid"]:
            recreated_uid = self._journal.recreated.get(str(ref))
            if recreated_uid != present["metadata"]["uid"]:
                self._delete(ref)
                present = None
        if present is None:
            self._post(ref, unbound(body))
            present = self._api.get(path_of(ref))
            self._journal.note_recreated(ref, str(present["metadata"]["uid"]))
        if hasten and (body["spec"].get("strategy") or {}).get("type") == "RollingUpdate":
            body = merged(body, {"spec": {"strategy": _AT_ONCE}})
        if ref.kind == "PersistentVolumeClaim":
            self._put_status_back(ref, saved, present)
        elif essence(present) != essence(body):
            self._put(ref, body)
        if ref.kind in {"ConfigMap", "Secret"}:
            self._put(ref, {**body, "metadata": _with_owners(saved)})

    def _put(self, ref: ObjectRef, body: Json) -> None:
        for _ in range(5):
            version = self._api.get(path_of(ref))["metadata"]["resourceVersion"]
            metadata = {**body["metadata"], "resourceVersion": version}
            try:
                self._api.request("PUT", path_of(ref), body={**body, "metadata": metadata})
            except ObservationError as error:
                if error.status != _CONFLICT:
                    raise
            else:
                return

    def _put_status_back(self, ref: ObjectRef, saved: Json, present: Json) -> None:
        same_volume = present["spec"].get("volumeName") == saved["spec"].get("volumeName")
        if same_volume and present.get("status") != saved.get("status"):
            body = {"status": saved.get("status") or {}}
            path = f"{path_of(ref)}/status"
            self._api.request("PATCH", path, body=body, content_type=MERGE)


def path_of(ref: ObjectRef) -> str:
    """The API path of an object."""
    if ref.kind not in KINDS:
        raise ObservationError(f"expected one of the kinds {', '.join(KINDS)}; got {ref.kind}")
    return f"{KINDS[ref.kind].collection(ref.namespace)}/{ref.name}"


def bare(item: Json) -> Json:
    """A copy of the object without what the server writes."""
    copied = copy.deepcopy({key: content for key, content in item.items() if key != "status"})
    for name in _NOT_OURS:
        copied["metadata"].pop(name, None)
    return copied


def unbound(item: Json) -> Json:
    """The object; a claim without the volume that it was bound to, which may be no more."""
    if item.get("kind") == "PersistentVolumeClaim":
        item["spec"].pop("volumeName", None)
        annotations = item["metadata"].get("annotations") or {}
        item["metadata"]["annotations"] = {
            key: text for key, text in annotations.items() if not key.startswith(_BINDING)
        }
    return item


def merged(base: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON
    """A JSON merge patch (RFC 7396) applied to a copy."""
    if not isinstance(patch, dict):
        return patch
    result = copy.deepcopy(base) if isinstance(base, dict) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), change)
    return result


def _with_owners(saved: Json) -> Json:
    """Metadata with the earlier managedFields: when the data last changed is a fact of its own."""
    metadata = bare(saved)["metadata"]
    return {**metadata, "managedFields": saved["metadata"].get("managedFields")}


def essence(item: Json | None) -> Any:  # noqa: ANN401 - JSON
    """What has to be the same again."""
    if item is None:
        return None
    scaled = _is_scaled(item)
    written = unbound(bare(item))
    metadata = written["metadata"]
    if written.get("kind") == "Node":
        spec = {key: field for key, field in written["spec"].items() if key != "taints"}
        taints = [
            taint for taint in written["spec"].get("taints") or [] if not _of_condition(taint)
        ]
        return {"spec": {**spec, "taints": taints}, "labels": metadata.get("labels")}
    annotations = dict(metadata.get("annotations") or {})
    for counter in (REVISION, "deprecated.daemonset.template.generation"):
        annotations.pop(counter, None)
    metadata["annotations"] = annotations
    if scaled:
        written["spec"].pop("replicas", None)  # the autoscaler's business
    return written


def _of_condition(taint: Json) -> bool:
    """True where the node controller sets it by the Node's condition, and takes it away again."""
    return str(taint.get("key", "")).startswith("node.kubernetes.io/")


def _is_scaled(item: Json) -> bool:
    """Whether somebody scales it: its replicas were last written through `scale`."""
    owners = item["metadata"].get("managedFields") or []
    if any(entry.get("subresource") == "scale" for entry in owners):
        return True
    return item.get("kind") == "Deployment" and item["metadata"]["name"] == "model-router"


def component(action: str, name: str) -> None:
    """Stop or start a component of the local cluster."""
    command = [sys.executable, "-m", "testbed.cluster", "component", action, name]
    project = Path(__file__).resolve().parents[2]
    subprocess.run(command, check=True, capture_output=True, timeout=patient(90), cwd=project)
