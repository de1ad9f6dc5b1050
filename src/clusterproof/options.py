"""The options of a verification, once: for pytest's command line, for help and for completion.

`pytest suites/` adds each to its own command line, and `clusterproof verify` hands them on to it.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as both `argparse` and pytest take it.

    Attributes:
        settings: Keywords of `add_argument`.
        of_path: Its value is a path, as seen from the folder where the command was given.
    """

    flag: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    of_path: bool = False


def _path(flag: str, text: str, **more: object) -> Option:
    settings = {"default": None, "metavar": "PATH", "help": text, **more}
    return Option(flag, settings, of_path=True)


def _switch(flag: str, text: str) -> Option:
    return Option(flag, {"action": "store_true", "help": text})


ONLY: Final = "--only"
SELECTING: Final = (ONLY, "-k", "-m")
"""Options with which a run is not of every row of its spec."""

OPTIONS: Final = (
    _path(
        "--kubeconfig",
        "kubeconfig file (default: in-cluster, KUBECONFIG, or ~/.kube/config)",
        nargs="?",
        const=None,
    ),
    Option("--context", {"default": None, "metavar": "NAME", "help": "context of the kubeconfig"}),
    Option(
        "--profile",
        {
            "default": "self-hosted",
            "metavar": "NAME",
            "help": "a spec of ours: self-hosted, cloud, lab or read-only (default: self-hosted)",
        },
    ),
    _path("--spec", "a spec file of your own, instead of a profile"),
    Option(
        "--namespace",
        {
            "action": "append",
            "default": [],
            "metavar": "ALIAS=NAME",
            "help": "another namespace for an alias of the spec (router=my-namespace); repeatable",
        },
    ),
    Option(
        ONLY,
        {
            "action": "append",
            "default": [],
            "metavar": "ROW",
            "help": "check this row alone, by its id or a glob such as 'router-*'; repeatable",
        },
    ),
    _path(
        "--since",
        "also say what changed since this record (run.json or its folder), or since the baseline"
        " of this history store",
    ),
    _switch("--read-only", "create no Pod and run nothing in one; what needs it is INCONCLUSIVE"),
    _switch(
        "--no-wait",
        "judge at once what is there; do not wait for a rollout or a start that is under way",
    ),
    _switch("--plan", "show what would be checked; touch no cluster"),
    _switch(
        "--allow-production",
        "let checks that write run against a context that the spec marks as production",
    ),
    _switch("--rehearse", "also perform the spec's operations under load, and put each back"),
    Option(
        "--lock-wait",
        {
            "type": float,
            "default": 60.0,
            "metavar": "SECONDS",
            "help": "how long to wait for another run that writes in the same place (default: 60)",
        },
    ),
    _path("--report-dir", "where reports go (default: reports/; an empty text: nowhere)"),
)


def add_options(parser: argparse.ArgumentParser, *flags: str) -> None:
    """Give another command some of these options, in the order of the table."""
    for option in OPTIONS:
        if option.flag in flags:
            parser.add_argument(option.flag, **option.settings)


_WITH_VALUE: Final = frozenset(
    option.flag for option in OPTIONS if option.settings.get("action") != "store_true"
)


def joined(arguments: Sequence[str]) -> list[str]:
    """The same arguments with `--option=VALUE` in place of `--option VALUE`.

    Before its plugins are loaded pytest knows none of our options, takes their values for tests,
    and would load a conftest.py that stands beside a person's spec or kubeconfig.
    """
    words: list[str] = []
    for argument in arguments:
        if words and words[-1] in _WITH_VALUE and not argument.startswith("--"):
            words[-1] = f"{words[-1]}={argument}"
        else:
            words.append(argument)
    return words


PATHS: Final = (
    *(option.flag for option in OPTIONS if option.of_path),
    "--junitxml",
    "--junit-xml",
)
"""Every option with a path for its value, pytest's own included."""

_NAMES_OF_PYTEST: Final = """
assert basetemp capture co code-highlight collect-in-virtualenv collect-only collectonly
color confcutdir config-file continue-on-collection-errors debug deselect
disable-plugin-autoload disable-pytest-warnings disable-warnings doctest-continue-on-failure
doctest-glob doctest-ignore-import-errors doctest-modules doctest-report durations
durations-min exitfirst fixtures fixtures-per-test force-short-summary full-trace funcargs
help ignore ignore-glob import-mode junit-prefix junit-xml junitprefix junitxml
keep-duplicates log-auto-indent log-cli-date-format log-cli-format log-cli-level
log-date-format log-disable log-file log-file-date-format log-file-format log-file-level
log-file-mode log-format log-level markers max-warnings maxfail no-fold-skipped no-header
no-showlocals no-summary noconftest override-ini pastebin pdb pdbcls pyargs pythonwarnings
quiet report-chars rootdir runxfail setup-only setup-plan setup-show setuponly setupplan
setupshow show-capture showlocals strict strict-config strict-markers tb trace trace-config
verbose verbosity version xfail-tb
"""
_LETTERS_OF_PYTEST: Final = "VWchklmopqrsvx"
OF_PYTEST: Final = frozenset(
    (
        *(f"--{name}" for name in _NAMES_OF_PYTEST.split()),
        *(f"-{letter}" for letter in _LETTERS_OF_PYTEST),
    )
)
"""Options of pytest without plugins; a test compares them with the installed pytest's."""
