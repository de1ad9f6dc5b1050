"""`python -m testbed.docs build`: the site in site/; a broken link or anchor is an error."""

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from testbed.cluster import paths
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code, run
from testbed.docs.commands import marked
from testbed.docs.reference import pages

PAGES: Final = paths.CHECKOUT / "build" / "docs"
SITE: Final = paths.CHECKOUT / "site"
OF_THE_PROJECT: Final = ("CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md")
"""Pages of the checkout's root that the site has too."""

BUILD_WITHIN_S: Final = 300.0
_LINK: Final = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def gather(folder: Path) -> int:
    """Put all pages of the site into `folder`; how many they are.

    A link to a file of the checkout that is no page becomes the file's name.
    """
    shutil.rmtree(folder, ignore_errors=True)
    source = paths.CHECKOUT / "docs"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("figures", "*.yaml"))
    for name in OF_THE_PROJECT:
        shutil.copy(paths.CHECKOUT / name, folder / name)
    (folder / "reference").mkdir()
    for name, text in pages().items():
        (folder / "reference" / name).write_text(text, encoding="utf-8")
    written = sorted(folder.rglob("*.md"))
    for page in written:
        text = _LINK.sub(partial(_led, page), marked(page.read_text(encoding="utf-8")))
        page.write_text(text, encoding="utf-8")
    return len(written)


def _led(page: Path, match: "re.Match[str]") -> str:
    """A link as it is in the site: pages of the root and of docs/ are beside one another there."""
    words, target = match[1], match[2]
    path, hash_sign, anchor = target.partition("#")
    if "://" in target or not path:
        return match[0]
    for near in (path, path.removeprefix("docs/"), path.removeprefix("../")):
        if (page.parent / near).exists():
            return f"[{words}]({near}{hash_sign}{anchor})"
    if (paths.CHECKOUT / path.removeprefix("../")).exists():
        return f"`{path}`" if words == path else f"{words} (`{path}`)"
    return match[0]  # mkdocs says that it leads nowhere


def build() -> int:
    """Build the site, strictly; how many pages it has."""
    count = gather(PAGES)
    run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--config-file",
         str(paths.CHECKOUT / "mkdocs.yml")],
        cwd=paths.CHECKOUT, timeout_s=BUILD_WITHIN_S)  # fmt: skip
    return count


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m testbed.docs", description=__doc__)
    parser.add_argument("command", choices=("build", "gather"))
    options = parser.parse_args(arguments)
    progress = Progress()
    if options.command == "gather":
        progress.say(f"{PAGES}: {gather(PAGES)} pages")
    else:
        progress.say(f"{SITE / 'index.html'}: {build()} pages, every link leads somewhere")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("docs", lambda: main(sys.argv[1:])))
