"""The reference pages, made of the code: kinds of rows, commands, exit codes, metrics."""

import argparse
import inspect
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from clusterproof import cli
from clusterproof.checks import json_schema, kinds
from clusterproof.history.metrics import metrics_text
from clusterproof.history.store import History
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.spec.row import Expectation, Row
from testbed.pages import rendered

_Subparsers: Final = argparse._SubParsersAction  # noqa: SLF001 - has no other name
MADE: Final = "<!-- Made of the code by `make docs`. -->\n"
_ATTRIBUTE: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_MEANINGS: Final = {
    ExitCode.PASSED: "every row passed",
    ExitCode.FAILED: "the cluster differs from its spec in at least one row",
    ExitCode.INTERRUPTED: "interrupted; what was judged until then is in the report",
    ExitCode.INTERNAL: "`nightly`: every row passed, and the run ended strangely or told nobody",
    ExitCode.USAGE: "wrong usage: an option, the kubeconfig or the spec, in one sentence",
    ExitCode.NOTHING_COLLECTED: "pytest's own: no check was selected",
    ExitCode.INCONCLUSIVE: "nothing differs, but something could not be looked at",
    ExitCode.NOT_WRITTEN: "a report, or the output, could not be written: the sentence names it",
}


def pages() -> dict[str, str]:
    """File name below reference/ to its text."""
    return {
        "kinds.md": _page("kinds", **_kinds()),
        "commands.md": _page(
            "commands", parsers=_parsers(cli.command_parser()), options=_options_of
        ),
        "exit-codes.md": _page(
            "exit-codes",
            outcomes=[outcome.value for outcome in Outcome],
            meanings={code: _MEANINGS[code] for code in ExitCode},
        ),
        "metrics.md": _page("metrics", families=_families()),
    }


def _page(name: str, **parts: object) -> str:
    return rendered(Path(__file__).with_name(f"{name}.md.j2"), made=MADE, cell=_cell, **parts)


def _cell(text: str) -> str:
    return text.replace("|", "&#124;")


def _kinds() -> dict[str, Any]:
    definitions = json_schema()["$defs"]
    listed = []
    for name, registered in kinds().items():
        kind = registered.row
        summary, _, more = _summary(kind)
        described = _attributes(kind)
        fields = []
        for field, settings in kind.model_fields.items():
            if field in Row.model_fields:
                continue
            written = settings.alias or field
            schema = definitions[kind.__name__]["properties"].get(written, {})
            default = settings.get_default(call_default_factory=True)
            needed = "yes" if settings.is_required() else _default(default)
            meaning = described.get(field.rstrip("_"), "")
            fields.append((f"`{written}`", _type(schema, definitions), needed, meaning))
        listed.append({"name": name, "summary": summary, "more": more, "fields": fields})
    return {
        "common": _attributes(Row),
        "expectation": _attributes(Expectation),
        "kinds": listed,
    }


def _summary(kind: type) -> tuple[str, str, str]:
    """A docstring without its attributes: first paragraph, and what follows."""
    lines = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes:")[0]
    return lines.strip().partition("\n\n")


def _attributes(kind: type) -> dict[str, str]:
    """The attributes that a docstring describes."""
    # Python 3.13 and later take the indentation from docstrings themselves.
    _, _, listed = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    described = _ATTRIBUTE.findall(listed)
    return {name.rstrip("_"): " ".join(text.split()) for name, text in described}


def _default(value: object) -> str:
    if value is None or value in ("", (), {}):
        return "none"
    return f"`{value}`"


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        inner = definitions.get(name, {})
        return _type(inner, definitions) if "enum" in inner else name.lower()
    if "enum" in schema or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        return " or ".join(f"`{value}`" for value in values)
    if "anyOf" in schema:
        kinds = [_type(each, definitions) for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items') or {}, definitions)}"
    if schema.get("type") == "object":
        return "map"
    return str(schema.get("type", "any value"))


def _options_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        if action.dest != "help":
            yield _written(action), _help(action)


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all commands, those of subcommands in their place."""
    groups = [action for action in parser._actions if isinstance(action, _Subparsers)]  # noqa: SLF001
    if not groups:
        yield parser
    for group in groups:
        helps = {choice.dest: choice.help or "" for choice in group._choices_actions}  # noqa: SLF001
        for name, command in group.choices.items():
            text = helps.get(name, "")
            command.description = command.description or f"{text[:1].upper()}{text[1:]}."
            yield from _parsers(command)


def _written(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    if not action.option_strings:
        return str(value)
    return f"{', '.join(action.option_strings)} {value if action.nargs != 0 else ''}".strip()


def _help(action: argparse.Action) -> str:
    text = action.help or ""
    return text % {"default": action.default, "prog": "clusterproof"} if "%" in text else text


def _families() -> list[Metric]:
    with tempfile.TemporaryDirectory() as folder, History(Path(folder) / "h.sqlite3") as history:
        return list(text_string_to_metric_families(metrics_text(history)))
