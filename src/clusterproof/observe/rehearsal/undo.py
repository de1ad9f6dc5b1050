"""The way back, kept in the cluster before anything is changed: a ConfigMap of our own.

A run that is killed leaves it; the next rehearsal, or `clusterproof undo`, finds it and goes the
way back. Its entries are patches that can be made twice.
Rights: `get`, `create`, `update`, `delete configmaps` in the namespace of the dialler.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.observe.cluster import RUN_LABEL

NAME = "clusterproof-rehearsal"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Undo:
    """One patch that puts a field back as it was.

    Attributes:
        path: Of the object.
        body: A merge patch (an object) or a JSON patch (a list).
    """

    path: str
    body: Any

    @property
    def content_type(self) -> str:
        """As the API server tells the two apart."""
        return JSON_PATCH if isinstance(self.body, list) else MERGE


class WayBack:
    """The entries of the rehearsal that is under way, and those that a killed run left."""

    def __init__(self, api: KubeApi, namespace: str, run_id: str) -> None:
        """Remember nothing yet."""
        self._api = api
        self._run_id = run_id
        self._collection = f"/api/v1/namespaces/{quote(namespace)}/configmaps"
        self._path = f"{self._collection}/{NAME}"
        self._entries: tuple[Undo, ...] = ()
        self.place = f"ConfigMap/{namespace}/{NAME}"

    def left_over(self) -> str:
        """Take on what another run left; which run and row, or "" when there is nothing.

        Raises:
            ObservationError: It could not be read.
        """
        found = self._api.find(self._path)
        if found is None:
            return ""
        data = found.get("data") or {}
        try:
            self._entries = tuple(Undo(**one) for one in json.loads(data["undo"]))
            return f"{data['row']} of run {data['run']}"
        except (KeyError, TypeError, ValueError) as error:
            raise ObservationError(
                f"{self.place}: expected the way back of a rehearsal, observed another thing",
                next_command=f"kubectl get {self._path.split('/')[4]} {NAME} -o yaml",
            ) from error

    def remember(self, row: str, entries: Sequence[Undo]) -> None:
        """Keep the way back, in the order in which it is gone; before the first change.

        Raises:
            ObservationError: It could not be kept: nothing may be changed.
        """
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "labels": {RUN_LABEL: self._run_id}},
            "data": {
                "run": self._run_id,
                "row": row,
                "undo": json.dumps([asdict(one) for one in entries]),
            },
        }
        self._api.request("POST", self._collection, body=body)
        self._entries = tuple(entries)

    def take_back(self) -> str:
        """Undo what a killed run left; which row of which run, or "" when there is nothing.

        Raises:
            ObservationError: As `left_over` and `go` do.
        """
        left = self.left_over()
        self.go()
        return left

    def go(self) -> None:
        """Undo every entry, each tried before the first error is raised; then forget them.

        Raises:
            ObservationError: An object could not be put back; the entries are kept.
        """
        if not self._entries:
            return
        errors = []
        for one in self._entries:
            try:
                self._api.request("PATCH", one.path, body=one.body, content_type=one.content_type)
            except ObservationError as error:
                errors.append(error)
        if errors:
            raise ObservationError(
                f"not put back: {errors[0]}",
                next_command="clusterproof undo  # changes the cluster: goes on where this ended",
            )
        try:
            self._api.request("DELETE", self._path)
        except ObservationError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        self._entries = ()
