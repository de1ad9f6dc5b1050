"""Looks that several rows share: dials, our own traffic, PostHog. Each is made once in a run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clusterproof.act.lock import RunLock
from clusterproof.act.own_pods import OwnPods, PodPlan, require_writing
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.kube.dns import services_meant
from clusterproof.kube.workloads import WORKLOADS
from clusterproof.observe.answers import Answers, dial_answers
from clusterproof.observe.dialler import Dialler
from clusterproof.observe.inside import Inside, inside
from clusterproof.observe.matrix import Matrix, dial_matrix
from clusterproof.observe.prometheus import Prometheus
from clusterproof.observe.workloads import recent_lines
from clusterproof.product.posthog.ingestion import (
    EventBatch,
    Reading,
    Stored,
    read_back,
    send_events,
)
from clusterproof.product.posthog.status import StatusPage, read_page
from clusterproof.product.posthog.stores import PROGRAMS, refusals
from clusterproof.product.router.traffic import Caller, Traffic
from clusterproof.spec import Spec
from clusterproof.spec.behaviour import MetricMovesRow
from clusterproof.spec.rehearsal import RehearsalRow
from clusterproof.spec.row import ObjectRef
from clusterproof.spec.settings import KeyRef

if TYPE_CHECKING:
    from clusterproof.act.rehearsal.rehearse import Stage
    from clusterproof.act.rehearsal.seen import Rehearsed
    from clusterproof.observe.observed import Observed

_CALLERS_FAULT = re.compile(r"\b4(?:0[0-7]|1\d|2[0-8])\b")
"""An HTTP status by which PostHog refuses who sends, and not its store what is sent."""
MEMORY = "256Mi"
"""Three interpreters at a time, two of them with the SDK."""


def run_lock(site: Site) -> RunLock:
    """The Lease by which one run at a time writes; taken only when something is to be made.

    Raises:
        ObservationError: Nothing may be written here, another run writes and did not end in time,
            or the spec names no namespace at all.
    """
    require_writing(
        site.api,
        site.spec.settings.production,
        read_only=site.permissions.read_only,
        allow_production=site.permissions.allow_production,
    )
    lock = RunLock(site.api, place_of_writing(site.spec), site.run_id)
    lock.acquire(within_s=site.permissions.lock_wait_s)
    site.on_end.callback(_release, site, lock)
    return lock


def _release(site: Site, lock: RunLock) -> None:
    try:
        lock.release()
    except ObservationError as error:
        site.notes.append(f"the Lease {lock.place} stays until it expires: {error}")
    if lock.note:
        site.notes.append(lock.note)


def place_of_writing(spec: Spec) -> str:
    """The namespace in which the Lease is held.

    Raises:
        ObservationError: The spec names none at all.
    """
    dialler = spec.settings.dialler
    places = [dialler.namespace] if dialler else []
    places += spec.namespaces.values()
    if not places:
        raise ObservationError(
            f"{spec.path.name} has no settings.dialler (an image with python3, and the"
            " namespace to run it in) and no namespaces: there is no place for a Pod of our own"
        )
    return places[0]


def own_pods(site: Site) -> OwnPods:
    """The Pods that this run makes; removed when it ends, with those of runs that died."""
    lock = site.shared(run_lock)
    held = lock.place if lock.held else ""
    pods = OwnPods(site.api, site.run_id, lock=held, may_write=lock.refuse_if_lost)
    site.on_end.callback(_remove, site, pods)
    places = set(site.spec.namespaces.values())
    if site.spec.settings.dialler is not None:
        places.add(site.spec.settings.dialler.namespace)
    removed, refusals = pods.remove_left_over(places)
    if removed:
        site.notes.append(f"removed what runs that died left behind: {', '.join(removed)}")
    # A Pod that stays blinds no row: it sleeps until its deadline, and no Service sends to it.
    site.notes += map(_note_of, refusals)
    return pods


def _remove(site: Site, pods: OwnPods) -> None:
    try:
        pods.close()
    except ObservationError as error:  # what was seen stands; the next run removes the rest
        site.notes.append(_note_of(error))


def _note_of(error: ObservationError) -> str:
    return f"{error}; next: {error.next_command}"


def dialler(site: Site) -> Dialler:
    """Dials from the deployment's Pods, and from a control of our own."""
    return Dialler(site.cluster, site.shared(own_pods), site.dialler_settings)


def matrix(site: Site) -> Matrix:
    """Every peer of the `egress` and `dns` rows, from every ready Pod and from the control."""
    return dial_matrix(site.cluster, site.shared(dialler), site.rows)


