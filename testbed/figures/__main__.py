"""`python -m testbed.figures`: run the commands behind the figures, and rewrite the pages.

Without arguments the quick ones; `--run a,b` those, `--run all` every one.
It says which it did not run. `--render` only rewrites the pages from the records that are there;
`--transcribe ID` takes the numbers that a person wrote into a block as the registry's.
"""

import argparse
import datetime as dt
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from clusterproof.errors import SpecError
from clusterproof.outcome import ExitCode
from testbed.cluster.run import exit_code
from testbed.figures.pages import blocks, pages, rewritten
from testbed.figures.registry import PROJECT, REGISTRY, Figure, figures, numbers_in
from testbed.settings import patient

QUICK_MINUTES = 5.0
WITHIN_S = 4 * 3600.0
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    """Run, render, and say what was left out."""
    options = _options()
    registry = figures()
    if options.transcribe:
        return _transcribe(_named(registry, options.transcribe))
    chosen = [] if options.render else _chosen(registry, options.run)
    failed = [figure.id for figure in chosen if not run(figure)]
    registry = figures()
    ran = {figure.id for figure in chosen}
    for page in pages():
        text = page.read_text("utf-8")
        page.write_text(rewritten(text, registry), "utf-8")
    for figure in registry:
        if figure.id not in ran:
            sys.stdout.write(f"not run    {figure.id}: {_why_not(figure)}\n")
    for name in failed:
        sys.stdout.write(f"FAILED     {name}: its page keeps the figures that it had\n")
    return ExitCode.FAILED if failed else ExitCode.PASSED


def _chosen(registry: list[Figure], names: str) -> list[Figure]:
    if names == "all":
        return registry
    if names:
        return [_named(registry, name) for name in names.split(",")]
    return [figure for figure in registry if figure.minutes <= QUICK_MINUTES]


def _named(registry: list[Figure], name: str) -> Figure:
    for figure in registry:
        if figure.id == name:
            return figure
    raise SpecError(f"expected a figure of {REGISTRY.name}, got {name!r}")


def _why_not(figure: Figure) -> str:
    how = f"about {figure.minutes:g} min: make figures FIGURES={figure.id}"
    by = "" if figure.is_recorded else " by a person"
    return f"last on {figure.last_run()}{by}; {how}"


def run(figure: Figure) -> bool:
    """Run the command; its record is kept only when it ended well and says what is looked for."""
    sys.stdout.write(f"running    {figure.id}: {figure.command}\n")
    sys.stdout.flush()
    began = time.monotonic()
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", figure.command],
        cwd=PROJECT,
        env=_with_uv(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patient(WITHIN_S),
        check=False,
    )
    took_s = time.monotonic() - began
    today = dt.datetime.now(tz=dt.UTC).date()
    output = _ESCAPES.sub("", ended.stdout)
    output = output.replace(str(PROJECT), ".").replace(str(Path.home()), "~")
    before = figure.record.read_text("utf-8") if figure.record.is_file() else None
    figure.record.parent.mkdir(exist_ok=True)
    head = f"$ {figure.command}\non {today}, exit {ended.returncode}, {took_s:.0f} s\n"
    figure.record.write_text(head + output, "utf-8")
    try:
        if ended.returncode == 0:
            figure.block()
            _drop_numbers(figure)
            return True
        sys.stdout.write(output[-2000:])
    except SpecError as error:
        sys.stdout.write(f"{error}\n")
    _put_back(figure.record, before)
    return False


def _with_uv() -> dict[str, str]:
    """Our environment, with the uv that started us where a command says `uv`."""
    if not (uv := os.environ.get("UV")):
        return {**os.environ}
    return {**os.environ, "PATH": os.pathsep.join([str(Path(uv).parent), os.environ["PATH"]])}


def _put_back(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.write_text(text, "utf-8")


def _drop_numbers(figure: Figure) -> None:
    """A person's day and numbers end with the first record."""
    if figure.numbers:
        entry = re.compile(rf"^{figure.id}:\n(?:(?:  .*)?\n)*", re.MULTILINE)
        text = REGISTRY.read_text("utf-8")
        rest = re.compile(r"^  (?:day|numbers): .*\n", re.MULTILINE)
        text = entry.sub(lambda match: rest.sub("", match[0]), text, count=1)
        REGISTRY.write_text(text, "utf-8")


def _transcribe(figure: Figure) -> int:
    block = blocks((PROJECT / figure.page).read_text("utf-8"))[figure.id]
    text = REGISTRY.read_text("utf-8")
    old = re.compile(
        rf"(^{figure.id}:\n(?:  .*\n)*?  numbers: )(?:.*\n)((?:    .*\n)*)", re.MULTILINE
    )
    REGISTRY.write_text(old.sub(rf'\g<1>"{numbers_in(block)}"\n', text), "utf-8")
    return ExitCode.PASSED


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="figures", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="", help="names, separated by commas, or all")
    parser.add_argument("--render", action="store_true", help="only rewrite the pages")
    parser.add_argument("--transcribe", default="", help="take a block's numbers as they are")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(exit_code("figures", main, failed=ExitCode.USAGE))
