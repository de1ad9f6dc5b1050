"""Which features a generated case has: pairs of them show what was tried together."""

import json
import re
from collections.abc import Iterator
from typing import Any

_KEYS = {
    "requests": "overhead hugepages-2Mi example.com/gpu ephemeral-storage Infeasible Deferred "
    "allocatedResources initContainers Always OnFailure",
    "admission": "overhead hugepages-2Mi example.com/gpu Always default defaultRequest min max "
    "maxLimitRequestRatio activeDeadlineSeconds priorityClassName Terminating NotTerminating "
    "BestEffort NotBestEffort PriorityClass CrossNamespacePodAffinity scopes scopeSelector "
    "limits.cpu requests.cpu limits.memory requests.memory pods count/pods",
    "places": "unschedulable NoSchedule NoExecute PreferNoSchedule tolerations nodeSelector "
    "nodeAffinity Gt Lt matchFields podAffinity podAntiAffinity namespaceSelector "
    "topologySpreadConstraints minDomains nodeAffinityPolicy nodeTaintsPolicy matchLabelKeys "
    "hostPort hostIP deletionTimestamp initContainers example.com/gpu NotIn DoesNotExist",
    "claims": "min max requests limits storage cpu Container PersistentVolumeClaim",
    "members": "ownerReferences controller other-uid deletionTimestamp Pending Succeeded Failed "
    "False Unknown conditions phase http dns gone UDP initContainers Always selector matchLabels "
    "In NotIn Exists DoesNotExist publishNotReadyAddresses",
    "scaling": "Resource ContainerResource Pods Object External Utilization AverageValue Value "
    "behavior tolerance stabilizationWindowSeconds selectPolicy policies Min Disabled Pending "
    "Failed Succeeded False Unknown deletionTimestamp startTime conditions usage ofPods ofObjects "
    "external memory side",
}
_TEXTS = {
    "binary suffix": re.compile(r"[KMGTPE]i$"),
    "decimal suffix": re.compile(r"[numkMGTPE]$"),
    "exponent": re.compile(r"[eE][+-]?[0-9]+$"),
    "sign": re.compile(r"^[+-]"),
    "fraction": re.compile(r"\."),
    "finer than a billionth": re.compile(r"\.[0-9]{10}"),
}


def features_of(rule: str, case: Any) -> set[str]:  # noqa: ANN401 - raw JSON or a text
    """The features of one case of a rule."""
    if rule == "quantities":
        return {name for name, pattern in _TEXTS.items() if pattern.search(case)}
    words = set(_words(json.loads(json.dumps(case))))
    features = {key for key in _KEYS[rule].split() if key in words}
    pod = case.get("pod", case)
    if "resources" in pod.get("spec", {}):
        features.add("Pod-level resources")
    return features


def _words(tree: Any) -> Iterator[str]:  # noqa: ANN401 - raw JSON
    """Keys that lead to something, and texts."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if value not in ([], {}):
                yield key
                yield from _words(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _words(value)
    elif isinstance(tree, str):
        yield tree
