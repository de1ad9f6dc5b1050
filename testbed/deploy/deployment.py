"""The steps of `up` and `down`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from clusterproof.kube.kinds import KINDS
from clusterproof.wait import NeverAcceptedError
from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.deploy import secrets, tls
from testbed.deploy.kubectl import SERVER_SIDE, Kubectl
from testbed.deploy.profiles import PROFILE_ANNOTATION, PROFILES, ROUTER, Profile
from testbed.deploy.rollout import Trouble, Workload, troubles, workloads
from testbed.settings import patient
from testbed.waits import wait_until

CHECKOUT = Path(__file__).parents[2]
MANIFESTS = CHECKOUT / "testbed" / "manifests"
OVERLAYS = MANIFESTS / "overlays"
DELIVERED = CHECKOUT / ".testbed"
_GONE_WITHIN_S = 180.0
_WORKLOADS: Final = "deployments,statefulsets,daemonsets"
# A Pod may meet a passing error while its volume or network is made.
_HOPELESS_FOR_S = 25.0

Say = Callable[[str], None]


def up(kubectl: Kubectl, profile: Profile, *, within_s: float, say: Say) -> None:
    """Deploy a profile and wait until every workload is complete.

    Raises:
        TestbedError: It did not come up: says which Pods, and why.
    """
    before = deployed_profile(kubectl)
    if before and PROFILES[before].namespaces != profile.namespaces:
        say(f"profile {before} is deployed: removing it first")
        down(kubectl, say=say)
    say(f"applying profile {profile.name}")
    kubectl.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": name,
                    "labels": {"name": name},
                    "annotations": {PROFILE_ANNOTATION: profile.name},
                },
            }
            for name in profile.namespaces
        ]
    )
    values = secrets.load_or_make(_secrets_file(kubectl.kubeconfig))
    kubectl.apply([*secrets.objects(values, profile), *tls.objects(DELIVERED, profile)])
    if profile.trusts_outside:
        kubectl.apply([_outside_authority()])
    if profile.outside:
        kubectl.run("apply", *SERVER_SIDE, "-k", str(MANIFESTS / profile.outside))
    kubectl.run("apply", *SERVER_SIDE, "-k", str(MANIFESTS / profile.folder))
    wait_until_complete(kubectl, profile, within_s=within_s, say=say)


def _secrets_file(kubeconfig: Path) -> Path:
    """Beside the local cluster's state, so that each checkout deploys the same values to it.

    Pods read a Secret when they start: other values would leave them with the earlier ones.
    """
    is_local = paths.STATE.is_dir() and kubeconfig.resolve() == paths.KUBECONFIG.resolve()
    return (paths.STATE if is_local else DELIVERED) / "secrets.json"


def down(kubectl: Kubectl, *, say: Say) -> None:
    """Delete the namespaces of what is deployed, and take back what it changed outside of them."""
    profile = PROFILES.get(deployed_profile(kubectl), PROFILES["self-hosted"])
    kubectl.delete_namespaces(*profile.namespaces, within_s=_GONE_WITHIN_S)
    for item in _outside_of_namespaces(kubectl, profile):
        kind, name = item["kind"], item["metadata"]["name"]
        if kind == "Node":  # applied without its labels and taints, it loses those that were ours
            bare = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
            kubectl.apply([bare])
        else:
            kubectl.run("delete", kind, name, "--ignore-not-found")
    say("the deployment is gone")


def _outside_of_namespaces(kubectl: Kubectl, profile: Profile) -> list[dict[str, Any]]:
    rendered = kubectl.run("kustomize", str(MANIFESTS / profile.folder))
    return [
        item
        for item in yaml.safe_load_all(rendered)
        if item["kind"] in KINDS and not KINDS[item["kind"]].namespaced
        if item["kind"] != "Namespace"
    ]


def deployed_profile(kubectl: Kubectl) -> str:
    """Name of the profile that is deployed; "" when none is."""
    for item in kubectl.read("namespaces"):
        name = (item["metadata"].get("annotations") or {}).get(PROFILE_ANNOTATION, "")
        if name in PROFILES:
            return str(name)
    return ""


def wait_until_complete(kubectl: Kubectl, profile: Profile, *, within_s: float, say: Say) -> None:
    """Wait for every workload of a profile, saying what changes.

    Raises:
        TestbedError: Time ran out, or a Pod cannot come up: names each such Pod and its reason.
    """
    last_line = ""
    hopeless_since: dict[str, float] = {}

    def look() -> tuple[tuple[Workload, ...], tuple[Trouble, ...]]:
        nonlocal last_line
        items = [
            item
            for namespace in profile.namespaces
            for item in kubectl.read(_WORKLOADS, "--namespace", namespace)
        ]
        known = workloads(items, profile.at_least)
        line = ", ".join(map(str, known))
        if line != last_line:
            last_line = line
            say(line)
        if known and all(item.complete for item in known):
            return known, ()
        pods = [
            pod
            for namespace in profile.namespaces
            for pod in kubectl.read("pods", "--namespace", namespace)
        ]
        troubled = troubles(pods)
        hopeless = [item for item in troubled if item.hopeless]
        for item in hopeless:
            since = hopeless_since.setdefault(f"{item.pod} {item.reason}", time.monotonic())
            if time.monotonic() - since > patient(_HOPELESS_FOR_S):
                raise TestbedError(_not_up(hopeless))
        return known, troubled

    try:
        wait_until(
            look,
            lambda state: bool(state[0]) and all(item.complete for item in state[0]),
            waiting_for=f"every workload of profile {profile.name}",
            within_s=within_s,
            every_s=1.5,
        )
    except NeverAcceptedError as error:
        known, troubled = look()
        late = ", ".join(str(item) for item in known if not item.complete)
        raise TestbedError(
            f"expected every workload complete within {patient(within_s):g} s, observed {late}\n"
            f"{_not_up(troubled)}"
        ) from error


def _not_up(troubled: tuple[Trouble, ...] | list[Trouble]) -> str:
    lines = "\n".join(f"  {item}" for item in troubled) or "  no Pod says why"
    hint = ""
    if any("Image" in item.reason for item in troubled):
        hint = "\n  images are imported by: python -m testbed.cluster up"
    return f"Pods that do not come up:\n{lines}{hint}"


def _outside_authority() -> dict[str, object]:
    authority = DELIVERED / "outside-ca.crt"
    if not authority.exists():
        raise TestbedError(
            f"expected {authority} (made by: python -m testbed.cluster up), observed none"
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": ROUTER, "name": "outside-ca"},
        "data": {"ca.crt": authority.read_text()},
    }
