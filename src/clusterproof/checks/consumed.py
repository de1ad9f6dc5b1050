"""A container really gets keys of a ConfigMap or Secret, as variables or as files.

Source: Kubernetes docs, "ConfigMaps" and "Secrets" as environment variables
(v1.35, read 2026-11-23).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.containers import container_named
from clusterproof.kube.env import (
    MountedFile,
    Read,
    Variable,
    contents_of,
    environment_of,
    files_of,
    values_of,
)
from clusterproof.kube.objects import Json
from clusterproof.observe.configuration import Unread, reader_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.resources import template_spec
from clusterproof.spec.row import Ref, Row, WorkloadRef


class ConsumedRow(Row):
    """A container really gets a key of a ConfigMap or Secret, as an environment variable or a file.

    Attributes:
        as_: Key to the variable (`DATABASE_HOST`) or the file (`/etc/tls/tls.crt`) that it is in
            the container. Without it: the variable of its own name, or any where there is none.
    """

    check: Literal["consumed"]
    workload: WorkloadRef
    container: str
    of: Ref
    keys: tuple[str, ...] = Field(min_length=1)
    as_: dict[str, str] = Field(default_factory=dict, alias="as")

    @model_validator(mode="after")
    def _refuse_other_keys(self) -> Self:
        others = sorted(set(self.as_) - set(self.keys))
        if others:
            raise ValueError(f"expected `as` for keys of the row; got {', '.join(others)}")
        return self


@dataclass(frozen=True, slots=True)
class Consumed:
    """Keys that the object holds, and those of the row that the container gets from it.

    Attributes:
        instead: Key to what is there in its place, for each of the row's keys that it does not get.
    """

    object_exists: bool
    container_exists: bool
    held: frozenset[str]
    consumed: frozenset[str]
    instead: tuple[tuple[str, str], ...] = ()


def look(row: ConsumedRow, site: Site) -> Observed[Consumed]:
    """The keys that a container gets from a ConfigMap or Secret, as a variable or as a file.

    Raises:
        ObservationError: A source that goes over it may not be read.
    """
    cluster = site.cluster
    if row.of.kind not in {"ConfigMap", "Secret"}:
        raise ObservationError(f"expected a ConfigMap or a Secret, got {row.of.kind}")
    workload = cluster.find(row.workload)
    spec = template_spec(row.workload, workload) if workload else {}
    container = container_named(spec, row.container)
    source = cluster.find(row.of)
    next_command = f"kubectl describe {row.workload.kubectl}"
    where = f"{row.workload} {row.container}"
    if source is None or container is None or row.workload.namespace != row.of.namespace:
        there = source is not None and row.workload.namespace == row.of.namespace
        nothing: frozenset[str] = frozenset()
        absent = Consumed(there, container is not None, nothing, nothing)
        return Observed(absent, where, ("gets nothing from it",), next_command)
    read = reader_of(cluster, row.of, container.spec, contents=values_of)
    variables = environment_of(container.spec, read).variables
    _refuse_unread(container.spec, row, read, variables)
    files = files_of(
        spec, container.spec, reader_of(cluster, row.of, container.spec, contents=contents_of)
    )
    instead: list[tuple[str, str]] = []
    consumed: list[str] = []
    for key in row.keys:
        why = _why_not(key, row, variables, files)
        if why is None:
            consumed.append(key)
        else:
            instead.append((key, why))
    held = frozenset(contents_of(row.of.kind, source))
    fact = Consumed(
        object_exists=True,
        container_exists=True,
        held=held,
        consumed=frozenset(consumed),
        instead=tuple(instead),
    )
    evidence = (
        f"gets {', '.join(sorted(consumed)) or 'none of these keys'} from {row.of}",
        *(f"{key}: {why}" for key, why in instead),
    )
    return Observed(fact, where, evidence, next_command)


def _why_not(
    key: str,
    row: ConsumedRow,
    variables: Mapping[str, Variable],
    files: tuple[MountedFile, ...],
) -> str | None:
    """Where the key does not get to the container as the row says: what is there instead."""
    source, name = (row.of.kind, row.of.name, key), row.as_.get(key, key)
    if name.startswith("/"):
        sources = [(file.kind, file.name, file.key) for file in files if file.path == name]
        return None if source in sources else f"no file {name} of it"
    variable = variables.get(name)
    if variable is not None:
        is_it = (variable.kind, variable.name, variable.key) == source
        return None if is_it else f"{name} comes from {variable}"
    if key in row.as_:
        return f"no variable {name}"
    if source in [(other.kind, other.name, other.key) for other in variables.values()]:
        return None
    paths = [file.path for file in files if (file.kind, file.name, file.key) == source]
    return f"as the file {paths[0]} alone; say so by `as`" if paths else "not set from it"


def _refuse_unread(
    container: Json, row: ConsumedRow, read: Read, variables: Mapping[str, Variable]
) -> None:
    """Nothing, unless a whole Secret that may not be read may go over the row's own source.

    It does not go over what `env` sets; an optional key that is absent sets nothing there.
    """
    field = "configMapRef" if row.of.kind == "ConfigMap" else "secretRef"
    own_prefixes: set[str] = set()
    set_by_env = {name for name, variable in variables.items() if not variable.whole}
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix") or ""
        if (source.get(field) or {}).get("name") == row.of.name:
            own_prefixes.add(prefix)
        secret = (source.get("secretRef") or {}).get("name", "")
        if not own_prefixes or not secret or not isinstance(read("Secret", secret), Unread):
            continue
        names = {f"{own}{key}" for own in own_prefixes for key in row.keys} - set_by_env
        if open_ := sorted(name for name in names if name.startswith(prefix)):
            raise ObservationError(
                f"Secret {secret} is a later source of the environment, and may not be read: it"
                f" cannot be told whether it sets {', '.join(open_)} anew",
                next_command=f"kubectl auth can-i list secrets -n {row.of.namespace}",
            )


def judge(row: ConsumedRow, fact: Consumed) -> Judgement:
    """The object and the container are there, and each key gets from one to the other."""
    return judged(_differences(row, fact), row.keys)


def _differences(row: ConsumedRow, fact: Consumed) -> Iterator[Difference]:
    if not fact.object_exists:
        yield Difference(str(row.of), f"a {row.of.kind}", "absent", code="object-absent")
    if not fact.container_exists:
        yield Difference(
            str(row.workload), f"container {row.container}", "absent", code="container-absent"
        )
    if not (fact.object_exists and fact.container_exists):
        return
    instead = dict(fact.instead)
    for key in row.keys:
        if key not in fact.held:
            yield Difference(key, f"a key of {row.of}", "absent", code="key-absent")
        elif key not in fact.consumed:
            expected = f"set in {row.container} from {row.of}"
            observed = instead.get(key, "not set from it")
            yield Difference(key, expected, observed, code="key-not-consumed")


KIND = Kind(
    ConsumedRow,
    look,
    judge,
    codes=(
        "container-absent",
        "key-absent",
        "key-not-consumed",
        "object-absent",
    ),
)
