"""`python -m loadtests.prove_faults [ID...]`: each seeded fault must get its own broken link.

Faults are data (testbed/defects/load/faults.yaml). Each is proved on a copy of the router in a
namespace of its own, beside whatever else the local cluster does; only for the local cluster.

What came of each is kept in faults.json of the folder, and `--resume` runs what is not there yet.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from clusterproof.errors import ClusterproofError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.load.objectives import DEFAULT_PATH
from clusterproof.load.sections import ServiceRef
from clusterproof.report.files import replace_file
from loadtests.faulty import faulty_router, restart
from testbed.kubeconfig import write_private

FAULTS = Path("testbed/defects/load/faults.yaml")
KUBECONFIG = ".testbed/kubeconfig"
VIA = f"{sys.executable} -m testbed.cluster enter cp-load --"
AHEAD = "chrt --rr 10"
"""The generator must be on time beside its target, on the same two cores: it comes before all that
is not real-time. It needs a fifth of a core."""
PROMETHEUS = "http://127.0.0.1:19090"
"""The local cluster's is no Pod, and the API server proxies to Pods only."""
_BEFORE_LOAD_S = 12.0
"""From the start of a run to its first request: settling, two reads of each pod, Locust's start."""
_RUN_S = 1200
_NOT_RUN = "not run: "
Json = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What came of one run of a fault.

    Attributes:
        number: Of the run of this fault, from 1.
        at: When it ended, in UTC.
    """

    id: str
    number: int
    expected: str
    observed: str
    took_s: float
    at: str

    @property
    def is_right(self) -> bool:
        """Whether the link that is broken was named, with the outcome that is due."""
        return self.observed == self.expected


def main() -> int:
    """Prove the faults that are named, or all; 0 when each got its link every time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", help="default: all")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=1, help="how many beside each other")
    parser.add_argument("--out", type=Path, default=Path("reports/load-faults"))
    parser.add_argument("--resume", action="store_true", help="only what is not in faults.json")
    options = parser.parse_args()
    listed = yaml.safe_load(FAULTS.read_text(encoding="utf-8"))["faults"]
    by_id = {fault["id"]: fault for fault in listed}
    chosen = [by_id[name] for name in options.ids] if options.ids else listed
    options.out.mkdir(parents=True, exist_ok=True)
    journal = options.out / "faults.json"
    results: dict[tuple[str, int], Result] = {}
    if options.resume and journal.exists():
        earlier = [Result(**entry) for entry in json.loads(journal.read_text(encoding="utf-8"))]
        ran = [result for result in earlier if not result.observed.startswith(_NOT_RUN)]
        results = {(result.id, result.number): result for result in ran}
    writing = threading.Lock()
    # Two that are served at one address would be served at none: Contour refuses both.
    served_at = {fault["through"]: threading.Lock() for fault in chosen if "through" in fault}
    numbers = range(1, options.times + 1)
    runs = [(fault, number) for fault in chosen for number in numbers]

    def prove_one(run: tuple[Json, int]) -> None:
        fault, number = run
        with served_at.get(fault.get("through"), nullcontext()):
            result = prove(fault, number, options.out / f"{fault['id']}-{number}")
        with writing:
            results[fault["id"], number] = result
            sys.stdout.write(f"{'ok  ' if result.is_right else 'MISS'} {result}\n")
            sys.stdout.flush()
            entries = [asdict(result) for result in results.values()]
            replace_file(journal, json.dumps(entries, indent=1).encode())

    with ThreadPoolExecutor(max_workers=options.at_once) as workers:
        due = [(fault, number) for fault, number in runs if (fault["id"], number) not in results]
        list(workers.map(prove_one, due))
    judged = [results[fault["id"], number] for fault, number in runs]
    sys.stdout.writelines(f"{line}\n" for line in summary(judged))
    return 0 if judged and all(result.is_right for result in judged) else 1


def summary(results: Sequence[Result]) -> list[str]:
    """How often each fault got its link, a line each."""
    times: dict[tuple[str, str], list[bool]] = {}
    for result in sorted(results, key=lambda result: result.id):
        times.setdefault((result.id, result.expected), []).append(result.is_right)
    return [
        f"{fault}: {expected}: {sum(runs)} of {len(runs)}"
        for (fault, expected), runs in times.items()
    ]