def answers(site: Site) -> Answers:
    """Every Service and Ingress of the rows, dialled from the control."""
    return dial_answers(site.cluster, site.shared(dialler), site.rows)


def control_pod(site: Site) -> Inside:
    """The Pod of our own that nobody selects; the one that peers are dialled from.

    Raises:
        ObservationError: The spec does not say how to make it, or it does not run.
    """
    settings = site.dialler_settings
    plan = PodPlan(
        settings.namespace,
        "control",
        settings.image,
        settings.python,
        resources=settings.pod_resources,
    )
    return inside(site.api, site.shared(own_pods).start(plan), settings.python)


def prometheus(site: Site) -> Prometheus:
    """Prometheus behind its Service; a Pod of our own is made only if it takes one to ask it.

    Raises:
        ObservationError: The spec does not say where it is.
    """
    return Prometheus(site.api, site.prometheus_settings, lambda: control_pod(site))


def traffic(site: Site) -> Traffic:
    """Our requests, their answers, and the router's counters on both sides."""
    rows = [row for row in site.spec.rows if isinstance(row, MetricMovesRow)]
    settings = site.traffic_settings
    caller = Caller(control_pod(site), site.api, settings, name=f"clusterproof-{site.run_id}")
    return caller.measure(rows)


def plan_with_keys(site: Site, purpose: str) -> PodPlan:
    """A Pod of our own that has PostHog's keys in its environment.

    Raises:
        ObservationError: The spec does not say how to make it, or where PostHog is.
    """
    settings, pod = site.posthog, site.dialler_settings
    env = [
        _from_secret("POSTHOG_API_KEY", settings.api_key),
        _from_secret("POSTHOG_PERSONAL_API_KEY", settings.personal_api_key),
    ]
    if settings.ca is not None:
        ca = {"name": settings.ca.name, "key": settings.ca.key, "optional": True}
        env.append({"name": "POSTHOG_CA", "valueFrom": {"configMapKeyRef": ca}})
    return PodPlan(
        settings.namespace,
        purpose,
        pod.image,
        pod.python,
        env=tuple(env),
        memory_limit=MEMORY,
        resources=pod.pod_resources,
    )


def _from_secret(name: str, key: KeyRef) -> dict[str, object]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": key.name, "key": key.key}}}


def posthog_pod(site: Site) -> Inside:
    """A Pod of our own that has PostHog's keys; started at the first asking."""
    plan = plan_with_keys(site, "posthog")
    return inside(site.api, site.shared(own_pods).start(plan), plan.python)


def events(site: Site) -> EventBatch:
    """What became of a batch of events that the SDK sent; where some are missing, why."""
    pod, before = posthog_pod(site), site.api.now().timestamp()
    batch = send_events(pod, site.posthog, site.run_id)
    last = site.api.now().timestamp() - batch.took_s
    sender_s = min(0.0, batch.began_at - before) + max(0.0, batch.began_at - last)
    batch = replace(batch, sender_s=sender_s if batch.began_at else None)
    missing = [event for event in batch.events if event.lag_s is None]
    if all(_CALLERS_FAULT.search(event.error) for event in missing):
        return batch
    host = urlsplit(site.posthog.host).hostname or ""
    meant = {name.namespace for name in services_meant(host, site.posthog.namespace)}
    texts = [("the SDK", event.error) for event in batch.events if event.error]
    logs = recent_lines(site.cluster, _programs(site.spec, meant), batch.took_s)
    return replace(batch, refusals=tuple(refusals([*texts, *logs.lines])), unread=logs.unread)


def _programs(spec: Spec, namespaces: set[str]) -> list[ObjectRef]:
    """The workloads of PostHog's own programs that the spec names; what others log is not asked."""
    named = (getattr(row, "workload", None) for row in spec.rows)
    refs = (ref for ref in named if isinstance(ref, ObjectRef) and ref.kind in WORKLOADS)
    return list(
        dict.fromkeys(
            ref
            for ref in refs
            if ref.namespace in namespaces and any(word in ref.name for word in PROGRAMS)
        )
    )


def exposures(site: Site) -> tuple[Mapping[str, Stored], Reading]:
    """The exposure events of our own requests, by UUID."""
    routed = site.shared(traffic).answers
    variant = site.traffic_settings.variant_property
    uuids = [answer.exposure for answer in routed if answer.exposure]
    return read_back(posthog_pod(site), site.posthog, uuids, [variant])


