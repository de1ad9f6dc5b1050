"""A cause as a record holds it: what explains rows of a run, by what evidence."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that explains rows of a run.

    Attributes:
        subject: The object, `Kind/namespace/name`, or what else has to be put right.
        what: What is wrong with it, as a sentence.
        evidence: What the rows observed of it, quoted.
        remedy: The smallest change that puts it right.
        show: A read-only command that shows it, or "".
        rows: The rows that are about the subject itself.
        symptoms: The rows that follow from it, by the same run's observations.
        fit: How well a defect that is known from the proof fits, or "".
    """

    subject: str
    what: str
    evidence: tuple[str, ...] = ()
    remedy: str = ""
    show: str = ""
    rows: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    fit: str = ""

    @property
    def explained(self) -> tuple[str, ...]:
        """Every row that it explains."""
        return (*self.rows, *self.symptoms)
