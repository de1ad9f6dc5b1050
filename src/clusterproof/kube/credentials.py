"""The headers and the client certificate by which the API server knows us.

Source: client-go v0.35.4 `client_config.go` `getUserIdentificationPartialConfig`, `transport/
round_trippers.go` `HTTPWrappersForConfig`, `NewImpersonatingRoundTripper`, `headerKeyEscape`,
`transport/token_source.go` (read 2026-11-26).
"""

import base64
import string
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from clusterproof.errors import SpecError
from clusterproof.kube.exec_plugin import Credential, ExecPlugin
from clusterproof.kube.kubeconfig_types import User

Headers = tuple[tuple[str, str], ...]

TOKEN_FILE_FOR_S = 50.0
"""A token file is read again after this; the kubelet renews a token well before it ends."""
_HEADER_KEY = string.ascii_letters + string.digits + "!#$&'*+-.^_`|~"
"""Of RFC 9110's token characters all but `%`, which escapes the others."""


class TokenFile:
    """A token in a file, which something renews. Safe to share between threads."""

    def __init__(self, path: Path, *, fallback: str = "", place: str = "") -> None:
        """Read it once; `secrets` has every token that it held so far.

        Raises:
            SpecError: There is none, or it is empty, and there is no fallback either.
        """
        self.path, self._place = path, place
        self._lock = threading.Lock()
        self._token, self._read_at = fallback, float("-inf")
        self.secrets = frozenset({fallback} - {""})
        self.token()

    def token(self, *, again: bool = False) -> str:
        """The token, read anew now and then; the last good one where the file has gone."""
        with self._lock:
            if again or time.monotonic() - self._read_at > TOKEN_FILE_FOR_S:
                self._read()
            return self._token

    def _read(self) -> None:
        try:
            token, why = self.path.read_text("utf-8", "surrogateescape").strip(), "it is empty"
        except OSError as error:
            token, why = "", error.strerror or str(error)
        if token:
            self._token, self._read_at = token, time.monotonic()
            self.secrets |= {token}
        elif not self._token:
            raise SpecError(f"{self._place}: expected a token in {self.path}: {why}")


def impersonation(user: User) -> Headers:
    """The `Impersonate-*` headers of `as`, `as-uid`, `as-groups` and `as-user-extra`."""
    if not user.impersonate:
        return ()
    uid = (("Impersonate-Uid", user.impersonate_uid),) if user.impersonate_uid else ()
    groups = tuple(("Impersonate-Group", group) for group in user.impersonate_groups)
    extra = tuple(
        (f"Impersonate-Extra-{quote(key, safe=_HEADER_KEY)}", entry)
        for key, entries in user.impersonate_extra.items()
        for entry in entries
    )
    return (("Impersonate-User", user.impersonate), *uid, *groups, *extra)


def basic(username: str, password: str) -> str:
    """The `Authorization` of RFC 7617."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


@dataclass(frozen=True)
class Credentials:
    """What stands for us in every request.

    Attributes:
        authorization: One that never changes and goes before the others, or "".
        token_file: Where a token is read from instead.
        plugin: What is asked for a credential instead.
        certificate: Client certificate and key in PEM, or two empty ones.
        impersonated: Headers of whom we act as.
    """

    authorization: str = field(default="", repr=False)
    token_file: TokenFile | None = None
    plugin: ExecPlugin | None = None
    certificate: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)
    impersonated: Headers = ()

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be shown: all that authenticated us so far, also what was renewed since.

        Nothing is read or asked for; more may be known a moment later.
        """
        kind, _, text = self.authorization.partition(" ")
        known = {text, self.certificate[1].decode("utf-8", "replace")}
        if kind == "Basic":
            known.add(base64.b64decode(text).decode("utf-8", "replace").partition(":")[2])
        known |= self.token_file.secrets if self.token_file else frozenset()
        known |= self.plugin.secrets if self.plugin else frozenset()
        return frozenset(known - {""})

    def now(self) -> Credential:
        """What authenticates the next request.

        Raises:
            SpecError: An exec plugin gave no credential.
        """
        return self.plugin.credential() if self.plugin else Credential()

    def headers(self, credential: Credential | None = None) -> Headers:
        """The headers that authenticate a request.

        Raises:
            SpecError: An exec plugin gave no credential.
        """
        credential = credential or self.now()
        authorization = self.authorization
        if not authorization and self.token_file is not None:
            authorization = f"Bearer {self.token_file.token()}"
        elif not authorization and credential.token:
            authorization = f"Bearer {credential.token}"
        own = (("authorization", authorization),) if authorization else ()
        return (*own, *self.impersonated)

    def renewed(self, refused: Credential) -> bool:
        """Whether there is another credential than the one that was answered 401.

        Raises:
            SpecError: An exec plugin gave no credential.
        """
        if self.plugin is not None:
            return self.plugin.renew(refused) != refused
        if self.token_file is not None:
            before = self.token_file.token()
            return self.token_file.token(again=True) != before
        return False
