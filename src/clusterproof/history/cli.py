"""`clusterproof history`: add runs, compare them, and show them.

The commands read and write one store, and reach no cluster.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from clusterproof.errors import SpecError
from clusterproof.history.compare import (
    Comparison,
    compare,
    fail_on_new,
    is_selection,
    lines_of,
    with_census,
)
from clusterproof.history.metrics import metrics_text
from clusterproof.history.serve import server
from clusterproof.history.site import write_site
from clusterproof.history.store import PARTIAL, History, RunRef, Series
from clusterproof.notify.message import message, worth_telling
from clusterproof.notify.webhook import WEBHOOK_VARIABLE, post
from clusterproof.outcome import ExitCode
from clusterproof.redact import Redactor
from clusterproof.report.files import replace_file
from clusterproof.report.record import RunRecord
from clusterproof.report.redacted import redacted
from clusterproof.report.words import moment, verdict_sentence
from clusterproof.report.write import write_reports
from clusterproof.usage import Subparsers, say

Command = Callable[[argparse.Namespace, list[str]], int]

STORE: Final = Path("reports/history/history.sqlite3")


def mount(commands: Subparsers) -> None:
    """Add `history` to another command's subcommands; each sets `run(options, rest) -> int`."""
    history = commands.add_parser("history", help="keep runs, compare them, show them")
    inner = history.add_subparsers(dest="history_command", required=True)

    def command(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        made = inner.add_parser(name, help=text, description=text)
        made.add_argument("--store", type=Path, default=STORE, help="default: %(default)s")
        made.set_defaults(run=run)
        return made

    def of_series(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
        made.add_argument("--cluster", default="", help="context, where the store has several")
        made.add_argument("--profile", default="", help="profile, where the store has several")
        return made

    add = command("add", _add, "add runs; a row that vanished since the run before fails")
    add.add_argument("records", type=Path, nargs="+", metavar="RUN.json")
    add.add_argument(
        "--partial",
        action="store_true",
        help="the run had a selection of rows only: kept apart, and without a census",
    )
    of_series(command("list", _list, "list the runs, newest first"))
    diff = of_series(command("diff", _diff, "what a run changed"))
    diff.add_argument("run_id", nargs="?", default="", metavar="RUN", help="default: the newest")
    diff.add_argument(
        "--against", default="", metavar="RUN", help="a run, `previous` (default) or `baseline`"
    )
    diff.add_argument(
        "--fail-on-new",
        action="store_true",
        help="exit 1 on a failure that the other run has not, 6 on a new blind spot; "
        "compares with the baseline unless --against says otherwise",
    )
    pin = of_series(command("pin", _pin, "make a run the baseline of --fail-on-new"))
    pin.add_argument("run_id", nargs="?", default="", metavar="RUN", help="default: the newest")
    retire = of_series(command("retire", _retire, "say that a row is gone on purpose"))
    retire.add_argument("row", metavar="ROW")
    retire.add_argument("--because", required=True, metavar="REASON")
    of_series(command("forget", _forget, "delete a series that goes on no more, with its runs"))
    site = command("site", _site, "write the static pages")
    site.add_argument("directory", type=Path, metavar="OUT")
    metrics = command("metrics", _metrics, "Prometheus metrics of the newest runs")
    metrics.add_argument("--out", type=Path, metavar="FILE.prom", help="default: standard output")
    serve = command("serve", _serve, "serve the static pages and /metrics until told to stop")
    serve.add_argument("--site", type=Path, required=True, metavar="DIR")
    serve.add_argument("--address", default="127.0.0.1", help="default: %(default)s")
    serve.add_argument("--port", type=int, default=8080, help="default: %(default)s")
    notify = command("notify", _notify, "tell a webhook (Slack-compatible) of a run")
    notify.add_argument("record", type=Path, metavar="RUN.json")
    notify.add_argument(
        "--webhook-variable",
        default=WEBHOOK_VARIABLE,
        metavar="NAME",
        help="environment variable with the webhook's URL, never an argument: default %(default)s",
    )
    notify.add_argument("--link", default="", metavar="URL", help="where the report can be read")
    notify.add_argument("--always", action="store_true", help="tell of an unchanged pass too")


def _add(options: argparse.Namespace, _rest: list[str]) -> int:
    vanished = False
    with History(options.store) as history:
        for path in options.records:
            record = redacted(RunRecord.read(path), Redactor())
            before = None
            if options.partial or is_selection(record):
                record = replace(record, profile=f"{record.profile}{PARTIAL}")
            else:
                before = history.before(record)
            retired = history.retired_for(record)
            counted = with_census(before, record, retired=retired)
            history.add(counted)
            say(f"{counted.run_id}: {counted.verdict.value}: {verdict_sentence(counted)}")
            if before:
                _say_comparison(compare(before, counted, retired=retired))
            if len(counted.rows) > len(record.rows):
                vanished = True
                say(f"rows vanished since {before.run_id if before else ''}; reports written anew")
                write_reports(counted, path.parent)
    return ExitCode.FAILED if vanished else ExitCode.PASSED


def _list(options: argparse.Namespace, _rest: list[str]) -> int:
    with _existing(options.store) as history:
        for series in history.all_series():
            if not _chosen(series, options):
                continue
            baseline = history.baseline(series.id)
            say(series.name)
            for run in reversed(history.runs(series.id)):
                pinned = "  baseline" if baseline == run else ""
                say(f"  {moment(run.started_at)}  {run.verdict.value:<12}  {run.name}{pinned}")
    return ExitCode.PASSED


def _diff(options: argparse.Namespace, _rest: list[str]) -> int:
    with _existing(options.store) as history:
        series = _series(history, options)
        run = _run(history, series, options.run_id)
        record = history.record(run)
        other = _other(history, series, record, options)
        retired = history.retired(series.id)
        say(f"{other.run_id} -> {record.run_id}")
        _say_comparison(compare(other, record, retired=retired))
        if options.fail_on_new:
            return fail_on_new(other, record, retired=retired)
    return ExitCode.PASSED


def _pin(options: argparse.Namespace, _rest: list[str]) -> int:
    with _existing(options.store) as history:
        run = _run(history, _series(history, options), options.run_id)
        history.pin(run)
        say(f"baseline: {run.name}, {moment(run.started_at)}, {run.verdict.value}")
    return ExitCode.PASSED


def _retire(options: argparse.Namespace, _rest: list[str]) -> int:
    with _existing(options.store) as history:
        series = _series(history, options)
        if options.row not in history.points(series.id):
            raise SpecError(
                f"retire: expected a row that {series.name} has had, observed {options.row!r}"
            )
        history.retire(series.id, options.row, options.because)
        say(f"{options.row}: retired: {options.because}")
    return ExitCode.PASSED


def _forget(options: argparse.Namespace, _rest: list[str]) -> int:
    with _existing(options.store) as history:
        series = _series(history, options)
        if not (options.cluster or options.profile):
            raise SpecError(
                f"forget: expected a series that is named, observed none; next: {_naming(series)}"
            )
        count = len(history.runs(series.id))
        history.forget(series.id)
    say(f"{series.name}: forgotten, with {count} run{'s' * (count != 1)}")
    return ExitCode.PASSED


def _site(options: argparse.Namespace, _rest: list[str]) -> int:
    with History(options.store) as history:
        pages = write_site(history, options.directory, now=time.time())
    say(f"{options.directory / 'index.html'}: {pages} pages")
    return ExitCode.PASSED


def _metrics(options: argparse.Namespace, _rest: list[str]) -> int:
    with History(options.store) as history:
        text = metrics_text(history)
    if options.out is None:
        sys.stdout.write(text)
    else:
        replace_file(options.out, text.encode())
    return ExitCode.PASSED


def _serve(options: argparse.Namespace, _rest: list[str]) -> int:
    try:
        serving = server(options.address, options.port, site=options.site, store=options.store)
    except OSError as error:
        place = f"{options.address}:{options.port}"
        raise SpecError(f"serve: expected to listen on {place}, observed: {error}") from error
    # shutdown() waits for the loop that this very thread runs, so another one has to call it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=serving.shutdown).start())
    say(f"http://{options.address}:{serving.server_address[1]}/")
    with serving:
        serving.serve_forever()
    return ExitCode.PASSED


def _notify(options: argparse.Namespace, _rest: list[str]) -> int:
    url = os.environ.get(options.webhook_variable, "")
    if not url:
        raise SpecError(
            f"notify: expected the webhook's URL in ${options.webhook_variable}, observed nothing"
        )
    record = Redactor().data(RunRecord.read(options.record))
    with History(options.store) as history:
        before = history.before(record)
        retired = history.retired_for(record)
    comparison = compare(before, record, retired=retired) if before else None
    if not options.always and not worth_telling(record, comparison):
        say("unchanged pass: nothing to tell; next: --always")
        return ExitCode.PASSED
    posts = post(url, message(record, comparison=comparison, link=options.link))
    say(f"told, in {posts} posts")
    return ExitCode.PASSED


def _existing(store: Path) -> History:
    """The store that a person wants to read or change: a misspelt path makes no new one."""
    if not store.exists():
        raise SpecError(
            f"{store}: expected a history store, observed none;"
            " next: clusterproof history add reports/RUN/run.json"
        )
    return History(store)


def _series(history: History, options: argparse.Namespace) -> Series:
    """The one series that the options leave."""
    chosen = [series for series in history.all_series() if _chosen(series, options)]
    if len(chosen) != 1:
        names = "; ".join(series.name for series in chosen) or "none"
        raise SpecError(
            f"{options.store}: expected one series, observed {names}; "
            "next: --cluster CONTEXT --profile PROFILE"
        )
    return chosen[0]


def _naming(series: Series) -> str:
    """The option that names a series."""
    return f"--profile {series.profile}" if series.profile else f"--cluster {series.context}"


def _chosen(series: Series, options: argparse.Namespace) -> bool:
    return options.cluster in {"", series.context, series.cluster} and options.profile in {
        "",
        series.profile,
    }


def _run(history: History, series: Series, name: str) -> RunRef:
    return history.find(series.id, name) if name else history.runs(series.id)[-1]


def _other(
    history: History, series: Series, record: RunRecord, options: argparse.Namespace
) -> RunRecord:
    """The run to compare with."""
    against = options.against or ("baseline" if options.fail_on_new else "previous")
    if against == "previous":
        before = history.before(record)
        if before is None:
            raise SpecError(f"diff: expected a run before {record.run_id}, observed none")
        return before
    if against == "baseline":
        baseline = history.baseline(series.id)
        if baseline is None:
            raise SpecError(
                "diff: expected a baseline, observed none; next: clusterproof history pin RUN"
            )
        return history.record(baseline)
    return history.record(history.find(series.id, against))


def _say_comparison(comparison: Comparison) -> None:
    for line in lines_of(comparison):
        say(line)
