"""Label selectors, as `metav1.LabelSelector` defines them.

Restates `LabelSelectorAsSelector` (apimachinery, pkg/apis/meta/v1/helpers.go) and
`Requirement.Matches` (pkg/labels/selector.go), v1.35.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a selector; all lines must hold."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """True if `labels` meet this line; `NotIn` holds for an absent key too.

        Raises:
            ValueError: The operator is none of the four that the API knows.
        """
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        message = (
            f"matchExpressions on {self.key!r}: expected In, NotIn, Exists or DoesNotExist, "
            f"seen {self.operator!r}"
        )
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Selector:
    """A whole selector; without a requirement it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True if every requirement holds."""
        return all(requirement.holds(labels) for requirement in self.requirements)


def read_selector(raw: Mapping[str, Any]) -> Selector:
    """The selector of a `podSelector`, `namespaceSelector` and the like."""
    exact = tuple(
        Requirement(key, "In", frozenset({value}))
        for key, value in sorted((raw.get("matchLabels") or {}).items())
    )
    expressions = tuple(
        Requirement(line["key"], line["operator"], frozenset(line.get("values") or ()))
        for line in raw.get("matchExpressions") or ()
    )
    return Selector(exact + expressions)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """True when a LabelSelector takes these labels: an empty one takes all, an absent one none."""
    return selector is not None and read_selector(selector).matches(labels)


def service_selects(service: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """True when a Service sends to Pods with these labels; without a selector it chooses none.

    Restates `getServicesForPod` (endpointslice, util/controller_utils.go, v1.35).
    """
    selector = (service.get("spec") or {}).get("selector")
    return bool(selector) and selects({"matchLabels": selector}, labels)


def in_one_form(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same JSON with each selector's `key In [value]` moved to its matchLabels.

    matchLabels `{key: value}` is that expression, written shorter (metav1.LabelSelector).
    """
    if isinstance(value, list):
        return [in_one_form(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    form = {key: in_one_form(inner) for key, inner in value.items()}
    terms = form.get("matchExpressions")
    if not isinstance(terms, list):
        return form
    labels = dict(form.get("matchLabels") or {})
    left = []
    for term in terms:
        if _is_single(term) and labels.get(term["key"], term["values"][0]) == term["values"][0]:
            labels[term["key"]] = term["values"][0]
        else:
            left.append(term)
    if len(left) == len(terms):
        return form
    form["matchLabels"], form["matchExpressions"] = labels, left
    if not form["matchExpressions"]:
        del form["matchExpressions"]
    return form


def _is_single(term: Any) -> bool:  # noqa: ANN401 - JSON
    return (
        isinstance(term, dict)
        and term.get("operator") == "In"
        and len(term.get("values") or []) == 1
        and "key" in term
    )
