"""`clusterproof bundle` and `clusterproof replay`: a run's judgement without its cluster."""

import argparse
from pathlib import Path

from clusterproof.bundle.replay import pack, replay_bundle
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report import causes
from clusterproof.report.words import verdict_sentence
from clusterproof.usage import Subparsers, say


def mount(commands: Subparsers) -> None:
    """Add both to another command's subcommands."""
    packed = commands.add_parser("bundle", help="put what a run saw into one archive")
    packed.add_argument("folder", type=Path, metavar="RUN", help="the folder of its reports")
    packed.add_argument("--out", type=Path, metavar="FILE", help="default: RUN.tar.gz")
    packed.set_defaults(run=_bundle)
    again = commands.add_parser("replay", help="judge again, offline, what a run observed")
    again.add_argument("bundle", type=Path, metavar="BUNDLE", help="the archive, or the folder")
    again.set_defaults(run=_replay)


def _bundle(options: argparse.Namespace, _rest: list[str]) -> int:
    folder = options.folder.resolve()
    archive = options.out or Path(f"{folder.name}.tar.gz")
    names = pack(folder, archive)
    say(f"{archive}: {len(names)} files, {archive.stat().st_size} bytes")
    return ExitCode.PASSED


def _replay(options: argparse.Namespace, _rest: list[str]) -> int:
    record, rows = replay_bundle(options.bundle)
    for line in causes.text(record):
        say(line)
    judged = [row for row in rows if not row.without]
    for row in judged:
        if not row.same:
            say(f"judged otherwise now: {row.recorded.id}: {row.recorded.outcome} -> {row.now}")
        for difference in row.differences:
            say(f"  {row.recorded.id}: {difference}")
    for row in rows:
        if row.without and row.recorded.outcome in {
            Outcome.PASSED,
            Outcome.FAILED,
            Outcome.ACCEPTED,
        }:
            say(f"as recorded, not judged again: {row.recorded.id}: {row.without}")
    say(f"{len(judged)} of {len(record.rows)} rows judged again, offline")
    say(f"{record.run_id}: {record.verdict.upper()}: {verdict_sentence(record)}")
    return record.exit_code
