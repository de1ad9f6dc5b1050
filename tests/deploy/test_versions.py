"""One version: the project's, the chart's, and that of the images that manifests name."""

import re
import tomllib
from pathlib import Path

import yaml

from testbed.images.recipes import RELEASE

PROJECT = Path(__file__).parents[2]
VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]
_IMAGE = re.compile(r"clusterproof\.dev/(?:clusterproof|load):(\S+)")


def test_the_chart_is_of_the_projects_version() -> None:
    chart = yaml.safe_load((PROJECT / "deploy/chart/Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)


def test_the_local_clusters_images_are_too() -> None:
    assert RELEASE == VERSION


def test_every_manifest_names_the_image_of_this_version() -> None:
    files = [path for path in (PROJECT / "deploy").rglob("*") if path.is_file()]
    tags = {tag for path in files for tag in _IMAGE.findall(path.read_text(encoding="utf-8"))}
    assert tags == {VERSION}
