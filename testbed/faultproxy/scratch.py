"""A workload of our own to be unkind beside: in a namespace of its own, removed with it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from urllib.parse import quote

import yaml

from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.pods import is_ready
from clusterproof.observe.cluster import RUN_LABEL
from testbed.waits import wait_until

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).with_name("scratch")
SPEC = FOLDER / "spec.yaml"
_COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "Service": "/api/v1/namespaces/{}/services",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
}


ANSWERS = ("python3", "-m", "http.server", "8080", "--directory", "/tmp")  # noqa: S108 - in a Pod
LISTENS = (
    "python3",
    "-c",
    "import socket, time; one = socket.create_server(('', 8080)); time.sleep(3600)",
)
"""The kernel takes each connection, and the program never looks at it: as if it were stopped."""


@contextmanager
def deployed(api: KubeApi, namespace: str, command: Sequence[str] = ANSWERS) -> Iterator[None]:
    """The workload with this command, ready; and gone in the end, with its namespace."""
    values = {"namespace": namespace, "command": json.dumps(command)}
    text = Template((FOLDER / "objects.yaml").read_text("utf-8")).substitute(values)
    try:
        for item in yaml.safe_load_all(text):
            api.request("POST", _COLLECTIONS[item["kind"]].format(namespace), body=item)
        wait_until(
            lambda: [is_ready(pod) for pod in pods(api, namespace)],
            lambda ready: ready == [True, True],
            waiting_for=f"the Pods of {namespace}",
            within_s=90,
        )
        yield
    finally:
        path = f"/api/v1/namespaces/{quote(namespace)}"
        api.request("DELETE", path, expect_ok=False)
        wait_until(
            lambda: api.find(path),
            lambda left: left is None,
            waiting_for=f"namespace {namespace} to be gone",
            within_s=90,
        )


def pods(api: KubeApi, namespace: str) -> list[Json]:
    """The workload's Pods."""
    return api.list(f"/api/v1/namespaces/{namespace}/pods", label_selector="app=web")


def left_over(api: KubeApi, namespace: str) -> list[str]:
    """What runs made and did not remove: Pods and Leases, by the run label."""
    objects = []
    for kind, path in (("pod", "/api/v1"), ("lease", "/apis/coordination.k8s.io/v1")):
        items = api.list(f"{path}/namespaces/{namespace}/{kind}s", label_selector=RUN_LABEL)
        objects += [f"{kind}/{item['metadata']['name']}" for item in items]
    return objects


PYTEST = (sys.executable, "-m", "pytest", "-q", "--tb=short", "--disable-plugin-autoload")
"""As a user has it, who has not the plugins that our own tests take: they start for a second."""


def command(kubeconfig: Path, namespace: str, reports: str, *more: str) -> list[str]:
    """A run against the scratch workload, as a user would start it."""
    return [
        *(*PYTEST, "suites"),
        *("--kubeconfig", str(kubeconfig), "--spec", str(SPEC)),
        *("--namespace", f"scratch={namespace}", "--report-dir", reports),
        *more,
    ]


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Begin one, which Ctrl-C ends whatever started us: a background job's shell ignores it."""
    return subprocess.Popen(
        ["env", "--default-signal=INT", *arguments],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
