"""What the observer lists before a load: an API server on loopback."""

from urllib.parse import urlsplit

import pytest

from clusterproof.errors import ObservationError
from clusterproof.load.objectives import read_objectives
from clusterproof.load.recorder import Recorder
from clusterproof.load.serving import unevenness_of
from clusterproof.load.target import Target
from tests.load.scaling_parts import SCALING
from tests.observe.loopback import Reply, Request, api_server, listed

TARGET = Target(
    "ns", "web", "app=web", "Deployment", "/apis/apps/v1/namespaces/ns/deployments", "web"
)
SERVICES = "/api/v1/namespaces/ns/services"
SERVICE = {
    "metadata": {"name": "web", "uid": "1"},
    "spec": {"sessionAffinity": "ClientIP"},
}


def _answer(request: Request) -> Reply:
    if "watch=" in request.path:
        return Reply(500, {"kind": "Status", "message": "no watch here"})
    items = [SERVICE] if urlsplit(request.path).path == SERVICES else []
    return Reply(200, {**listed("Any", *items), "metadata": {"resourceVersion": "1"}})


def test_the_services_affinity_is_seen() -> None:
    with api_server(_answer) as api:
        recorder = Recorder(api, TARGET, SCALING, read_objectives().metrics)
        recorder.start()
        recording = recorder.stop()
    (sentence,) = unevenness_of(recording, "web")
    assert sentence.startswith("Service web has sessionAffinity ClientIP")
    assert unevenness_of(recording, "other") == ()


def test_services_that_may_not_be_listed_end_the_run_before_its_load() -> None:
    """The right is named, as for all that is watched."""

    def answer(request: Request) -> Reply:
        if urlsplit(request.path).path == SERVICES:
            return Reply(403, {"kind": "Status", "message": "services is forbidden"})
        return _answer(request)

    with api_server(answer) as api:
        recorder = Recorder(api, TARGET, SCALING, read_objectives().metrics)
        with pytest.raises(ObservationError, match="services"):
            recorder.start()
