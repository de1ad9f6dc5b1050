"""The page: each row of the table, what the API's documentation says, and what each engine did."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.cluster.engine import ENGINES
from testbed.oracles.policies.draw import DIALS, MOST_POLICIES
from testbed.oracles.policies.features import RARE
from testbed.oracles.policies.world import Case, read_cases
from testbed.pages import rendered

RECORDS = Path(__file__).with_name("answers")
PAGE = "POLICIES.md"


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

    def documented(record: Mapping[str, Any]) -> int:
        """How many rows an engine does as documented."""
        return sum(record["cases"].get(case.id) == case.expect for case in cases)

    def answers_to(case: Case) -> list[str]:
        """What each engine did; "-" where it was not asked."""
        return [records.get(engine, {}).get("cases", {}).get(case.id, "-") for engine in ENGINES]

    return rendered(
        Path(__file__).with_name("page.md.j2"),
        records=records,
        cases=cases,
        day=max((record["date"] for record in records.values()), default=""),
        documented=documented,
        differences=[
            (case, engine, answer)
            for case in cases
            for engine, record in records.items()
            if (answer := record["cases"].get(case.id, case.expect)) != case.expect
        ],
        answers_to=answers_to,
        most_policies=MOST_POLICIES,
        dials=DIALS,
        rare=RARE,
    )
