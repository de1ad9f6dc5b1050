"""What was changed, on disk: a run that was killed can still be undone."""

import json
import os
from pathlib import Path

from clusterproof.kube.client import Json
from clusterproof.spec.row import ObjectRef


class Journal:
    """The objects as they were before their first change, and the components that were stopped.

    Secrets are among them: only the owner can read the file, and it is removed in the end.

    Attributes:
        saved: None for an object that was not there.
        recreated: Object to the uid that it has since it was put back.
    """

    def __init__(self, path: Path) -> None:
        """Read what an interrupted run left."""
        self.path = path
        self.saved: dict[ObjectRef, Json | None] = {}
        self.stopped: list[str] = []
        self.recreated: dict[str, str] = {}
        if path.is_file():
            left = json.loads(path.read_text(encoding="utf-8"))
            self.stopped = left["stopped"]
            self.recreated = left["recreated"]
            self.saved = {ObjectRef(**entry["of"]): entry["was"] for entry in left["saved"]}

    def save(self, ref: ObjectRef, item: Json | None) -> None:
        """Remember an object."""
        self.saved[ref] = item
        self._write()

    def stop(self, component: str) -> None:
        """Remember a component that is about to be stopped."""
        self.stopped.append(component)
        self._write()

    def note_recreated(self, ref: ObjectRef, uid: str) -> None:
        """Remember that an object is the saved one again, under another uid."""
        self.recreated[str(ref)] = uid
        self._write()

    def close(self) -> None:
        """Everything is as it was."""
        self.saved, self.stopped, self.recreated = {}, [], {}
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        saved = [{"of": ref.model_dump(), "was": item} for ref, item in self.saved.items()]
        text = json.dumps({"saved": saved, "stopped": self.stopped, "recreated": self.recreated})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        beside.replace(self.path)
