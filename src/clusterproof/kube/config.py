"""Which cluster, as which user: a kubeconfig by client-go's rules.

Load (client-go v0.35.4 `tools/clientcmd/loader.go` `ClientConfigLoadingRules.Load`): `--kubeconfig`
alone, else the files of KUBECONFIG, else ~/.kube/config; of a name that several files have, the
first one's entry counts, whole. Choose and validate (`client_config.go` `ClientConfig`,
`validation.go` `validateClusterInfo`, `validateAuthInfo`). What differs on purpose stands in
docs/ORACLES.md: a cluster that is not in the file is refused, never replaced by localhost:8080.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from clusterproof.errors import SpecError
from clusterproof.kube.kubeconfig_types import Cluster, Config, Context, ExecConfig, User
from clusterproof.kube.yaml_file import Location, YamlError, YamlFile, read_yaml

VARIABLE = "KUBECONFIG"
PROXY_SCHEMES = ("http", "https", "socks5")
_MODES = ("Never", "IfAvailable", "Always")
_T = TypeVar("_T", Cluster, User, Context)


@dataclass(frozen=True)
class Entry(Generic[_T]):
    """A cluster, user or context, and where it stands."""

    name: str
    settings: _T
    path: Path
    at: Location
    file: YamlFile

    def error(self, key: str, message: str) -> SpecError:
        """The error for what stands under `key`."""
        return SpecError(f"{self.path}:{self.file.line((*self.at, *key.split('.')))}: {message}")

    def resolved(self, name: str) -> str:
        """A path of this entry, relative to its file's folder; "" stays "" (`ResolvePaths`)."""
        return os.path.normpath(self.path.parent.absolute() / name) if name else ""


@dataclass
class Kubeconfig:
    """Every file, merged.

    Attributes:
        sources: What was looked for, in words.
        files: The files that there are, in their order.
    """

    sources: str
    clusters: dict[str, Entry[Cluster]] = field(default_factory=dict)
    users: dict[str, Entry[User]] = field(default_factory=dict)
    contexts: dict[str, Entry[Context]] = field(default_factory=dict)
    current_context: str = ""
    current_context_place: str = ""
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Choice:
    """One context's cluster and user.

    Attributes:
        context: Its name.
        namespace: Of the context, or "".
        nobody: The error for a user without credentials, or one that there is not.
    """

    context: str
    namespace: str
    nobody: SpecError
    cluster: Entry[Cluster]
    user: Entry[User] | None


def load(explicit: str | None, environment: Mapping[str, str]) -> Kubeconfig:
    """The merged kubeconfig; an empty one where no file is.

    Raises:
        SpecError: The explicit file is missing, or a file is no kubeconfig.
    """
    if explicit:
        path = Path(explicit)
        if path.is_dir():
            raise SpecError(
                f"--kubeconfig: expected a file, {explicit} is a folder; put the folder of the"
                " suites first: pytest suites/ --kubeconfig PATH"
            )
        if not path.exists():
            raise SpecError(
                f"--kubeconfig: no such file: {explicit}; `make cluster` writes the local cluster's"
            )
        names, sources = [explicit], f"--kubeconfig {explicit}"
    elif listed := environment.get(VARIABLE, ""):
        names, sources = list(dict.fromkeys(listed.split(os.pathsep))), f"{VARIABLE}={listed}"
    else:
        home = os.path.join(environment.get("HOME", ""), ".kube", "config")  # noqa: PTH118 - "" too
        names, sources = [home], home
    merged = Kubeconfig(sources)
    for name in filter(None, names):
        try:
            content = Path(name).read_bytes()
        except FileNotFoundError:
            continue  # as kubectl does: a list may name files that are not there
        except OSError as error:
            raise SpecError(f"{name}: expected a kubeconfig: {error.strerror}") from error
        _merge(merged, Path(name), content)
    return merged


