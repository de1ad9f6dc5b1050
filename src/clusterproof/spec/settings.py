"""What a spec says beside its rows: where to look from, and where PostHog and Prometheus are."""

from typing import Literal

from pydantic import Field

from clusterproof.production import Production
from clusterproof.spec.row import Frozen, QuantityText, Ref


class KeyRef(Frozen):
    """A key of a Secret: the value goes from the cluster to the Pod that needs it, not by us."""

    name: str
    key: str


class PodResources(Frozen):
    """`requests` and `limits` of a container, as Kubernetes has them."""

    requests: dict[str, QuantityText] = Field(default_factory=dict)
    limits: dict[str, QuantityText] = Field(default_factory=dict)


class DiallerSettings(Frozen):
    """The Pod of our own from which peers are dialled; no Service selects it.

    Attributes:
        image: Any image with python3 (and the `posthog` package, for the ingestion rows).
        python: The interpreter in it.
        namespace: Where it runs when no row asks for another place.
        ephemeral_containers: Where a container has no python3, add an ephemeral one to its Pod
            instead of starting a stand-in beside it; it can never be removed from the Pod.
        resources: What each Pod of our own asks for. Without it: 10m and 32Mi of CPU and memory,
            limits of 500m and 128Mi (256Mi with the SDK), or what the LimitRanges of its namespace
            demand where they refuse that.
    """

    image: str
    python: str = "python3"
    namespace: str
    ephemeral_containers: bool = False
    resources: PodResources | None = None

    @property
    def pod_resources(self) -> dict[str, dict[str, str]] | None:
        """As a container has them; None where the spec does not say."""
        return None if self.resources is None else self.resources.model_dump()


class TrafficSettings(Frozen):
    """The router as a caller sees it.

    Attributes:
        requests: How many are sent; a third as many users ask three times each.
        variant_property: Of an exposure event: what holds the variant.
    """

    workload: Ref
    service: str
    port: int = 8080
    metrics_port: int = 9090
    requests: int = Field(default=60, ge=3, le=2000)
    variant_property: str = "$feature_flag_response"


class PosthogSettings(Frozen):
    """PostHog as its SDK and its readers see it.

    Attributes:
        host: Where the SDK sends, as seen from a Pod.
        query_host: Where HogQL is asked; another host than `host` on PostHog Cloud.
        api_key: The project's token, a key of a Secret in `namespace`.
        personal_api_key: The key that may read, likewise; its scopes: query:read, and
            feature_flag:read for what is said of a flag beside its answers.
        project_id: The number that the project's settings show; `@current` is the project that
            PostHog takes for that of the personal key.
        ca: A key of a ConfigMap in `namespace`: certificates that a Pod of our own trusts beside
            the system's. Where there is no such ConfigMap, only the system's are trusted.
        events: How many are sent for the ingestion rows.
        queries: The most HogQL queries of one reading: PostHog Cloud allows some plans 120 in an
            hour, for all who use the key.
        late_after_s: An event later than this is late: PostHog's own commitment, 30 s at p95.
    """

    host: str
    query_host: str
    namespace: str
    project_id: int | Literal["@current"] = 1
    api_key: KeyRef
    personal_api_key: KeyRef
    ca: KeyRef | None = None
    events: int = Field(default=200, ge=1, le=5000)
    queries: int = Field(default=200, ge=5)
    late_after_s: float = 30.0
    within_s: float = 45.0


class PrometheusSettings(Frozen):
    """Prometheus' Service, reached through the API server."""

    namespace: str
    service: str
    port: int = 9090
    scheme: str = "http"


class Settings(Frozen):
    """All of them; a part that is absent makes the rows that need it INCONCLUSIVE.

    Attributes:
        production_contexts: Globs of contexts in which nothing is written without
            --allow-production; `in-cluster` is a Pod's own ServiceAccount.
        production_clusters: Globs of the UID of namespace kube-system, for the same.
        settle_s: How long a rollout that is under way is waited for.
    """

    dialler: DiallerSettings | None = None
    traffic: TrafficSettings | None = None
    posthog: PosthogSettings | None = None
    prometheus: PrometheusSettings | None = None
    production_contexts: tuple[str, ...] = ()
    production_clusters: tuple[str, ...] = ()
    settle_s: float = Field(default=120.0, gt=0)

    @property
    def production(self) -> Production:
        """What is somebody's production."""
        return Production(contexts=self.production_contexts, clusters=self.production_clusters)
