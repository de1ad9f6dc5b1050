"""`python -m testbed.compare`: static tools on the defects of the catalogue, beside our proof."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from clusterproof.checks import read_spec
from clusterproof.outcome import ExitCode
from clusterproof.spec.document import read_document
from testbed.cluster import binaries
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code
from testbed.compare.manifests import changed, patching, rendered, written
from testbed.compare.page import About, page
from testbed.compare.proven import ours
from testbed.compare.tools import tools
from testbed.compare.verdicts import Judged, Notes, judge
from testbed.deploy.profiles import PROFILES
from testbed.prove.catalogue import read_catalogue
from testbed.prove.steps import Defect

PROJECT = Path(__file__).resolve().parents[2]
NOTES = Path(__file__).with_name("notes.yaml")
_KUBECTL = binaries.FAMILIES[0]


def main() -> int:
    """Compare, and write the page."""
    options = _options()
    say = Progress().say
    spec = read_spec(PROJECT / "spec" / "self-hosted.yaml").rehearsed()
    defects = [each for each in read_catalogue(spec) if fnmatch(each.id, options.defect)]
    if not defects:
        sys.stderr.write("compare: no defect was chosen\n")
        return ExitCode.USAGE
    binaries.ensure(say, (_KUBECTL,))
    installed = tools(say)
    with tempfile.TemporaryDirectory(prefix="clusterproof-compare-") as folder:
        say("writing the manifests, unchanged and with each defect")
        folders = _written(defects, Path(folder))
        says, seconds = {}, {}
        for tool in installed:
            say(f"{tool.name} looks at {len(folders)} versions of them")
            began = time.monotonic()
            says[tool.name] = dict(zip(folders, tool.look(list(folders.values())), strict=True))
            seconds[tool.name] = (time.monotonic() - began) / len(folders)
    notes = Notes(**read_document(NOTES).data)
    judged = [
        judge(defect, tool.name, says[tool.name][""], says[tool.name].get(defect.id), notes)
        for defect in defects
        for tool in installed
    ]
    _say_all(judged)
    if options.pages:
        judged += filter(None, ours(defects, PROJECT / "docs" / "PROOF.md"))
        baseline = {tool.name: says[tool.name][""] for tool in installed}
        text = page(defects, judged, About(installed, seconds, baseline, len(folders)))
        options.pages.joinpath("COMPARISON.md").write_text(text, "utf-8")
    return ExitCode.PASSED


def _written(defects: Sequence[Defect], folder: Path) -> dict[str, Path]:
    """A folder with the manifests for each defect that changes them; "" is the unchanged one."""
    kubectl = binaries.program("kubectl")
    private = folder / "secrets"
    private.mkdir(mode=0o700)
    base = rendered(kubectl, PROFILES["self-hosted"], private)
    patch = patching(kubectl)
    folders = {"": folder / "unchanged"}
    written(base, folders[""])
    for number, defect in enumerate(defects):
        now = changed(base, defect, patch)
        if now != base:
            folders[defect.id] = folder / f"{number}"
            written(now, folders[defect.id])
    return folders


def _say_all(judged: Sequence[Judged]) -> None:
    for verdict in judged:
        checks = ", ".join(sorted({finding.check for finding in verdict.new}))
        sys.stdout.write(
            f"{verdict.defect}: {verdict.tool} {verdict.verdict} {checks}\n".replace(" \n", "\n")
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare", description=__doc__.splitlines()[0])
    parser.add_argument("--defect", default="*", help="only defects like this, such as 'hpa-*'")
    parser.add_argument("--pages", type=Path, default=None, help="folder for COMPARISON.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(exit_code("compare", main, failed=ExitCode.FAILED))
