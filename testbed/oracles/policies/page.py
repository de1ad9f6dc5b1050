"""The page: each row of the table, what the API's documentation says, and what each engine did."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from testbed.cluster.engine import ENGINES
from testbed.oracles.policies.world import Case, read_cases

RECORDS = Path(__file__).with_name("answers")
PAGE = "POLICIES.md"

_HEAD = """\
# NetworkPolicies, dialled on two engines

Written by `make policies` on {day}, once on each engine. A row is one first packet under the
policies that it names (`testbed/oracles/policies/cases.yaml`), sent between Pods of the local
cluster; "documented" is what Kubernetes' documentation says of it ("Network Policies", v1.35).
`nftables` is the local cluster's own enforcer, `kube-router` the firewall of kube-router v2.1.0
(`make cluster POLICY=kube-router`). Without the policies, every one of the packets arrives.
"""


def read_records() -> dict[str, dict[str, Any]]:
    """What each engine did when it was last asked; no entry for one that was not."""
    paths = {engine: RECORDS / f"{engine}.json" for engine in ENGINES}
    return {
        engine: json.loads(path.read_text(encoding="utf-8"))
        for engine, path in paths.items()
        if path.exists()
    }


def write_record(answers: Mapping[str, Any]) -> None:
    """Keep what an engine did."""
    RECORDS.mkdir(exist_ok=True)
    text = json.dumps(answers, indent=1) + "\n"
    (RECORDS / f"{answers['engine']}.json").write_text(text, encoding="utf-8")


def page(records: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of these records."""
    cases = read_cases()
    lines = [
        _HEAD.format(day=max((record["date"] for record in records.values()), default="")),
        *_summary(cases, records),
        "",
        "## Where an engine does otherwise",
        "",
        *_differences(cases, records),
        "",
        "## The table",
        "",
        "| row | policies | packet | documented | nftables | kube-router |",
        "|---|---|---|---|---|---|",
        *(_row(case, records) for case in cases),
    ]
    return "\n".join(lines) + "\n"


def _summary(cases: tuple[Case, ...], records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| engine | asked on | as documented | in force after, median | at most | generated |"
    yield "|---|---|---|---|---|---|"
    for engine, record in records.items():
        answers = record["cases"]
        same = sum(answers.get(case.id) == case.expect for case in cases)
        median, most = record["in_force_s"]
        generated = (
            f"{record['generated']} sets of policies, {record['dials']} packets,"
            f" {len(record['apart'])} otherwise than our reading"
        )
        yield (
            f"| {engine} | {record['date']} | {same} of {len(answers)} | {median} s | {most} s"
            f" | {generated} |"
        )


def _differences(
    cases: tuple[Case, ...], records: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    yield "| row | engine | documented | observed | why |"
    yield "|---|---|---|---|---|"
    for case in cases:
        for engine, record in records.items():
            answer = record["cases"].get(case.id, case.expect)
            if answer != case.expect:
                why = case.differs.get(engine, "not known")
                yield f"| {case.id} | {engine} | {case.expect} | {answer} | {why} |"


def _row(case: Case, records: Mapping[str, Mapping[str, Any]]) -> str:
    answers = [records.get(engine, {}).get("cases", {}).get(case.id, "-") for engine in ENGINES]
    packet = f"{case.source} → {case.destination} {case.port}/{case.protocol}"
    if case.version != 4:  # noqa: PLR2004 - IPv4
        packet += " over IPv6"
    policies = ", ".join(case.policies) or "none"
    return " | ".join([f"| {case.id}", policies, packet, case.expect, *answers]) + " |"
