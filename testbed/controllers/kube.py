"""Raw JSON to and from the API server; the client library reads the kubeconfig and holds the TLS.

Raw, because the typed models drop fields that they do not know.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from testbed.settings import patient

Json = dict[str, Any]

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
# The server ends each watch itself, so one that is silent for longer has lost its peer.
WATCH_SERVER_TIMEOUT_S = 240
WATCH_SILENCE_S = 260.0
PAGE_SIZE = 500


class ApiError(Exception):
    """The API server refused, or could not be reached.

    Attributes:
        status: The HTTP status, or None when there was no answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """Keep the status: a caller treats 404, 409 and 410 each in its own way."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class WatchEvent:
    """One line of a watch: `kind` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    kind: str
    item: Json


class Api:
    """A connection to one API server. Safe to share between threads."""

    def __init__(self, api_client: client.ApiClient) -> None:
        """Use an ApiClient whose configuration is complete."""
        self._client = api_client
        self._host: str = api_client.configuration.host

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """The server of the current context of `path`.

        Raises:
            ApiError: The file is missing or is not a usable kubeconfig.
        """
        try:
            settings = client.Configuration()
            config.load_kube_config(
                config_file=str(path), client_configuration=settings, persist_config=False
            )
        except (config.ConfigException, OSError) as error:
            message = f"kubeconfig {path}: expected a usable current context, seen: {error}"
            raise ApiError(message) from error
        # One connection per watch, and a few more for requests.
        settings.connection_pool_maxsize = 16
        # Retries are ours: the mirrors back off, the reconcilers try again.
        settings.retries = urllib3.Retry(total=0)
        return cls(client.ApiClient(settings))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """The answer's JSON object.

        Raises:
            ApiError: No answer, or any status of 400 and above.
        """
        answer = self._send(method, path, query or {}, body, content_type, READ_TIMEOUT_S)
        try:
            parsed: Json = json.loads(answer.data)
        except (ValueError, urllib3.exceptions.HTTPError) as error:
            message = f"{method} {path}: expected JSON, seen: {error}"
            raise ApiError(message) from error
        finally:
            answer.release_conn()
        return parsed

    def list_all(self, path: str) -> tuple[list[Json], str]:
        """All objects under `path`, page by page, and the resourceVersion to watch from.

        Raises:
            ApiError: See `request`.
        """
        items: list[Json] = []
        query = {"limit": str(PAGE_SIZE)}
        while True:
            page = self.request("GET", path, query=query)
            items.extend(page.get("items") or [])
            metadata = page["metadata"]
            if not metadata.get("continue"):
                return items, str(metadata["resourceVersion"])
            query["continue"] = metadata["continue"]

    def watch(self, path: str, resource_version: str) -> Iterator[WatchEvent]:
        """Events after `resource_version`, until the server ends the watch.

        Raises:
            ApiError: With status 410 when `resource_version` is too old: list again.
        """
        query = {
            "watch": "1",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SERVER_TIMEOUT_S),
        }
        answer = self._send("GET", path, query, None, "", WATCH_SILENCE_S)
        try:
            yield from _events(path, answer)
        except urllib3.exceptions.HTTPError as error:
            message = f"watch {path}: broken off: {error}"
            raise ApiError(message) from error
        finally:
            answer.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Json | None,
        content_type: str,
        read_timeout_s: float,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        settings = self._client.configuration
        # Evaluated for each request, so that a token from an exec plugin is renewed.
        for setting in settings.auth_settings().values():
            if setting["in"] == "header":
                headers[setting["key"]] = setting["value"]
        url = f"{self._host}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer: urllib3.BaseHTTPResponse = self._client.call_api(
                method,
                url,
                header_params=headers,
                body=body,
                _request_timeout=(patient(CONNECT_TIMEOUT_S), patient(read_timeout_s)),
            ).response
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise _refusal(method, path, answer)
        except (ApiException, urllib3.exceptions.HTTPError) as error:
            message = f"{method} {path}: no answer from {self._host}: {error}"
            raise ApiError(message) from error
        return answer


def _refusal(method: str, path: str, answer: urllib3.BaseHTTPResponse) -> ApiError:
    """What the server said, in its own words."""
    try:
        said = json.loads(answer.data).get("message", "")
    except ValueError:
        said = "(not a Status object)"
    finally:
        answer.release_conn()
    return ApiError(f"{method} {path}: HTTP {answer.status}: {said}", status=answer.status)


def _events(path: str, answer: urllib3.BaseHTTPResponse) -> Iterator[WatchEvent]:
    rest = b""
    for chunk in answer.stream(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not line.strip():
                continue
            event = json.loads(line)
            item = event["object"]
            if event["type"] == "ERROR":
                message = f"watch {path}: {item.get('code')}: {item.get('message')}"
                raise ApiError(message, status=item.get("code"))
            yield WatchEvent(event["type"], item)
