"""A kind of row: what it says, how the cluster is looked at for it, and how that is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

from clusterproof.checks.site import Shared, Site
from clusterproof.judgement import Judgement
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Row

RowT = TypeVar("RowT", bound=Row)
FactT = TypeVar("FactT")


@dataclass(frozen=True, slots=True)
class Kind(Generic[RowT, FactT]):
    """One kind of row. A module of `checks` that has one as `KIND` is registered by that.

    Attributes:
        row: The class of its rows; its field `check` names the kind.
        look: Looks at the cluster; everything that it does to it goes through the `Site`.
            Raises ObservationError when it could not look.
        judge: Compares a row with the fact of its look, and nothing else.
        begin: Looks that it shares with other rows and that take seconds: begun together, before
            the first row is judged, in a run that has a row of this kind.
        codes: Of every difference that its judge can find; those that a known difference can be
            accepted by.
    """

    row: type[RowT]
    look: Callable[[RowT, Site], Observed[FactT]]
    judge: Callable[[RowT, FactT], Judgement]
    begin: tuple[Shared[Any], ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As a row file has it after `check:`."""
        (name,) = get_args(self.row.model_fields["check"].annotation)
        return str(name)

    @property
    def claim(self) -> str:
        """What a row of this kind claims, in one sentence."""
        return (self.row.__doc__ or "").partition("\n")[0]
