"""Serves Ingresses of class `nginx`: an nginx whose configuration follows the objects.

A bad object never takes a good one down: it is left out and named in the log and the status file,
and a configuration that nginx refuses leaves the last good one in place.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address
from pathlib import Path

from testbed.controllers.certificates import Certificate, CertificateStore, read_certificate
from testbed.controllers.kube import MERGE_PATCH, Api, ApiError
from testbed.controllers.loop import StatusFile, Wake, run
from testbed.controllers.mirror import Mirror
from testbed.controllers.nginx import Nginx
from testbed.controllers.nginx_config import configuration
from testbed.controllers.routes import (
    IngressFacts,
    ServiceFacts,
    SliceFacts,
    read_ingress,
    read_service,
    read_slice,
)
from testbed.controllers.routing import routing_of

NETWORKING = "/apis/networking.k8s.io/v1"

log = logging.getLogger(__name__)


@dataclass
class Front:
    """The mirrors, and the nginx that follows from them."""

    api: Api
    ingresses: Mirror[IngressFacts]
    services: Mirror[ServiceFacts]
    slices: Mirror[SliceFacts]
    certificates: Mirror[Certificate]
    nginx: Nginx
    store: CertificateStore
    address: IPv4Address
    told: tuple[str, ...] = ()

    def reconcile(self) -> Mapping[str, object]:
        """Bring nginx and every Ingress's status up to date.

        Raises:
            ControllerError: nginx did not take the configuration; the former one is served.
        """
        ingresses = self.ingresses.snapshot()
        routing = routing_of(ingresses, self.services.snapshot(), self.slices.snapshot())
        wanted = {server.secret for server in routing.servers if server.secret}
        present = [one for one in self.certificates.snapshot() if one.object_key in wanted]
        files, problems = self.store.update(present)
        problems = [
            *routing.problems,
            *problems,
            *(
                f"{server.host}: expected a usable TLS secret {'/'.join(server.secret)}, seen none"
                for server in routing.servers
                if server.secret and server.secret not in files
            ),
        ]
        self._tell(tuple(problems))
        draft = configuration(routing, files, self.nginx.directory)
        digest = hashlib.sha256(draft.encode()).hexdigest()[:16]
        text = configuration(routing, files, self.nginx.directory, digest)
        if text != self.nginx.live:
            self.nginx.apply(text, digest)
            self.store.tidy()
            log.info("serves configuration %s: %d hosts", digest, len(routing.servers) - 1)
        for ingress in ingresses:
            if ingress.address != str(self.address):
                self._publish(ingress)
        return {
            "configuration": digest,
            "hosts": [server.host for server in routing.servers if server.host],
            "upstreams": routing.upstreams,
            "problems": problems,
            "ingresses": {f"{one.namespace}/{one.name}": one.generation for one in ingresses},
        }

    def _tell(self, problems: tuple[str, ...]) -> None:
        """Log each problem once, not at every turn."""
        for problem in problems:
            if problem not in self.told:
                log.warning("%s", problem)
        self.told = problems

    def _publish(self, ingress: IngressFacts) -> None:
        path = f"{NETWORKING}/namespaces/{ingress.namespace}/ingresses/{ingress.name}/status"
        body = {"status": {"loadBalancer": {"ingress": [{"ip": str(self.address)}]}}}
        try:
            self.api.request("PATCH", path, body=body, content_type=MERGE_PATCH)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:  # deleted meanwhile: the watch will tell
                raise


def run_ingress(
    api: Api,
    status: StatusFile,
    wake: Wake,
    *,
    netns: Path,
    address: IPv4Address,
    directory: Path,
) -> None:
    """Serve until told to stop, then end nginx after its open requests.

    Args:
        api: The cluster.
        status: Tells what is served.
        wake: Ends it.
        netns: The network namespace that nginx serves in.
        address: Its address there, published in each Ingress's status.
        directory: For its configuration, its certificates and its temporary files.
    """
    changed = wake.changed
    front = Front(
        api,
        Mirror(api, f"{NETWORKING}/ingresses", read_ingress, changed),
        Mirror(api, "/api/v1/services", read_service, changed),
        Mirror(api, "/apis/discovery.k8s.io/v1/endpointslices", read_slice, changed),
        Mirror(
            api,
            "/api/v1/secrets",
            read_certificate,
            changed,
            field_selector="type=kubernetes.io/tls",
        ),
        Nginx(netns, directory, changed),
        CertificateStore(directory / "tls"),
        address,
    )
    mirrors = (front.ingresses, front.services, front.slices, front.certificates)
    try:
        run(mirrors, front.reconcile, status, wake)
    finally:
        front.nginx.end()
        status.remove()
