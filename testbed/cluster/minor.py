"""Which Kubernetes the cluster is made of: the settings KUBERNETES and KUBELET.

Without a setting it is what the running cluster was made of, else DEFAULT. That is recorded where
the running cluster keeps its sockets, so every program that is started later sees the Kubernetes
that there is.
"""

from testbed.cluster.pins import BINARIES, required
from testbed.cluster.size import RUN
from testbed.settings import SettingError, setting

DEFAULT = "1.37"
MODULE = "k8s.io/kubernetes"
FOLDER = "kubernetes"
"""Under testbed/binaries; one folder in it for each minor."""

RECORD = RUN / "kubernetes"
SKEW = 3
"""How many minors a kubelet may be older than its API server; it may not be newer at all.

Source: Kubernetes docs, "Version Skew Policy" (v1.35).
"""


def number(minor: str) -> int:
    """What stands behind the dot, by which minors are compared."""
    return int(minor.partition(".")[2])


MINORS = tuple(
    sorted((path.parent.name for path in (BINARIES / FOLDER).glob("1.*/go.mod")), key=number)
)
"""Those that there is a module for, the oldest first."""


def version(minor: str) -> str:
    """The version that a minor is pinned to, as v1.35.4."""
    return required(f"{FOLDER}/{minor}", MODULE)


def parse_minor(text: str) -> str:
    """The minor that `text` names; that of the running cluster, or DEFAULT, when it is empty.

    Raises:
        SettingError: There is no module for it.
    """
    if not text:
        return next(iter(recorded()), DEFAULT)
    if text not in MINORS:
        raise SettingError(
            f"KUBERNETES: expected one of {', '.join(MINORS)}, got {text!r};"
            f" for example: KUBERNETES={MINORS[-1]} make cluster"
        )
    return text


def parse_kubelet(text: str, minor: str) -> str:
    """The minor of kubelet and kube-proxy that `text` names.

    When it is empty, the running cluster's if its control plane is of `minor`, else `minor`.

    Raises:
        SettingError: There is no module for it, or it may not run with an API server of `minor`.
    """
    fitting = [each for each in MINORS if 0 <= number(minor) - number(each) <= SKEW]
    if not text:
        held = recorded()
        return held[1] if held and held[0] == minor and held[1] in fitting else minor
    if text not in fitting:
        raise SettingError(
            f"KUBELET: expected one of {', '.join(fitting)}, since a kubelet is not newer than its"
            f" API server (KUBERNETES={minor}), got {text!r};"
            f" for example: KUBELET={fitting[0]} make cluster"
        )
    return text


def recorded() -> tuple[str, str] | tuple[()]:
    """The minors of the running cluster's control plane and kubelets; () when there is none."""
    try:
        control, kubelet = RECORD.read_text().split()
    except (FileNotFoundError, ValueError):
        return ()
    # A checkout that has no module for them cannot go on with that cluster.
    return (control, kubelet) if {control, kubelet} <= {*MINORS} else ()


def named(control: str, kubelet: str) -> str:
    """How a person is told of a cluster: its minor, and that of its kubelets where it differs."""
    return control if control == kubelet else f"{control} with kubelets of {kubelet}"


KUBERNETES = setting("KUBERNETES", parse_minor)
KUBELET = setting("KUBELET", lambda text: parse_kubelet(text, KUBERNETES))
VERSION = version(KUBERNETES)
KUBELET_VERSION = version(KUBELET)
