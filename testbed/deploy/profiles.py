"""The profiles as data: which manifests, which namespaces, which Secrets and certificates."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

ROUTER = "voicehelper-prod"
POSTHOG = "posthog"
CLOUD = "posthog-cloud"
SHOP = "shop"
WAREHOUSE = "warehouse"
PROFILE_ANNOTATION = "clusterproof.dev/profile"


@dataclass(frozen=True)
class SecretKeys:
    """A Secret that is made when deploying.

    Attributes:
        keys: Key to the name of its value, as in `secrets.SHAPES`.
    """

    namespace: str
    name: str
    keys: Mapping[str, str]


@dataclass(frozen=True)
class Certificate:
    """A TLS Secret of an Ingress.

    Attributes:
        intermediate: Whether another authority stands between its certificate and ours.
    """

    namespace: str
    secret: str
    host: str
    intermediate: bool = False


@dataclass(frozen=True)
class Profile:
    """One way to deploy.

    Attributes:
        name: As on the command line.
        folder: With a kustomization, below testbed/manifests.
        namespaces: Every namespace that the manifests fill.
        at_least: Deployment to the replicas that its autoscaler makes of a new one; the manifest
            leaves the number to it.
        trusts_outside: Whether the router must trust the stand-in for the internet.
        outside: A second folder with a kustomization: what plays a part of the internet.
    """

    name: str
    folder: str
    namespaces: tuple[str, ...]
    secrets: tuple[SecretKeys, ...]
    certificates: tuple[Certificate, ...]
    at_least: Mapping[str, int] = field(default_factory=dict)
    trusts_outside: bool = False
    outside: str = ""


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _router(name: str, *more: str) -> tuple[SecretKeys, ...]:
    keys = _same("POSTHOG_API_KEY", "DB_PASSWORD", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", *more)
    database = {"POSTGRES_PASSWORD": "DB_PASSWORD"}
    return (
        SecretKeys(ROUTER, name, keys),
        SecretKeys(ROUTER, "postgres-secret", database),
    )


def _posthog(namespace: str) -> SecretKeys:
    keys = ("POSTHOG_DB_PASSWORD", "CLICKHOUSE_PASSWORD", "SECRET_KEY")
    return SecretKeys(namespace, "posthog-secret", _same(*keys, *_POSTHOG_KEYS))


_POSTHOG_KEYS = ("POSTHOG_API_KEY", "POSTHOG_PERSONAL_API_KEY")
_ROUTER_TLS = Certificate(ROUTER, "model-router-tls", "router.voicehelper.example.com")
_POSTHOG_TLS = Certificate(POSTHOG, "posthog-tls", "posthog.voicehelper.example.com")
_SELF_HOSTED = Profile(
    "self-hosted",
    "overlays/self-hosted",
    (ROUTER, POSTHOG),
    (*_router("model-router-secret"), _posthog(POSTHOG)),
    (_ROUTER_TLS, _POSTHOG_TLS),
    at_least={"model-router": 3},
)

PROFILES = {
    profile.name: profile
    for profile in (
        _SELF_HOSTED,
        replace(_SELF_HOSTED, name="lab", folder="overlays/lab"),
        Profile(
            "cloud",
            "overlays/cloud-local",
            (ROUTER, CLOUD),
            (*_router("model-router-secret-cloud", "POSTHOG_PERSONAL_API_KEY"), _posthog(CLOUD)),
            (_ROUTER_TLS,),
            at_least={"model-router": 3},
            trusts_outside=True,
            outside="overlays/posthog-cloud",
        ),
        Profile(
            "shop",
            "shop",
            (SHOP, WAREHOUSE),
            (
                SecretKeys(
                    SHOP,
                    "storefront-keys",
                    {"api.token": "SHOP_TOKEN", "session.key": "SHOP_SESSION_KEY"},
                ),
                SecretKeys(SHOP, "storefront-payments", {"CLIENT": "SHOP_PAYMENTS"}),
            ),
            (
                Certificate(SHOP, "shop-tls", "shop.example.com", intermediate=True),
                Certificate(SHOP, "brands-tls", "*.shop.example.com", intermediate=True),
            ),
            at_least={"storefront": 2},
        ),
    )
}
