"""The standard gRPC health service on its own port: the same truth as /ready."""

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVICE = "model_router.v1.ModelRouter"


class GrpcHealth:
    """A gRPC server that answers grpc.health.v1.Health."""

    def __init__(self, port: int) -> None:
        """Listen; nothing is served as healthy before `say`."""
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2))
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.say(serving=False)
        self.port: int = self._server.add_insecure_port(f"0.0.0.0:{port}")

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def say(self, *, serving: bool) -> None:
        """What health checks are told from now on."""
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if serving
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in ("", SERVICE):
            self._health.set(service, status)

    def stop(self) -> None:
        """End within a second."""
        self._server.stop(grace=1).wait()
