"""testbed/uv: the uv of the machine, else one of ours, else a sentence that says what to do."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SCRIPT = PROJECT / "testbed" / "uv"
PINNED = next(
    line.split()[0].removeprefix("uv==")
    for line in SCRIPT.with_name("uv.txt").read_text(encoding="utf-8").splitlines()
    if line.startswith("uv==")
)
TOOLS = (
    *("sh", "dirname", "env", "head", "mkdir", "mktemp", "mv", "readlink", "rm", "sed"),
    *("sort", "tail"),
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with the tools of a bare Debian, and no uv, apt or pip; its PATH and its home."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in TOOLS:
        where = shutil.which(name)
        assert where, f"expected {name} on this machine, observed none"
        (programs / name).symlink_to(where)
    return tmp_path


def program(machine: Path, name: str, body: str, folder: str = "bin") -> None:
    file = machine / folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)


def asked(machine: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the script under test
        [str(SCRIPT), *arguments],
        env={"PATH": str(machine / "bin"), "HOME": str(machine), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def kept(machine: Path) -> list[str]:
    return [path.name for path in (machine / ".cache/clusterproof").iterdir()]


def uv(version: str) -> str:
    return f'[ "$1" = --version ] && echo "uv {version} (x)" || echo "{version} got $*"'


@pytest.mark.parametrize("version", ["0.9.0", "0.13.9", "0.100.0", "1.0.0"])
def test_uv_of_the_machine_is_run_when_it_is_new_enough(machine: Path, version: str) -> None:
    program(machine, "uv", uv(version))
    assert asked(machine, "sync", "--frozen").stdout == f"{version} got sync --frozen\n"


@pytest.mark.parametrize("body", [uv("0.8.99"), uv("0.4.0"), "exit 1", "echo nonsense"])
def test_uv_that_is_too_old_or_broken_gives_way_to_ours(machine: Path, body: str) -> None:
    program(machine, "uv", body)
    program(machine, "uv", uv("ours"), f".cache/clusterproof/uv-{PINNED}/bin")
    assert asked(machine, "sync").stdout == "ours got sync\n"


def test_cache_of_the_user_is_where_they_put_it(machine: Path) -> None:
    program(machine, "uv", uv("ours"), f"elsewhere/clusterproof/uv-{PINNED}/bin")
    settings = {"XDG_CACHE_HOME": str(machine / "elsewhere")}
    assert asked(machine, "sync", **settings).stdout == "ours got sync\n"


def test_python_is_never_looked_for_on_the_internet(machine: Path) -> None:
    program(machine, "uv", '[ "$1" = --version ] && echo "uv 9.0.0" || echo $UV_PYTHON_DOWNLOADS')
    assert asked(machine, "run").stdout == "never\n"
    assert asked(machine, "run", UV_PYTHON_DOWNLOADS="manual").stdout == "manual\n"


PIP = """
[ "$*" = "-m pip --version" ] && exit
echo "index ${PIP_INDEX_URL:-of pip's own}" >&2
while [ $# -gt 0 ]; do
  if [ "$1" = --target ]; then
    mkdir -p "$2/bin"
    printf '#!/bin/sh\\necho "fetched got $*"' >"$2/bin/uv"
    /bin/chmod +x "$2/bin/uv"
  fi
  shift
done
"""


def test_what_no_machine_and_no_cache_has_is_fetched_once_by_pip(machine: Path) -> None:
    program(machine, "python3", PIP)
    first, second = asked(machine, "sync"), asked(machine, "sync")
    assert first.stdout == second.stdout == "fetched got sync\n"
    assert f"uv {PINNED} (once" in first.stderr
    assert second.stderr == ""
    assert kept(machine) == [f"uv-{PINNED}"]


@pytest.mark.parametrize(
    ("settings", "index"),
    [
        ({}, "of pip's own"),
        ({"UV_DEFAULT_INDEX": "http://uv"}, "http://uv"),
        ({"UV_INDEX_URL": "http://old"}, "http://old"),
        ({"PIP_INDEX_URL": "http://pip", "UV_DEFAULT_INDEX": "http://uv"}, "http://pip"),
    ],
)
def test_index_that_the_machine_is_set_up_for_is_asked(
    machine: Path, settings: dict[str, str], index: str
) -> None:
    program(machine, "python3", PIP)
    assert f"index {index}\n" in asked(machine, "sync", **settings).stderr


def test_without_pip_and_apt_one_sentence_says_what_is_lacking(machine: Path) -> None:
    program(machine, "python3", "exit 1")
    failed = asked(machine, "sync")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == (
        "uv: expected python3 with pip, or apt-get to bring it; found neither;"
        " or put uv >= 0.9.0 on PATH yourself"
    )
    assert kept(machine) == []


@pytest.mark.parametrize(
    ("pip", "apt", "sentence"),
    [
        (
            '[ "$*" = "-m pip --version" ] && exit; echo "no route to host" >&2; exit 1',
            "exit 1",
            f"uv: expected pip to fetch uv {PINNED}, see above",
        ),
        (
            "exit 1",
            'echo "no route to host"; exit 100',
            "uv: expected apt-get to fetch python3-pip-whl, see above",
        ),
    ],
)
def test_lost_network_is_told_in_the_clients_words_and_a_sentence(
    machine: Path, pip: str, apt: str, sentence: str
) -> None:
    program(machine, "python3", pip)
    program(machine, "apt-get", apt)
    failed = asked(machine, "sync")
    assert failed.returncode == 1
    assert "no route to host" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith(sentence)
    assert kept(machine) == []
