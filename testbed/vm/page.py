"""The page that says what was seen in the virtual machine."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from testbed.differences import Difference

Json = Mapping[str, Any]
COMMAND = "make demo-vm"


def page(outcome: Json, left: Sequence[Difference]) -> str:
    """The page in Markdown."""
    return "\n".join([*_head(outcome), *_during(outcome), *_left(outcome, left), ""])


def _head(outcome: Json) -> Iterator[str]:
    machine = outcome["machine"]
    yield "# The local cluster on a stock machine: cgroup v2 and systemd"
    yield ""
    yield (
        f"Written by `{COMMAND} PAGE=…` on {outcome['date']}, commit {outcome['commit']}: a Debian"
        f" that holds nothing but {', '.join(f'`{name}`' for name in outcome['packages'])},"
        f" booted in a virtual machine ({outcome['accelerator']}), {machine['cpus']} processors,"
        f" {machine['memory_kib'] / 2**20:.1f} GiB. {machine['system']}, kernel"
        f" {machine['kernel']}, {machine['systemd']}, `/sys/fs/cgroup` is {machine['cgroup']}."
        f" PATIENCE={outcome['patience']}. The programs were built outside and lent."
    )
    yield ""
    yield "| step | command | took | exit |"
    yield "|---|---|---|---|"
    for step in outcome["steps"]:
        yield f"| {step['name']} | `{step['command']}` | {step['seconds']} s | {step['exit']} |"


def _during(outcome: Json) -> Iterator[str]:
    during = outcome.get("during")
    if not during:
        yield "\nThe cluster did not come up, so nothing was looked at."
        return
    yield "\n## While it ran\n"
    yield "| node | Ready | kubelet | runtime | kernel | root of its Pods |"
    yield "|---|---|---|---|---|---|"
    for node in during["nodes"]:
        yield (
            f"| {node['name']} | {node['Ready']} | {node['kubelet']} | {node['runtime']} |"
            f" {node['kernel']} | `{during['cgroupRoot'][node['name']]}` |"
        )
    yield ""
    yield "| Pod | node | phase | ready | restarts |"
    yield "|---|---|---|---|---|"
    for pod in during["pods"]:
        yield (
            f"| {pod['namespace']}/{pod['name']} | {pod['node']} | {pod['phase']} |"
            f" {'yes' if pod['ready'] else 'no'} | {pod['restarts']} |"
        )
    yield ""
    yield f"Our control groups are `{during['tree']}`, a scope that systemd delegates:"
    yield "```"
    yield from during["scope"]
    yield "```"
    limited, too_big = during["limited"], during["too big"]
    yield (
        f"A container with limits of {limited['limits']['cpu']} CPU and"
        f" {limited['limits']['memory']}: `cpu.max` {limited['cpu.max']}, `memory.max`"
        f" {limited['memory.max']}, `cpu.weight` {limited['cpu.weight']}, `pids.max`"
        f" {limited['pids.max']}; held back {limited['times throttled']} times."
    )
    yield (
        f"A container that needs more than its {too_big['limit']} of memory: ended by the kernel"
        f" {too_big['kills']} times (`oom_kill` of its Pod), {too_big['reason']}, exit code"
        f" {too_big['exitCode']}."
    )
    changed = during["changed by systemd"]
    yield (
        f"After `systemctl daemon-reload` and a unit that was started and had ended,"
        f" {len(changed)} of {len(during['groups'])} settings of our groups differed"
        f"{': ' + ', '.join(changed) if changed else '.'}"
    )


def _left(outcome: Json, left: Sequence[Difference]) -> Iterator[str]:
    yield "\n## Before and after\n"
    counted = ", ".join(f"{len(names)} {section}" for section, names in outcome["before"].items())
    yield f"Compared, before `make install` and after `make cluster-down`: {counted}."
    ours = [difference for difference in left if not difference.own_course]
    yield ""
    yield f"{len(ours)} differences{':' if ours else '.'}"
    yield from (f"- {difference}" for difference in ours)
    by_itself = [difference for difference in left if difference.own_course]
    if by_itself:
        yield ""
        yield "What the machine and its tools did by themselves meanwhile:"
        yield from (f"- {difference} ({difference.own_course})" for difference in by_itself)
