"""What is in each image, as data. Nothing here runs anything.

A layer is built once and shared by every image above it, so the archives of one build agree byte
for byte in what they share. Versions of PyPI packages come from uv.lock, never from here.
"""

from dataclasses import dataclass, replace

from testbed.images.dockerfile import STAGES

APP_USER = 65532  # the number that distroless images use for "nonroot"


@dataclass(frozen=True)
class Copy:
    """A file or folder of the checkout, and where it goes in the image."""

    source: str
    target: str
    mode: int | None = None


@dataclass(frozen=True)
class User:
    """A line of /etc/passwd and of /etc/group: some programs refuse a number without a name."""

    name: str
    uid: int
    home: str = "/tmp"  # noqa: S108 - the path inside the image


@dataclass(frozen=True)
class Folder:
    """An empty folder, owned by the number that will write to it."""

    path: str
    owner: int
    mode: int = 0o755


@dataclass(frozen=True)
class Layer:
    """One layer: what is added to its parent.

    Attributes:
        name: Unique; also the name in the cache.
        parent: The layer below. None: made from nothing.
        debian: Debian packages, without recommends.
        pypi: Distributions (extras allowed), installed as uv.lock pins them, with what they need.
        groups: Dependency sets of the project ("" is its core), pinned the same way.
        copies: Files of the checkout.
        users: Names for numbers.
        folders: Empty folders.
        drop: Globs below the root that are deleted after installing.
    """

    name: str
    parent: str | None
    debian: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()
    users: tuple[User, ...] = ()
    folders: tuple[Folder, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """One image: its topmost layer and how it starts."""

    name: str
    tag: str
    layer: str
    user: str
    title: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    workdir: str = "/"

    @property
    def reference(self) -> str:
        """The name under which Pods ask for it."""
        return f"{REGISTRY}/{self.name}:{self.tag}"


REGISTRY = "clusterproof.dev"  # a name only: nothing is ever pulled from or pushed to it
RELEASE = "0.2.0"
"""The tag of the images that are released: the project's version."""

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PYTHON = (_PATH, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "TZ=UTC")


def _copied(stage: str) -> tuple[Copy, ...]:
    """What a stage of deploy/Dockerfile copies from the checkout."""
    return tuple(Copy(source, target) for source, target in STAGES[stage].copied)


def _released(name: str, layer: str, tag: str) -> Image:
    """An image of deploy/Dockerfile: the stage of its name, on layers of ours."""
    stage = STAGES[name]
    environment = {**stage.environment, "PATH": _PATH.removeprefix("PATH=")}
    return Image(
        name=name,
        tag=tag,
        layer=layer,
        user=stage.user,
        title=stage.labels["org.opencontainers.image.title"],
        entrypoint=tuple(stage.entrypoint),
        command=tuple(stage.command),
        environment=tuple(f"{key}={text}" for key, text in sorted(environment.items())),
        ports=tuple(stage.ports),
        workdir=stage.workdir,
    )


# The project's own dependencies (see [project] dependencies in pyproject.toml): the dialler can
# run the suites inside the cluster.
PROJECT = "clusterproof"

LAYERS = (
    Layer(
        name="base",
        parent=None,
        debian=("python3", "ca-certificates", "tzdata"),
        users=(User("nonroot", APP_USER),),
        drop=(
            "usr/share/doc/*",
            "usr/share/man/*",
            "usr/share/locale/*",
            "usr/share/info/*",
            "usr/share/lintian",
            "usr/share/python3/debpython",
            "usr/lib/python3.11/test",
            "usr/lib/python3.11/idlelib",
            "usr/lib/python3.11/lib2to3",
            "usr/lib/python3.11/pydoc_data",
            "usr/lib/x86_64-linux-gnu/gconv/[!Ugl]*",
            "usr/share/zoneinfo/[!EU]*",
            "var/cache/*",
            "var/log/*",
            "var/lib/apt/lists/*",
            "var/lib/dpkg/*-old",
            "etc/hostname",
            "etc/resolv.conf",
        ),
    ),
    Layer(name="icu", parent="base", debian=("libicu72",)),  # 36 MB that both databases need
    Layer(
        name="python-apps",
        parent="base",
        pypi=("starlette", "uvicorn", "redis", "psycopg[binary]", "prometheus-client", "httpx"),
    ),
    Layer(
        name="model-router-libraries",
        parent="python-apps",
        debian=("curl",),  # the README's operators run `exec -- curl localhost:8080/health`
        pypi=("posthog", "grpcio", "grpcio-health-checking"),
        drop=(
            # The tracing and AI integrations of the SDK: never imported here, 6 MB of bytecode.
            "usr/local/lib/python3.11/dist-packages/posthog/test",
            "usr/local/lib/python3.11/dist-packages/posthog/ai",
        ),
    ),
    Layer(
        name="model-router",
        parent="model-router-libraries",
        copies=(Copy("testbed/router/router", "/app/router"),),
    ),
    Layer(
        name="posthog",
        parent="python-apps",
        pypi=("hogql-parser",),
        copies=(Copy("testbed/posthog/posthog_reference", "/app/posthog_reference"),),
        users=(User("posthog", 10001),),
    ),
    Layer(
        name="postgres",
        parent="icu",
        debian=("postgresql-15",),
        copies=(
            Copy(
                "testbed/posthog/images/postgres-entrypoint.sh",
                "/usr/local/bin/postgres-entrypoint.sh",
                mode=0o755,
            ),
        ),
        users=(User("postgres-run", 10002, "/var/lib/postgresql"),),
        folders=(Folder("/var/run/postgresql", 10002), Folder("/var/lib/postgresql/data", 10002)),
        drop=(
            # The just-in-time compiler: 114 MB, and the entry point switches it off.
            "usr/lib/x86_64-linux-gnu/libLLVM*",
            "usr/lib/x86_64-linux-gnu/libz3*",
            "usr/lib/llvm-*",
            "usr/lib/postgresql/15/lib/llvmjit*",
            "usr/lib/postgresql/15/lib/bitcode",
            # Debian's wrapper scripts need Perl; the entry point calls the programs themselves.
            "usr/lib/x86_64-linux-gnu/perl",
            "usr/lib/x86_64-linux-gnu/libperl*",
            "usr/share/perl",
            "usr/share/i18n",
            "etc/postgresql/15",
            # A key that the ssl-cert package makes up: not wanted, and different each time.
            "etc/ssl/private/ssl-cert-snakeoil.key",
            "etc/ssl/certs/ssl-cert-snakeoil.pem",
            "var/lib/postgresql/15",
        ),
    ),
    Layer(
        name="redis",
        parent="base",
        debian=("redis-server", "redis-tools"),
        users=(User("redis-run", 10003, "/data"),),
        folders=(Folder("/data", 10003),),
    ),
    Layer(
        name="clickhouse",
        parent="icu",
        debian=("clickhouse-server", "clickhouse-common", "curl"),
        users=(User("clickhouse-run", 10004, "/var/lib/clickhouse"),),
        folders=(Folder("/var/lib/clickhouse", 10004),),
    ),
    Layer(
        name="clusterproof-libraries",
        parent="python-apps",
        pypi=(PROJECT,),
        drop=(
            "usr/local/lib/python3.11/dist-packages/posthog/test",
            "usr/local/lib/python3.11/dist-packages/posthog/ai",
        ),
    ),
    Layer(
        name="dialler",
        parent="clusterproof-libraries",
        copies=_copied("clusterproof"),
    ),
    Layer(name="load-libraries", parent="clusterproof-libraries", pypi=("locust", "hdrhistogram")),
    Layer(
        name="load",
        parent="load-libraries",
        copies=_copied("load"),
    ),
)

_ROUTER = Image(
    name="model-router",
    tag="1.0.0",
    layer="model-router",
    user=f"{APP_USER}:{APP_USER}",
    title="Reference Model Router",
    entrypoint=("python3", "-m", "router"),
    environment=(*_PYTHON, "PYTHONPATH=/app"),
    ports=("8080/tcp", "9000/tcp", "9090/tcp"),
    workdir="/app",
)

IMAGES = (
    _ROUTER,
    # The next release, for the rehearsal of an upgrade: the same program under another digest.
    replace(
        _ROUTER,
        tag="1.0.1",
        title="Reference Model Router, the release after",
        environment=(*_ROUTER.environment, "ROUTER_RELEASE=1.0.1"),
    ),
    Image(
        name="posthog",
        tag="1.0.0",
        layer="posthog",
        user="10001:10001",
        title="PostHog-compatible stand-in, web and worker",
        entrypoint=("python3", "-m", "posthog_reference"),
        environment=(*_PYTHON, "PYTHONPATH=/app"),
        ports=("8000/tcp",),
        workdir="/app",
    ),
    Image(
        name="postgres",
        tag="15",
        layer="postgres",
        user="10002:10002",
        title="PostgreSQL from Debian",
        entrypoint=("/usr/local/bin/postgres-entrypoint.sh",),
        environment=(
            _PATH.replace("PATH=", "PATH=/usr/lib/postgresql/15/bin:"),
            "PGDATA=/var/lib/postgresql/data/pgdata",
            "LANG=C.UTF-8",
            "TZ=UTC",
        ),
        ports=("5432/tcp",),
    ),
    Image(
        name="redis",
        tag="7.0",
        layer="redis",
        user="10003:10003",
        title="Redis from Debian",
        entrypoint=("redis-server",),
        environment=(_PATH, "TZ=UTC"),
        ports=("6379/tcp",),
        workdir="/data",
    ),
    Image(
        name="clickhouse",
        tag="18.16",
        layer="clickhouse",
        user="10004:10004",
        title="ClickHouse from Debian",
        entrypoint=("clickhouse-server",),
        environment=(_PATH, "TZ=UTC"),
        ports=("8123/tcp", "9000/tcp"),
    ),
    _released("clusterproof", "dialler", RELEASE),
    _released("dialler", "dialler", "1.0.0"),
    _released("load", "load", RELEASE),
)


def layer_named(name: str) -> Layer:
    """The layer of this name.

    Raises:
        KeyError: There is none.
    """
    return {layer.name: layer for layer in LAYERS}[name]


def chain(name: str) -> tuple[Layer, ...]:
    """The layers of an image whose topmost is `name`, lowest first."""
    layer = layer_named(name)
    return (*(chain(layer.parent) if layer.parent else ()), layer)
