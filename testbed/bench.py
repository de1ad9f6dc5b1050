"""What a verification costs: wall time, API calls, bytes, and the bare round trips beside it.

`python -m testbed.bench --kubeconfig PATH`: the read-only part and the whole, each as a user runs
it, and then the same API calls made one after another with nothing between them.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from clusterproof.errors import ObservationError
from clusterproof.observe.api import KubeApi
from clusterproof.observe.cluster import KINDS
from clusterproof.observe.connect import connect
from clusterproof.report.record import RunRecord

PROJECT = Path(__file__).resolve().parents[1]
LIMIT_S = 300


def verify(kubeconfig: Path, *options: str) -> tuple[float, RunRecord]:
    """Seconds on the wall of a whole pytest run, and its record."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "suites", "-q", "--tb=no"]
        command += ["--kubeconfig", str(kubeconfig), "--report-dir", folder, *options]
        began = time.perf_counter()
        subprocess.run(command, check=False, capture_output=True, timeout=LIMIT_S, cwd=PROJECT)
        took_s = time.perf_counter() - began
        (path,) = Path(folder).glob("*/run.json")
        return took_s, RunRecord.from_json(path.read_text(encoding="utf-8"))


def bare_round_trips(api: KubeApi, paths: Iterable[str]) -> float:
    """Seconds for a GET of each path, one after another, answers read and dropped."""
    began = time.perf_counter()
    for path in paths:
        api.request("GET", path, expect_ok=False)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--kubeconfig", type=Path, default=PROJECT / ".testbed" / "kubeconfig")
    options = parser.parse_args()
    for name, flags in (("read-only", ("--read-only",)), ("whole", ())):
        took_s, record = verify(options.kubeconfig, *flags)
        sys.stdout.write(
            f"{name:10} {took_s:6.2f} s wall, {record.duration_s:6.2f} s in the run, "
            f"{record.api_calls} API calls, {record.api_bytes / 1e6:.2f} MB, "
            f"{len(record.rows)} rows: {record.verdict}\n"
        )
    api = KubeApi(connect(str(options.kubeconfig)))
    reads = _reads(record)
    took_s = bare_round_trips(api, reads)
    sys.stdout.write(f"{'bare':10} {took_s:6.2f} s for the {len(reads)} collections alone\n")
    return 0


def _reads(record: RunRecord) -> list[str]:
    """The collections that every run lists, from the rights that it used."""
    namespaces = sorted(
        {row.where.split("/")[1] for row in record.rows if row.where.count("/") > 1}
    )
    listed = {right.split()[1].partition(".")[0] for right in record.rights if "list " in right}
    if not listed:
        raise ObservationError("the run listed nothing: there is nothing to compare with")
    return [
        f"{kind.collection(namespace)}?limit=500"
        for kind in KINDS.values()
        if kind.plural in listed
        for namespace in (namespaces if kind.namespaced else [""])
    ]


if __name__ == "__main__":
    sys.exit(main())
