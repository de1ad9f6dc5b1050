"""The red rows of each defect: as the proof recorded them, else as they are due."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clusterproof.causes.finding import Finding
from clusterproof.causes.rules import CUSTOM_METRICS_API, EXTERNAL_METRICS_API, METRICS_API
from clusterproof.causes.signatures import Signature, sign_of
from clusterproof.judgement import Difference
from clusterproof.spec import Spec
from clusterproof.spec.row import Row
from testbed.prove.catalogue import REFERENCE
from testbed.prove.findings import PROOFS
from testbed.prove.pages import RECORD
from testbed.prove.steps import Defect, Due, Step

PROJECT: Final = Path(__file__).parents[2]
_SERVED: Final = {
    "metrics-server": (METRICS_API,),
    "prometheus-adapter": (CUSTOM_METRICS_API, EXTERNAL_METRICS_API),
}
"""Component of the local cluster to the APIs that end with it."""
Recorded = Mapping[tuple[str, str], tuple[Difference, ...]]
"""The differences of a row under a defect, by both ids."""


@dataclass(frozen=True, slots=True)
class RedSet:
    """A defect with the rows that it turned red.

    Attributes:
        recorded: How many of the findings have the differences of a real run; the others have
            what the catalogue demands of them.
    """

    defect: Defect
    findings: tuple[Finding, ...]
    recorded: int

    @property
    def signature(self) -> Signature:
        """The signs of its findings, by the defect's title."""
        signs = tuple(sorted(sign_of(finding) for finding in self.findings))
        return Signature(self.defect.title, signs)

    @property
    def changed(self) -> frozenset[str]:
        """The objects that the defect changes, or fills, `Kind/namespace/name`."""
        steps = (*self.defect.steps, *self.defect.then)
        changed = {str(step.target) for step in steps if step.target is not None}
        return frozenset(changed | {ref for step in steps for ref in _filled(step)})


def record_of(profile: str) -> Path:
    """Where the proof of a profile is recorded, from the project's folder."""
    return Path("docs", *(() if profile == REFERENCE else (profile,)), RECORD)


def read_record(profile: str) -> Recorded:
    """What the proof of a profile recorded of each red row."""
    proofs = PROOFS.validate_json((PROJECT / record_of(profile)).read_bytes())
    return {(proof.defect, proof.row): proof.differences for proof in proofs if proof.differences}


def red_sets(spec: Spec, defects: tuple[Defect, ...], record: Recorded) -> Iterator[RedSet]:
    """The red rows of each defect that is no equivalent."""
    rows = {row.id: row for row in spec.rows}
    for defect in defects:
        if not defect.reds:
            continue
        recorded = [row for row in defect.reds if (defect.id, row) in record]
        findings = tuple(
            Finding(
                rows[row],
                record.get((defect.id, row)) or _as_due(due),
                where=_where(rows[row], spec),
            )
            for row, due in defect.reds.items()
        )
        yield RedSet(defect, findings, len(recorded))


def _filled(step: Step) -> Iterator[str]:
    """The claims of a Pod that is made, and the API that a stopped component serves."""
    made = step.create or {}
    for volume in (made.get("spec") or {}).get("volumes") or []:
        if "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            yield f"PersistentVolumeClaim/{made['metadata']['namespace']}/{claim}"
    yield from _SERVED.get(step.stop or "", ())


def _as_due(due: Due) -> tuple[Difference, ...]:
    """The difference that the catalogue demands; what it does not say is not made up."""
    what, expected, observed = due.what or "", due.expected or "", due.observed or ""
    return (Difference(what, expected, observed, code=due.code[0]),)


def _where(row: Row, spec: Spec) -> str:
    """The place that a look at a product states; the proof does not record it."""
    router, posthog = spec.settings.traffic, spec.settings.posthog
    if posthog and row.check in {"flag", "ingestion", "posthog-status"}:
        return f"{posthog.namespace}/pod -> {posthog.host}"
    if router and row.check in {"exposure", "rehearsal"}:
        return f"{router.workload.namespace}/pod -> {router.service}"
    return ""