def status(site: Site) -> StatusPage:
    """PostHog's own status page, after our own events: a quiet instance has ingested those."""
    site.ended(events)
    pod, read_at = posthog_pod(site), site.api.now()
    return replace(read_page(pod, site.posthog), read_at=read_at)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whether the events of this run arrived, for rows that rest on that beside other things.

    Attributes:
        nothing: Events were accepted, and none of them could be read back.
        unsent: Why they could not be sent or looked for, or "".
        refused: A store that refuses what is written, or "".
        unseen: Why they say nothing of what becomes of events, although they were sent, or "".
    """

    nothing: bool = False
    unsent: str = ""
    refused: str = ""
    unseen: str = ""


def arrival(site: Site) -> Arrival:
    """Whether our events arrived; where that could not be looked at, why. Never raises."""
    if not site.ended(events):
        return Arrival(unsent="this run sent none")
    try:
        batch = site.shared(events)
    except ObservationError as error:
        return Arrival(unsent=str(error))
    unseen = batch.reading.unseen
    if not batch.accepted:
        why = next((f": {event.error}" for event in batch.events if event.error), "")
        unseen = f"none of {len(batch.events)} events was accepted{why}"
    return Arrival(
        nothing=not batch.durable and not unseen,
        refused="; ".join(batch.refusals),
        unseen="" if batch.durable else unseen,
    )


@dataclass(frozen=True, slots=True)
class Rehearsals:
    """Performs operations, each in a Pod of its own.

    Attributes:
        performed: What those came to that had an end.
        begun: The rows of all that were begun.
    """

    site: Site
    stage: "Stage"
    performed: "list[Rehearsed]"
    begun: list[str]

    def perform(self, row: RehearsalRow) -> "Observed[Rehearsed]":
        """The operation of a row under load, and put back; what it came to."""
        from clusterproof.act.rehearsal.rehearse import rehearse  # noqa: PLC0415 - only to rehearse

        site, pods = self.site, self.site.shared(own_pods)
        self.begun.append(row.id)
        if left := self.stage.way_back.take_back():
            site.notes.append(f"undid what a run that died had changed: {left}")
        plan = plan_with_keys(site, row.id)
        sender = inside(site.api, pods.start(plan), plan.python)
        try:
            observed = rehearse(self.stage, row, sender, f"{site.run_id}-{row.id}")
        finally:
            site.cluster.forget()  # what is looked at from now on is not what it was
            pods.end(plan)
        self.performed.append(observed.value)
        return observed

    def total(self) -> None:
        """Note the sum of all, for the record; what could not be seen is not said to be kept."""
        if not self.begun:
            return
        ended, flows = self.performed, [rehearsed.flown for rehearsed in self.performed]
        sent, answered = sum(flow.sent for flow in flows), sum(flow.answered for flow in flows)
        unnamed = sum(flow.unnamed for flow in flows)
        kept = [rehearsed.kept for rehearsed in ended]
        missing = unnamed + sum(events.missing for events in kept)
        asked_for = unnamed + sum(events.asked_for for events in kept)
        unseen = sum(events.named - events.asked_for for events in kept)
        note = f"{len(self.begun)} rehearsals: {sent - answered} of {sent} requests lost"
        if asked_for:
            note += f", {missing} of {asked_for} events lost"
        if unseen:
            note += f", {unseen} events could not be read back"
        if not asked_for and not unseen:
            note += ", no event was named"
        if without := len(self.begun) - len(ended):
            note += f"; {without} of them ended without a figure"
        self.site.notes.append(note)


def rehearsals(site: Site) -> Rehearsals:
    """What performs the operations of `rehearsal` rows.

    Raises:
        ObservationError: Nothing may be written, or the spec does not say where to send and read.
    """
    from clusterproof.act.rehearsal.rehearse import Stage  # noqa: PLC0415 - only to rehearse
    from clusterproof.act.rehearsal.reversible import namespaces_of  # noqa: PLC0415 - as above
    from clusterproof.act.rehearsal.undo import WayBack  # noqa: PLC0415 - as above

    spec, lock = site.spec, site.shared(run_lock)
    namespaces = tuple(sorted(set(spec.namespaces.values())))
    way_back = WayBack(
        site.api,
        site.dialler_settings.namespace,
        site.run_id,
        namespaces=namespaces_of(namespaces, (*spec.rows, *spec.rehearsals)),
        command=site.permissions.undo_command,
    )
    stage = Stage(
        api=site.api,
        namespaces=namespaces,
        traffic=site.traffic_settings,
        posthog=site.posthog,
        way_back=way_back,
        may_write=lock.refuse_if_lost,
    )
    operations = Rehearsals(site, stage, [], [])
    site.on_end.callback(operations.total)
    return operations
