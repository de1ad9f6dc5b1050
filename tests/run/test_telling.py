"""A run says what it waits for, while it waits, and however quiet it is asked to be."""

import json
import threading
from pathlib import Path

from clusterproof.run.telling import Teller
from tests.nightly.api_server import SPEC
from tests.run.suite_run import suites

DEPLOYMENTS = "/apis/apps/v1/namespaces/here/deployments"


def test_what_is_under_way_is_said_again_and_again_and_nothing_where_nothing_is() -> None:
    lines: list[str] = []
    twice = threading.Event()

    def write(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            twice.set()

    teller = Teller(write, every_s=0.01)
    try:
        assert not twice.wait(0.1)
        teller.about("the rollout of web")
        assert twice.wait(5)
    finally:
        teller.close()
    assert lines[0] == "waiting for the rollout of web (0 s)"


def test_a_quiet_run_says_what_it_waits_for(tmp_path: Path) -> None:
    with suites(tmp_path, "a", a="yes") as made:
        made.answers.hangs = True
        ended = made.run("-q", "-q")
    assert "waiting for the API server: " in ended.shown


def test_no_rollout_is_waited_for_where_nobody_wants_to_wait(tmp_path: Path) -> None:
    """The Deployment is never whole, and would be waited for longer than the run may take."""
    with suites(tmp_path, "a", a="yes") as made:
        made.spec.write_text(f"{SPEC}settings: {{settle_s: 300}}\n", encoding="utf-8")
        claim: dict[str, object] = {
            "check": "replicas",
            "workload": "Deployment/here/web",
            "replicas": {"min": 1, "max": 1},
        }
        claim |= {"id": "web", "claim": "One web is there", "source": "the test"}
        rows = {"area": "workloads", "rows": [claim]}
        (made.spec.parent / "rows.yaml").write_text(json.dumps(rows), encoding="utf-8")
        made.answers.lists[DEPLOYMENTS] = [
            {
                "metadata": {"name": "web", "namespace": "here", "generation": 1},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}},
                "status": {"observedGeneration": 1},
            }
        ]
        ended = made.run("--no-wait")
    assert "web: " in ended.shown
    assert ended.code == 1
