"""How our own tests run: alike on every machine, never none, and which cluster tests when."""

import datetime as dt
import signal
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, settings

from tests import last_passed
from tests.last_passed import Pass

# How long an example takes to make says how busy the machine is, and nothing of our code.
settings.register_profile(
    "any-machine", suppress_health_check=[HealthCheck.too_slow], deadline=None
)
settings.load_profile("any-machine")

COSTLY = ("cluster", "oracle", "wheel")
"""Marks of tests that change the local cluster, build in Go, or fetch from the package registry."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the tests that are marked `cluster`."""
    group = parser.getgroup("cluster tests")
    group.addoption(
        "--slow",
        choices=("all", "quarter"),
        default="all",
        help="of the slow cluster tests, run all, or the quarter that --seed chooses",
    )
    group.addoption("--seed", type=int, default=0, help="which quarter: four in a row cover all")
    group.addoption(
        "--note-passes", action="store_true", help=f"write {last_passed.FILE.name} at the end"
    )
    group.addoption(
        "--passed-within",
        type=int,
        metavar="DAYS",
        help="refuse to begin where a selected cluster test has not passed for so many days",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch this session, and let what it starts be interrupted."""
    # A shell starts what stands behind `&` with SIGINT ignored, and programs inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(ClusterTests(config), "cluster-tests")


class ClusterTests:
    """Chooses the cluster tests of a session, and notes which of them passed."""

    def __init__(self, config: pytest.Config) -> None:
        """Nothing was collected yet, and nothing ran."""
        self._config = config
        self._collected: set[str] = set()
        self._chosen: set[str] = set()
        self._executed: set[str] = set()
        self._spoilt: set[str] = set()
        self._took_s: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(tryfirst=True)
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Know it, whatever -m and -k leave out later."""
        if item.get_closest_marker("cluster"):
            self._collected.add(item.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out what needs more than this checkout, unless it is asked for by -m or by its id.

        And three quarters of the slow cluster tests, where asked to.

        Raises:
            UsageError: A chosen cluster test has not passed for too many days.
        """
        if not config.option.markexpr:
            folder, asked = config.invocation_params.dir, (each.split("::") for each in config.args)
            by_id = {(folder / name).resolve() for name, *more in asked if more}
            costly = [
                item
                for item in items
                if any(map(item.get_closest_marker, COSTLY)) and item.path not in by_id
            ]
            config.hook.pytest_deselected(items=costly)
            items[:] = [item for item in items if item not in costly]
        chosen = {item.nodeid for item in items} & self._collected
        passes = last_passed.read()
        if config.getoption("--slow") == "quarter":
            left_out = chosen - last_passed.part(chosen, passes, config.getoption("--seed"))
            config.hook.pytest_deselected(items=[one for one in items if one.nodeid in left_out])
            items[:] = [item for item in items if item.nodeid not in left_out]
            chosen -= left_out
        self._chosen = chosen
        if (days := config.getoption("--passed-within")) is not None:
            complaints = last_passed.complaints(chosen, passes, _today(), days)
            if complaints:
                raise pytest.UsageError("\n".join([*complaints, "next: make test-cluster"]))

    def pytest_report_collectionfinish(self) -> list[str]:
        """How long the chosen cluster tests took when they last passed."""
        if not self._chosen:
            return []
        passes = last_passed.read()
        took_s = sum(passes[test].took_s for test in self._chosen if test in passes)
        untimed = len(self._chosen - passes.keys())
        return [
            f"{len(self._chosen)} of {len(self._collected)} cluster tests,"
            f" {took_s / 60:.0f} min when they last passed; {untimed} have never passed"
        ]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test; a skipped one is not executed."""
        self._took_s[report.nodeid] += report.duration
        if not report.passed:
            self._spoilt.add(report.nodeid)
        if report.failed or (report.when == "call" and report.passed):
            self._executed.add(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Note what passed; a session in which no test was executed is no success."""
        if self._config.option.collectonly or hasattr(self._config, "workerinput"):
            return
        if session.exitstatus == pytest.ExitCode.OK and not self._executed:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        if self._config.getoption("--note-passes"):
            passed = (self._executed & self._chosen) - self._spoilt
            known = last_passed.read()
            if not any("::" in argument for argument in self._config.args):
                known = last_passed.without_the_gone(known, self._collected)
            now = {test: Pass(_today(), self._took_s[test]) for test in passed}
            last_passed.write({**known, **now})


def _today() -> dt.date:
    return dt.datetime.now(tz=dt.UTC).date()
