"""The profiles as data: which overlay, which namespaces, which Secrets."""

from dataclasses import dataclass

ROUTER = "voicehelper-prod"
POSTHOG = "posthog"
PROFILE_ANNOTATION = "clusterproof.dev/profile"


@dataclass(frozen=True)
class Profile:
    """One way to deploy.

    Attributes:
        name: As on the command line.
        overlay: Folder below testbed/manifests/overlays.
        namespaces: Every namespace that the overlay fills.
        router_secret: Name of the router's Secret.
        trusts_outside: Whether the router must trust the stand-in for the internet.
    """

    name: str
    overlay: str
    namespaces: tuple[str, ...]
    router_secret: str = "model-router-secret"  # noqa: S105 - a name, not a secret
    trusts_outside: bool = False


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("self-hosted", "self-hosted", (ROUTER, POSTHOG)),
        Profile("lab", "lab", (ROUTER, POSTHOG)),
        Profile(
            "cloud", "cloud-local", (ROUTER,), "model-router-secret-cloud", trusts_outside=True
        ),
    )
}


@dataclass(frozen=True)
class Certificate:
    """A TLS Secret of an Ingress."""

    namespace: str
    secret: str
    host: str


CERTIFICATES = (
    Certificate(ROUTER, "model-router-tls", "router.voicehelper.example.com"),
    Certificate(POSTHOG, "posthog-tls", "posthog.voicehelper.example.com"),
)

MIN_ROUTERS = 3
"""What the autoscaler makes of a new Deployment; the manifest leaves the number to it."""
