"""deploy/Dockerfile: what it promises, and that the local cluster's images are made of it."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from testbed.cluster import binaries
from testbed.images.dockerfile import FILE, STAGES, DockerfileError, stages
from testbed.images.recipes import IMAGES, layer_named

PROJECT = Path(__file__).parents[2]
RELEASED = ("clusterproof", "dialler", "load")


@pytest.mark.parametrize("name", [*RELEASED, "history"])
def test_each_image_runs_as_nobody_and_holds_no_build_tool(name: str) -> None:
    stage = STAGES[name]
    assert stage.user == "65532:65532"
    assert [command for command in stage.commands if "pip" in command or "uv" in command] == []
    assert stage.taken[0][2] == "/libraries"


@pytest.mark.parametrize("name", RELEASED)
def test_the_local_clusters_image_is_its_stage(name: str) -> None:
    (image,) = [each for each in IMAGES if each.name == name]
    stage = STAGES[name]
    assert [*image.entrypoint] == stage.entrypoint
    assert (image.user, image.workdir) == (stage.user, stage.workdir)
    assert {f"{key}={text}" for key, text in stage.environment.items()} < set(image.environment)
    copies = [(copy.source, copy.target) for copy in layer_named(image.layer).copies]
    assert copies == stage.copied


@pytest.mark.parametrize(
    ("stage", "layer", "extras"),
    [("libraries", "clusterproof-libraries", []), ("load-libraries", "load-libraries", ["load"])],
)
def test_libraries_are_those_of_the_lock(stage: str, layer: str, extras: list[str]) -> None:
    *_, command = STAGES[stage].commands
    assert "uv export --frozen --no-emit-project --no-default-groups" in command
    assert re.findall(r"--extra (\S+)", command) == extras
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = layer_named(layer).pypi
    if extras:
        names = [
            re.split(r"[<>=\[]", need)[0]
            for extra in extras
            for need in project["optional-dependencies"][extra]
        ]
        assert sorted(wanted) == sorted(names)
    else:
        assert wanted == (project["name"],)


def test_both_leave_out_the_same_parts_of_libraries() -> None:
    *_, command = STAGES["libraries"].commands
    removed = set(re.findall(r"/libraries/(\S+)", command.partition("rm -rf")[2]))
    dropped = {
        path.removeprefix("usr/local/lib/python3.11/dist-packages/")
        for path in layer_named("clusterproof-libraries").drop
    }
    assert removed == dropped


def test_every_source_of_a_copy_is_there_and_goes_to_the_engine() -> None:
    ignored = (FILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    sources = {source for stage in STAGES.values() for source, _ in stage.copied}
    assert {source for source in sources if not (PROJECT / source).exists()} == set()
    assert {source for source in sources if source.split("/")[0] not in sent} <= {"testbed/uv.txt"}


def test_bytecode_goes_by_content_as_in_the_local_clusters_layers() -> None:
    assert STAGES["libraries"].environment["PYC_INVALIDATION_MODE"] == "UNCHECKED_HASH"
    for name in RELEASED:
        assert "--invalidation-mode unchecked-hash" in STAGES[name].commands[-1]


def test_an_instruction_that_is_not_known_is_refused() -> None:
    with pytest.raises(DockerfileError, match="got ADD"):
        stages("FROM a AS b\nADD c d\n")


def test_a_stage_begins_as_the_one_below_it_ends() -> None:
    below, above = stages(
        'FROM x AS a\nENV B="1 2" C=3\nUSER 1\nCMD ["d"]\nFROM a AS b\nENV C=4\nENTRYPOINT ["e"]\n'
    ).values()
    assert (below.environment, below.command) == ({"B": "1 2", "C": "3"}, ["d"])
    assert (above.environment, above.user) == ({"B": "1 2", "C": "4"}, "1")
    assert (above.entrypoint, above.command) == (["e"], [])


@pytest.mark.oracle
def test_buildkits_parser_has_the_same_stages_and_no_warning() -> None:
    binaries.ensure(print, (binaries.DOCKERFILE,))
    read = subprocess.run(  # noqa: S603 - built by us
        [binaries.program("dockerfile"), str(FILE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer = json.loads(read.stdout)
    base = answer["arguments"]["PYTHON"]
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base), "a tag that nobody moves"
    assert [each["name"] for each in answer["stages"]] == list(STAGES)
    known: dict[str, list[str]] = {}
    for each in answer["stages"]:
        assert each["base"].replace("${PYTHON}", base) == STAGES[each["name"]].base
        known[each["name"]] = [*known.get(each["base"], []), *each["commands"]]
        runs = [text.removeprefix("RUN ") for text in known[each["name"]] if text[:4] == "RUN "]
        assert [" ".join(run.split()) for run in runs] == [
            " ".join(run.split()) for run in STAGES[each["name"]].commands
        ]
        copies = [
            (source, f"{target}{source}" if target.endswith("/") else target)
            for text in known[each["name"]]
            if text.startswith("COPY ") and "--from" not in text
            for *sources, target in [text.split()[1:]]
            for source in sources
        ]
        assert copies == STAGES[each["name"]].copied
