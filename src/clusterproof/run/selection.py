"""Which rows of a spec a run is of, and what is shown of them before it looks."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from clusterproof.errors import SpecError
from clusterproof.options import ONLY
from clusterproof.product.posthog.cost import cost, is_billed
from clusterproof.spec import Area, Row, Spec


def refuse_other_areas(expression: str) -> None:
    """Refuse a marker expression (`-m`) with a name that is no area.

    What else is wrong in it is for pytest to say.

    Raises:
        SpecError: It is none; says which there are.
    """
    if "(" in expression:
        return  # also marker(argument=value), which pytest understands
    for name in re.findall(r"[\w.:/+-]+", expression):
        if name not in ("and", "or", "not", *Area):
            raise SpecError(f"-m: expected an area ({', '.join(Area)}), got {name}")


def refuse_unknown(spec: Spec, patterns: Sequence[str]) -> None:
    """Refuse a pattern (`--only`) that is the id of no row.

    Raises:
        SpecError: It is not; says which rows are near.
    """
    ids = [row.id for row in spec.rows]
    for pattern in patterns:
        if is_chosen_by([pattern], *ids):
            continue
        if is_chosen_by([pattern], *(row.id for row in spec.rehearsals)):
            raise SpecError(f"{ONLY}: {pattern} is a rehearsal: give --rehearse as well")
        part = pattern.strip("*")
        within = [row_id for row_id in ids if part and part in row_id]
        near = get_close_matches(pattern, ids, 3, 0.5) or within[:3]
        known = f"near it: {', '.join(near)}" if near else "clusterproof plan shows all of them"
        raise SpecError(f"{ONLY}: no row of {spec.path.name} is {pattern}; {known}")


def is_chosen_by(patterns: Sequence[str], *ids: str) -> bool:
    """Whether a pattern is that of an id; without patterns each row is chosen."""
    return not patterns or any(
        fnmatchcase(row_id, pattern) for pattern in patterns for row_id in ids
    )


def plan_of(spec: Spec, rows: Sequence[Row]) -> Iterator[str]:
    """What would be checked, as lines."""
    yield f"\n{spec.name}, profile {spec.profile}: {len(rows)} rows of {spec.path.name}"
    for area in dict.fromkeys(row.area for row in rows):
        yield f"\n{area}"
        yield from (f"  {row.id:44} {row.claim}" for row in rows if row.area is area)
    for entry in spec.accepted:
        codes = ", ".join(entry.codes)
        yield f"\naccepted until {entry.expires}: {entry.row} {codes}, {entry.owner}"
    if spec.rehearsals:
        yield f"\nnot in it: {len(spec.rehearsals)} rehearsals, with --rehearse"


def sent_by(spec: Spec, rows: Sequence[Row]) -> str:
    """What a run of these rows sends to somebody's bill, or ""."""
    settings = spec.settings
    if not rows or settings.posthog is None or not is_billed(settings.posthog):
        return ""
    return cost([row.check for row in rows], settings.posthog, settings.traffic)
