"""Ask the running cluster's engine, and write the page: `python -m testbed.oracles.policies`."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from testbed.cluster import packages
from testbed.oracles.policies.features import RARE
from testbed.oracles.policies.page import PAGE, page, read_records, write_record
from testbed.oracles.policies.run import Answers, note_times, put_generated, put_table
from testbed.oracles.policies.scene import scene
from testbed.oracles.policies.world import read_cases

SEED = 20261128
SETS = 150
MOST_SHOWN = 40


def main() -> int:
    """Exit code 1 where the engine does otherwise than is known of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generated", type=int, default=SETS, help="sets of policies: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="theirs: %(default)s")
    parser.add_argument("--pages", type=Path, help="where to write the page")
    options = parser.parse_args()
    packages.use()
    answers = Answers()
    with scene() as running:
        answers.cases = put_table(running)
        if options.generated:
            answers.generated = put_generated(running, options.generated, options.seed)
        note_times(running, answers)
    unknown = [
        f"{case.id}: expected {case.expected_of(answers.engine)}, observed {answer}"
        for case in read_cases()
        if (answer := answers.cases.get(case.id)) and answer != case.expected_of(answers.engine)
    ]
    median, most = answers.in_force_s
    sys.stdout.write(
        f"{answers.engine}: {len(answers.cases)} rows, {len(unknown)} otherwise than known;"
        f" in force after {median} s (median), {most} s (at most)\n"
    )
    if generated := answers.generated:
        sys.stdout.write(
            f"  {generated.sets} sets, {generated.dials} packets, {generated.restricted} of them"
            f" restricted, {generated.refused} refused, {len(generated.apart)} otherwise than the"
            f" product says; {generated.pairs} pairs of features, {len(generated.rare)} of them in"
            f" fewer than {RARE} packets; not compared: {generated.known}\n"
        )
        unknown += generated.apart[:MOST_SHOWN]
    sys.stdout.writelines(f"  {line}\n" for line in unknown)
    if options.pages:
        write_record(asdict(answers))
        (options.pages / PAGE).write_text(page(read_records()), encoding="utf-8")
    return int(bool(unknown))


if __name__ == "__main__":
    sys.exit(main())
