"""Why a survivor survives: data in survivors.yaml, looked up by function and changed line."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from clusterproof.spec.document import read_document
from testbed.mutate.results import Mutant

FILE = Path(__file__).with_name("survivors.yaml")


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence for all survivors that it covers.

    Attributes:
        of: Pattern of `module:function`.
        now: What the changed lines hold; "" is in all of them.
        case: Only where nothing but upper and lower case was changed.
    """

    of: str
    now: str
    because: str
    case: bool = False

    def covers(self, mutant: Mutant) -> bool:
        """True when the sentence is about this mutant."""
        place = f"{mutant.module}:{mutant.function}"
        other = self.case and mutant.was.casefold() != mutant.now.casefold()
        return fnmatchcase(place, self.of) and self.now in mutant.now and not other


def read_reasons(path: Path = FILE) -> tuple[Reason, ...]:
    """The sentences, in order; the first that covers a mutant counts.

    Raises:
        SpecError: The file cannot be read.
    """
    entries = read_document(path).data["survivors"]
    return tuple(
        Reason(entry["of"], entry.get("now", ""), entry["because"], case=entry.get("case", False))
        for entry in entries
    )


def reason_for(mutant: Mutant, reasons: tuple[Reason, ...]) -> str:
    """The sentence for a survivor; "" when nobody has looked at it."""
    return next((reason.because for reason in reasons if reason.covers(mutant)), "")
