"""A picture of a dashboard: Prometheus' answers, drawn by Grafana's own components in Chromium.

Node and npm have to be there; the components go into the user's cache (400 MB, once).
"""

import dataclasses
import html
import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import run
from testbed.dashboards.answers import Series, Span
from testbed.screenshot import screenshot

_PAGE: Final = Path(__file__).with_name("page")
_MODULES: Final = paths.cache() / "dashboards"
_WITHIN_S: Final = 600.0
_COLUMN_PX, _ROW_PX, _TITLE_PX, _MARGIN_PX = 66, 42, 56, 12
"""As draw.tsx places panels: a column and a row with the gap behind it."""

Json = dict[str, Any]


def draw(board: Json, series: Sequence[Sequence[Series]], span: Span, target: Path) -> None:
    """Write the picture, as PNG.

    Args:
        board: The dashboard.
        series: What was answered to each of its panels.
        span: The time that its panels show.
        target: The file.

    Raises:
        TestbedError: A program is not there, or ended with an error.
    """
    with tempfile.TemporaryDirectory(prefix="clusterproof-dashboard-") as scratch:
        page = Path(scratch) / "page.html"
        page.write_text(page_of(board, series, span), encoding="utf-8")
        _bundle(Path(scratch))
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        screenshot(page, target, *page_size(rows))


def page_size(rows: int) -> tuple[int, int]:
    """Width and height in pixels of a dashboard with so many rows of Grafana's grid."""
    return 24 * _COLUMN_PX + 2 * _MARGIN_PX, rows * _ROW_PX + _TITLE_PX + 2 * _MARGIN_PX


def _bundle(folder: Path) -> None:
    if shutil.which("npm") is None:
        raise TestbedError("expected npm on the PATH, observed none; next: apt-get install npm")
    _MODULES.mkdir(parents=True, exist_ok=True)
    wanted = (_PAGE / "package.json").read_text(encoding="utf-8")
    installed = _MODULES / "package.json"
    if not installed.is_file() or installed.read_text(encoding="utf-8") != wanted:
        shutil.copyfile(_PAGE / "package.json", _MODULES / "wanted.json")
        installed.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=_MODULES) as scratch:
            shutil.copyfile(_PAGE / "package.json", Path(scratch) / "package.json")
            run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                 "--legacy-peer-deps", "--no-package-lock"],
                cwd=Path(scratch), timeout_s=_WITHIN_S)  # fmt: skip
            shutil.rmtree(_MODULES / "node_modules", ignore_errors=True)
            (Path(scratch) / "node_modules").rename(_MODULES / "node_modules")
        (_MODULES / "wanted.json").replace(installed)
    for source in _PAGE.glob("*.tsx"):
        shutil.copyfile(source, _MODULES / source.name)
    run([str(_MODULES / "node_modules" / ".bin" / "esbuild"), "draw.tsx", "--bundle", "--minify",
         f"--outfile={folder}/draw.js", "--platform=browser", "--log-level=error",
         *(f"--loader:.{kind}=dataurl" for kind in ("svg", "ttf", "woff2")),
         '--define:process.env.NODE_ENV="production"', "--define:global=window",
         "--alias:react-custom-scrollbars-2=./scrollbars.tsx"],
        cwd=_MODULES, timeout_s=_WITHIN_S)  # fmt: skip


def _drawn(series: Series) -> Json:
    """A series in JSON, which has no NaN: a quantile of no requests is a gap in the curve."""
    points = [(when, value if math.isfinite(value) else None) for when, value in series.points]
    return {**dataclasses.asdict(series), "points": points}


def page_of(board: Json, series: Sequence[Sequence[Series]], span: Span) -> str:
    """The page that is pictured, with all that draw.js reads."""
    given = {
        "board": board,
        "answers": [[_drawn(each) for each in panel] for panel in series],
        "span": dataclasses.asdict(span),
    }
    text = json.dumps(given, allow_nan=False).replace("<", "\\u003c")
    title = html.escape(str(board["title"]))
    return (
        f'<!doctype html><meta charset="utf-8"><title>{title}</title>'
        '<link rel="stylesheet" href="draw.css">'
        f'<body style="margin:{_MARGIN_PX}px;background:#111217">'
        '<div id="board" style="position:relative"></div>'
        f'<script type="application/json" id="given">{text}</script>'
        '<script src="draw.js"></script>'
    )
