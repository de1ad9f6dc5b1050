"""Each grant of deploy/nightly/rights taken away alone: `python -m testbed.nightly.missing_grants`.

An account gets all grants of a stage's folders but one, and verifies the real cluster with them.
`tests/nightly/test_rights_live.py` runs and judges them, and keeps what came of each in JOURNAL;
this command writes the table of it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import yaml
from pydantic import TypeAdapter

from clusterproof.nightly.rights import Grant, granted, roles
from clusterproof.observe.cluster import RUN_LABEL
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.deploy.kubectl import Kubectl
from testbed.kubeconfig import write_private
from testbed.settings import patient

RIGHTS: Final = paths.CHECKOUT / "deploy" / "nightly" / "rights"
JOURNAL: Final = paths.CHECKOUT / "reports" / "rights" / "missing-grants.jsonl"
NAMESPACE: Final = "clusterproof-rights"
PREFIX: Final = "cp-rights-"
RUN_WITHIN_S: Final = 240
_PLACES: Final = ("default", "kube-system", "monitoring", "posthog", "voicehelper-prod")
_NO_UID: Final = "the cluster is not told apart from another of its name: its uid is not known"


@dataclass(frozen=True, slots=True)
class Stage:
    """A run as it is meant to be, and the grants that are taken away from it.

    Attributes:
        folders: Of deploy/nightly/rights; what the account has.
        taken_away: Those whose grants are taken away, one at a time.
        options: Of `pytest suites`.
    """

    folders: tuple[str, ...]
    taken_away: tuple[str, ...]
    options: tuple[str, ...]


STAGES: Final[Mapping[str, Stage]] = {
    "read-only": Stage(("read-only",), ("read-only",), ("--profile", "read-only", "--read-only")),
    "full": Stage(
        ("read-only", "secret-shape", "volume-use", "active"),
        ("secret-shape", "volume-use", "active"),
        ("--profile", "self-hosted"),
    ),
}
NOTED: Final[Mapping[str, str]] = {
    "get namespaces": "its uid is not known",
    "get leases.coordination.k8s.io in posthog": "two runs at once are not kept apart",
    "create leases.coordination.k8s.io in posthog": "two runs at once are not kept apart",
    "update leases.coordination.k8s.io in posthog": "cannot be renewed",
    "delete leases.coordination.k8s.io in posthog": "stays until it expires",
    "delete pods in posthog": "could not be removed",
}
"""Grants that no row hangs on, and what a run without one says of it instead."""
EXPLAINING: Final = frozenset(
    f"list {resource} in {namespace}"
    for resource in ("services", "endpointslices.discovery.k8s.io")
    for namespace in ("default", "kube-system", "monitoring")
)
"""Grants by which a refused dial is explained: to whom it went, and which policy says so.

