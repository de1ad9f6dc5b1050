"""An API server on loopback that keeps one Lease, with optimistic concurrency."""

from typing import Any

from tests.observe.loopback import Reply, Request


class Leases:
    """The Lease `clusterproof` of namespace `n`.

    Attributes:
        status: What every request is answered instead, or 0.
    """

    def __init__(self) -> None:
        """None yet."""
        self.lease: dict[str, Any] | None = None
        self.status = 0
        self._version = 0

    def answer(self, request: Request) -> Reply:
        """One request."""
        if self.status:
            return self._refuse(self.status)
        if request.method == "POST":
            return self._refuse(409) if self.lease else self._keep(request.json())
        if self.lease is None:
            return self._refuse(404)
        if request.method == "GET":
            return Reply(body=self.lease)
        body = request.json()
        given = (body.get("metadata") or body.get("preconditions"))["resourceVersion"]
        if given != self.lease["metadata"]["resourceVersion"]:
            return self._refuse(409)
        return self._remove() if request.method == "DELETE" else self._keep(body)

    def _remove(self) -> Reply:
        self.lease = None
        return Reply(body={"kind": "Status", "status": "Success"})

    def _keep(self, lease: dict[str, Any]) -> Reply:
        self._version += 1
        meta = {**lease["metadata"], "resourceVersion": str(self._version), "uid": "u"}
        self.lease = {**lease, "metadata": {**meta, "namespace": "n"}}
        return Reply(body=self.lease)

    @staticmethod
    def _refuse(status: int) -> Reply:
        return Reply(status, {"kind": "Status", "message": f"{status}"})