def _merge(merged: Kubeconfig, path: Path, content: bytes) -> None:
    """Add the entries of one more file; a name that is there already stays as it is."""
    config, file = _decoded(path, content)
    merged.files.append(path)
    if config.current_context and not merged.current_context:
        merged.current_context = config.current_context
        merged.current_context_place = f"{path}:{file.line(('current-context',))}"
    for kind, key, known in (
        ("clusters", "cluster", merged.clusters),
        ("users", "user", merged.users),
        ("contexts", "context", merged.contexts),
    ):
        entries: Any = known
        own: dict[str, Entry[Any]] = {}
        for place, named in enumerate(getattr(config, kind)):
            entry = Entry(named.name, getattr(named, key), path, (kind, place, key), file)
            if named.name in own:
                line = file.line((kind, place, "name"))
                raise SpecError(
                    f"{path}:{line}: expected each of {kind} once, {named.name!r} again"
                )
            _refuse_double_extensions(entry)
            own[named.name] = entry
        for name, entry in own.items():
            entries.setdefault(name, entry)


def _refuse_double_extensions(entry: Entry[Any]) -> None:
    names = [extension.name for extension in entry.settings.extensions]
    if len(names) != len(set(names)):
        raise entry.error("extensions", "expected each extension once")


def _decoded(path: Path, content: bytes) -> tuple[Config, YamlFile]:
    try:
        file = read_yaml(content)
    except YamlError as error:
        message = f"{path}:{error.line}: expected a kubeconfig in YAML or JSON: {error}"
        raise SpecError(message) from error
    if not isinstance(file.content, dict | None):
        kind = _type_of(file.content)
        raise SpecError(f"{path}:1: expected a kubeconfig, a mapping at the top; got {kind}")
    try:
        config = Config.model_validate(file.content)
    except ValidationError as error:
        # Never the value, and no chained exception that shows it: it may be a credential.
        first = error.errors(include_url=False, include_input=True)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise SpecError(
            f"{path}:{file.line(first['loc'])}: {place}: {_expected(first['type'], first['msg'])},"
            f" got {_type_of(first['input'])}"
        ) from None
    if config.kind not in {"", "Config"} or config.api_version not in {"", "v1"}:
        wrong = "kind" if config.kind not in {"", "Config"} else "apiVersion"
        raise SpecError(
            f"{path}:{file.line((wrong,))}: expected kind: Config and apiVersion: v1,"
            f" got {config.kind or 'no kind'} and {config.api_version or 'no apiVersion'}"
        )
    return config, file


def _expected(kind: str, message: str) -> str:
    words = {
        "string_type": "expected a string (quote what looks like a number, a date or yes)",
        "bool_type": "expected true or false, without quotes",
        "list_type": "expected a list",
        "dict_type": "expected a mapping",
        "model_type": "expected a mapping",
        "bytes_type": "expected base64",
    }
    return words.get(kind, message.removeprefix("Value error, "))


def _type_of(content: object) -> str:
    names = {dict: "a mapping", list: "a list", bool: "true or false", str: "text"}
    return names.get(type(content), "none" if content is None else "a number")


def choose(config: Kubeconfig, option: str | None) -> Choice | None:
    """The cluster and user of `option`, else of the current context; None in an empty config.

    Raises:
        SpecError: No such context, or one that cannot work.
    """
    name = option or config.current_context
    context = config.contexts.get(name)
    if context is None and name:
        known = ", ".join(sorted(config.contexts)) or "none"
        if option:
            message = f"--context: {name!r} is not in the kubeconfig ({config.sources})"
            raise SpecError(f"{message}; it has: {known}")
        raise SpecError(
            f"{config.current_context_place}: expected current-context to be one of contexts"
            f" ({known}), got {name!r}"
        )
    settings = context.settings if context else Context()
    cluster = config.clusters.get(settings.cluster)
    user = config.users.get(settings.user)
    if cluster is None:
        if context is None and user is None:
            return None
        known = ", ".join(sorted(config.clusters)) or "none"
        message = f"expected a name of clusters ({known}), got {settings.cluster!r}"
        raise context.error("cluster", message) if context else SpecError(message)
    _check_cluster(cluster)
    if user is not None:
        _check_user(user)
    return Choice(name, settings.namespace, _nobody(config, name, user), cluster, user)


