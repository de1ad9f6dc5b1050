"""What a kubeconfig v1 may hold, with Go's idea of a type: a number is no string.

Unknown fields are passed over and null is "not given", as Go's JSON decoder has it; a field of the
wrong type anywhere makes the whole file invalid. No message may show a value: it may be a token.
Source: client-go v0.35.4 `tools/clientcmd/api/v1` `types.go`, `conversion.go`, `defaults.go`.
"""

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_QUARTET = 4


class Struct(BaseModel):
    """A Go struct as its JSON decoder fills it."""

    model_config = ConfigDict(
        strict=True, extra="ignore", frozen=True, validate_by_name=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_given(cls, content: object) -> object:
        if content is None:
            return {}
        if isinstance(content, dict):
            return {key: inner for key, inner in content.items() if inner is not None}
        return content


def _from_base64(content: object) -> object:
    """Go's StdEncoding: padded, line breaks passed over."""
    if not isinstance(content, str):
        return content
    text = content.replace("\n", "").replace("\r", "")
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        decoded = None
    if decoded is None or len(text) % _QUARTET:
        raise ValueError("expected base64")
    return decoded


def _strings(content: object) -> object:
    """A null in a list of strings is an empty string."""
    return (
        ["" if inner is None else inner for inner in content]
        if isinstance(content, list)
        else content
    )


def _string_map(content: object) -> object:
    if not isinstance(content, dict):
        return content
    return {key: "" if inner is None else inner for key, inner in content.items()}


def _list_map(content: object) -> object:
    if not isinstance(content, dict):
        return content
    return {key: [] if inner is None else inner for key, inner in content.items()}


Bytes = Annotated[bytes, BeforeValidator(_from_base64)]
Strings = Annotated[list[str], BeforeValidator(_strings)]
StringMap = Annotated[dict[str, str], BeforeValidator(_string_map)]
ListMap = Annotated[dict[str, Strings], BeforeValidator(_list_map)]


class NamedExtension(Struct):
    """Data of some tool; one of them is for exec plugins."""

    name: str = ""
    extension: Any = None


class Cluster(Struct):
    """How to reach an API server, and how to know that it is the right one."""

    server: str = ""
    tls_server_name: str = Field(default="", alias="tls-server-name")
    insecure_skip_tls_verify: bool = Field(default=False, alias="insecure-skip-tls-verify")
    certificate_authority: str = Field(default="", alias="certificate-authority")
    certificate_authority_data: Bytes = Field(
        default=b"", alias="certificate-authority-data", repr=False
    )
    proxy_url: str = Field(default="", alias="proxy-url", repr=False)
    disable_compression: bool = Field(default=False, alias="disable-compression")
    extensions: list[NamedExtension] = Field(default_factory=list)


class AuthProvider(Struct):
    """A credential by a plugin that was built into kubectl; removed but for oidc."""

    name: str = ""
    config: StringMap = Field(default_factory=dict, repr=False)


class ExecEnvVar(Struct):
    """A variable for an exec plugin."""

    name: str = ""
    value: str = Field(default="", repr=False)


class ExecConfig(Struct):
    """A credential by a program (`client.authentication.k8s.io`)."""

    command: str = ""
    args: Strings = Field(default_factory=list, repr=False)
    env: list[ExecEnvVar] = Field(default_factory=list)
    api_version: str = Field(default="", alias="apiVersion")
    install_hint: str = Field(default="", alias="installHint")
    provide_cluster_info: bool = Field(default=False, alias="provideClusterInfo")
    interactive_mode: str = Field(default="", alias="interactiveMode")

    @property
    def interactive(self) -> str:
        """The mode; v1beta1 and v1alpha1 need not say it (`SetDefaults_ExecConfig`)."""
        older = self.api_version.removeprefix("client.authentication.k8s.io/")
        if not self.interactive_mode and older in {"v1beta1", "v1alpha1"}:
            return "IfAvailable"
        return self.interactive_mode


class User(Struct):
    """Who we are."""

    client_certificate: str = Field(default="", alias="client-certificate")
    client_certificate_data: Bytes = Field(default=b"", alias="client-certificate-data", repr=False)
    client_key: str = Field(default="", alias="client-key")
    client_key_data: Bytes = Field(default=b"", alias="client-key-data", repr=False)
    token: str = Field(default="", repr=False)
    token_file: str = Field(default="", alias="tokenFile")
    impersonate: str = Field(default="", alias="as")
    impersonate_uid: str = Field(default="", alias="as-uid")
    impersonate_groups: Strings = Field(default_factory=list, alias="as-groups")
    impersonate_extra: ListMap = Field(default_factory=dict, alias="as-user-extra", repr=False)
    username: str = ""
    password: str = Field(default="", repr=False)
    auth_provider: AuthProvider | None = Field(default=None, alias="auth-provider")
    exec: ExecConfig | None = None
    extensions: list[NamedExtension] = Field(default_factory=list)

    @property
    def has_certificate(self) -> bool:
        """True where a client certificate is named or given."""
        return bool(self.client_certificate or self.client_certificate_data)


class Context(Struct):
    """A cluster and a user, by name."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""
    extensions: list[NamedExtension] = Field(default_factory=list)


class NamedCluster(Struct):
    """An entry of `clusters`."""

    name: str = ""
    cluster: Cluster = Field(default_factory=Cluster)


class NamedUser(Struct):
    """An entry of `users`."""

    name: str = ""
    user: User = Field(default_factory=User)


class NamedContext(Struct):
    """An entry of `contexts`."""

    name: str = ""
    context: Context = Field(default_factory=Context)


class Preferences(Struct):
    """What kubectl once took its colours from."""

    colors: bool = False
    extensions: list[NamedExtension] = Field(default_factory=list)


class Config(Struct):
    """One file."""

    kind: str = ""
    api_version: str = Field(default="", alias="apiVersion")
    preferences: Preferences = Field(default_factory=Preferences)
    clusters: list[NamedCluster] = Field(default_factory=list)
    users: list[NamedUser] = Field(default_factory=list)
    contexts: list[NamedContext] = Field(default_factory=list)
    current_context: str = Field(default="", alias="current-context")
    extensions: list[NamedExtension] = Field(default_factory=list)