def prove(fault: Mapping[str, Any], number: int, out: Path) -> Result:
    """One fault, once."""
    began = time.monotonic()
    api = KubeApi(connect(KUBECONFIG))
    namespace = f"fault-{fault['id']}-{number}-{int(time.time()) % 100_000}"
    out.mkdir(parents=True, exist_ok=True)
    expected = f"{fault['outcome']}, {fault['link']}"
    try:
        with ExitStack() as stack:
            stack.enter_context(faulty_router(api, fault, namespace))
            if "component" in fault:
                stack.callback(_component, "start", fault["component"])
                at_s = fault.get("component_at_s")
                stack.enter_context(_at(at_s, _component, "stop", fault["component"]))
            if "restart_at_s" in fault:
                stamp = str(time.time())
                stack.enter_context(_at(fault["restart_at_s"], restart, api, namespace, stamp))
            observed = _run(fault, namespace, out)
    except (ClusterproofError, subprocess.SubprocessError) as error:
        observed = f"{_NOT_RUN}{error}"
    return Result(
        id=fault["id"],
        number=number,
        expected=expected,
        observed=observed,
        took_s=round(time.monotonic() - began, 1),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@contextmanager
def _at(second: float | None, do: Callable[..., None], *args: Any) -> Iterator[None]:  # noqa: ANN401 - of what is done
    """Do it at that second of the load, or now; not after the context."""
    if second is None:
        do(*args)
        yield
        return
    timer = threading.Timer(second + _BEFORE_LOAD_S, do, args=args)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _run(fault: Mapping[str, Any], namespace: str, out: Path) -> str:
    spec = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8"))
    target = ServiceRef.model_validate(spec["scenarios"]["router"]["target"])
    there = str(target.model_copy(update={"namespace": namespace}))
    spec["scenarios"]["router"] |= {"target": there, **fault.get("scenario", {})}
    objectives = out / "objectives.yaml"
    objectives.write_text(yaml.safe_dump(spec), encoding="utf-8")
    via = f"{VIA} {AHEAD}"
    if "generator_cpu" in fault:  # a quota does not hold what is real-time
        via = f"{VIA} {sys.executable} -m loadtests.throttle {fault['generator_cpu']}"
    kubeconfig = out / "kubeconfig" if "user" in fault else Path(KUBECONFIG)
    command: Sequence[str] = [
        *(sys.executable, "-m", "clusterproof.load", "run", "--kubeconfig", str(kubeconfig)),
        *("--shape", fault["shape"], "--out", str(out), "--objectives", str(objectives)),
        *("--via", via, "--prometheus", PROMETHEUS),
    ]
    if "through" in fault:
        command = [*command, "--host", fault["through"]]
    page = out / "load.json"
    page.unlink(missing_ok=True)
    with ExitStack() as stack:
        log = stack.enter_context((out / "run.log").open("w", encoding="utf-8"))
        if "user" in fault:
            stack.callback(kubeconfig.unlink)  # it holds the key of an administrator
            _write_kubeconfig_as(fault["user"], kubeconfig)
        subprocess.run(  # noqa: S603 - our own argv
            command, stdout=log, stderr=subprocess.STDOUT, check=False, timeout=_RUN_S
        )
    if not page.exists():
        return "no verdict"
    verdict = json.loads(page.read_text(encoding="utf-8"))
    return f"{verdict['outcome']}, {verdict['broken']}"


def _write_kubeconfig_as(user: str, path: Path) -> None:
    """The local cluster's kubeconfig, of which each request is made as that user."""
    config = yaml.safe_load(Path(KUBECONFIG).read_text(encoding="utf-8"))
    config["users"][0]["user"]["as"] = user
    write_private(path, json.dumps(config))


def _component(do: str, name: str) -> None:
    command = [sys.executable, "-m", "testbed.cluster", "component", do, name]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - ours


if __name__ == "__main__":
    sys.exit(main())
