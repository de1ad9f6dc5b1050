"""YAML with line numbers, so that a mistake is named where it stands."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clusterproof.errors import SpecError

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """One YAML file as plain data, with the line (from 1) of each of its values."""

    path: Path
    data: dict[str, Any]
    lines: dict[Location, int]

    def error(self, location: Location, message: str) -> SpecError:
        """The error for what stands at `location`, or at the nearest thing around it."""
        for end in range(len(location), -1, -1):
            line = self.lines.get(location[:end])
            if line is not None:
                break
        else:
            line = 1
        return SpecError(f"{self.path}:{line}: {message}")


def read_document(path: Path) -> Document:
    """The mapping in the YAML file at `path`.

    Raises:
        SpecError: No such file, no YAML, a key given twice, or no mapping at the top.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{path}: expected a spec file in UTF-8: {reason}") from error
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe one
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise SpecError(f"{path}:{line}: expected YAML: {problem}") from error
    if node is None or not isinstance(data, dict):
        raise SpecError(f"{path}:1: expected a mapping at the top, got {type(data).__name__}")
    lines: dict[Location, int] = {}
    document = Document(path, data, lines)
    _note_lines(node, (), document, ())
    return document


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, to which a date is text, as to Kubernetes."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
        first: [(tag, form) for tag, form in forms if not tag.endswith(":timestamp")]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _note_lines(
    node: yaml.Node, location: Location, document: Document, around: tuple[yaml.Node, ...]
) -> None:
    if any(node is outer for outer in around):
        line = node.start_mark.line + 1
        raise SpecError(f"{document.path}:{line}: expected no anchor that holds itself")
    around = (*around, node)
    document.lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                raise SpecError(f"{document.path}:{line}: expected a key that is text")
            here = (*location, key.value)
            if here in document.lines:
                raise SpecError(
                    f"{document.path}:{key.start_mark.line + 1}: expected each key once, "
                    f"{key.value!r} is given again (first in line {document.lines[here]})"
                )
            document.lines[here] = key.start_mark.line + 1
            _note_lines(value, here, document, around)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*location, index), document, around)
