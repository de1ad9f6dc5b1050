"""The code of a difference, told from its words: the pages of the proof keep words alone."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from clusterproof.judgement import Difference

_ANY: Final = "*"
_CODES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        _ANY: (
            (r"expected a Service, observed absent", "service-missing"),
            (r"expected a ConfigMap, observed absent", "config-map-missing"),
            (r"expected a Secret, observed absent", "secret-absent"),
            (r"expected a NetworkPolicy, observed absent", "policy-missing"),
            (r"expected an autoscaler, observed absent", "autoscaler-absent"),
            (r"expected a workload.*, observed absent", "workload-absent"),
            (r"expected container .*, observed absent", "container-absent"),
            (r"observed no such object", "object-absent"),
        ),
        "answer": ((r"", "answer-differs"),),
        "certificate": ((r"expires|valid", "certificate-expires"), (r"", "certificate-other-host")),
        "consumed": (
            (r"expected a key of", "key-absent"),
            (r"not set from it", "key-not-consumed"),
            (r"", "object-not-consumed"),
        ),
        "dns": ((r"did not resolve", "name-not-resolved"), (r"", "address-differs")),
        "egress": (
            (r"expected refused", "peer-reached"),
            (r"did not resolve", "name-not-resolved"),
            (r"over TCP", "dns-tcp-refused"),
            (r"", "peer-not-reached"),
        ),
        "field": ((r"observed absent", "field-absent"), (r"", "field-differs")),
        "fresh": ((r"", "pod-stale"),),
        "hpa-state": (
            (r"scaleTargetRef", "target-absent"),
            (r"a figure", "metric-unknown"),
            (r"ScalingActive", "scaling-not-active"),
            (r"AbleToScale", "not-able-to-scale"),
            (r"a request", "request-absent"),
            (r"", "selects-pods-of-others"),
        ),
        "http": (
            (r"no answer", "no-answer"),
            (r"GET \S+ \S+:", "field-differs"),
            (r"", "status-differs"),
        ),
        "images": (
            (r"placeholder", "image-placeholder"),
            (r"unpinned", "image-not-pinned"),
            (r"absent", "workload-absent"),
            (r"", "image-not-the-templates"),
        ),
        "ingress": ((r"expected a host|ingress", "ingress-missing"), (r"", "backend-differs")),
        "metric": (
            (r"no metrics page", "page-missing"),
            (r"absent from", "metric-missing"),
            (r"", "metric-type-differs"),
        ),
        "metric-moves": (
            (r"absent from every", "metric-missing"),
            (r"no metrics page", "page-missing"),
            (r"", "counted-too-few"),
        ),
        "policy": (
            (r"selects?\b", "policy-selects-otherwise"),
            (r"namespace with this label", "namespace-missing"),
            (r"", "need-denied"),
        ),
        "reference": (
            (r"^host:", "host-differs"),
            (r"^port:", "port-differs"),
            (r"a value", "key-missing"),
        ),
        "replicas": (
            (r"spec\.replicas: expected|desiredNumber", "replicas-outside-bounds"),
            (r"paused", "rollout-paused"),
            (r"updated", "replicas-not-updated"),
            (r"", "replicas-not-ready"),
        ),
        "secret-shape": ((r"observed absent", "key-missing"), (r"", "secret-placeholder")),
        "service": (
            (r"only Pods of", "foreign-pod-selected"),
            (r"selected by the Service", "pod-not-selected"),
            (r"spec\.ports|protocol", "port-missing"),
            (r"targetPort|expected port|container port", "target-port-differs"),
            (r"at least one|a ready endpoint", "endpoint-missing"),
            (r"", "endpoint-foreign"),
        ),
        "starts": (
            (r"expected Pods, observed none", "pods-absent"),
            (r"ImagePull|ImageNever|InvalidImage", "image-not-pulled"),
            (r"CreateContainerConfigError", "configuration-missing"),
            (r"restarts", "too-many-restarts"),
            (r"memory|OOMKilled", "memory-short"),
            (r"PersistentVolumeClaim|persistentvolumeclaim", "claim-not-bound"),
            (r"", "container-not-running"),
        ),
        "targets": ((r"no target", "target-missing"), (r"", "target-down")),
    }
)


def code_of(check: str, difference: Difference) -> str:
    """The code that the judge of a kind gives to such a difference; the kind's name if unknown."""
    words = str(difference)
    for pattern, code in (*_CODES[_ANY], *_CODES.get(check, ())):
        if re.search(pattern, words):
            return code
    return check
