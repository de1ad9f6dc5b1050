"""YAML as kubectl reads it, with the line of every value.

kubectl turns YAML into JSON by go-yaml v2 and decodes that into Go's types, so what a plain scalar
is (`y` is true, `1e3` a number, a date a string) decides whether a file is valid at all.
Source: go.yaml.in/yaml/v2 v2.4.3 `resolve.go` `resolve`, `decode.go` `merge`; sigs.k8s.io/yaml
v1.6.0 `YAMLToJSON` (read 2026-11-26).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import yaml

Location = tuple[str | int, ...]

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml takes tabs, as go-yaml does
TAG = "tag:yaml.org,2002:"
"""Before the names of YAML's own types."""
_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(nan|NaN|NAN|inf|Inf|INF)")
NOT_OF_ITS_TAG = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What PyYAML raises for a value that its tag does not allow: `!!bool maybe`."""
NOT_ALLOWED = "a value that its tag does not allow"
_MOST_VALUES = 100_000
"""Aliases can make a few lines into more than fits in memory; a kubeconfig has a few thousand."""


class YamlError(Exception):
    """What is no YAML.

    Attributes:
        line: Where, from 1.
    """

    def __init__(self, line: int, message: str) -> None:
        """Keep the line beside the sentence."""
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class YamlFile:
    """The first document as plain data, with the line (from 1) of each of its values."""

    content: Any
    lines: dict[Location, int]

    def line(self, location: Location) -> int:
        """The line of what stands at `location`, or of the nearest thing around it."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return 1


def _whole_number(loader: Any, node: yaml.ScalarNode) -> int | float:  # noqa: ANN401 - any loader
    """As `strconv.ParseInt` of base 0 has it; beyond 64 bits it is a float."""
    digits = str(loader.construct_scalar(node)).replace("_", "")
    is_octal = re.fullmatch(r"[-+]?0[0-7]+", digits)
    number = int(digits, 8 if is_octal else 0)
    return number if -(2**63) <= number < 2**64 else float(number)


def _fraction(loader: Any, node: yaml.ScalarNode) -> str | float:  # noqa: ANN401 - any loader
    text = str(loader.construct_scalar(node))
    number = float(loader.construct_yaml_float(node))
    return text if "e" in text.lower() and "." not in text else number


