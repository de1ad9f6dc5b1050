"""How far a workload's rollout is, by its kind (kubectl, polymorphichelpers/rollout_status.go)."""

from dataclasses import dataclass

from clusterproof.kube.objects import Json, condition, condition_entry, status_of


@dataclass(frozen=True, slots=True)
class Progress:
    """The counts by which a rollout is judged, under the names of the kind's own status.

    Attributes:
        desired: How many Pods there should be.
        updated: How many should be, and are, of the current template; None where nothing says so.
        counts: Other status fields that are `desired` once all is done, with what they are.
    """

    desired: int
    updated: tuple[str, int, int] | None
    counts: tuple[tuple[str, int], ...]

    @property
    def is_complete(self) -> bool:
        """Whether every count is as it should be."""
        return (self.updated is None or self.updated[1] <= self.updated[2]) and all(
            count == self.desired for _, count in self.counts
        )


def progress_of(kind: str, workload: Json) -> Progress:
    """The progress of a workload; one of another kind than these is read as a Deployment is."""
    spec, status = workload.get("spec") or {}, status_of(workload)
    if kind == "DaemonSet":
        desired = status.get("desiredNumberScheduled", 0)
        names = ("currentNumberScheduled", "numberReady", "numberAvailable")
        updated = ("updatedNumberScheduled", desired, status.get("updatedNumberScheduled", 0))
        on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
        counts = tuple((name, status.get(name, 0)) for name in names)
        return Progress(desired, None if on_delete else updated, counts)
    # An absent count is 0: each is `omitempty`. An absent `replicas` is defaulted to 1.
    desired = 1 if spec.get("replicas") is None else spec["replicas"]
    counts = tuple(
        (name, status.get(name) or 0) for name in ("readyReplicas", "availableReplicas", "replicas")
    )
    wanted = _wanted_updates(kind, spec, desired)
    if wanted is None:
        return Progress(desired, None, counts)
    return Progress(desired, ("updatedReplicas", wanted, status.get("updatedReplicas", 0)), counts)


def _wanted_updates(kind: str, spec: Json, desired: int) -> int | None:
    """How many Pods the controller brings to the current template by itself."""
    if kind in {"ReplicaSet", "ReplicationController"}:
        return None
    strategy = spec.get("updateStrategy") or {}
    if kind == "StatefulSet" and strategy.get("type") == "OnDelete":
        return None
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    return max(0, desired - partition) if kind == "StatefulSet" else desired


def pods_at_once(kind: str, workload: Json) -> int:
    """How many Pods a workload runs at a time: its replicas, or the parallelism of a Job.

    One run of a CronJob is counted; where none is under way it runs none.
    """
    spec: Json = workload.get("spec") or {}
    if kind == "CronJob":
        return pods_at_once("Job", {"spec": (spec.get("jobTemplate") or {}).get("spec") or {}})
    if kind == "Job":
        parallelism = 1 if spec.get("parallelism") is None else spec["parallelism"]
        completions = spec.get("completions")
        return int(parallelism if completions is None else min(parallelism, completions))
    return progress_of(kind, workload).desired


def wanted_pods(kind: str, workload: Json) -> int:
    """How many Pods its controller wants to run at this moment (job_controller.go, manageJob)."""
    at_once, status = pods_at_once(kind, workload), status_of(workload)
    if kind == "CronJob":
        return at_once * len(status.get("active") or [])
    if kind != "Job":
        return at_once
    spec, succeeded = workload["spec"], status.get("succeeded") or 0
    if spec.get("suspend") or is_ended(workload):
        return 0
    if spec.get("completions") is None:  # a work queue: once one succeeded, no more are begun
        return min(at_once, status.get("active") or 0) if succeeded else at_once
    return int(max(0, min(at_once, spec["completions"] - succeeded)))


def is_ended(job: Json) -> bool:
    """Whether a Job is over, with success or without (jobutil.IsJobFinished)."""
    return "True" in {condition(job, "Complete"), condition(job, "Failed")}


def is_observed(workload: Json) -> bool:
    """Whether the controller has looked at the current spec.

    Argo's Rollout has a number in a string there, older ones a hash, which says nothing.
    """
    observed = str(status_of(workload).get("observedGeneration") or 0)
    if not observed.isdigit():
        return True
    return int(observed) >= int(workload["metadata"].get("generation") or 0)


def is_paused(workload: Json) -> bool:
    """Whether somebody has paused its rollout: the next change of the template will hang."""
    return bool((workload.get("spec") or {}).get("paused"))


_ROLLING = frozenset({"NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated"})


def may_progress(kind: str, workload: Json) -> bool:
    """Whether its controller may still be at work on it, by its own account.

    False once it says why it cannot: no Pod was admitted, or the progress deadline is over.
    """
    if not is_observed(workload):
        return True
    if condition(workload, "ReplicaFailure") == "True":
        return False
    reason = condition_entry(workload, "Progressing").get("reason")
    if reason == "ProgressDeadlineExceeded":
        return False
    return reason in _ROLLING or not progress_of(kind, workload).is_complete
