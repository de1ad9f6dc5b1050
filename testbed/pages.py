"""Pages in Markdown, each made of a template that stands beside the code of its figures."""

from pathlib import Path

from jinja2 import Environment, StrictUndefined

_ENVIRONMENT = Environment(
    autoescape=False,  # noqa: S701 - Markdown, of our own figures
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def rendered(template: Path, **parts: object) -> str:
    """The page of a template.

    Raises:
        UndefinedError: The template names a part that is not given.
    """
    return _ENVIRONMENT.from_string(template.read_text(encoding="utf-8")).render(parts)
