"""Credentials from an exec plugin (`client.authentication.k8s.io`), bounded in time.

The plugin is asked before the first request, again when its credential has expired, and again when
the API server answers 401 to it.
Source: client-go v0.35.4 `plugin/pkg/client/auth/exec/exec.go` `Authenticator`, `rest/exec.go`
`ConfigToExecCluster` (read 2026-11-26).

What a plugin says on its standard error reaches a person as it is said where it may ask one, as
client-go's `cmd.Stderr` does: a device code is of no use afterwards. Else it is kept for the error,
whole: whoever shows that takes secrets out first, which the part of one would not be known by.
"""

import contextlib
import datetime as dt
import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from shutil import which
from typing import Any

from pydantic import Field, ValidationError

from clusterproof.errors import SpecError
from clusterproof.kube.kubeconfig_types import ExecConfig, Struct
from clusterproof.kube.yaml_file import YamlError, read_yaml

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
WITHIN_S = 60.0
"""Long enough for a person to answer a browser. Our choice; kubectl waits for ever."""
_MOST_SAID = 64 * 1024
"""Characters of standard error; of more nothing is shown, for a part may begin inside a secret."""
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Credential:
    """What authenticates: a token, or a certificate and its key in PEM, or both."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    expires: dt.datetime | None = None

    @property
    def has_expired(self) -> bool:
        """True after `expirationTimestamp`, by this machine's clock, as client-go has it."""
        return self.expires is not None and dt.datetime.now(tz=dt.UTC) > self.expires


class _Status(Struct):
    token: str = ""
    client_certificate_data: str = Field(default="", alias="clientCertificateData")
    client_key_data: str = Field(default="", alias="clientKeyData")
    expiration_timestamp: str = Field(default="", alias="expirationTimestamp")


class _ExecCredential(Struct):
    kind: str = ""
    api_version: str = Field(default="", alias="apiVersion")
    status: _Status | None = None