No row hangs on them; that a run uses them is seen in its record (tests/nightly/test_rights.py).
"""


@dataclass(frozen=True, slots=True)
class MissingGrant:
    """What a run came to without one grant, beside the run with all of them.

    Attributes:
        blind: Rows that are INCONCLUSIVE now, and were not.
        passes: Rows that pass now, and did not.
        failures: Rows that fail now, and passed.
        unexplained: Rows of `blind` whose cause is no refusal.
        notes: What the run says of itself now, and did not.
    """

    stage: str
    grant: str
    blind: tuple[str, ...]
    passes: tuple[str, ...]
    failures: tuple[str, ...]
    unexplained: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_noticed(self) -> bool:
        """Rows are blind; or the run says what NOTED says; or the grant only explains."""
        note_of_grant = NOTED.get(self.grant)
        if note_of_grant:
            return any(note_of_grant in note for note in self.notes)
        return bool(self.blind) or self.grant in EXPLAINING


def grants_of(*folders: str) -> list[Grant]:
    """The grants of some folders, sorted."""
    texts = ((RIGHTS / folder / "roles.yaml").read_text(encoding="utf-8") for folder in folders)
    return sorted({grant for text in texts for grant in granted(yaml.safe_load_all(text))})


def compared(stage: str, grant: Grant, whole: RunRecord, run: RunRecord) -> MissingGrant:
    """One run beside the one with all grants."""
    before = {row.id: row.outcome for row in whole.rows}
    unseen = {Outcome.INCONCLUSIVE, Outcome.NOT_RUN}
    blind = [row for row in run.of(*unseen) if before.get(row.id) not in unseen]
    return MissingGrant(
        stage,
        str(grant),
        blind=tuple(row.id for row in blind),
        passes=tuple(
            row.id for row in run.of(Outcome.PASSED) if before.get(row.id) is not Outcome.PASSED
        ),
        failures=tuple(
            row.id for row in run.of(Outcome.FAILED) if before.get(row.id) is Outcome.PASSED
        ),
        unexplained=tuple(f"{row.id}: {row.cause}" for row in blind if not _is_refusal(row.cause)),
        notes=tuple(sorted(set(_notes(run)) - set(_notes(whole)))),
    )


def _is_refusal(cause: str) -> bool:
    return "forbidden" in cause.lower()


def _notes(run: RunRecord) -> tuple[str, ...]:
    return run.notes if run.cluster.uid else (*run.notes, _NO_UID)


def verify_with(
    kubectl: Kubectl, name: str, allowed: Iterable[Grant], options: Iterable[str], folder: Path
) -> RunRecord:
    """The run of an account that has just these grants; it leaves no Pod.

    Raises:
        TestbedError: The run wrote no record; its last words say why.
    """
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    metadata = {"name": name, "namespace": NAMESPACE}
    kubectl.apply([account | {"metadata": metadata}, *roles(allowed, name, (NAMESPACE, name))])
    token = kubectl.run("create", "token", name, "-n", NAMESPACE, "--duration=15m").strip()
    config = json.loads(paths.KUBECONFIG.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": token}
    place = folder / name
    place.mkdir(parents=True)
    kubeconfig = place / "kubeconfig"
    write_private(kubeconfig, json.dumps(config))
    command = [sys.executable, "-m", "pytest", "suites", "-q", "--disable-plugin-autoload"]
    command += ["-p", "no:cacheprovider", "--kubeconfig", str(kubeconfig)]
    done = subprocess.run(
        [*command, "--report-dir", str(place / "reports"), *options],
        cwd=paths.CHECKOUT,
        capture_output=True,
        text=True,
        timeout=patient(RUN_WITHIN_S),
        check=False,
    )
    records = list((place / "reports").glob("*/run.json"))
    if not records:
        raise TestbedError(f"no record of a run as {name}: {done.stdout[-2000:]}{done.stderr}")
    record = RunRecord.read(records[0])
    for namespace in _PLACES:  # what it may not remove itself, where that is the right taken away
        ours = f"{RUN_LABEL}={record.run_id}"
        kubectl.run("delete", "pods,leases", "-n", namespace, "-l", ours, "--ignore-not-found")
    return record


@contextmanager
def accounts(kubectl: Kubectl) -> Iterator[None]:
    """A namespace for the accounts; in the end it is deleted, with every Role of theirs."""
    kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    try:
        yield
    finally:
        kubectl.run("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
        for kind in ("clusterroles", "clusterrolebindings"):
            _delete_ours(kubectl, kind)
        for namespace in _PLACES:
            for kind in ("roles", "rolebindings"):
                _delete_ours(kubectl, kind, "-n", namespace)


def _delete_ours(kubectl: Kubectl, kind: str, *place: str) -> None:
    names = [str(listed["metadata"]["name"]) for listed in kubectl.read(kind, *place)]
    if ours := [name for name in names if name.startswith(PREFIX)]:
        kubectl.run("delete", kind, *place, "--ignore-not-found", *ours)


def keep(attempt: MissingGrant, journal: Path = JOURNAL) -> None:
    """Add a line to the journal; for one grant, the last line counts."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a", encoding="utf-8") as lines:
        lines.write(f"{json.dumps(asdict(attempt))}\n")


def kept(journal: Path = JOURNAL) -> dict[tuple[str, str], MissingGrant]:
    """What came of each grant, by stage and grant."""
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.is_file() else []
    attempts = [TypeAdapter(MissingGrant).validate_json(line) for line in lines]
    return {(attempt.stage, attempt.grant): attempt for attempt in attempts}


def table(attempts: Mapping[tuple[str, str], MissingGrant]) -> str:
    """Grant, and the rows that are INCONCLUSIVE without it, as Markdown; one part a folder."""
    text = ""
    for stage_name, stage in STAGES.items():
        for folder in stage.taken_away:
            text += f"\n### rights/{folder}\n\n| without | rows | which | the run says |\n"
            text += "| --- | --: | --- | --- |\n"
            for grant in grants_of(folder):
                attempt = attempts.get((stage_name, str(grant)))
                text += f"| `{grant}` | {_cells(attempt)} |\n"
    return text


def _cells(attempt: MissingGrant | None) -> str:
    if attempt is None:
        return "not tried | |"
    note = NOTED.get(attempt.grant, "")
    return f"{len(attempt.blind)} | {', '.join(attempt.blind) or 'none'} | {note}"


def main() -> int:
    """Write the table of what is in the journal."""
    parser = argparse.ArgumentParser(prog="missing_grants", description=__doc__.splitlines()[0])
    parser.add_argument("--journal", type=Path, default=JOURNAL)
    options = parser.parse_args()
    sys.stdout.write(table(kept(options.journal)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
