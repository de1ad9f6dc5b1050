"""docs/versions.md, from the record."""

from collections.abc import Iterator, Sequence

from testbed.cluster import minor
from testbed.versions.measured import Measured, pairs

_HEAD = """\
# Kubernetes versions

Written by `make versions` on {date}. For each Kubernetes that the local cluster can be made of, the
command starts one, deploys the router and PostHog, verifies them (profile `self-hosted`) and takes
the cluster down. `make versions KUBERNETES={newest}` runs one of them and leaves the other lines as
they are. Kubernetes, containerd and etcd are compiled from their Go modules before the times begin;
runc is Debian's. What is older than {oldest}, or a cloud's, was not run here.

"""
_COLUMNS = (
    "Kubernetes",
    "kubelet, kube-proxy",
    "rows passed",
    "up",
    "deployed",
    "verified",
    "containerd",
    "runc",
    "etcd",
    "day, commit",
)
_SAID = 300


def page(runs: Sequence[Measured]) -> str:
    """The page in Markdown."""
    head = _HEAD.format(
        date=max((each.date for each in runs), default="never"),
        newest=minor.MINORS[-1],
        oldest=minor.MINORS[0],
    )
    table = (f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|", *map(_row, runs))
    return head + "".join(f"{line}\n" for line in (*table, *_differed(runs)))


def _row(run: Measured) -> str:
    return (
        f"| {run.server} | {run.kubelets} | {run.passed} of {run.rows} | {run.up_s:.0f} s |"
        f" {run.deploy_s:.0f} s | {run.verify_s:.0f} s | {run.runtime} | {run.runc} | {run.etcd} |"
        f" {run.date}, {run.commit} |"
    )


def _differed(runs: Sequence[Measured]) -> Iterator[str]:
    ran = {run.pair for run in runs}
    for pair in pairs():
        if pair not in ran:
            yield ""
            yield f"Not run yet: Kubernetes {minor.named(*pair)}."
    yield ""
    yield "## What differed"
    yield ""
    for run in runs:
        name = f"{run.server}, kubelets {run.kubelets}"
        if not run.differed:
            yield f"- {name}: nothing; every row passed."
            continue
        yield f"- {name}:"
        for row, outcome, reason in run.differed:
            yield f"    - `{row}` {outcome}: {' '.join(reason.split())[:_SAID]}"
