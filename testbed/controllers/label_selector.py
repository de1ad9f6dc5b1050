"""Label selectors, as `metav1.LabelSelector` defines them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from testbed.controllers.kube import Json


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Selector:
    """A whole selector; without a requirement it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True if every requirement holds."""
        return all(requirement.holds(labels) for requirement in self.requirements)


def read_selector(raw: Json) -> Selector:
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
