"""Prometheus' own view of a workload's Pods, asked through the API server's service proxy.

Path: GET /api/v1/namespaces/NS/services/SCHEME:NAME:PORT/proxy/api/v1/query; right:
`get services/proxy`. That proxy (v1.35) goes by the Endpoints object, and only to addresses in it
that are Pods: a Prometheus beside the cluster, behind a Service without selector, it calls "not
found" or "no endpoints available". Such a one is asked from a Pod of our own. An empty answer and
a metric that does not exist look alike, so what else Prometheus has is asked as well.
Source: Prometheus docs, "HTTP API" and "Jobs and instances: up" (read 2026-11-23).
"""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.observe.inside import Inside
from clusterproof.spec.settings import PrometheusSettings

if TYPE_CHECKING:
    import requests
    from prometheus_api_client import PrometheusConnect

TIMEOUT_S = 10
_NO_WAY_IN = ("not found", "no endpoints available", "error trying to reach service")
HOW = "service proxy of the API server (right: get services/proxy)"


def _adapter(api: KubeApi) -> Any:  # noqa: ANN401 - requests is imported only where it is used
    """Lets requests ask through our own connection: its proxy, TLS, credentials and bounds."""
    import requests  # noqa: PLC0415
    from requests.adapters import BaseAdapter  # noqa: PLC0415

    class OurConnection(BaseAdapter):
        def send(
            self,
            request: "requests.PreparedRequest",
            *_args: object,
            **_options: object,
        ) -> "requests.Response":
            server = api.connection.server
            if not str(request.url).startswith(f"{server}/"):
                raise ObservationError(f"Prometheus sends on to {request.url}, which is not asked")
            path, _, query = str(request.url).removeprefix(server).partition("?")
            answer = api.request(
                "GET",
                path,
                query=dict(parse_qsl(query)),
                expect_ok=False,
                timeout_s=TIMEOUT_S,
                patience=api.proxied,
            )
            response = requests.Response()
            response.status_code, response.reason = answer.status_code, answer.reason_phrase
            response.raw, response.url = io.BytesIO(answer.content), server
            response.headers.update(answer.headers)
            return response

        def close(self) -> None:
            """The connection is the run's."""

    return OurConnection()


class Prometheus:
    """A Prometheus behind a Service of the cluster.

    Attributes:
        how: The way in that the last answer came by.
    """

    def __init__(
        self, api: KubeApi, settings: PrometheusSettings, own_pod: Callable[[], Inside]
    ) -> None:
        """Ask nothing yet; `own_pod` is asked for where the API server has no way in."""
        name = f"{settings.scheme}:{settings.service}:{settings.port}"
        self.path = f"/api/v1/namespaces/{quote(settings.namespace)}/services/{name}/proxy"
        self.how = HOW
        self._api = api
        self._settings = settings
        self._own_pod = own_pod
        self._proxied, self._reached = True, False
        self._why_not_proxied = ""

    def query(self, *queries: str) -> list[list[dict[str, Any]]]:
        """The vector that each query comes to now.

        Raises:
            ObservationError: Prometheus was not reached, or refused a query.
        """
        return self._ask(
            lambda client: [client.custom_query(promql) for promql in queries],
            "vectors",
            {"queries": queries, "targets": False},
        )

    def targets(self) -> list[dict[str, Any]]:
        """The active targets, as `/api/v1/targets` lists them.

        Raises:
            ObservationError: As `query` does, or it is a store that scrapes nothing itself.
        """
        return self._ask(
            lambda client: list(client.get_targets("active")["activeTargets"]),
            "targets",
            {"queries": (), "targets": True},
        )

    def _ask(
        self, ask: "Callable[[PrometheusConnect], list[Any]]", key: str, request: dict[str, Any]
    ) -> list[Any]:
        """By the client library; or, where the API server has no way in, by our own Pod's script.

        Args:
            ask: What to ask the client.
            key: Under which the script has the same.
            request: What to ask the script.
        """
        if self._proxied:
            try:
                entries = self._through_api_server(ask)
            except ObservationError as error:
                # A 404 of a Prometheus that has answered before is its own.
                if self._reached or not any(words in str(error) for words in _NO_WAY_IN):
                    raise
                self._proxied = False
                self._why_not_proxied = str(error)
            else:
                self._reached = True
                return entries
        try:
            entries = list(self._from_own_pod(request)[key])
        except ObservationError as error:
            if self.how == HOW:  # the cluster has something to explain, whatever an option forbids
                raise ObservationError(f"{self._why_not_proxied}; and then: {error}") from error
            raise
        return entries

    def _from_own_pod(self, request: dict[str, Any]) -> dict[str, Any]:
        pod, settings = self._own_pod(), self._settings
        host = f"{settings.service}.{settings.namespace}.svc:{settings.port}"
        url = f"{settings.scheme}://{host}"
        answer = pod.ask("promql", {"url": url, **request}, within_s=60.0)
        if answer["error"]:
            raise ObservationError(
                f"Prometheus at {host}, asked from {pod.where}: {answer['error']}"
            )
        self.how = pod.how
        return answer

    def _through_api_server(self, ask: "Callable[[PrometheusConnect], list[Any]]") -> list[Any]:
        import requests  # noqa: PLC0415 - a tenth of a second that a plan has no use for
        from prometheus_api_client import (  # noqa: PLC0415
            PrometheusApiClientException,
            PrometheusConnect,
        )

        url = f"{self._api.connection.server}{self.path}"
        session = requests.Session()
        session.trust_env = False
        client = PrometheusConnect(url=url, session=session, timeout=TIMEOUT_S)
        adapter = _adapter(self._api)
        # The client mounts an adapter of its own for `url`; the longer prefix wins.
        for prefix in (f"{url}/", "https://", "http://"):
            session.mount(prefix, adapter)
        try:
            return ask(client)
        except (
            PrometheusApiClientException,
            requests.RequestException,
            ValueError,
            KeyError,  # a 200 of something that is no Prometheus
            TypeError,
        ) as error:
            raise ObservationError(
                f"Prometheus at {self.path}: {_brief(error)}",
                next_command=f"kubectl get --raw '{self.path}/-/ready'",
            ) from error
        finally:
            client.close()


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
