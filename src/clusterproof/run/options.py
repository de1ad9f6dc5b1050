"""What the options of a verification come to: its spec, its permissions, where its reports go.

Each function takes the options as `argparse` and pytest keep them, by the names that
`clusterproof.options` gives them.
"""

import os
import shlex
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from clusterproof.checks import read_spec
from clusterproof.checks.site import Permissions
from clusterproof.errors import SpecError
from clusterproof.options import ONLY
from clusterproof.project import SPECS, spec_file
from clusterproof.report.record import REHEARSE
from clusterproof.run.since import refuse_no_record
from clusterproof.spec import Spec, renamed

USUAL_SPEC: Final = SPECS / "self-hosted.yaml"


def refuse_wrong(options: Namespace) -> None:
    """Refuse what can be told to be wrong before a spec is read.

    Raises:
        SpecError: Names the option.
    """
    given = options.kubeconfig
    if given and Path(given).expanduser().is_dir():
        raise SpecError(
            f"--kubeconfig: expected a file, {given} is a folder;"
            " put the folder of the suites first: pytest suites/ --kubeconfig PATH"
        )
    if given and not options.plan and not Path(given).expanduser().exists():
        raise SpecError(f"--kubeconfig: expected a file, there is no {given}")
    if options.rehearse and options.read_only:
        raise SpecError("--rehearse changes the cluster: give it without --read-only")
    if options.since:
        refuse_no_record(Path(options.since))


def refuse_unredacted(options: Namespace, environment: Mapping[str, str]) -> None:
    """Refuse to let pytest write, or show, what nobody has redacted.

    Raises:
        SpecError: Names the option.
    """
    capture = getattr(options, "capture", "no")
    given = {
        "--debug": getattr(options, "debug", None) is not None,
        "--capture=no, or -s": capture == "no",
        "--capture=tee-sys": capture == "tee-sys",
        "--pdb": getattr(options, "usepdb", False),
        "--trace": getattr(options, "trace", False),
        "--pastebin": getattr(options, "pastebin", None) is not None,
        "PYTEST_DEBUG": "PYTEST_DEBUG" in environment,
    }
    for option, is_given in given.items():
        if is_given:
            raise SpecError(
                f"{option}: expected without it, as it would write secrets of the cluster;"
                " -rA shows what a check printed, redacted"
            )


def spec_path(options: Namespace) -> Path:
    """The file of the spec.

    Raises:
        SpecError: There is no such profile.
    """
    return Path(options.spec) if options.spec else spec_file(options.profile)


def given_spec(options: Namespace) -> Spec:
    """The spec, with its rehearsals where they are asked for.

    Raises:
        SpecError: It, or an option, is wrong; names the place.
    """
    spec = read_spec(spec_path(options), renamed(options.namespace))
    return spec.rehearsed() if options.rehearse else spec


def permissions_of(options: Namespace) -> Permissions:
    """What the run may do beside reading."""
    return Permissions(
        read_only=options.read_only,
        allow_production=options.allow_production,
        lock_wait_s=options.lock_wait,
        undo_command=undo_command(options) if options.rehearse else "",
    )


def undo_command(options: Namespace) -> str:
    """The `clusterproof undo` that looks where a run with these options did."""
    spec = spec_path(options)
    words = ["clusterproof", "undo"]
    words += ["--kubeconfig", options.kubeconfig] if options.kubeconfig else []
    words += ["--context", options.context] if options.context else []
    words += ["--spec", str(spec)] if spec != USUAL_SPEC else []
    for namespace in options.namespace:
        words += ["--namespace", namespace]
    return shlex.join(words)


def report_folder(options: Namespace, project: Path) -> Path | None:
    """The folder of the reports of all runs; None where none is wanted."""
    if options.report_dir == "":
        return None
    return Path(options.report_dir) if options.report_dir else project / "reports"


def junit_file(options: Namespace) -> Path:
    """The file of --junitxml, as pytest reads its path; "." for none, or without that plugin."""
    given = getattr(options, "xmlpath", None) or ""
    return Path(os.path.expanduser(os.path.expandvars(given)))  # noqa: PTH111 - as it does


def shown(options: Namespace) -> dict[str, str]:
    """The options that were given, as the record has them."""
    given = {
        "--profile": options.profile,
        "--spec": options.spec,
        "--context": options.context,
        "--namespace": options.namespace,
        "--read-only": options.read_only,
        "--allow-production": options.allow_production,
        ONLY: ", ".join(options.only),
        "--since": options.since,
        REHEARSE: options.rehearse,
        "-k": options.keyword,
        "-m": options.markexpr,
    }
    return {name: str(value) for name, value in given.items() if value}
