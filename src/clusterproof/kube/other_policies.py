"""Policies of other kinds than NetworkPolicy: whether one may decide about a Pod's egress.

What they say is not read: they deny as well as allow, in orders of their own.
Source: policy.networking.k8s.io AdminNetworkPolicySubject (v1alpha1) and ClusterNetworkPolicy
(v1alpha2); Cilium's `Rule.EndpointSelector` (pkg/policy/api); Calico docs, "Network policy",
Selectors; Antrea docs, "Antrea Network Policy"; OpenShift docs, "EgressFirewall
[k8s.ovn.org/v1]", of a whole namespace; GKE docs, "Control Pod egress traffic using FQDN network
policies".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from clusterproof.kube.objects import Json
from clusterproof.kube.selectors import selects

OTHER_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "policy.networking.k8s.io": (
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "ClusterNetworkPolicy",
    ),
    "cilium.io": ("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"),
    "crd.projectcalico.org": ("NetworkPolicy", "GlobalNetworkPolicy"),
    "projectcalico.org": ("NetworkPolicy", "GlobalNetworkPolicy"),
    "crd.antrea.io": ("NetworkPolicy", "ClusterNetworkPolicy"),
    "k8s.ovn.org": ("EgressFirewall",),
    "networking.gke.io": ("FQDNNetworkPolicy",),
}
"""API group to the kinds in it."""

_CALICO_TERM: Final = re.compile(r"\s*([\w./-]+)\s*==\s*(['\"])(.*?)\2\s*")
_CILIUM_NAMESPACE: Final = "io.cilium.k8s.namespace.labels."
"""Before a label of the Pod's namespace."""
_CALICO_NAMESPACE: Final = "projectcalico.org/namespace"
_HIDDEN: Final = ("io.cilium.", "projectcalico.org/", "pcns.", "pcsa.")
_OF_KUBERNETES: Final = "knp.default."
"""Calico's API server shows each NetworkPolicy once more, under this name."""


def may_decide_egress(
    item: Json, namespace: str, namespace_labels: Mapping[str, str], labels: Mapping[str, str]
) -> bool:
    """Whether such a policy may allow or deny what a Pod sends; False only where it cannot.

    Args:
        item: The policy; one in a namespace is of the Pod's.
        namespace: Of the Pod.
        namespace_labels: Of that namespace.
        labels: Of the Pod.
    """
    if str(item["metadata"]["name"]).startswith(_OF_KUBERNETES):
        return False
    specs = [item.get("spec"), *(item.get("specs") or [])]
    try:
        return any(
            _is_of_egress(spec) and _may_select(spec, namespace, namespace_labels, labels)
            for spec in specs
            if spec
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return True


def is_baseline(kind: str, item: Json) -> bool:
    """Whether it decides nothing about a Pod that a NetworkPolicy restricts: it comes after those.

    Source: policy.networking.k8s.io types, BaselineAdminNetworkPolicy and `Tier`; Antrea docs,
    "Antrea Network Policy", static tiers.
    """
    tier = str((item.get("spec") or {}).get("tier") or "")
    return kind.startswith("BaselineAdminNetworkPolicy.") or tier.lower() == "baseline"


def _is_of_egress(spec: Json) -> bool:
    rules = (spec.get("egress"), spec.get("egressDeny"))
    return any(rule is not None for rule in rules) or "Egress" in (spec.get("types") or ())


def _may_select(
    spec: Json, namespace: str, namespace_labels: Mapping[str, str], labels: Mapping[str, str]
) -> bool:
    if subject := spec.get("subject"):
        pods = subject.get("pods")
        if pods is None:
            return selects(subject.get("namespaces"), namespace_labels)
        return selects(pods.get("namespaceSelector"), namespace_labels) and selects(
            pods.get("podSelector"), labels
        )
    if "endpointSelector" in spec:
        return _cilium_may_select(spec["endpointSelector"], namespace, namespace_labels, labels)
    if "podSelector" in spec:
        return selects(spec["podSelector"], labels)
    if "nodeSelector" in spec:
        return False
    return _calico_may_select(str(spec.get("selector") or ""), namespace, labels)


def _cilium_may_select(
    selector: Json, namespace: str, namespace_labels: Mapping[str, str], labels: Mapping[str, str]
) -> bool:
    """A key has the source of its label before it, `k8s:app`, or none."""
    known = {
        **labels,
        "io.kubernetes.pod.namespace": namespace,
        **{f"{_CILIUM_NAMESPACE}{key}": text for key, text in namespace_labels.items()},
    }
    exact = [(_unsourced(key), text) for key, text in (selector.get("matchLabels") or {}).items()]
    terms = [
        {**term, "key": _unsourced(term["key"])} for term in selector.get("matchExpressions") or ()
    ]
    shown = {
        "matchLabels": {key: text for key, text in exact if not _is_hidden(key)},
        "matchExpressions": [term for term in terms if not _is_hidden(term["key"])],
    }
    return selects(shown, known)


def _unsourced(key: str) -> str:
    return key.removeprefix("any:").removeprefix("k8s:")


def _is_hidden(key: str) -> bool:
    """Whether a plugin gives it to a Pod that does not show it: whatever is asked of it may hold.

    Its service account, its cluster, its orchestrator, and what Calico inherits of its namespace.
    """
    return key.startswith(_HIDDEN) and not key.startswith(_CILIUM_NAMESPACE)


def _calico_may_select(selector: str, namespace: str, labels: Mapping[str, str]) -> bool:
    """False where one of the terms that must all hold, `key == 'value'`, does not."""
    if not set(selector).isdisjoint("|!("):
        return True
    known = {**labels, _CALICO_NAMESPACE: namespace}
    terms = (_CALICO_TERM.fullmatch(term) for term in selector.split("&&"))
    return all(
        known.get(term[1]) == term[3]
        for term in terms
        if term and (term[1] == _CALICO_NAMESPACE or not _is_hidden(term[1]))
    )


def served_kinds(groups: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Group and kind of those that may be there; Calico's are looked at in one group of the two."""
    return [
        (group, kind)
        for group, kinds in OTHER_KINDS.items()
        for kind in kinds
        if group in groups
        and (group != "projectcalico.org" or "crd.projectcalico.org" not in groups)
    ]
