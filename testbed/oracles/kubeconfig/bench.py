"""kubectl and our own reader on the same kubeconfigs: what is merged, who is asked, as whom."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube import client, connection
from testbed.certificates import issued, write
from testbed.oracles.kubeconfig import merged
from testbed.oracles.kubeconfig.recorder import Recorder, recording
from testbed.oracles.kubeconfig.situation import (
    API_SERVER_NAMES,
    MARK,
    OTHER_TOKEN,
    TOKEN,
    Case,
    Material,
    Odd,
)
from testbed.settings import patient

Facts = Mapping[str, str]
"""What a side makes of one context, by name: one decision each."""
Side = Callable[[Case, Path, str | None], tuple[Facts, str]]
"""What it makes of a context; how it refused, or ""."""
_KUBECTL_WITHIN_S = 30.0
_REQUEST_WITHIN_S = 10.0
TRACEBACK = "no sentence but"
_LONGEST = 600
_CLEARED = ("KUBECONFIG", "KUBERNETES_MASTER", "KUBERNETES_SERVICE_HOST", "REQUEST_METHOD")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_VIEW = ("config", "view", "--merge", "--minify", "--flatten", "--raw", "-o", "json")
_REFUSED = {"refused": "yes"}


@dataclass(frozen=True)
class Outcome:
    """What one side did with one context.

    Attributes:
        about: Which context, and whether it was merged or asked with.
        facts: Each a decision; `refused` in the place of all others.
        words: How it refused.
    """

    about: str
    facts: Facts
    words: str = ""

    @property
    def asked(self) -> bool:
        """True where a request reached an API server."""
        return "server" in self.facts


@dataclass
class Bench:
    """Both sides, and what records them."""

    kubectl: Path
    folder: Path
    material: Material
    recorder: Recorder

    def theirs(self, case: Case) -> list[Outcome]:
        """What kubectl does with each context of this set: what it merges, and whom it asks."""
        return list(self._outcomes(case, self._kubectl_view, self._kubectl_asks))

    def ours(self, case: Case) -> Iterator[Outcome]:
        """What we do, whatever our rules are at the moment of each."""
        return self._outcomes(case, self._we_view, self._we_ask)

    def _outcomes(self, case: Case, view: Side, ask: Side) -> Iterator[Outcome]:
        for context in case.contexts:
            for verb, side in (("merge", view), ("ask with", ask)):
                yield self._in_folder(case, side, context, f"{verb} {_shown(context)}")

    def _in_folder(self, case: Case, side: Side, context: str | None, about: str) -> Outcome:
        """One side in a fresh folder of the same name: a plugin may write into it."""
        folder = self.folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        case.write(folder)
        self.recorder.log.clear()
        facts, words = side(case, folder, context)
        return Outcome(about, {**facts, **_plugin_facts(folder)}, words)

    def _requests(self) -> Facts:
        """What reached the API servers."""
        facts: dict[str, str] = {}
        for asked in self.recorder.log.asked:
            _note(facts, "server", asked.server)
            _note(facts, "path", asked.path)
            for name, header in asked.headers:
                _note(facts, name, header)
            _note(facts, "server name of the handshake", asked.server_name)
            _note(facts, "client certificate", asked.client)
            _note(facts, "proxies", " then ".join(asked.proxies))
        return facts or _REFUSED

    def _environment(self, case: Case, folder: Path) -> dict[str, str]:
        inherited = {
            name: setting
            for name, setting in os.environ.items()
            if name not in _CLEARED and name.upper() not in _PROXIES
        }
        own = {name: text.format(folder=folder) for name, text in case.environment.items()}
        return {**inherited, "HOME": str(folder), **own}

    def _kubectl(
        self, case: Case, folder: Path, context: str | None, *command: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [
                *(str(self.kubectl), *command),
                *(argument.format(folder=folder) for argument in case.arguments),
                *(() if context is None else ("--context", context)),
            ],
            env=self._environment(case, folder) | {"KUBECACHEDIR": str(folder / "cache")},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=patient(_KUBECTL_WITHIN_S),
        )

    def _kubectl_asks(self, case: Case, folder: Path, context: str | None) -> tuple[Facts, str]:
        within = f"--request-timeout={patient(_REQUEST_WITHIN_S):g}s"
        ended = self._kubectl(case, folder, context, "version", within)
        return self._requests(), ended.stderr.strip()

    def _kubectl_view(self, case: Case, folder: Path, context: str | None) -> tuple[Facts, str]:
        ended = self._kubectl(case, folder, context, *_VIEW)
        if ended.returncode:
            return _REFUSED, ended.stderr.strip()
        return merged.as_kubectl_prints_it(json.loads(ended.stdout)), ""

    def _we_ask(self, case: Case, folder: Path, context: str | None) -> tuple[Facts, str]:
        def ask() -> None:
            # By their modules: a spoilt rule is loaded in the place of the right one.
            connected = connection.connect(_kubeconfig(case, folder), context)
            with closing(client.KubeApi(connected, sleep=_at_once)) as api:
                api.get("/version")

        words = self._words_of(case, folder, ask)
        return self._requests(), words

    def _we_view(self, case: Case, folder: Path, context: str | None) -> tuple[Facts, str]:
        facts: dict[str, str] = {}

        def read() -> None:
            facts.update(merged.as_we_read_it(_kubeconfig(case, folder), context))

        words = self._words_of(case, folder, read)
        return facts or _REFUSED, words

    def _words_of(self, case: Case, folder: Path, act: Callable[[], None]) -> str:
        """How we refuse, or ""."""
        with _entered(folder, self._environment(case, folder)):
            try:
                act()
            except (SpecError, ObservationError) as error:
                return str(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no sentence
                return f"{TRACEBACK} {type(error).__name__}: {error}"
        return ""


def _at_once(_: float) -> None:
    """Between the attempts of a request nothing changes here."""


def _shown(context: str | None) -> str:
    return "(current)" if context is None else context or "(empty)"


def _kubeconfig(case: Case, folder: Path) -> str | None:
    """Of `--kubeconfig`, where the case gives it."""
    return case.arguments[1].format(folder=folder) if case.arguments else None


def _note(facts: dict[str, str], name: str, content: str) -> None:
    """One more fact; of a name that comes again, all of them. What is empty is none."""
    if content:
        facts[name] = f"{facts[name]}, {content}" if name in facts else content


def _plugin_facts(folder: Path) -> Facts:
    """What exec plugins were told, and how they were run."""
    facts: dict[str, str] = {}
    for name in ("info", "calls"):
        path = folder / name
        lines = path.read_text().splitlines() if path.exists() else []
        # A plugin whose credential has expired already is asked once for each look at it.
        for line in dict.fromkeys(_normal(line) for line in lines if line):
            _note(facts, f"exec plugin: {name}", line)
    return facts


def decisions(theirs: Sequence[Outcome], ours: Sequence[Outcome]) -> int:
    """How many things the two sides decided: each fact that either has, but for our marks."""
    return sum(
        not name.endswith(MARK)
        for their, our in zip(theirs, ours, strict=True)
        for name in their.facts.keys() | our.facts.keys()
    )


def asked_with(case: Case, theirs: Sequence[Outcome]) -> Iterator[Odd]:
    """What was odd about each request that reached an API server: all that kubectl had to heed.

    Of its cluster, its user and its context that is what kubectl itself says that it merged.
    """
    for context, merge, ask in zip(case.contexts, theirs[::2], theirs[1::2], strict=True):
        if ask.asked:
            option = {} if context is None else {"--context": "given"}
            yield case.odd | merged.odd_entries(merge.facts) | option


def disagreements(theirs: Iterable[Outcome], ours: Iterable[Outcome]) -> Iterator[str]:
    """What the two decide differently, in words, and where we refuse without a good sentence."""
    has_user = False
    for their, our in zip(theirs, ours, strict=True):
        if their.about.startswith("merge"):
            has_user = "@" in their.facts.get("cluster server", "")
        yield from _different(their, our, of_handshake=has_user)
        yield from _unsaid(our)


def _different(their: Outcome, our: Outcome, *, of_handshake: bool) -> Iterator[str]:
    """What differs; `of_handshake`: a plugin gives no more than a certificate.

    kubectl then asks it when a server that it believes asks for one. We have asked it before: with
    a server that both refuse, that is no decision.
    """
    refused = of_handshake and "refused" in their.facts and "refused" in our.facts
    for name in sorted(their.facts.keys() | our.facts.keys()):
        kubectl, own = their.facts.get(name), our.facts.get(name)
        if refused and kubectl is None and name.startswith("exec plugin"):
            continue
        if kubectl != own:
            words = f"{their.words!r} and {our.words!r}"
            yield f"{our.about}: {name}: kubectl {kubectl!r}, ours {own!r}; {words}"


def _unsaid(our: Outcome) -> Iterator[str]:
    if our.words.startswith(TRACEBACK):
        yield f"{our.about}: ours ends with a traceback: {our.words}"
    elif "refused" in our.facts and not (0 < len(our.words) < _LONGEST and "\n" not in our.words):
        yield f"{our.about}: ours refuses without a sentence: {our.words!r}"
    if TOKEN in our.words or OTHER_TOKEN in our.words:
        yield f"{our.about}: ours shows a credential: {our.words!r}"


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
