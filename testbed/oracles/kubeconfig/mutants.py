"""Our rules of a kubeconfig, spoilt one at a time: the comparison must notice each."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


MUTANTS = (
    Mutant(
        "the last file of KUBECONFIG wins",
        "config",
        "entries.setdefault(name, entry)",
        "entries[name] = entry",
    ),
    Mutant(
        "the last current-context wins",
        "config",
        "config.current_context and not merged.current_context",
        "config.current_context",
    ),
    Mutant(
        "a missing file is refused",
        "config",
        "except FileNotFoundError:",
        "except ZeroDivisionError:",
    ),
    Mutant(
        "the first of two entries of a name wins", "config", "if named.name in own:", "if False:"
    ),
    Mutant(
        "--context is ignored",
        "config",
        "option or config.current_context",
        "config.current_context",
    ),
    Mutant(
        "paths are relative to the working folder",
        "config",
        "self.path.parent.absolute() / name",
        "Path(name).absolute()",
    ),
    Mutant("any kind will do", "config", 'config.kind not in {"", "Config"} or', "False or"),
    Mutant(
        "any apiVersion will do", "config", 'or config.api_version not in {"", "v1"}', "or False"
    ),
    Mutant(
        "a token beside a username is fine",
        "config",
        "user.token and (user.username or user.password)",
        "False",
    ),
    Mutant(
        "authority as file and data is fine",
        "config",
        '_check_pair(entry, "certificate-authority")',
        "pass",
    ),
    Mutant(
        "certificate as file and data is fine",
        "config",
        '_check_pair(entry, "client-certificate")',
        "pass",
    ),
    Mutant(
        "groups without a user are fine", "config", "if more and not user.impersonate:", "if False:"
    ),
    Mutant(
        "no interactiveMode is fine", "config", "if plugin.interactive not in _MODES:", "if False:"
    ),
    Mutant("any proxy scheme will do", "config", "if scheme not in PROXY_SCHEMES:", "if False:"),
    Mutant(
        "y is a string", "yaml_file", "text in _TRUE or text in _FALSE", 'text in {"true", "false"}'
    ),
    Mutant(
        "1e3 is a string", "yaml_file", "is_float = _FLOAT.fullmatch(digits)", "is_float = None"
    ),
    Mutant(
        "numbers are strings",
        "kubeconfig_types",
        "strict=True, extra",
        "strict=False, coerce_numbers_to_str=True, extra",
    ),
    Mutant("null is a type of its own", "kubeconfig_types", "if inner is not None}", "}"),
    Mutant("padding of base64 is free", "kubeconfig_types", "validate=True", "validate=False"),
    Mutant("unknown fields are refused", "kubeconfig_types", 'extra="ignore"', 'extra="forbid"'),
    Mutant("credentials over plain http", "connection", 'if url.scheme == "https":', "if True:"),
    Mutant(
        "insecure beside an authority is fine",
        "connection",
        "settings.insecure_skip_tls_verify and authorities",
        "False",
    ),
    Mutant(
        "the token goes before its file",
        "connection",
        "if user.token and not user.token_file",
        "if user.token",
    ),
    Mutant(
        "tls-server-name is ignored",
        "connection",
        "Tls(authorities, settings.tls_server_name,",
        'Tls(authorities, "",',
    ),
    Mutant("proxy-url is ignored", "connection", "if cluster.settings.proxy_url:", "if False:"),
    Mutant(
        "disable-compression is ignored",
        "connection",
        "not cluster.settings.disable_compression",
        "True",
    ),
    Mutant(
        "the user of a URL is ignored", "connection", "if url.username is not None:", "if False:"
    ),
    Mutant(
        "auth-provider is passed over",
        "connection",
        "if user.auth_provider is not None:",
        "if False:",
    ),
    Mutant("a plugin goes before a token", "connection", "plugin = None  # what", "pass  # what"),
    Mutant(
        "anonymous over https is fine",
        "connection",
        "    elif plugin is None:\n",
        "    elif False:\n",
    ),
    Mutant(
        "a plugin is told no cluster",
        "connection",
        "if plugin.provide_cluster_info else None",
        "if False else None",
    ),
    Mutant("a line break in a header is sent", "connection", 'ord(character) < ord(" ")', "False"),
    Mutant(
        "a token file is not trimmed",
        "credentials",
        '"surrogateescape").strip()',
        '"surrogateescape")',
    ),
    Mutant("groups are not sent", "credentials", "*uid, *groups, *extra)", "*uid, *extra)"),
    Mutant("keys of extra are not escaped", "credentials", "quote(key, safe=_HEADER_KEY)", "key"),
    Mutant(
        "v1alpha1 is fine", "exec_plugin", "if config.api_version not in VERSIONS:", "if False:"
    ),
    Mutant(
        "a plugin may answer in another version",
        "exec_plugin",
        "or answer.api_version != self._config.api_version",
        "",
    ),
    Mutant(
        "a certificate without a key is fine",
        "exec_plugin",
        "if bool(status.client_certificate_data) !=",
        "if False and bool(status.client_certificate_data) !=",
    ),
    Mutant("a plugin that fails is believed", "exec_plugin", "if plugin.returncode:", "if False:"),
    Mutant(
        "a plugin without a terminal is told of one",
        "exec_plugin",
        "return terminal and self",
        "return self",
    ),
    Mutant(
        "the plugin's variables are dropped",
        "exec_plugin",
        "for variable in self._config.env}",
        "for variable in ()}",
    ),
    Mutant("loopback goes through a proxy", "url", 'if url.host == "localhost" or', "if False and"),
    Mutant(
        "NO_PROXY is ignored",
        "url",
        'if not proxy or _is_exempt(url, first("NO_PROXY", "no_proxy")):',
        "if not proxy:",
    ),
    Mutant("* of NO_PROXY is a name", "url", 'if "*" in entries:', "if False:"),
    Mutant(
        "NO_PROXY matches any ending", "url", 'host.endswith(f".{name}")', "host.endswith(name)"
    ),
    Mutant(
        "NO_PROXY's port is ignored",
        "url",
        "if entry_port and entry_port != str(port):",
        "if False:",
    ),
    Mutant(
        "a server without a scheme is https",
        "url",
        'parse(f"http://{server}")',
        'parse(f"https://{server}")',
    ),
    Mutant("a server's path is dropped", "url", "{quote(self.path, safe=_PATH_SAFE)}", ""),
    Mutant(
        "a path is not cleaned",
        "url",
        'posixpath.normpath("/" + path.strip("/")).rstrip("/")',
        '"/" + path.strip("/")',
    ),
    Mutant("insecure is ignored", "tls", "if self.insecure:", "if False:"),
    Mutant("every server is believed", "tls", "if self.insecure:", "if True:"),
    Mutant(
        "the first authority of a bundle alone",
        "tls",
        "loaded += 1\n",
        "loaded += 1\n        break\n",
    ),
    Mutant("no client certificate is shown", "tls", "if certificate:", "if False:"),
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
