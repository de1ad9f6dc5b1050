"""Provisions the claims of our StorageClass on the node that the scheduler chose, and cleans up.

Volumes of no claim and no PersistentVolume (of a cluster that is gone) are removed too.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from testbed.controllers.claims import (
    PROVISIONER,
    ClaimFacts,
    ClassFacts,
    VolumeFacts,
    plan,
    read_claim,
    read_class,
    read_volume,
    volume_object,
)
from testbed.controllers.disks import Disks
from testbed.controllers.kube import Api, ApiError
from testbed.controllers.loop import ControllerError, StatusFile, Wake, run
from testbed.controllers.mirror import Mirror

VOLUMES = "/api/v1/persistentvolumes"

log = logging.getLogger(__name__)


@dataclass
class Provisioner:
    """The mirrors, and the volumes that follow from them."""

    api: Api
    classes: Mirror[ClassFacts]
    claims: Mirror[ClaimFacts]
    volumes: Mirror[VolumeFacts]
    disks: Disks
    told: set[tuple[str, str]] = field(default_factory=set)

    def reconcile(self) -> Mapping[str, object]:
        """Serve what waits, delete what is released, remove what nobody knows.

        Each object is tried before the first error is raised: one bad claim holds up no other.

        Raises:
            ControllerError: A volume could not be made or removed.
        """
        classes, claims = self.classes.snapshot(), self.claims.snapshot()
        volumes = self.volumes.snapshot()
        todo = plan(classes, claims, volumes)
        errors: list[ControllerError] = []
        for claim, reason in todo.refuse:
            self._tell(claim, "ProvisioningFailed", reason)
        reclaim = {one.name: one.reclaim for one in classes}
        for claim in todo.provision:
            try:
                self._provision(claim, reclaim[claim.storage_class])
            except ControllerError as error:
                self._tell(claim, "ProvisioningFailed", str(error))
                errors.append(error)
        for volume in todo.delete:
            try:
                self._delete(volume)
            except ControllerError as error:
                errors.append(error)
        known = {claim.uid for claim in claims} | {volume.claim_uid for volume in volumes}
        for uid in self.disks.present():
            if uid not in known:
                log.info("removes %s: no claim and no volume has it", uid)
                self.disks.remove(uid)
        if errors:
            raise errors[0]
        return {"volumes": {one.name: one.phase for one in volumes}}

    def _provision(self, claim: ClaimFacts, reclaim: str) -> None:
        path = self.disks.make(claim.uid, claim.size_bytes)
        try:
            self.api.request("POST", VOLUMES, body=volume_object(claim, reclaim, path))
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:  # made before the mirror could tell
                raise
            return
        self._tell(claim, "ProvisioningSucceeded", f"{claim.request} on {claim.node}")

    def _delete(self, volume: VolumeFacts) -> None:
        self.disks.remove(volume.claim_uid)
        try:
            self.api.request("DELETE", f"{VOLUMES}/{volume.name}")
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        log.info("%s: deleted with its disk", volume.name)

    def _tell(self, claim: ClaimFacts, reason: str, message: str) -> None:
        """Log, and put an Event on the claim, once for each message."""
        if (claim.uid, message) in self.told:
            return
        self.told.add((claim.uid, message))
        failed = reason.endswith("Failed")
        log.log(
            logging.WARNING if failed else logging.INFO,
            "claim %s/%s: %s: %s",
            claim.namespace,
            claim.name,
            reason,
            message,
        )
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "metadata": {"generateName": f"{claim.name}.", "namespace": claim.namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace,
                "name": claim.name,
                "uid": claim.uid,
            },
            "type": "Warning" if failed else "Normal",
            "reason": reason,
            "message": message,
            "source": {"component": PROVISIONER},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self.api.request("POST", f"/api/v1/namespaces/{claim.namespace}/events", body=event)
        except ApiError as error:
            log.warning("no Event for claim %s/%s: %s", claim.namespace, claim.name, error)


def run_volumes(api: Api, status: StatusFile, wake: Wake, root: Path) -> None:
    """Provision until told to stop. The volumes stay: Pods may use them.

    Args:
        api: The cluster.
        status: Tells which volumes there are.
        wake: Ends it.
        root: Where the volumes are.
    """
    changed = wake.changed
    provisioner = Provisioner(
        api,
        Mirror(api, "/apis/storage.k8s.io/v1/storageclasses", read_class, changed),
        Mirror(api, "/api/v1/persistentvolumeclaims", read_claim, changed),
        Mirror(api, VOLUMES, read_volume, changed),
        Disks(root),
    )
    mirrors = (provisioner.classes, provisioner.claims, provisioner.volumes)
    try:
        run(mirrors, provisioner.reconcile, status, wake)
    finally:
        status.remove()
