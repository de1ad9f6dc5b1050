"""One context, merged from several files, as `kubectl config view` prints it and as we read it.

What is left out and what is empty are the same; data that lies in files is compared as data, as
`--flatten` has it (client-go v0.35.4 `tools/clientcmd/api/helpers.go` `MinifyConfig`,
`FlattenConfig`).
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clusterproof.errors import SpecError
from clusterproof.kube import config
from testbed.oracles.kubeconfig.situation import MARK, Odd

Json = Mapping[str, Any]
_IN_FILES = ("certificate-authority", "client-certificate", "client-key")
_STRUCTS = ("exec", "auth-provider")


def as_kubectl_prints_it(printed: Json) -> dict[str, str]:
    """The facts of a minified config, by what they are of."""
    facts = {"current-context": json.dumps(printed["current-context"])}
    for kind, key in (("contexts", "context"), ("clusters", "cluster"), ("users", "user")):
        for named in printed.get(kind) or ():
            facts[f"{key} name"] = json.dumps(named["name"])
            facts |= _facts(key, named[key])
    return facts


def as_we_read_it(explicit: str | None, context_option: str | None) -> dict[str, str]:
    """The same of the files that `--kubeconfig` or the environment name.

    Raises:
        SpecError: A file is no kubeconfig, or the context or what it names is not there.
    """
    loaded = config.load(explicit, os.environ)
    name = context_option or loaded.current_context
    context = loaded.contexts.get(name)
    if context is None:
        raise SpecError(f"expected a context, got {name!r}")
    entries: list[tuple[str, config.Entry[Any]]] = [("context", context)]
    for key, known, wanted in (
        ("cluster", loaded.clusters, context.settings.cluster),
        ("user", loaded.users, context.settings.user),
    ):
        if wanted and wanted not in known:
            raise SpecError(f"expected a {key}, got {wanted!r}")
        if wanted:
            entries.append((key, known[wanted]))
    facts = {"current-context": json.dumps(name)}
    for key, entry in entries:
        facts[f"{key} name"] = json.dumps(entry.name)
        facts |= _facts(key, _flattened(entry))
    return facts


def _flattened(entry: Any) -> Json:  # noqa: ANN401 - an entry of any kind
    """An entry as JSON, what lies in files as data."""
    settings: dict[str, Any] = entry.settings.model_dump(by_alias=True)
    for key in _IN_FILES:
        content, path = settings.get(f"{key}-data"), settings.pop(key, "")
        if path and content:
            raise entry.error(key, "expected a file or data, got both")
        if path:
            try:
                content = Path(entry.resolved(path)).read_bytes()
            except OSError as error:
                raise entry.error(key, f"expected a file: {error.strerror}") from error
        if content:
            settings[f"{key}-data"] = base64.b64encode(content).decode()
    if settings.get("exec"):
        settings["exec"]["interactiveMode"] = entry.settings.exec.interactive
    return settings


def odd_entries(facts: Mapping[str, str]) -> Odd:
    """What is odd about the entries that were merged, by the mark of each."""
    return {
        feature: option
        for name, content in facts.items()
        if name.endswith(MARK)
        for feature, option in json.loads(content).items()
    }


def _facts(kind: str, settings: Json) -> dict[str, str]:
    return {
        f"{kind} {name}": json.dumps(content, sort_keys=True)
        for name, content in _leaves(settings)
        if content
    }


def _leaves(settings: Json) -> Iterator[tuple[str, Any]]:
    for name, content in settings.items():
        if name in _STRUCTS:
            yield f"{name} given", content is not None
            for inner, leaf in (content or {}).items():
                yield f"{name} {inner}", _without_nothing(leaf)
        elif name == "extensions":
            own = {extension["name"]: extension["extension"] for extension in content}
            yield MARK, own.pop(MARK, None)
            yield name, own
        else:
            yield name, _without_nothing(content)


def _without_nothing(content: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON in which no list or mapping has null for an empty one."""
    if isinstance(content, dict):
        return {key: _without_nothing(inner) or "" for key, inner in content.items()}
    return content
