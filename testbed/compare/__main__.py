"""`python -m testbed.compare`: static tools on the defects of the catalogue, beside our proof."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

from clusterproof.errors import ClusterproofError
from clusterproof.outcome import ExitCode
from clusterproof.spec import read_spec
from clusterproof.spec.document import read_document
from testbed.cluster import binaries
from testbed.cluster.progress import Progress
from testbed.compare.findings import Finding, Tool
from testbed.compare.manifests import Manifests, changed, patching, rendered, written
from testbed.compare.page import About, page
from testbed.compare.proven import ours
from testbed.compare.tools import MANIFESTS, Say, look, tools
from testbed.compare.verdicts import Judged, judge
from testbed.deploy.profiles import PROFILES
from testbed.prove.catalogue import read_catalogue
from testbed.prove.steps import Defect

PROJECT = Path(__file__).resolve().parents[2]
TIMING = Path(__file__).with_name("timing.yaml")
_KUBECTL = binaries.FAMILIES[0]


def main() -> int:
    """Compare, and write the page."""
    options = _options()
    say = Progress().say
    spec = read_spec(PROJECT / "spec" / "self-hosted.yaml")
    defects = [one for one in read_catalogue(spec) if fnmatch(one.id, options.defect)]
    if not defects:
        sys.stderr.write("compare: no defect was chosen\n")
        return ExitCode.USAGE
    binaries.ensure(say, (_KUBECTL,))
    with tempfile.TemporaryDirectory(prefix="clusterproof-compare-") as folder:
        run = Comparison(tools(say), Path(folder), say)
        judged = [one for defect in defects for one in run.of(defect)]
    proven = ours(defects, PROJECT / "docs" / "PROOF.md")
    if options.results:
        lines = (json.dumps(asdict(one)) for one in judged)
        options.results.write_text("\n".join(lines) + "\n", "utf-8")
    if options.pages:
        about = About(run.tools, run.seconds, run.baseline, run.looks)
        words = Path(__file__).with_name("words.md").read_text("utf-8")
        text = page(defects, [*judged, *filter(None, proven)], about, words)
        options.pages.joinpath("COMPARISON.md").write_text(text, "utf-8")
    return ExitCode.PASSED


class Comparison:
    """The tools, what they say of the unchanged manifests, and how long they took so far.

    Attributes:
        tools: All of them.
        baseline: By tool, of the unchanged manifests.
        seconds: By tool, in sum.
        looks: How often each tool was run.
    """

    def __init__(self, found: Sequence[Tool], folder: Path, say: Say) -> None:
        """Render the manifests and have each tool look at them."""
        self.tools = found
        self.seconds = dict.fromkeys((tool.name for tool in found), 0.0)
        self.looks = 0
        self._say = say
        self._folder = folder
        kubectl = binaries.program("kubectl")
        self._patch = patching(kubectl)
        private = folder / "secrets"
        private.mkdir(mode=0o700)
        self._base = rendered(kubectl, PROFILES["self-hosted"], private)
        self._timing = frozenset(read_document(TIMING).data["timing"])
        self.baseline = self._look(self._base)

    def of(self, defect: Defect) -> list[Judged]:
        """Each tool's verdict of one defect."""
        now = changed(self._base, defect, self._patch)
        after = self._look(now) if now != self._base else {}
        judged = [
            judge(defect, tool.name, self.baseline[tool.name], after.get(tool.name), self._timing)
            for tool in self.tools
        ]
        words = ", ".join(f"{one.tool} {one.verdict}" for one in judged)
        self._say(f"{defect.id}: {words}")
        return judged

    def _look(self, manifests: Manifests) -> dict[str, list[Finding]]:
        written(manifests, self._folder / MANIFESTS)
        found = {}
        self.looks += 1
        for tool in self.tools:
            found[tool.name], took_s = look(tool, self._folder)
            self.seconds[tool.name] += took_s
        return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare", description=__doc__.splitlines()[0])
    parser.add_argument("--defect", default="*", help="only defects like this, such as 'hpa-*'")
    parser.add_argument("--pages", type=Path, default=None, help="folder for COMPARISON.md")
    parser.add_argument("--results", type=Path, default=None, help="file for all verdicts, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterproofError as error:
        sys.stderr.write(f"compare: {error}\n")
        sys.exit(ExitCode.FAILED)
