"""What was seen on one Kubernetes: the record that docs/versions.md is written from."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from testbed.cluster import minor

RECORD: Final = Path(__file__).with_name("measured.json")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the demo.

    Attributes:
        control: Minor of the control plane.
        kubelet: Minor of kubelet and kube-proxy.
        date: Day of the run, as 2026-11-27.
        commit: Of the checkout.
        server: What the API server calls itself.
        kubelets: What the kubelets call themselves.
        runtime: What the kubelets say of their containerd.
        runc: What runc calls itself.
        etcd: Version that etcd is pinned to.
        nodes: How many.
        passed: Rows that passed.
        rows: Rows in all.
        up_s: Seconds until the cluster was up, its programs built before.
        deploy_s: Seconds until the deployment was.
        verify_s: Seconds of the verification, as a user runs it.
        differed: Of each row that did not pass: its id, outcome and what was said.
    """

    control: str
    kubelet: str
    date: str
    commit: str
    server: str
    kubelets: str
    runtime: str
    runc: str
    etcd: str
    nodes: int
    passed: int
    rows: int
    up_s: float
    deploy_s: float
    verify_s: float
    differed: tuple[tuple[str, str, str], ...] = ()

    @property
    def pair(self) -> tuple[str, str]:
        """What it was a run of."""
        return self.control, self.kubelet


_RUNS: Final = TypeAdapter(tuple[Measured, ...])


def pairs(control: str = "", kubelet: str = "") -> tuple[tuple[str, str], ...]:
    """What is run: each minor alone, and the newest with the oldest kubelets that it may have.

    Args:
        control: The only minor of the control plane that is run, or "" for each.
        kubelet: That of its kubelets, or "" for those above.
    """
    if control and kubelet:
        return ((control, kubelet),)
    newest = minor.MINORS[-1]
    oldest = next(
        each for each in minor.MINORS if minor.number(newest) - minor.number(each) <= minor.SKEW
    )
    every = dict.fromkeys([*((each, each) for each in minor.MINORS), (newest, oldest)])
    return tuple(pair for pair in every if control in {"", pair[0]})


def read(record: Path = RECORD) -> tuple[Measured, ...]:
    """The runs on record."""
    return _RUNS.validate_json(record.read_bytes()) if record.exists() else ()


def merged(before: Iterable[Measured], now: Measured) -> tuple[Measured, ...]:
    """The runs in order, with `now` in place of the earlier one; none of a minor that is gone."""
    by_pair = {each.pair: each for each in before} | {now.pair: now}
    order = [(control, kubelet) for control in minor.MINORS for kubelet in reversed(minor.MINORS)]
    return tuple(by_pair[pair] for pair in order if pair in by_pair)


def write(runs: Iterable[Measured], record: Path = RECORD) -> None:
    """Put the runs on record."""
    plain = [asdict(each) for each in runs]
    record.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
