"""kubectl and our own reader on the same kubeconfig: who is asked, and as whom."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube import client, connection
from testbed.certificates import issued, write
from testbed.oracles.kubeconfig.recorder import Asked, Recorder, recording
from testbed.oracles.kubeconfig.situation import (
    API_SERVER_NAMES,
    OTHER_TOKEN,
    TOKEN,
    Case,
    Material,
)
from testbed.settings import patient

Side = Callable[[Case, Path], str]
"""Asks for the version; how it refused, or ""."""
_KUBECTL_WITHIN_S = 30.0
_REQUEST_WITHIN_S = 10.0
TRACEBACK = "no sentence but"
_LONGEST = 600
_CLEARED = ("KUBECONFIG", "KUBERNETES_MASTER", "KUBERNETES_SERVICE_HOST", "REQUEST_METHOD")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Outcome:
    """What one side did.

    Attributes:
        asked: What reached an API server; none when it refused.
        plugin: What the exec plugin was told, each time.
        words: How it refused.
    """

    asked: tuple[Asked, ...]
    plugin: tuple[str, ...] = ()
    words: str = field(default="", compare=False)


@dataclass
class Bench:
    """Both sides, and what records them."""

    kubectl: Path
    folder: Path
    material: Material
    recorder: Recorder
    runs: int = 0

    def compare(self, case: Case) -> tuple[Outcome, Outcome]:
        """What kubectl and we do in this situation."""
        return self._in_folder(case, self._kubectl), self.ours(case)

    def ours(self, case: Case) -> Outcome:
        """What we do, whatever our rules are at this moment."""
        return self._in_folder(case, self._ours)

    def _in_folder(self, case: Case, side: Side) -> Outcome:
        """One side in a fresh folder of the same name: a plugin may write into it."""
        folder = self.folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        case.write(folder)
        self.recorder.log.clear()
        self.runs += 1
        words = side(case, folder)
        calls = folder / "info"
        told = calls.read_text().splitlines() if calls.exists() else []
        names = folder / "calls"
        more = names.read_text().splitlines() if names.exists() else []
        plugin = tuple(_normal(line) for line in told if line) + tuple(more)
        # A plugin whose credential has expired already is asked once for each look at it.
        return Outcome(tuple(sorted(self.recorder.log.asked)), tuple(dict.fromkeys(plugin)), words)

    def _environment(self, case: Case, folder: Path) -> dict[str, str]:
        kept = {
            name: setting
            for name, setting in os.environ.items()
            if name not in _CLEARED and name.upper() not in _PROXIES
        }
        own = {name: text.format(folder=folder) for name, text in case.environment.items()}
        return {**kept, "HOME": str(folder), **own}

    def _kubectl(self, case: Case, folder: Path) -> str:
        ended = subprocess.run(
            [
                str(self.kubectl),
                "version",
                f"--request-timeout={patient(_REQUEST_WITHIN_S):g}s",
                *(argument.format(folder=folder) for argument in case.arguments),
            ],
            env=self._environment(case, folder) | {"KUBECACHEDIR": str(folder / "cache")},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=patient(_KUBECTL_WITHIN_S),
        )
        return ended.stderr.strip()

    def _ours(self, case: Case, folder: Path) -> str:
        arguments = [argument.format(folder=folder) for argument in case.arguments]
        options = dict(zip(arguments[::2], arguments[1::2], strict=True))
        with _entered(folder, self._environment(case, folder)):
            try:
                return self._ask(options)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no sentence
                return f"{TRACEBACK} {type(error).__name__}: {error}"

    @staticmethod
    def _ask(options: Mapping[str, str]) -> str:
        """Ask for the version; how we refuse, or ""."""
        # By their modules: a spoilt rule is loaded in the place of the right one.
        try:
            api = client.KubeApi(
                connection.connect(options.get("--kubeconfig"), options.get("--context"))
            )
        except SpecError as error:
            return str(error)
        try:
            api.get("/version")
        except ObservationError as error:
            return str(error)
        finally:
            api.close()
        return ""


def disagreement(kubectl: Outcome, ours: Outcome) -> str:
    """What the two do differently, in words; "" where they agree and we refuse in a sentence."""
    if kubectl != ours:
        return f"kubectl {_shown(kubectl)}\nours    {_shown(ours)}"
    if ours.words.startswith(TRACEBACK):
        return f"ours ends with a traceback: {ours.words}"
    if not ours.asked and not (0 < len(ours.words) < _LONGEST and "\n" not in ours.words):
        return f"ours refuses without a sentence: {ours.words!r}"
    if TOKEN in ours.words or OTHER_TOKEN in ours.words:
        return f"ours shows a credential: {ours.words!r}"
    return ""


def _shown(outcome: Outcome) -> str:
    if not outcome.asked:
        return f"refuses: {outcome.words!r}; plugin {outcome.plugin}"
    return f"asks {outcome.asked}; plugin {outcome.plugin}; {outcome.words!r}"


def _normal(info: str) -> str:
    """The same whatever the order of keys."""
    try:
        return json.dumps(json.loads(info), sort_keys=True)
    except ValueError:
        return info


@contextmanager
def bench(kubectl: Path, folder: Path) -> Iterator[Bench]:
    """Both sides, ready; the servers' certificates lie in `folder`."""
    pki = folder / "pki"
    pki.mkdir()
    pem: dict[str, str] = {}
    for name, common in (("ca", "the authority"), ("other", "another authority")):
        authority = issued(common, is_authority=True)
        write(pki, name, authority)
        if name == "ca":
            hosts = (*API_SERVER_NAMES, "127.0.0.1")
            write(pki, "server", issued("an API server", hosts, issuer=authority))
            client = issued("jack", organization="developers", issuer=authority)
            write(pki, "client", client)
    for path in pki.iterdir():
        pem[path.name] = path.read_text()
    with recording(
        str(pki / "server.crt"), str(pki / "server.key"), str(pki / "ca.crt")
    ) as recorder:
        yield Bench(kubectl, folder, Material(pem, recorder.ports), recorder)


@contextmanager
def _entered(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Work in another folder with another environment, for a moment."""
    before, place = dict(os.environ), Path.cwd()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(before)
