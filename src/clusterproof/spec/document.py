"""YAML with line numbers, so that a mistake is named where it stands."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from clusterproof.errors import SpecError, read_text
from clusterproof.kube.yaml_file import TAG, CheckedTags

Location = tuple[str | int, ...]
SAFE_DEPTH = 5_000
"""libyaml overflows the stack between 10,000 and 100,000 levels (PyYAML 6.0.3, 8 MiB)."""
_TEXTS = frozenset({f"{TAG}timestamp", f"{TAG}value"})


@dataclass(frozen=True)
class Document:
    """One YAML file as plain data, with the line (from 1) of each of its values."""

    path: Path
    data: Any
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
    text = read_text(path, "a spec file")
    try:
        document = _read(path, text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise SpecError(f"{path}:{line}: expected YAML: {problem}") from error
    if not isinstance(document.data, dict):
        kind = type(document.data).__name__
        raise SpecError(f"{path}:1: expected a mapping at the top, got {kind}")
    return document


def typed(
    adapter: TypeAdapter[Any],
    value: object,
    document: Document,
    at: Location,
    kinds: tuple[str, ...] = (),
) -> Any:  # noqa: ANN401 - as adapted
    """A part of a document as a model, or as one of the rows whose `check` is among `kinds`.

    Raises:
        SpecError: The first field that is missing, unknown or wrong, with its line.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        tagged = bool(first["loc"]) and first["loc"][0] in kinds  # the kind chose the class
        inner = first["loc"][1:] if tagged else first["loc"]
        shown = "" if first["type"] == "missing" else f"; got {first['input']!r}"
        path = ".".join(str(step) for step in inner)
        where = f"{path}: " if path else ""
        raise document.error((*at, *inner), f"{where}{first['msg']}{shown}") from error


class _Values(CheckedTags):
    """PyYAML's types of plain scalars, which its dumper quotes by: `y`, `08` and `1e3` are texts.

    So are, as to Kubernetes, a date, `12:30`, `=` and each key of a mapping.
    """

    def resolve(self, kind: type[yaml.Node], value: str, implicit: tuple[bool, bool]) -> str:
        """The tag of a node that names none itself."""
        tag = str(super().resolve(kind, value, implicit))  # type: ignore[misc] # the loader's
        is_text = kind is yaml.ScalarNode and (tag in _TEXTS or ":" in value)
        return f"{TAG}str" if is_text else tag

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take in what `<<` names; the keys are texts from then on: `on`, `80`."""
        super().flatten_mapping(node)  # type: ignore[misc] # the loader's
        # In nodes of their own: an alias may be a key in one place and a value in another.
        node.value = [
            (yaml.ScalarNode(f"{TAG}str", key.value, key.start_mark, key.end_mark), value)
            for key, value in node.value
        ]


class _Loader(_Values, yaml.SafeLoader):
    """In Python: it refuses a text that is nested too deeply."""


class _FastLoader(_Values, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """By libyaml, where PyYAML has it: six times as fast."""


def _read(path: Path, text: str) -> Document:
    """By libyaml, unless it may overflow the stack: a level takes a bracket or a column of a line.

    What it refuses is read again in Python, whose messages say more.
    """
    longest = max(map(len, text.splitlines()), default=0)
    if text.count("[") + text.count("{") + longest < SAFE_DEPTH:
        with contextlib.suppress(yaml.YAMLError):
            return _read_by(_FastLoader(text), path)
    return _read_by(_Loader(text), path)


def _read_by(loader: Any, path: Path) -> Document:  # noqa: ANN401 - no class that both have
    node = loader.get_single_node()
    lines: dict[Location, int] = {}
    if node is None:
        return Document(path, None, lines)
    _note_lines(node, (), path, lines, ())
    # Last, because it resolves merge keys in the nodes themselves.
    return Document(path, loader.construct_document(node), lines)


def _note_lines(
    node: yaml.Node,
    location: Location,
    path: Path,
    lines: dict[Location, int],
    around: tuple[yaml.Node, ...],
) -> None:
    if any(node is outer for outer in around):
        line = node.start_mark.line + 1
        raise SpecError(f"{path}:{line}: expected no anchor that holds itself")
    around = (*around, node)
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                raise SpecError(f"{path}:{line}: expected a key that is text")
            here = (*location, key.value)
            if here in lines:
                raise SpecError(
                    f"{path}:{key.start_mark.line + 1}: expected each key once, "
                    f"{key.value!r} is given again (first in line {lines[here]})"
                )
            lines[here] = key.start_mark.line + 1
            _note_lines(value, here, path, lines, around)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*location, index), path, lines, around)
