"""`python -m loadtests.hpa_lab`: play the curves and compare, in nine minutes."""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clusterproof.errors import ClusterproofError
from clusterproof.kube.client import KubeApi
from clusterproof.load.hpa.replay import Replay, replay
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.timeline import Timeline, build_timeline
from clusterproof.wait import wait_until
from loadtests.hpa_lab.curves import Curve, curves, deployment, node
from loadtests.hpa_lab.metrics import METRICS_PORT, pass_on
from loadtests.hpa_lab.plane import METRICS_SERVER, laboratory
from loadtests.hpa_lab.player import World
from testbed.cluster import binaries
from testbed.cluster.progress import Progress

FLAGS = ControllerFlags(
    sync_s=5, downscale_window_s=60, cpu_initialization_s=40, readiness_delay_s=10
)
WRONG: dict[str, ControllerFlags] = {
    "tolerance 0.05": FLAGS.model_copy(update={"tolerance": 0.05}),
    "scale-down window 30 s": FLAGS.model_copy(update={"downscale_window_s": 30}),
    "no CPU initialization period": FLAGS.model_copy(update={"cpu_initialization_s": 0}),
}
"""Models that are wrong on purpose, on the same recordings: the comparison can fail."""
_PROGRESS_S = 15.0
_AFTERMATH_S = 2.5
Json = dict[str, Any]


def main() -> int:
    """Play, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=60)
    parser.add_argument("--for-s", type=float, default=420.0)
    parser.add_argument("--out", type=Path, default=Path("reports/hpa-lab"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        programs = binaries.ensure(Progress().say, (*binaries.FAMILIES, binaries.KWOK))
        with laboratory(programs, options.out / "work", FLAGS) as plane:
            world = World(plane.api, curves(options.curves))
            server = pass_on(world.heard, METRICS_SERVER, plane.token, plane.certificate)
            _create(plane.api, world)
            world.origin = time.time()
            ends = time.monotonic() + options.for_s
            wait_until(
                lambda: _progress(world),
                lambda _: time.monotonic() >= ends,
                waiting_for="the curves to end",
                within_s=options.for_s + 60,
                every_s=_PROGRESS_S,
            )
            world.stop()
            server.shutdown()
    except ClusterproofError as error:
        sys.stderr.write(f"{error}\n")
        return 6
    return compare(world, options.out)


def compare(world: World, out: Path) -> int:
    """Replay every recording by the model; 0 when at least 95 % of all reconciles agree."""
    for name, recording in world.recordings.items():
        recording.write(out / f"{name}.json.gz")
    timelines = {
        name: build_timeline(recording, hpa="target")
        for name, recording in world.recordings.items()
    }
    rows = _replayed(world, timelines, FLAGS)
    summary = _summary(rows)
    wrong = {name: _summary(_replayed(world, timelines, flags)) for name, flags in WRONG.items()}
    (out / "hpa-lab.json").write_text(
        json.dumps({"summary": summary, "rows": rows, "wrong": wrong}, indent=1), encoding="utf-8"
    )
    for name, of_model in {"the controller's own flags": summary, **wrong}.items():
        sys.stdout.write(f"{line(name, of_model)}\n")
    for row in rows:
        if row["first_difference"]:
            sys.stdout.write(f"{row['title']}: {row['first_difference']}\n")
    return 0 if summary["agreement"] >= 0.95 else 1  # noqa: PLR2004 - our choice, stated above


def _replayed(
    world: World, timelines: Mapping[str, Timeline], flags: ControllerFlags
) -> list[Json]:
    rows = []
    for name, curve in world.curves.items():
        recording = world.recordings[name]
        # What the controller did after its last reconcile may not have been seen any more.
        ticks = tuple(at for at in world.ticks(name) if at < recording.ended_at - _AFTERMATH_S)
        found = replay(recording, timelines[name], hpa="target", flags=flags, ticks=ticks)
        rows.append(_row(curve, found))
    return rows


def _summary(rows: Sequence[Json]) -> Json:
    steps = sum(row["reconciles"] for row in rows)
    agreed = sum(row["agreed"] for row in rows)
    return {
        "curves": len(rows),
        "reconciles": steps,
        "agreed": agreed,
        "changes": sum(max(0, len(row["path"]) - 1) for row in rows),
        "agreement": agreed / steps if steps else 0.0,
        "curves_all_agree": sum(1 for row in rows if row["agreed"] == row["reconciles"]),
        "mean_within_one_sync": sum(row["within_one_sync"] for row in rows) / max(1, len(rows)),
        "worst_within_one_sync": min((row["within_one_sync"] for row in rows), default=0.0),
    }


def line(name: str, summary: Json) -> str:
    """What one model came to."""
    return (
        f"{name}: {summary['agreed']} of {summary['reconciles']} reconciles agree"
        f" ({summary['agreement']:.1%}), {summary['changes']} changes of replicas,"
        f" {summary['curves_all_agree']} of {summary['curves']} curves throughout;"
        f" within one sync period mean {summary['mean_within_one_sync']:.1%},"
        f" worst {summary['worst_within_one_sync']:.1%}"
    )


def _row(curve: Curve, found: Replay | None) -> Json:
    if found is None:
        return {
            "title": curve.title,
            "reconciles": 0,
            "agreed": 0,
            "within_one_sync": 0.0,
            "path": [],
            "first_difference": "not seen",
        }
    differing = found.first_divergence
    values = [step.observed for step in found.steps]
    path = [v for n, v in enumerate(values) if n == 0 or values[n - 1] != v]
    return {
        "title": curve.title,
        "reconciles": len(found.steps),
        "agreed": sum(1 for s in found.steps if s.predicted == s.observed),
        "within_one_sync": found.within_sync,
        "path": path,
        "first_difference": ""
        if differing is None
        else f"at {differing.at - found.steps[0].at:.0f} s from {differing.before}: model"
        f" {differing.predicted} ({differing.reason}, proposed {differing.proposed}),"
        f" controller {differing.observed}, CPU {differing.shown}",
    }


def _create(api: KubeApi, world: World) -> None:
    api.request("POST", "/api/v1/nodes", body=node())
    api.request(
        "POST",
        "/api/v1/namespaces/default/services",
        body={
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "metrics"},
            "spec": {
                "type": "ExternalName",
                "externalName": "localhost",
                "ports": [{"port": METRICS_PORT}],
            },
        },
    )
    api.request(
        "POST",
        "/apis/apiregistration.k8s.io/v1/apiservices",
        body={
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"name": "metrics", "namespace": "default", "port": METRICS_PORT},
            },
        },
    )
    world.start()
    for curve in world.curves.values():
        namespace = curve.namespace
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        api.request("POST", "/api/v1/namespaces", body=body)
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        api.request("POST", path, body=deployment())
        path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
        api.request("POST", path, body=curve.hpa())


def _progress(world: World) -> None:
    replicas: dict[int, int] = {}
    for recording in world.recordings.values():
        changes = recording.of("target")
        if changes:
            count = int(changes[-1].object["spec"]["replicas"])
            replicas[count] = replicas.get(count, 0) + 1
    shown = ", ".join(f"{curves_} at {count}" for count, curves_ in sorted(replicas.items()))
    sys.stderr.write(f"{time.time() - world.origin:5.0f} s: curves {shown}\n")


if __name__ == "__main__":
    sys.exit(main())
