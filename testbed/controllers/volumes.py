"""Provisions the claims of our StorageClass on the node that the scheduler chose, and cleans up.

Volumes of no claim and no PersistentVolume (of a cluster that is gone) are removed too.
"""

import logging
import threading
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.objects import Json
from clusterproof.kube.quantity import parse_quantity
from testbed.cluster.errors import TestbedError
from testbed.cluster.paths import STATE
from testbed.controllers import claims as rules
from testbed.controllers.disks import Disks
from testbed.controllers.loop import each
from testbed.controllers.mirror import Mirror, ask

VOLUMES = "/api/v1/persistentvolumes"
FAILED = "ProvisioningFailed"

log = logging.getLogger(__name__)


class Provisioner:
    """The mirrors, and the volumes that follow from them."""

    def __init__(self, api: KubeApi, changed: threading.Event) -> None:
        """Look at nothing yet."""
        classes = "/apis/storage.k8s.io/v1/storageclasses"
        self._api = api
        self._classes = Mirror(api, classes, rules.our_class, changed)
        self._claims = Mirror(api, "/api/v1/persistentvolumeclaims", lambda raw: raw, changed)
        self._volumes = Mirror(api, VOLUMES, rules.our_volume, changed)
        self._disks = Disks(STATE / "volumes")
        self._told: set[tuple[str, str]] = set()
        self.mirrors = (self._classes, self._claims, self._volumes)

    def reconcile(self) -> None:
        """Serve what waits, delete what is released, remove what nobody knows.

        Raises:
            ClusterproofError: A volume could not be made or removed; every other one was tried.
        """
        claims, volumes = self._claims.snapshot(), self._volumes.snapshot()
        plan = rules.plan(self._classes.snapshot(), claims, volumes)
        for claim, reason in plan.refuse:
            self._tell(claim, FAILED, reason)
        known = {claim["metadata"]["uid"] for claim in claims}
        known |= {rules.claim_uid_of(volume) for volume in volumes}
        each(
            [
                *(partial(self._provision, claim, reclaim) for claim, reclaim in plan.provision),
                *(partial(self._delete, volume) for volume in plan.delete),
                *(partial(self._remove, uid) for uid in self._disks.present() if uid not in known),
            ]
        )

    def _provision(self, claim: Json, reclaim: str) -> None:
        size_bytes = int(parse_quantity(rules.size_of(claim)))
        try:
            path = self._disks.make(claim["metadata"]["uid"], size_bytes)
        except TestbedError as error:
            self._tell(claim, FAILED, str(error))
            raise
        try:
            ask(self._api, "POST", VOLUMES, rules.volume_object(claim, reclaim, path))
        except ObservationError as error:
            if error.status != HTTPStatus.CONFLICT:  # made before the mirror could tell
                raise
            return
        size_and_place = f"{rules.size_of(claim)} on {rules.node_of(claim)}"
        self._tell(claim, "ProvisioningSucceeded", size_and_place)

    def _delete(self, volume: Json) -> None:
        name = volume["metadata"]["name"]
        self._disks.remove(rules.claim_uid_of(volume))
        try:
            ask(self._api, "DELETE", f"{VOLUMES}/{name}")
        except ObservationError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        log.info("%s: deleted with its disk", name)

    def _remove(self, uid: str) -> None:
        log.info("removes %s: no claim and no volume has it", uid)
        self._disks.remove(uid)

    def _tell(self, claim: Json, reason: str, message: str) -> None:
        """Log, and put an Event on the claim, once for each message."""
        metadata = claim["metadata"]
        if (metadata["uid"], message) in self._told:
            return
        self._told.add((metadata["uid"], message))
        name = f"{metadata['namespace']}/{metadata['name']}"
        level = logging.WARNING if reason == FAILED else logging.INFO
        log.log(level, "claim %s: %s: %s", name, reason, message)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = rules.event_on(claim, reason, message, at=now)
        try:
            ask(self._api, "POST", f"/api/v1/namespaces/{metadata['namespace']}/events", event)
        except ObservationError as error:
            log.warning("no Event for claim %s: %s", name, error)

    def end(self) -> None:
        """Leave the volumes: Pods may use them."""
