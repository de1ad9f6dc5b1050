"""`python -m testbed.release`: everything that a release is, built and checked; publishes nothing.

clusterproof-V-py3-none-any.whl, clusterproof-V.tar.gz   for pip, pipx and uvx
clusterproof-V.tgz                                       the Helm chart
clusterproof-V-images.tar.gz                             what `docker build` takes, for every image
clusterproof-V.cdx.json                                  what is in an installation (CycloneDX)
SHA256SUMS
"""

import argparse
import gzip
import hashlib
import io
import shutil
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from testbed.chart import CHART, Helm
from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code, run
from testbed.images.archive import TIMESTAMP
from testbed.images.cache import source_files
from testbed.images.dockerfile import FILE, STAGES

OUT: Final = paths.CHECKOUT / "dist"
OLDEST: Final = "3.11"
NEWEST: Final = "3.14"
PLATFORMS: Final = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")
"""Where every dependency has to have a wheel, so that nobody needs a compiler."""

SCHEMAS: Final = {
    "deploy/ci/github/action.yml": "vendor.github-actions",
    "deploy/ci/gitlab.yml": "vendor.gitlab-ci",
}
"""Files of other programs, and their schemas, as check-jsonschema has them."""

COMPILED: Final = ("hdrhistogram",)
"""Of the extra `load`, and without a wheel for Linux on arm64: its stage has a compiler."""

BUILD_WITHIN_S: Final = 600.0


def version() -> str:
    """The project's."""
    with (paths.CHECKOUT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def build_wheel(out: Path) -> Path:
    """The wheel, and the source archive beside it."""
    run([str(paths.UV), "build", "--quiet", "--out-dir", str(out), str(paths.CHECKOUT)],
        timeout_s=BUILD_WITHIN_S)  # fmt: skip
    (out / ".gitignore").unlink(missing_ok=True)
    return out / f"clusterproof-{version()}-py3-none-any.whl"


def environment_with(wheel: Path, folder: Path, *, python: str = OLDEST, extra: str = "") -> Path:
    """A fresh environment with nothing but the wheel and what it needs; its interpreter.

    Args:
        wheel: What is installed, as pip would.
        folder: Where the environment is made.
        python: A version, or the path of an interpreter.
        extra: Of the wheel, or "".
    """
    uv = str(paths.UV)
    run([uv, "venv", "--quiet", "--python", python, str(folder)], timeout_s=BUILD_WITHIN_S)
    interpreter = folder / "bin" / "python"
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    run([uv, "pip", "install", "--quiet", "--python", str(interpreter), wanted],
        timeout_s=BUILD_WITHIN_S, cwd=paths.CHECKOUT)  # fmt: skip
    return interpreter


def write_sbom(wheel: Path, target: Path) -> None:
    """A CycloneDX list of what an installation with the extra `load` holds, validated."""
    with tempfile.TemporaryDirectory(prefix="clusterproof-sbom-") as scratch:
        interpreter = environment_with(wheel, Path(scratch) / "venv", extra="load")
        run([sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible",
             "--pyproject", str(paths.CHECKOUT / "pyproject.toml"), "--mc-type", "application",
             "--output-format", "JSON", "--output-file", str(target), "--validate",
             str(interpreter)], timeout_s=BUILD_WITHIN_S)  # fmt: skip


def write_contexts(target: Path) -> int:
    """The files that deploy/Dockerfile copies, and itself, as one archive; how many they are.

    Nothing of a machine is in it: the same content is the same archive.
    """
    sources = sorted({source for stage in STAGES.values() for source, _ in stage.copied})
    files = {path for source in sources for path in source_files(paths.CHECKOUT / source)}
    files |= {FILE, FILE.with_name("Dockerfile.dockerignore")}
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(files):
            entry = tarfile.TarInfo(str(path.relative_to(paths.CHECKOUT)))
            content = path.read_bytes()
            entry.size, entry.mtime = len(content), TIMESTAMP
            entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return len(files)


def check_wheels_everywhere(scratch: Path) -> None:
    """Each dependency has a wheel on each platform, for the oldest and the newest Python.

    Raises:
        TestbedError: One has none: says uv's own words.
    """
    for python in (OLDEST, NEWEST):
        for platform in PLATFORMS:
            compiled = COMPILED if platform == "aarch64-manylinux_2_28" else ()
            run([str(paths.UV), "pip", "compile", "--quiet", "--only-binary", ":all:",
                 *(word for name in compiled for word in ("--no-binary", name)),
                 "--python-version", python, "--python-platform", platform, "--all-extras",
                 "--output-file", str(scratch / f"{python}-{platform}.txt"),
                 str(paths.CHECKOUT / "pyproject.toml")],
                timeout_s=BUILD_WITHIN_S, cwd=paths.CHECKOUT)  # fmt: skip


def write_sums(out: Path) -> None:
    """The SHA-256 of each file, as `sha256sum --check` reads it."""
    files = sorted(path for path in out.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (out / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def release(out: Path) -> None:
    """Build it all into an empty folder, and check it.

    Raises:
        TestbedError: Something does not build, or is not as it must be.
    """
    progress = Progress()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with progress.step("wheel and source archive"):
        wheel = build_wheel(out)
        archives = sorted(str(path) for path in out.glob("clusterproof-*"))
        run([sys.executable, "-m", "twine", "check", "--strict", *archives])
        run([sys.executable, "-m", "deptry", "src"], cwd=paths.CHECKOUT)
    for name, schema in SCHEMAS.items():
        run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, name],
            cwd=paths.CHECKOUT)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="clusterproof-release-") as scratch:
        with progress.step("the wheel alone in a fresh environment"):
            interpreter = environment_with(wheel, Path(scratch) / "venv")
            run([str(paths.UV), "pip", "check", "--quiet", "--python", str(interpreter)])
            version_line = run(
                [str(interpreter.with_name("clusterproof")), "--version"], cwd=Path(scratch)
            )
            if version_line.strip() != f"clusterproof {version()}":
                raise TestbedError(
                    f"expected version {version()}, the wheel says {version_line.strip()}"
                )
        with progress.step(f"wheels of every dependency for {OLDEST} and {NEWEST}"):
            check_wheels_everywhere(Path(scratch))
    with progress.step("Helm chart"):
        helm = Helm()
        helm.run("lint", "--strict", str(CHART))
        helm.package(out)
    with progress.step("what the images are built of"):
        progress.say(f"{write_contexts(out / f'clusterproof-{version()}-images.tar.gz')} files")
    with progress.step("SBOM"):
        write_sbom(wheel, out / f"clusterproof-{version()}.cdx.json")
    write_sums(out)
    for path in sorted(out.iterdir()):
        progress.say(f"{path.stat().st_size:>9}  {path.relative_to(paths.CHECKOUT)}")


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m testbed.release", description=__doc__)
    parser.add_argument("--sbom", action="store_true", help="only the list of what is in it")
    options = parser.parse_args(arguments)
    if options.sbom:
        OUT.mkdir(exist_ok=True)
        target = OUT / f"clusterproof-{version()}.cdx.json"
        write_sbom(build_wheel(OUT), target)
        sys.stdout.write(f"{target}\n")
    else:
        release(OUT)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("release", lambda: main(sys.argv[1:])))
