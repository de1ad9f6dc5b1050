"""LabelSelectors, as apimachinery's metav1.LabelSelectorAsSelector reads them."""

from collections.abc import Mapping

from clusterproof.kube.objects import Json


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects something with these labels; an empty one selects all."""
    for key, wanted in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != wanted:
            return False
    return all(meets(term, labels) for term in selector.get("matchExpressions") or [])


def meets(requirement: Json, labels: Mapping[str, str]) -> bool:
    """Whether labels meet one requirement (labels.Requirement.Matches): absent meets NotIn."""
    key, values = requirement["key"], requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case operator:
            raise ValueError(f"expected In, NotIn, Exists or DoesNotExist, got {operator}")
