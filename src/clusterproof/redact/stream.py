"""Text that is redacted as it is written, and objects whose text is redacted in place."""

from collections.abc import Callable
from typing import IO, Any

from clusterproof.redact.redactor import Redactor


class RedactingFile:
    """A file of text that redacts what is written to it."""

    def __init__(self, file: IO[str], redactor: Callable[[], Redactor]) -> None:
        """Write to `file`, by what `redactor` knows at that moment."""
        self._file = file
        self._redactor = redactor

    def write(self, text: str) -> int:
        """Write `text` without its secrets."""
        self._file.write(self._redactor().text(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a file has
        """All else is the file's own."""
        return getattr(self._file, name)


def redact_parts(node: Any, redactor: Redactor, package: str) -> Any:  # noqa: ANN401 - of any class
    """The text of an object, and of all that it is made of; an object itself is changed in place.

    Args:
        node: Text, a list, or an object.
        redactor: Knows the secrets.
        package: Objects of its modules are looked into, others are left.
    """
    if isinstance(node, str):
        return redactor.text(node)
    if isinstance(node, (list, tuple)):
        return type(node)(redact_parts(part, redactor, package) for part in node)
    if type(node).__module__.startswith(package):
        for name, part in vars(node).items():
            object.__setattr__(node, name, redact_parts(part, redactor, package))
    return node
