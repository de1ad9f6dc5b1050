"""A Pod's port through the API server's portforward subresource, as kubectl forwards it.

Rights: `get pods/portforward`, since a websocket begins as a GET, and from v1.35 on `create` as
well. Each port has two channels, data and errors; the first frame of each repeats the port.
Source: kubelet's portforward websocket server, v4.channel.k8s.io (v1.35).
"""

import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.objects import labels_of
from clusterproof.kube.pods import is_healthy
from clusterproof.kube.selectors import service_selects
from clusterproof.kube.services import ports_of, target_port
from clusterproof.observe.cluster import Cluster
from clusterproof.spec.row import ObjectRef

if TYPE_CHECKING:
    from websocket import WebSocket

ANSWER_WITHIN_S = 10.0
_DATA, _ERROR = 0, 1
_DENIED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_PORT_BYTES = 2


def end_of(api: KubeApi, service: ObjectRef, port: int) -> tuple[str, int, str]:
    """The ready Pod and its port behind a Service's port, or why there is none.

    Returns:
        Pod, port number, and "", or the reason in the third place.
    """
    cluster = Cluster(api)
    item = cluster.find(service)
    if item is None:
        return "", 0, f"{service}: no such object"
    served = next((entry for entry in ports_of(item) if entry.port == port), None)
    if served is None:
        return "", 0, f"{service} has no port {port}"
    pods = [
        pod
        for pod in cluster.objects("Pod", service.namespace)
        if is_healthy(pod) and service_selects(item, labels_of(pod))
    ]
    if not pods:
        return "", 0, f"no ready Pod behind {service}"
    pod = min(pods, key=lambda each: str(each["metadata"]["name"]))
    number = target_port(pod["spec"], served)
    if number is None:
        return "", 0, f"no container port of the name {served.target}"
    return str(pod["metadata"]["name"]), number, ""


def get_through(api: KubeApi, namespace: str, pod: str, port: int, path_at_the_end: str) -> str:
    """What answers GET `path_at_the_end` at the other end; "" and more when nothing does.

    Returns:
        The whole HTTP answer as text, or the words of the error channel.

    Raises:
        ObservationError: The API server refused, or the stream broke off.
    """
    from clusterproof.kube.websocket import HandshakeError  # noqa: PLC0415 - as in `_read`

    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/portforward"
    where = f"port-forward to {namespace}/{pod}:{port}"
    api.note_call("EXEC", path)
    try:
        with api.websocket(
            f"{path}?ports={port}", ["v4.channel.k8s.io"], within_s=ANSWER_WITHIN_S
        ) as stream:
            return _read(stream, path_at_the_end, where)
    except HandshakeError as error:
        denied = f"kubectl -n {namespace} auth can-i create pods/portforward"
        raise ObservationError(
            f"{where}: refused: {str(error)[:200]}",
            status=error.status,
            next_command=denied if error.status in _DENIED else "",
        ) from error


def _read(stream: "WebSocket", path: str, where: str) -> str:
    from websocket import WebSocketException  # noqa: PLC0415 - only a rehearsal needs it

    received = {_DATA: bytearray(), _ERROR: bytearray()}
    began: set[int] = set()
    ends_at = time.monotonic() + ANSWER_WITHIN_S
    try:
        ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        stream.send_binary(bytes([_DATA]) + ask.encode())
        while time.monotonic() < ends_at:
            frame = stream.recv()
            data = frame.encode() if isinstance(frame, str) else frame
            if not data:
                break
            channel, rest = data[0], data[1:]
            if channel not in began:  # the port again, in two bytes
                began.add(channel)
                rest = rest[_PORT_BYTES:]
            received.setdefault(channel, bytearray()).extend(rest)
            if received[_ERROR]:
                break
    except (WebSocketException, OSError) as error:
        if not received[_DATA]:
            message = f"{where}: {type(error).__name__}: {error}"
            raise ObservationError(message) from error
    return (received[_ERROR] or received[_DATA]).decode("utf-8", "replace")