def _nobody(config: Kubeconfig, name: str, user: Entry[User] | None) -> SpecError:
    """Where kubectl would ask for a password at the terminal; without one it refuses too."""
    if user is not None:
        message = "expected a token, a username, a client certificate or an exec plugin, got none"
        return SpecError(f"{user.path}:{user.file.line(user.at)}: user {user.name!r}: {message}")
    context = config.contexts.get(name)
    wanted = context.settings.user if context else ""
    known = ", ".join(sorted(config.users)) or "none"
    message = f"expected a name of users ({known}), got {wanted!r}"
    return context.error("user", message) if context else SpecError(message)


def nothing_chosen(config: Kubeconfig) -> SpecError:
    """Why an empty config cannot be used."""
    if not config.files:
        return SpecError(f"no kubeconfig: there is no {config.sources}; give --kubeconfig PATH")
    known = ", ".join(sorted(config.contexts)) or "none"
    return SpecError(
        f"{config.files[0]}:1: expected current-context, or give --context; contexts: {known}"
    )


def _check_cluster(entry: Entry[Cluster]) -> None:
    """`validateClusterInfo`, and a server; kubectl would take localhost:8080 for one."""
    cluster = entry.settings
    if not cluster.server:
        raise entry.error("server", "expected server: https://HOST:PORT, got none")
    if cluster.proxy_url:
        try:
            scheme = urlsplit(cluster.proxy_url).scheme
        except ValueError:
            scheme = ""
        if scheme not in PROXY_SCHEMES:
            message = f"expected {', '.join(PROXY_SCHEMES)} in proxy-url, got {scheme or 'none'!r}"
            raise entry.error("proxy-url", message)
    _check_pair(entry, "certificate-authority")
    _check_readable(entry, "certificate-authority", cluster.certificate_authority)


def _check_user(entry: Entry[User]) -> None:
    """`validateAuthInfo`."""
    user = entry.settings
    if user.token and (user.username or user.password):
        raise entry.error("token", "expected one way to authenticate, got token and username")
    if user.has_certificate:
        _check_pair(entry, "client-certificate")
        _check_pair(entry, "client-key")
        if not (user.client_key or user.client_key_data):
            message = "expected client-key or client-key-data beside the certificate, got none"
            raise entry.error("client-certificate", message)
        _check_readable(entry, "client-certificate", user.client_certificate)
        _check_readable(entry, "client-key", user.client_key)
    if user.exec is not None:
        _check_exec(entry, user.exec)
    more = user.impersonate_uid or user.impersonate_groups or user.impersonate_extra
    if more and not user.impersonate:
        raise entry.error(
            "as", "expected `as` beside as-uid, as-groups and as-user-extra, got none"
        )


def _check_pair(entry: Entry[Any], key: str) -> None:
    field_name = key.replace("-", "_")
    if getattr(entry.settings, field_name) and getattr(entry.settings, f"{field_name}_data"):
        raise entry.error(key, f"expected {key} or {key}-data, got both")


def _check_readable(entry: Entry[Any], key: str, name: str) -> None:
    if not name:
        return
    try:
        os.close(os.open(entry.resolved(name), os.O_RDONLY))
    except OSError as error:
        words = f"there is no {name}" if isinstance(error, FileNotFoundError) else error.strerror
        raise entry.error(key, f"expected a file, {words}") from error


def _check_exec(entry: Entry[User], plugin: ExecConfig) -> None:
    if entry.settings.auth_provider is not None:
        raise entry.error("exec", "expected exec or auth-provider, got both")
    if not plugin.command:
        raise entry.error("exec", "expected exec.command, got none")
    if not plugin.api_version:
        raise entry.error("exec", "expected exec.apiVersion, got none")
    if any(not variable.name for variable in plugin.env):
        raise entry.error("exec.env", "expected a name for each variable of exec.env")
    if plugin.interactive not in _MODES:
        message = f"expected one of {', '.join(_MODES)} in exec.interactiveMode"
        raise entry.error(
            "exec.interactiveMode", f"{message}, got {plugin.interactive or 'none'!r}"
        )
