"""The web UI: a test that may not start is refused in its own form, with the reason.

Source: Locust's web.py, route /swarm (2.47): it takes every field of the form over before it starts
a test, and an edit of a test that runs is the same request.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, jsonify, request
from locust.env import Environment

from clusterproof.errors import SpecError


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
            changed = {
                name: type(options[name])(text)
                for name, text in request.form.items()
                if name in {"shape", "rate_factor", "time_factor"}
            }
            if environment.runner.state in {"spawning", "running"}:
                raise SpecError("a test is running: stop it before you start another")
            refuse(host, changed)
        except (SpecError, ValueError) as error:
            return jsonify({"success": False, "message": str(error), "host": environment.host})
        return None

    environment.web_ui.app.before_request(check)
