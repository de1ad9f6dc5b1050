"""init and verify on one set, and what of it is covered."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from clusterproof.kube.kinds import KINDS, kind_of
from testbed.plane import Plane
from testbed.published.covered import Coverage, coverage
from testbed.published.plane import clusterproof
from testbed.published.sets import Json, ManifestSet, reference

LEFT_OUT: Final = "hpa-state"
"""What an autoscaler says of itself: nothing measures simulated Pods, and none runs there."""
_PREFIX: Final = re.compile(r"(?:no row for|not checked(?: \([^)]*\))?:) ")
"""What a line of init begins with that speaks of what no row compares."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one set.

    Attributes:
        rows: How many init wrote.
        passed: How many of them.
        left_out: The rows that cannot be judged on simulated nodes.
        wrong: Row to its outcome, of those that should have passed.
        errors: What a command said that ended otherwise than it should.
    """

    of: ManifestSet
    coverage: Coverage
    rows: int
    passed: int
    left_out: tuple[str, ...]
    wrong: dict[str, str]
    errors: tuple[str, ...]

    @property
    def is_green(self) -> bool:
        """True where every row that can be judged passed, and there were some."""
        return bool(self.passed) and not self.wrong and not self.errors


def measure(plane: Plane, of: ManifestSet, work: Path) -> Measured:
    """Run both commands, and read what they wrote."""
    folder = work / of.title
    folder.mkdir(parents=True)
    kubeconfig = f"--kubeconfig={plane.kubeconfig}"
    places = [f"--namespace={place}" for place in of.namespaces]
    init = clusterproof(folder, "init", "spec", *places, kubeconfig, f"--name={of.name}")
    lines = named_in(init.stdout.splitlines())
    errors = [init.stderr] if init.returncode or "Traceback" in init.stderr else []
    if init.returncode:
        return Measured(of, coverage(of, [], lines), 0, 0, (), {}, tuple(errors))
    rows, aliases = rows_in(folder / "spec"), aliases_in(folder / "spec")
    left_out = [row["id"] for row in rows if _cannot_be_judged(row)]
    words = ["--spec=spec/spec.yaml", "--read-only", "--no-wait", kubeconfig, "-q"]
    words += ["-k", " and ".join(f"not {row_id}" for row_id in left_out)] if left_out else []
    verify = clusterproof(folder, "verify", *words, "--report-dir=out")
    if "Traceback" in verify.stdout + verify.stderr:
        errors.append(verify.stdout + verify.stderr)
    records = list((folder / "out").rglob("run.json"))
    if not records:
        errors.append(f"no record: {(verify.stdout + verify.stderr)[-2000:]}")
    record = json.loads(records[0].read_text("utf-8")) if records else {"rows": []}
    outcomes = {each["id"]: each["outcome"] for each in record["rows"]}
    judged = [row["id"] for row in rows if row["id"] not in left_out]
    of_row = {row_id: outcomes.get(row_id, "not checked") for row_id in judged}
    wrong = {row_id: outcome for row_id, outcome in of_row.items() if outcome != "passed"}
    passed = sum(outcome == "passed" for outcome in outcomes.values())
    named = [without_aliases(line, aliases) for line in lines]
    covered = coverage(of, rows, named, _held(plane, of))
    return Measured(of, covered, len(rows), passed, tuple(left_out), wrong, tuple(errors))


def _held(plane: Plane, of: ManifestSet) -> dict[str, Json]:
    """The objects of Kubernetes' own kinds as the API server holds them."""
    paths = {
        reference(each): f"{KINDS[kind_of(each)].collection(each['metadata'].get('namespace', ''))}"
        f"/{each['metadata']['name']}"
        for each in of.objects
        if kind_of(each) in KINDS
    }
    objects = {ref: plane.api.find(path) for ref, path in paths.items()}
    return {ref: item for ref, item in objects.items() if item is not None}


def _cannot_be_judged(row: Json) -> bool:
    return bool(row["check"] == LEFT_OUT and row["aspect"] == "conditions")


def named_in(lines: Iterable[str]) -> list[str]:
    """What init says that no row compares, of all its lines."""
    return [line[match.end() :] for line in lines if (match := _PREFIX.match(line))]


def aliases_in(folder: Path) -> dict[str, str]:
    """Alias to namespace."""
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    return dict(spec["namespaces"])


def rows_in(folder: Path) -> list[Json]:
    """The rows of a spec that init wrote, each namespace in place of its alias."""
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    return list(_rows(folder, spec["include"], spec["namespaces"]))


def _rows(folder: Path, files: list[str], aliases: dict[str, str]) -> Iterator[Json]:
    for name in files:
        for row in yaml.safe_load((folder / name).read_text("utf-8"))["rows"]:
            refs = {
                key: without_aliases(row[key], aliases) for key in ("of", "workload") if key in row
            }
            yield {**row, **refs}


def without_aliases(text: str, aliases: dict[str, str]) -> str:
    """The text with each namespace in place of its alias."""
    return re.sub(r"(?<!\$)\$\{([^}]+)\}", lambda match: aliases.get(match[1], match[0]), text)
