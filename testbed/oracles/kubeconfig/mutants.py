"""Our rules of a kubeconfig, spoilt one at a time: the comparison must notice each."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_ORDER = (
    *("url", "yaml_file", "kubeconfig_types", "config", "exec_plugin", "credentials", "tls"),
    *("connection", "transport", "client"),
)
"""Modules of clusterproof.kube, each after those that it imports."""


@dataclass(frozen=True)
class Mutant:
    """One rule, spoilt: the first occurrence of `rule` becomes `spoilt`."""

    name: str
    module: str
    rule: str
    spoilt: str


MUTANTS = tuple(
    Mutant(name, module, **texts)
    for module, rules in yaml.safe_load(
        Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    ).items()
    for name, texts in rules.items()
)


def _module(name: str) -> Any:  # noqa: ANN401 - a module
    return importlib.import_module(f"clusterproof.kube.{name}")


def spoilt(mutant: Mutant) -> str:
    """The source of the module with its rule spoilt.

    Raises:
        ValueError: The rule is no longer worded like that.
    """
    source = Path(_module(mutant.module).__file__).read_text(encoding="utf-8")
    if mutant.rule not in source:
        raise ValueError(f"{mutant.name}: {mutant.module}.py has no {mutant.rule!r}")
    return source.replace(mutant.rule, mutant.spoilt, 1)


@contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    """With the rule spoilt, and everything that imported it made anew.

    Raises:
        ValueError: The rule is no longer worded like that.
    """
    _load({mutant.module: spoilt(mutant)})
    try:
        yield
    finally:
        _load({})


def _load(sources: dict[str, str]) -> None:
    """Run each module's source in its place."""
    for name in _ORDER:
        module = _module(name)
        path = Path(module.__file__)
        source = sources.get(name) or path.read_text(encoding="utf-8")
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - our own source
