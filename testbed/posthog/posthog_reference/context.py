"""What the endpoints of one web process share: settings, connections, counters."""

from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import Request

from .checks import Dependencies
from .errors import ApiError
from .event_queue import EventQueue
from .metrics import WebMetrics
from .projects import PersonalKey, Project, Projects
from .settings import Settings
from .store import EventStore


@dataclass(frozen=True)
class Context:
    """One web process's parts."""

    settings: Settings
    projects: Projects
    queue: EventQueue
    store: EventStore
    dependencies: Dependencies
    metrics: WebMetrics


def context_of(request: Request) -> Context:
    """The context that the application was started with."""
    return cast("Context", request.app.state.context)


async def authenticated(request: Request, scope: str) -> PersonalKey:
    """The personal API key of the request.

    Raises:
        ApiError: 401 without a usable key, 403 when it lacks the scope.
    """
    context = context_of(request)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        if context.settings.faults.on("open_query"):
            return PersonalKey("fault: open_query", frozenset({"*"}), frozenset({1}))
        raise ApiError(
            401,
            "authentication_error",
            "not_authenticated",
            "Authentication credentials were not provided.",
        )
    found = await context.projects.personal_key(key.strip())
    if found is None:
        raise ApiError(
            401,
            "authentication_error",
            "authentication_failed",
            "Personal API key found in request Authorization header is invalid.",
        )
    if not found.allows(scope):
        raise ApiError(
            403,
            "authentication_error",
            "permission_denied",
            f"API key missing required scope '{scope}'",
        )
    return found


async def project_of(request: Request, key: PersonalKey) -> Project:
    """The project in the request's path; `@current` is the key's first.

    Raises:
        ApiError: 404 when there is none, 403 when the key has no access to it.
    """
    given: Any = request.path_params["project_id"]
    if given == "@current":
        given = str(min(key.project_ids, default=0))
    project = None
    if str(given).isdigit() and len(str(given)) < 10:  # noqa: PLR2004  # an int4
        project = await context_of(request).projects.by_id(int(given))
    if project is None:
        raise ApiError(404, "invalid_request", "not_found", "Project not found.")
    if project.id not in key.project_ids:
        raise ApiError(
            403,
            "authentication_error",
            "permission_denied",
            f"API key does not have access to the requested project: ID {project.id}.",
        )
    return project