class CheckedTags:
    """For a loader of PyYAML's: a value that its tag does not allow is an error with its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - as PyYAML has it
        """What a node stands for.

        Raises:
            YAMLError: Its tag does not allow it.
        """
        try:
            return super().construct_object(node, deep)  # type: ignore[misc] # the loader's
        except NOT_OF_ITS_TAG as error:
            raise yaml.constructor.ConstructorError(
                None, None, NOT_ALLOWED, node.start_mark
            ) from error


class GoScalars(CheckedTags):
    """For a loader of PyYAML's: a plain scalar has the type that go-yaml gives it.

    A date, `12:30` and `=` are texts, `y` is true. Kubeconfigs and manifests are read so; but where
    a value is made of it, `1e3` keeps its text, for it is a quantity.
    """

    bool_values: ClassVar = {**yaml.SafeLoader.bool_values, "y": True, "n": False}
    yaml_constructors: ClassVar = {
        **yaml.SafeLoader.yaml_constructors,
        f"{TAG}int": _whole_number,
        f"{TAG}float": _fraction,
    }

    def resolve(self, kind: type[yaml.Node], value: str, implicit: tuple[bool, bool]) -> str:
        """The tag of a node that names none itself."""
        if kind is yaml.ScalarNode and implicit[0]:
            return TAG + _plain_tag(value)
        return str(super().resolve(kind, value, implicit))  # type: ignore[misc] # the loader's


class _Loader(GoScalars, _Base):  # type: ignore[misc] # PyYAML's stubs know no class that may be either
    """PyYAML's parser, with go-yaml's reading of plain scalars."""


def read_yaml(content: bytes) -> YamlFile:
    """The first document; None in an empty file.

    Raises:
        YamlError: It is no YAML, not in UTF-8 or UTF-16, or has a key that JSON has not.
    """
    try:
        loader = _Loader(content)
        try:
            node = loader.get_node() if loader.check_node() else None
        finally:
            loader.dispose()
        file = YamlFile(None, {})
        return YamlFile(_Reading(file.lines).value(node, (), ()) if node else None, file.lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
        raise YamlError(mark.line + 1 if mark else 1, str(problem)) from error
    except UnicodeDecodeError as error:
        raise YamlError(1, "bytes that are not UTF-8") from error
    except RecursionError as error:
        raise YamlError(1, "values nested too deeply") from error


def _plain_tag(text: str) -> str:
    """The type of a plain scalar; a date is a string for whoever decodes into no type."""
    if text in _NULL:
        return "null"
    if text in _TRUE or text in _FALSE:
        return "bool"
    if text == "<<":
        return "merge"
    return _number_tag(text) or "str"


def _number_tag(text: str) -> str:
    """The type of what looks like a number; "" for what is none."""
    digits = text if text.startswith(".") else text.replace("_", "")
    if text[0] not in "+-.0123456789":
        return ""
    if _INTEGER.fullmatch(digits):
        return "int"
    if _NO_NUMBER.fullmatch(text):
        return "float"
    is_float = _FLOAT.fullmatch(digits) and abs(float(digits)) != float("inf")
    return "float" if is_float else ""


class _Reading:
    """One document on its way from nodes to plain data."""

    def __init__(self, lines: dict[Location, int]) -> None:
        """Nothing read yet."""
        self._lines = lines
        self._values = 0

    def value(self, node: yaml.Node, at: Location, within: tuple[int, ...]) -> Any:  # noqa: ANN401 - YAML
        """The node as plain data, its lines noted."""
        line = node.start_mark.line + 1
        self._values += 1
        if self._values > _MOST_VALUES:
            raise YamlError(line, f"over {_MOST_VALUES} values")
        if id(node) in within:
            raise YamlError(line, "an anchor that contains itself")
        self._lines.setdefault(at, line)
        inner = (*within, id(node))
        if isinstance(node, yaml.MappingNode):
            mapping: dict[str, Any] = {}
            for key, child in self._pairs(node, inner):
                name = _key(key)
                self._lines[(*at, name)] = key.start_mark.line + 1
                mapping[name] = self.value(child, (*at, name), inner)
            return mapping
        if isinstance(node, yaml.SequenceNode):
            return [
                self.value(child, (*at, place), inner) for place, child in enumerate(node.value)
            ]
        return _scalar(node)

    def _pairs(
        self, node: yaml.MappingNode, within: tuple[int, ...]
    ) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """Key and value, in their order; the last of one key counts, as go-yaml has it."""
        for key, child in node.value:
            if key.tag == f"{TAG}merge":
                for merged in _merged(child):
                    if id(merged) in within:
                        raise YamlError(child.start_mark.line + 1, "an anchor that contains itself")
                    yield from self._pairs(merged, (*within, id(merged)))
            else:
                yield key, child


def _merged(node: yaml.Node) -> list[yaml.MappingNode]:
    """The mappings of a `<<`; the first of several counts most, so it comes last."""
    merged = list(reversed(node.value)) if isinstance(node, yaml.SequenceNode) else [node]
    mappings = [each for each in merged if isinstance(each, yaml.MappingNode)]
    if len(mappings) < len(merged):
        raise YamlError(node.start_mark.line + 1, "a merge of something that is no mapping")
    return mappings


def _key(node: yaml.Node) -> str:
    content = _scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if isinstance(content, bool):
        return "true" if content else "false"
    if content is None:
        raise YamlError(node.start_mark.line + 1, "a key that is no text")
    return str(content)


def _scalar(node: yaml.Node) -> str | bool | int | float | None:
    """The scalar; of a number only that it is one matters, a kubeconfig has none."""
    text, tag = str(node.value), node.tag.removeprefix(TAG)
    if tag == "null":
        return None
    if tag == "bool":
        return text in _TRUE
    if tag == "int":
        return int(text) if text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004 - 64 bits
    return 0.0 if tag == "float" else text
