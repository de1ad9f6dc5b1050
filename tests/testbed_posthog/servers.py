"""The whole reference on loopback: real Redis, PostgreSQL and ClickHouse, web and workers.

Every server is started by the test run itself, on free ports and in its own directory, and is
ended by its process id. The servers come from the Debian packages that the images hold.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from clusterproof.errors import ObservationError
from clusterproof.wait import wait_until

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "testbed/manifests/base/posthog/clickhouse"
ENTRYPOINT = ROOT / "testbed/posthog/images/postgres-entrypoint.sh"
SITE_URL = "https://posthog.example.com"
TOKEN = "phc_" + "t" * 43  # made up for these tests
PERSONAL_KEY = "phx_" + "p" * 43
DB_PASSWORD = "an-odd 'password\" \\ %"  # noqa: S105  # quoting is part of the test
STORE_PASSWORD = "store-password"  # noqa: S105
NOBODY = 65534


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Process:
    """One started program, with its log."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    def end(self, number: signal.Signals = signal.SIGTERM, within_s: float = 30) -> int:
        """Send the signal and return the exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
            try:
                self.popen.wait(within_s)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(5)
        return self.popen.returncode

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:]


@dataclass
class Stack:
    """The running reference; parts can be ended and started again."""

    base: Path
    ports: Mapping[str, int]
    parts: dict[str, Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where web answers."""
        return f"http://127.0.0.1:{self.ports['web']}"

    def start(self, name: str, argv: list[str], env: Mapping[str, str] | None = None) -> Process:
        """Start a program under a name."""
        log = self.base / f"{name}.log"
        with log.open("ab") as out:
            popen = subprocess.Popen(  # noqa: S603
                argv,
                stdout=out,
                stderr=out,
                cwd=self.base,
                env={"PATH": os.environ["PATH"], **(env or {})},
            )
        self.parts[name] = Process(popen, log)
        return self.parts[name]

    # -- the three servers -----------------------------------------------------------------

    def start_redis(self) -> None:
        """Redis as the manifest runs it: append-only file on."""
        data = self.base / "redis"
        data.mkdir(exist_ok=True)
        port = str(self.ports["redis"])
        options = ["--port", port, "--bind", "127.0.0.1", "--dir", str(data), "--save", ""]
        self.start("redis", ["redis-server", *options, "--appendonly", "yes"])
        self.wait_for_port("redis")

    def start_postgres(self) -> None:
        """PostgreSQL by the image's own entry point, never as root."""
        data = self.base / "postgres"
        data.mkdir(exist_ok=True)
        entry = data / "entrypoint.sh"
        shutil.copy(ENTRYPOINT, entry)
        demote: list[str] = []
        if os.geteuid() == 0:
            os.chown(data, NOBODY, NOBODY)
            demote = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        server = ["-p", str(self.ports["postgres"]), "-c", "listen_addresses=127.0.0.1"]
        self.start(
            "postgres",
            [*demote, "sh", str(entry), *server, "-c", f"unix_socket_directories={data}"],
            {
                "PGDATA": str(data / "data"),
                "TMPDIR": str(data),
                "POSTGRES_USER": "posthog",
                "POSTGRES_PASSWORD": DB_PASSWORD,
                "POSTGRES_DB": "posthog",
            },
        )
        self.wait_for_port("postgres")

    def start_clickhouse(self) -> None:
        """ClickHouse with the manifest's configuration, its ports and paths moved."""
        data = self.base / "clickhouse"
        data.mkdir(exist_ok=True)
        config = (CONFIG / "config.xml").read_text()
        config = config.replace("/var/lib/clickhouse/", f"{data}/")
        config = config.replace(">8123<", f">{self.ports['clickhouse']}<")
        config = config.replace(">9000<", f">{self.ports['native']}<")
        config = config.replace(">0.0.0.0<", ">127.0.0.1<")
        (data / "config.xml").write_text(config)
        shutil.copy(CONFIG / "users.xml", data / "users.xml")
        argv = ["clickhouse-server", f"--config-file={data / 'config.xml'}"]
        self.start("clickhouse", argv, {"CLICKHOUSE_PASSWORD": STORE_PASSWORD})
        self.wait_for_port("clickhouse")

    # -- the reference's own processes -------------------------------------------------------

    def environment(self, **extra: str) -> dict[str, str]:
        """The environment that the manifests give to web and worker."""
        return {
            "PYTHONPATH": str(ROOT / "testbed/posthog"),
            "SITE_URL": SITE_URL,
            "SECRET_KEY": "k" * 40,
            "POSTHOG_DB_HOST": "127.0.0.1",
            "POSTHOG_DB_PORT": str(self.ports["postgres"]),
            "POSTHOG_DB_PASSWORD": DB_PASSWORD,
            "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0",
            "CLICKHOUSE_HTTP_URL": f"http://127.0.0.1:{self.ports['clickhouse']}",
            "CLICKHOUSE_PASSWORD": STORE_PASSWORD,
            "POSTHOG_API_KEY": TOKEN,
            "POSTHOG_PERSONAL_API_KEY": PERSONAL_KEY,
            "LISTEN_HOST": "127.0.0.1",
            "WORKER_CLAIM_AFTER_SECONDS": "3",
            "WORKER_LINGER_SECONDS": "0.2",
            **extra,
        }

    def run_migrate(self) -> None:
        """Migrate, and fail with the log if that fails."""
        done = subprocess.run(
            [sys.executable, "-m", "posthog_reference", "migrate"],
            env={"PATH": os.environ["PATH"], **self.environment()},
            cwd=self.base,
            capture_output=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise ObservationError(done.stderr.decode(errors="replace")[-2000:])

    def start_web(self, **extra: str) -> None:
        """Start web; returns when it answers."""
        argv = [sys.executable, "-m", "posthog_reference", "web"]
        self.start("web", argv, self.environment(PORT=str(self.ports["web"]), **extra))
        self.wait_for_port("web")

    def start_worker(self, number: int, **extra: str) -> None:
        """Start a worker; returns when its health endpoint answers."""
        name = f"worker-{number}"
        argv = [sys.executable, "-m", "posthog_reference", "worker"]
        env = self.environment(WORKER_NAME=name, PORT=str(self.ports[name]), **extra)
        self.start(name, argv, env)
        self.wait_for_port(name)

    def wait_for_port(self, name: str) -> None:
        """Wait until something listens on the part's port."""

        def reachable() -> bool:
            process = self.parts[name]
            if process.popen.poll() is not None:
                message = f"{name} ended with {process.popen.returncode}: {process.tail()}"
                raise RuntimeError(message)
            with contextlib.suppress(OSError), socket.socket() as dial:
                dial.settimeout(1)
                return dial.connect_ex(("127.0.0.1", self.ports[name])) == 0
            return False

        wait_until(reachable, bool, waiting_for=f"{name} listening", within_s=30, every_s=0.1)

    # -- what a caller does ------------------------------------------------------------------

    def query(self, hogql: str, refresh: str = "force_blocking", **values: Any) -> httpx.Response:  # noqa: ANN401  # JSON
        """Ask in HogQL, as the verification suite does."""
        return httpx.post(
            f"{self.url}/api/projects/1/query/",
            headers={"Authorization": f"Bearer {PERSONAL_KEY}"},
            json={
                "query": {"kind": "HogQLQuery", "query": hogql, "values": values},
                "refresh": refresh,
            },
            timeout=20,
        )

    def rows(self, hogql: str, **values: Any) -> list[list[Any]]:  # noqa: ANN401  # JSON
        """The rows of a query that must succeed."""
        answer = self.query(hogql, **values)
        if answer.status_code != httpx.codes.OK:
            raise ObservationError(answer.text)
        found: list[list[Any]] = answer.json()["results"]
        return found


@contextlib.contextmanager
def running_stack() -> Iterator[Stack]:
    """The reference with one web and two workers; everything ends with the block."""
    names = ("redis", "postgres", "clickhouse", "native", "web", "worker-1", "worker-2")
    # Not pytest's own folder: PostgreSQL runs as nobody, who must be able to enter.
    with tempfile.TemporaryDirectory(prefix="posthog-reference-") as folder:
        stack = Stack(Path(folder), {name: free_port() for name in names})
        stack.base.chmod(0o755)
        try:
            stack.start_redis()
            stack.start_postgres()
            stack.start_clickhouse()
            stack.run_migrate()
            stack.start_web()
            stack.start_worker(1)
            stack.start_worker(2)
            yield stack
        finally:
            for process in reversed(list(stack.parts.values())):
                process.end()
