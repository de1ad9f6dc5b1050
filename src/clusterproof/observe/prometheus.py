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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.inside import Inside
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import TargetsRow
from clusterproof.spec.settings import PrometheusSettings
from clusterproof.wait import last_within

if TYPE_CHECKING:
    import requests

FRESH_S = 150.0
"""Two missed scrapes at Prometheus' default interval of one minute, and a half. Our choice."""
SETTLE_WITHIN_S = 20.0
"""A Pod that is new is found and scraped first: discovery takes 5 s, then an interval."""
TIMEOUT_S = 10
_NO_WAY_IN = ("not found", "no endpoints available", "error trying to reach service")
HOW = "service proxy of the API server (right: get services/proxy)"


@dataclass(frozen=True, slots=True)
class Target:
    """One Pod as Prometheus sees it; `up` is None when it is no target."""

    pod: str
    up: float | None
    age_s: float = 0.0


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
        self._proxied = True

    def query(self, *queries: str) -> list[list[dict[str, Any]]]:
        """The vector that each query comes to now.

        Raises:
            ObservationError: Prometheus was not reached, or refused a query.
        """
        if self._proxied:
            try:
                return [self._through_api_server(promql) for promql in queries]
            except ObservationError as error:
                if not any(words in str(error) for words in _NO_WAY_IN):
                    raise
                self._proxied = False
                why = error
        try:
            return self._from_own_pod(queries)
        except ObservationError as error:
            if self.how == HOW:
                raise ObservationError(f"{why}; and then: {error}") from error
            raise

    def _from_own_pod(self, queries: tuple[str, ...]) -> list[list[dict[str, Any]]]:
        pod, settings = self._own_pod(), self._settings
        host = f"{settings.service}.{settings.namespace}.svc:{settings.port}"
        request = {"url": f"{settings.scheme}://{host}", "queries": queries}
        said = pod.ask("promql", request, within_s=60.0)
        if said["error"]:
            raise ObservationError(f"Prometheus at {host}, asked from {pod.where}: {said['error']}")
        self.how = pod.how
        vectors: list[list[dict[str, Any]]] = said["vectors"]
        return vectors

    def _through_api_server(self, promql: str) -> list[dict[str, Any]]:
        import requests  # noqa: PLC0415 - a tenth of a second that other runs need not pay
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
            found: list[dict[str, Any]] = client.custom_query(promql)
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
        return found


def read_targets(
    prometheus: Prometheus, cluster: Cluster, rule: TargetsRow
) -> Observed[tuple[Target, ...]]:
    """Each ready Pod as a target, after a new one had time to be found and scraped.

    Raises:
        ObservationError: No ready Pod, no Prometheus, or a Prometheus without any data.
    """
    pods = {
        str(pod["metadata"]["name"]): str((pod.get("status") or {}).get("podIP"))
        for pod in cluster.ready_pods_of(rule.workload)
    }
    namespace = rule.workload.namespace
    selector = f'namespace="{namespace}",pod=~"{"|".join(pods)}"'

    def look() -> tuple[Target, ...]:
        up, age = (
            _by_pod(vector, pods, rule.port)
            for vector in prometheus.query(
                f"up{{{selector}}}", f"time() - timestamp(up{{{selector}}})"
            )
        )
        return tuple(Target(pod, up.get(pod), age.get(pod, 0.0)) for pod in pods)

    value = last_within(
        look,
        lambda targets: all(target.up == 1 for target in targets),
        within_s=SETTLE_WITHIN_S,
        every_s=2.0,
    )
    (others,) = prometheus.query("count(up)")
    if not others:
        raise ObservationError(
            "Prometheus has no data at all: no target of any kind",
            next_command=f"kubectl get --raw '{prometheus.path}/api/v1/targets'",
        )
    ages = [target.age_s for target in value if target.up is not None]
    return Observed(
        value,
        where=f"{rule.workload} :{rule.port}",
        evidence=(
            f"{sum(target.up == 1 for target in value)} of {len(value)} ready Pods are up, of "
            f"{others[0]['value'][1]} targets in all",
            f"oldest sample {max(ages, default=0.0):.1f} s old",
        ),
        next_command=f"kubectl get --raw '{prometheus.path}/api/v1/query?query=up'",
        how=prometheus.how,
    )


def _by_pod(vector: list[dict[str, Any]], pods: dict[str, str], port: int) -> dict[str, float]:
    """The value of each Pod's target on this port; `instance` is where it is scraped."""
    found: dict[str, float] = {}
    for series in vector:
        labels = series["metric"]
        pod = labels.get("pod", "")
        if labels.get("instance") in {f"{pods.get(pod)}:{port}", f"[{pods.get(pod)}]:{port}"}:
            found[pod] = float(series["value"][1])
    return found


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
