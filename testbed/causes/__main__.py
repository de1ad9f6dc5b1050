"""Measures how often the causes of a defect's red rows name the defect, offline.

`python -m testbed.causes` prints it; `--page docs/CAUSES.md` writes it; `--write` makes the
signatures of the catalogues anew.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clusterproof.causes.signatures import LEAST_ROWS, Signature
from clusterproof.checks import read_spec
from clusterproof.outcome import ExitCode
from clusterproof.project import spec_file
from clusterproof.spec import Spec
from testbed.causes.page import Measured, markdown
from testbed.causes.recorded import RedSet, read_record, red_sets
from testbed.prove.catalogue import REFERENCE, folder_of, read_catalogue

PROFILES: Final = (REFERENCE, "shop")
SIGNATURES: Final = (
    Path(__file__).parents[2] / "src" / "clusterproof" / "causes" / "signatures.json"
)


def read_profile(profile: str) -> tuple[Spec, tuple[RedSet, ...]]:
    """The spec of a profile, with its rehearsals, and the red rows of each of its defects."""
    spec = read_spec(spec_file(profile))
    spec = spec.rehearsed() if profile == REFERENCE else spec
    catalogue = read_catalogue(spec, folder_of(profile))
    return spec, tuple(red_sets(spec, catalogue, read_record(profile)))


def signatures_of(sets: Sequence[RedSet]) -> tuple[Signature, ...]:
    """One signature for each defect that turned at least two rows red."""
    return tuple(each.signature for each in sets if len(each.findings) >= LEAST_ROWS)


def as_json(signatures: Sequence[Signature]) -> str:
    """The file of signatures: one line each."""
    lines = [
        json.dumps({"title": signature.title, "signs": signature.signs}, ensure_ascii=False)
        for signature in signatures
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> int:
    """Measure, and write what is asked for."""
    parser = argparse.ArgumentParser(prog="causes", description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, help="where the page is written")
    parser.add_argument("--write", action="store_true", help="make the signatures anew")
    options = parser.parse_args()
    profiles = {profile: read_profile(profile) for profile in PROFILES}
    if options.write:
        sets = [each for _, red_sets in profiles.values() for each in red_sets]
        SIGNATURES.write_text(as_json(signatures_of(sets)), encoding="utf-8")
    measured = [Measured.of(profile, spec, sets) for profile, (spec, sets) in profiles.items()]
    text = markdown(measured, time.strftime("%Y-%m-%d", time.gmtime()))
    if options.page:
        options.page.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return ExitCode.PASSED


if __name__ == "__main__":
    sys.exit(main())