class ExecPlugin:
    """One plugin. Safe to share between threads: it is asked by one of them at a time."""

    def __init__(
        self,
        config: ExecConfig,
        command: str,
        cluster: Mapping[str, Any] | None,
        *,
        place: str,
    ) -> None:
        """Run nothing yet.

        Args:
            config: The user's `exec`.
            command: Its command; a relative path is resolved already.
            cluster: What `provideClusterInfo` tells the plugin, or None.
            place: File and line of the plugin; begins each message.

        Raises:
            SpecError: Of an apiVersion that client-go refuses too.
        """
        if config.api_version not in VERSIONS:
            message = f"expected exec.apiVersion {' or '.join(VERSIONS)}, got {config.api_version}"
            raise SpecError(f"{place}: {message}")
        self._config, self._command, self._cluster, self._place = config, command, cluster, place
        self._lock = threading.Lock()
        self._credential: Credential | None = None
        self._secrets: frozenset[str] = frozenset()

    @property
    def secrets(self) -> frozenset[str]:
        """Every token and key that it gave so far, those that were renewed since too."""
        return self._secrets

    def credential(self) -> Credential:
        """The credential, new where there is none or it has expired.

        Raises:
            SpecError: The plugin is missing, failed, or gave none within WITHIN_S.
        """
        with self._lock:
            if self._credential is None or self._credential.has_expired:
                self._credential = self._ask()
            return self._credential

    def renew(self, refused: Credential) -> Credential:
        """Another credential than the refused one; asked for once, whoever comes first.

        Raises:
            SpecError: As for `credential`.
        """
        with self._lock:
            if self._credential is refused or self._credential is None:
                self._credential = self._ask()
            return self._credential

    def _ask(self) -> Credential:
        interactive = self._is_interactive()
        spec: dict[str, Any] = {"interactive": interactive}
        if self._cluster is not None:
            spec["cluster"] = self._cluster
        info = {"kind": "ExecCredential", "apiVersion": self._config.api_version, "spec": spec}
        environment = {
            **os.environ,
            **{variable.name: variable.value for variable in self._config.env},
            "KUBERNETES_EXEC_INFO": json.dumps(info),
        }
        credential = self._decoded(self._run(environment, interactive=interactive))
        self._secrets |= {text for text in (credential.token, credential.key) if text}
        return credential

    def _is_interactive(self) -> bool:
        """Whether the plugin may ask a person (`isInteractive`)."""
        terminal = sys.stdin is not None and _is_terminal(0)
        if self._config.interactive == "Always" and not terminal:
            raise self._error("needs a terminal (interactiveMode: Always), standard input is none")
        return terminal and self._config.interactive != "Never"

    def _run(self, environment: Mapping[str, str], *, interactive: bool) -> bytes:
        # Found by our own PATH, not by one that the kubeconfig sets for the plugin.
        program = self._command if os.sep in self._command else which(self._command)
        try:
            if program is None:
                raise FileNotFoundError(errno.ENOENT, "there is none on PATH")
            plugin = subprocess.Popen(  # noqa: S603 - the kubeconfig names it, as for kubectl
                [self._command, *self._config.args],
                executable=program,
                env=dict(environment),
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if interactive and _is_terminal(2) else subprocess.PIPE,
                start_new_session=not interactive,  # so that its children can be ended with it
            )
        except (OSError, ValueError) as error:
            hint = f"; {' '.join(self._config.install_hint.split())}"
            missing = f"expected a program, cannot run {self._config.command!r}"
            why = getattr(error, "strerror", None) or str(error)
            shown = hint if self._config.install_hint else ""
            raise self._error(f"{missing} ({why}){shown}") from error
        try:
            output, errors = plugin.communicate(timeout=WITHIN_S)
        except subprocess.TimeoutExpired as error:
            self._end(plugin, interactive=interactive)
            late = f"expected a credential within {WITHIN_S:g} s, got none"
            raise self._error(f"{late}{_said(error.stderr)}") from None
        if plugin.returncode:
            raise self._error(f"ended with exit code {plugin.returncode}{_said(errors)}")
        return output

    @staticmethod
    def _end(plugin: subprocess.Popen[bytes], *, interactive: bool) -> None:
        with contextlib.suppress(ProcessLookupError):
            if interactive:
                plugin.kill()
            else:
                os.killpg(plugin.pid, signal.SIGKILL)
        for stream in (plugin.stdout, plugin.stderr):
            if stream is not None:
                stream.close()
        plugin.wait()

    def _decoded(self, output: bytes) -> Credential:
        wanted = f"an ExecCredential of {self._config.api_version}"
        try:
            answer = _ExecCredential.model_validate(read_yaml(output).content)
        except (YamlError, ValidationError):
            # No chained exception: it would show what the plugin printed.
            raise self._error(f"expected {wanted} on its standard output, got none") from None
        if (
            answer.kind not in {"", "ExecCredential"}
            or answer.api_version != self._config.api_version
        ):
            shown = f"{answer.kind or 'no kind'} of {answer.api_version or 'no apiVersion'}"
            shown = shown if len(shown) <= _LONGEST_NAME else "another"
            raise self._error(f"expected {wanted}, got {shown}")
        status = answer.status
        if status is None:
            raise self._error("expected a status in its ExecCredential, got none")
        if not (status.token or status.client_certificate_data or status.client_key_data):
            raise self._error("expected a token, or a certificate and a key; got neither")
        if bool(status.client_certificate_data) != bool(status.client_key_data):
            raise self._error("expected both a certificate and its key, got one of them")
        return Credential(
            status.token,
            status.client_certificate_data,
            status.client_key_data,
            self._expiry(status.expiration_timestamp),
        )

    def _expiry(self, text: str) -> dt.datetime | None:
        if not text:
            return None
        try:
            expires = dt.datetime.fromisoformat(text)
        except ValueError:
            expires = None
        if expires is None or expires.tzinfo is None:
            raise self._error("expected an expirationTimestamp as RFC 3339 has it")
        return expires

    def _error(self, message: str) -> SpecError:
        return SpecError(f"{self._place}: exec plugin {self._config.command}: {message}")


def _is_terminal(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        return os.isatty(descriptor)
    return False


def _said(errors: bytes | None) -> str:
    """What stood on standard error, as the end of a sentence; "" for nothing."""
    text = (errors or b"").decode("utf-8", "replace")
    if len(text) > _MOST_SAID:
        return f"; it wrote {len(text)} characters to its standard error"
    lines = "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
    return f": {lines}" if lines else ""
