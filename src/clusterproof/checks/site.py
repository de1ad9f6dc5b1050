"""What a look may use: the cluster, the spec, and what is shared by the rows of a run."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.observe.cluster import Cluster
from clusterproof.spec import Row, Spec
from clusterproof.spec.settings import (
    DiallerSettings,
    PosthogSettings,
    PrometheusSettings,
    TrafficSettings,
)

T = TypeVar("T")
AT_ONCE = 16
"""Shared looks wait for each other: a pool with fewer threads than looks could stand still."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a run may do beside reading.

    Attributes:
        read_only: Nothing is created, and nothing is run in a Pod.
        allow_production: Also in a cluster that the spec marks as production.
        lock_wait_s: How long another run that writes is waited for.
        undo_command: The `clusterproof undo` that looks where this run did.
    """

    read_only: bool = False
    allow_production: bool = False
    lock_wait_s: float = 60.0
    undo_command: str = ""


class Site:
    """The cluster of one run, and what its looks share. Safe to use from several threads.

    Attributes:
        notes: Sentences about the run as a whole, for its record.
        on_end: What is closed when the run ends, the last opened first.
    """

    def __init__(
        self,
        cluster: Cluster,
        spec: Spec,
        run_id: str,
        rows: Iterable[Row] = (),
        permissions: Permissions | None = None,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            cluster: Its objects, each collection listed once.
            spec: The expected state.
            run_id: Labels everything that the run makes.
            rows: Those that this run checks; all of the spec's when none is given.
            permissions: What it may do beside reading.
        """
        self.cluster = cluster
        self.spec = spec
        self.run_id = run_id
        self.rows = tuple(rows) or spec.rows
        self.permissions = permissions or Permissions()
        self.notes: list[str] = []
        self.on_end = ExitStack()
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="look")
        self._begun: dict[Shared[Any], Future[Any]] = {}
        self._guard = threading.Lock()

    @property
    def api(self) -> KubeApi:
        """The API server."""
        return self.cluster.api

    def begin(self, look: "Shared[Any]") -> None:
        """Start a shared look in a thread of its own, unless it was started."""
        with self._guard:
            if look not in self._begun:
                self._begun[look] = self._pool.submit(self._made, look)

    def shared(self, look: "Shared[T]") -> T:
        """What came of a shared look, which is made once; raises what it raised."""
        with self._guard:
            future = self._begun.get(look)
            here = future is None
            if future is None:
                future = self._begun[look] = Future()
        if here:
            try:
                future.set_result(self._made(look))
            except BaseException as error:
                future.set_exception(error)
                raise
        result: T = future.result()
        return result

    def _made(self, look: "Shared[T]") -> T:
        return look(self)

    def ended(self, look: "Shared[T]") -> bool:
        """Wait for a shared look that was started; False where it never was."""
        with self._guard:
            future = self._begun.get(look)
        if future is not None:
            wait([future])
        return future is not None

    def close(self) -> None:
        """Wait for what is under way, which owns Pods, and remove all that the run made."""
        try:
            self._pool.shutdown(cancel_futures=True)
        finally:
            self.on_end.close()

    @property
    def dialler_settings(self) -> DiallerSettings:
        """How a Pod of our own is made; raises as the other settings do.

        Raises:
            ObservationError: The spec does not say.
        """
        what = ": an image with python3, and the namespace to run it in"
        return self._given(self.spec.settings.dialler, "dialler", what)

    @property
    def posthog(self) -> PosthogSettings:
        """Where PostHog is."""
        return self._given(self.spec.settings.posthog, "posthog")

    @property
    def prometheus_settings(self) -> PrometheusSettings:
        """Where Prometheus is."""
        return self._given(self.spec.settings.prometheus, "prometheus")

    @property
    def traffic_settings(self) -> TrafficSettings:
        """How the router is called."""
        return self._given(self.spec.settings.traffic, "traffic")

    def _given(self, settings: T | None, name: str, what: str = "") -> T:
        if settings is None:
            raise ObservationError(f"{self.spec.path.name} has no settings.{name}{what}")
        return settings


Shared: TypeAlias = Callable[[Site], T]
"""A look that several rows share: a module's function, made once in a run."""
