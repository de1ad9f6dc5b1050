"""The objects in a file of manifests: what kubectl would read there, and nothing else; pure.

As sigs.k8s.io/yaml has it, a key is a text, and so are a date, `=` and what has a colon in it; `y`
and `n` are true and false.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from clusterproof.errors import SpecError
from clusterproof.generate.settings import printable
from clusterproof.kube.objects import Json
from clusterproof.kube.paths import text_of
from clusterproof.kube.yaml_file import NOT_ALLOWED, NOT_OF_ITS_TAG, GoScalars

_NODES_AT_MOST: Final = 1_000_000
"""Of a file, each alias in full: one of a megabyte of plain YAML has less."""
_LONGEST_WORDS: Final = 200
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}")
_KUSTOMIZE: Final = "kustomize.config.k8s.io/"


_PROBLEMS: Final = (
    NOT_ALLOWED,
    "could not determine a constructor for the tag",
    "could not find expected ':'",
    "expected ',' or ']'",
    "expected ',' or '}'",
    "expected <block end>",
    "found duplicate anchor",
    "found undefined alias",
    "found undefined tag handle",
    "found unexpected end of stream",
    "found unhashable key",
    "found unknown escape character",
    "mapping values are not allowed here",
)
"""How a sentence of PyYAML begins; what follows may be a text of the document."""


_CONTEXT: Final = re.compile(r"while (?:constructing|parsing|scanning) [a-z -]+")


class _TooManyPartsError(ValueError):
    """A file that is too large with each alias in full."""


class _Loader(GoScalars, yaml.SafeLoader):
    """In Python: its errors say where."""


def objects_in(path: Path) -> tuple[list[Json], list[str]]:
    """The objects of a file, and a sentence for each that no row could name.

    Raises:
        SpecError: It cannot be read, or is no YAML.
    """
    try:
        documents = list(yaml.load_all(path.read_bytes(), _Loader))
        objects = [each for part in _Plain().of(documents) for each in _objects(part)]
    except (OSError, *NOT_OF_ITS_TAG, RecursionError, yaml.YAMLError) as error:
        words = printable(_words(error))[:_LONGEST_WORDS]
        raise SpecError(f"{path}: expected manifests in YAML, observed {words}") from error
    whole = [each for each in objects if not _lack(each)]
    others = [
        f"{path}: a {printable(each['kind'])} {_lack(each)}"
        for each in objects
        if _lack(each) and _is_of_cluster(each)
    ]
    return whole, others


def _words(error: Exception) -> str:
    """What is wrong, and where: without any text of the file, which may be a secret."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = error.problem or ""
        known = [error.context] if _CONTEXT.fullmatch(error.context or "") else []
        known += [each for each in _PROBLEMS if problem.startswith(each)]
        return (" ".join(map(str, known)) or "no YAML") + place
    if isinstance(error, yaml.reader.ReaderError):
        return f"{error.reason} at position {error.position}"
    if isinstance(error, RecursionError):
        return "too many levels"
    if isinstance(error, OSError):
        return error.strerror or "a file that cannot be read"
    return str(error) if isinstance(error, _TooManyPartsError) else "no YAML"


class _Plain:
    """Makes JSON of what YAML gave."""

    def __init__(self) -> None:
        """Of nothing yet."""
        self._left = _NODES_AT_MOST

    def of(self, node: Any) -> Any:  # noqa: ANN401 - YAML
        """The same, each alias in full.

        Raises:
            ValueError: There are too many.
            RecursionError: An alias is in itself.
        """
        self._left -= 1
        if self._left < 0:
            raise _TooManyPartsError(f"more than {_NODES_AT_MOST} parts: aliases of aliases, maybe")
        if isinstance(node, dict):
            return {text_of(key): self.of(inner) for key, inner in node.items()}
        if isinstance(node, list | tuple | set):
            return [self.of(inner) for inner in node]
        return node.decode("utf-8", "replace") if isinstance(node, bytes) else node


def _objects(document: Any) -> Iterator[Json]:  # noqa: ANN401 - JSON
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        return
    items = document.get("items")
    if isinstance(items, list) and document["kind"].endswith("List"):
        of_list = {"kind": document["kind"].removesuffix("List")}
        of_list |= {key: document[key] for key in ("apiVersion",) if key in document}
        for item in items:
            whole = isinstance(item, dict) and not item.get("kind") and of_list["kind"]
            yield from _objects({**item, **of_list} if whole else item)
    elif document["kind"]:
        yield document


def _lack(item: Json) -> str:
    """What an object lacks that rows could be about; "" where it is nothing."""
    metadata = item.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        return "without a name"
    names = (metadata["name"], metadata.get("namespace") or "default")
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        return "whose name or namespace Kubernetes does not accept"
    return ""


def _is_of_cluster(item: Json) -> bool:
    """False for the YAML of a tool, such as a kustomization."""
    version = item.get("apiVersion")
    return isinstance(version, str) and not version.startswith(_KUSTOMIZE)
