"""Runs Checkov's own runner on each folder by itself; one JSON line of failed checks for each.

Its command line takes several folders too, but adds the findings of one to those of the next, and
takes six seconds to start. Run by the scanners' own Python: `python checkov_each.py FOLDER...`.
"""

import json
import sys

from checkov.kubernetes.runner import Runner
from checkov.runner_filter import RunnerFilter


def main(folders: list[str]) -> None:
    """Print [[check, resource, words], ...] for each folder, in order."""
    for folder in folders:
        chosen = RunnerFilter(framework=["kubernetes"])
        report = Runner().run(root_folder=folder, runner_filter=chosen)
        failed = [
            [check.check_id, check.resource, check.check_name] for check in report.failed_checks
        ]
        sys.stdout.write(json.dumps(failed) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
