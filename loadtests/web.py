"""The web UI: tabs with plan and verdicts; a test that may not start is refused in its own form.

Source: Locust's web.py, route /swarm (2.47): it takes every field of the form over before it starts
a test, and an edit of a test that runs is the same request.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Response, jsonify, request
from locust.env import Environment
from locust.web import WebUI

from clusterproof.errors import SpecError
from clusterproof.load.account import Account
from clusterproof.load.schedule import Plan

_PLAN = ("seconds", "rate", "due", "sent", "failed")
_READ: Mapping[str, Callable[[str], Any]] = {
    "shape": str,
    "rate_factor": float,
    "time_factor": float,
    "seed": str,
    "user_count": int,
    "spawn_rate": float,
    "run_time": lambda text: text or None,
}
"""The fields of the form that decide the load; `user_count` is --users."""
_OPTIONS = {"user_count": "num_users"}
_COMMAND_LINE = frozenset({"allow_production", "out", "ca", "cert", "header"})
"""Locust takes each option from a form that names it, also one that its page does not show."""
_FINDING = ("outcome", "expected", "observed")
_VERDICT = ("test", "claim", *_FINDING)


def refuse_starts(
    environment: Environment, refuse: Callable[[str, Mapping[str, Any]], None]
) -> None:
    """Ask `refuse` with the host and the options of each start, before Locust takes them over."""
    options = vars(environment.parsed_options)

    def check() -> Response | None:
        if request.method != "POST" or not request.path.endswith("/swarm"):
            return None
        host = request.form.get("host", environment.host or "")
        try:
            if hidden := sorted(_COMMAND_LINE & request.form.keys()):
                raise SpecError(f"{hidden[0]}: expected on the command line alone")
            changed = {
                _OPTIONS.get(name, name): read(text)
                for name, text in request.form.items()
                if (read := _READ.get(name))
            }
            if environment.runner.state in {"spawning", "running"}:
                raise SpecError("a test is running: stop it before you start another")
            refuse(host, changed)
            if "run_time" in changed:  # Locust keeps the last one where the field is empty
                options["run_time"] = changed["run_time"]
        except (SpecError, ValueError) as error:
            return jsonify({"success": False, "message": str(error), "host": environment.host})
        return None

    environment.web_ui.app.before_request(check)


def show_tests(
    web_ui: WebUI,
    plan: Callable[[], Plan],
    current: Callable[[], tuple[float, Account]],
    history: Sequence[tuple[Mapping[str, Any], Account]],
) -> None:
    """Two tabs: planned against sent of the test that runs, and the verdict of each that ended.

    Source: Locust's examples/extend_web_ui.py: tabs and tables are arguments of the page, and their
    rows come with the statistics.

    Args:
        web_ui: Locust's.
        plan: Of the test that runs, or ran last.
        current: The second of it that is now, and what was counted so far.
        history: Record and account of each that ended; it grows.
    """
    tables = {"plan": _PLAN, "verdict": _VERDICT}
    web_ui.template_args |= {
        "extended_tabs": [{"key": key, "title": key.title()} for key in tables],
        "extended_tables": [
            {"key": key, "structure": [{"key": c, "title": c.title()} for c in columns]}
            for key, columns in tables.items()
        ],
    }

    def extend(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            now_s, account = current()
            rows = {"plan": _plan_rows(plan(), now_s, account), "verdict": _verdict_rows(history)}
            extended = [{"key": key, "data": rows[key]} for key in tables]
            response.set_data(json.dumps({**response.get_json(), "extended_stats": extended}))
        return response

    web_ui.app.after_request(extend)


def _plan_rows(plan: Plan, now_s: float, account: Account) -> list[dict[str, Any]]:
    """One for each stage: what is due of it so far, and what was sent and has failed in it.

    What a busy machine sends late counts where it is sent; after the last stage, in that.
    """
    rows, begins = [], 0.0
    for position, stage in enumerate(plan.stages, start=1):
        ends = begins + stage.for_s
        until = min(max(now_s, begins), ends)
        closes = int(ends) if position < len(plan.stages) else math.inf
        seconds = [
            second for number, second in account.seconds.items() if int(begins) <= number < closes
        ]
        rows.append(
            {
                "seconds": f"{begins:g} to {ends:g}",
                "rate": f"{stage.rate:g} to {stage.to_rate:g}",
                "due": plan.due_until(until) - plan.due_until(begins),
                "sent": sum(second.started for second in seconds),
                "failed": sum(second.failed + second.unanswered for second in seconds),
            }
        )
        begins = ends
    return rows


def _verdict_rows(history: Iterable[tuple[Mapping[str, Any], Account]]) -> list[dict[str, Any]]:
    """The verdict of each test, the last one first, and each of its claims."""
    rows = []
    for number, (record, account) in reversed(list(enumerate(history, start=1))):
        test = f"{number}: {record['shape']}"
        sent = f"{account.started} of {record['planned']} sent"
        rows.append({"test": test, "outcome": record["outcome"].upper(), "claim": sent})
        rows += [
            {"test": test, "claim": finding["id"], **{key: finding[key] for key in _FINDING}}
            for finding in record["findings"]
        ]
    return rows
