"""What a defect can do to a cluster: one class for a step, one for a defect."""

from fnmatch import fnmatch
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from clusterproof.judgement import Difference
from clusterproof.spec.row import Frozen, ObjectRef, Ref


class Patch(Frozen):
    """A strategic merge patch of an object, or a JSON patch when it is a list.

    Attributes:
        status: Of the object's status, which only controllers write otherwise.
    """

    of: Ref
    with_: dict[str, Any] | list[Any] = Field(alias="with")
    status: bool = False


class Fault(Frozen):
    """A fault switch of a reference application: appended to a list in a variable.

    Several defects can switch faults of one container on together: one rollout shows them all.
    """

    of: Ref
    container: str
    variable: str
    add: str


class Certificate(Frozen):
    """A TLS Secret gets a certificate of our own making."""

    of: Ref
    host: str
    days: int


class Recreate(Frozen):
    """Delete an object and create it anew, changed by a merge patch: for fields that are immutable.

    A workload's Pods are left alone.
    """

    of: Ref
    with_: dict[str, Any] = Field(alias="with")


class Step(Frozen):
    """One change, or one thing to wait for; exactly one field is given.

    Attributes:
        patch: Change an object; undone by putting the object back as it was.
        pause: Change a workload's template without a rollout: it is paused first.
        fault: Switch a fault of a reference application on.
        delete: Delete an object (a workload's Pods stay); undone by creating it as it was.
        recreate: Delete and create anew, changed.
        create: Create an object; undone by deleting it.
        certificate: Put another certificate into a TLS Secret.
        stop: Stop a component of the local cluster; undone by starting it.
        rollout: Wait until the workload has rolled out what was changed before.
        running: Wait until this Pod runs and is Ready.
        gone: Wait until the object is no more (a claim, after the last Pod that used it).
        settle_s: Wait this long, for what only time shows; the longest of a group counts.
    """

    patch: Patch | None = None
    pause: Patch | None = None
    fault: Fault | None = None
    delete: Ref | None = None
    recreate: Recreate | None = None
    create: dict[str, Any] | None = None
    certificate: Certificate | None = None
    stop: str | None = None
    rollout: Ref | None = None
    running: Ref | None = None
    gone: Ref | None = None
    settle_s: float | None = Field(default=None, gt=0, le=120)

    def model_post_init(self, _context: object, /) -> None:
        """Refuse none and refuse two."""
        if len(self.model_fields_set) != 1:
            raise ValueError(f"expected exactly one action, got {sorted(self.model_fields_set)}")

    @property
    def waits(self) -> bool:
        """True for a step that changes nothing."""
        return bool(self.rollout or self.running or self.gone or self.settle_s)

    @property
    def target(self) -> ObjectRef | None:
        """The object that the step changes."""
        if self.create is not None:
            metadata = self.create["metadata"]
            namespace = metadata.get("namespace", "")
            return ObjectRef(kind=self.create["kind"], namespace=namespace, name=metadata["name"])
        for change in (self.patch, self.pause, self.fault, self.recreate, self.certificate):
            if change is not None:
                return change.of
        return self.delete

    @property
    def replaces(self) -> bool:
        """True where nobody else may change the object meanwhile."""
        return bool(self.delete or self.create or self.recreate or self.certificate)

    @property
    def fields(self) -> dict[tuple[str, ...], object]:
        """Path to value of each field that a patch sets; an element of a list by `#` and index."""
        patch = self.patch or self.pause
        if patch is None:
            return {}
        if isinstance(patch.with_, list):
            tests = [operation for operation in patch.with_ if operation["op"] != "test"]
            return {_json_path(operation): repr(operation) for operation in tests}
        return dict(_leaves(patch.with_, ()))


def _json_path(operation: dict[str, Any]) -> tuple[str, ...]:
    parts = [part.replace("~1", "/") for part in operation["path"].strip("/").split("/")]
    path: list[str] = []
    for part in parts:
        if not part.isdigit() and part != "-":
            path.append(part)
        elif operation["op"] == "replace":
            path.append(f"#{part}")
        else:  # the elements behind it get other places
            break
    return tuple(path)


def same_place(path: tuple[str, ...], other_path: tuple[str, ...]) -> bool:
    """True when one path may lie at or in the other; an index may be any name."""
    return all(
        mine == theirs or (mine[:1] == "#") != (theirs[:1] == "#")
        for mine, theirs in zip(path, other_path, strict=False)
    )


_KEYS = ("name", "containerPort", "port", "mountPath")


def _leaves(content: object, at: tuple[str, ...]) -> list[tuple[tuple[str, ...], object]]:
    if isinstance(content, dict) and content:
        return [leaf for key, inner in content.items() for leaf in _leaves(inner, (*at, str(key)))]
    if (
        isinstance(content, list)
        and content
        and all(isinstance(element, dict) for element in content)
    ):
        leaves: list[tuple[tuple[str, ...], object]] = []
        for number, element in enumerate(content):
            key = next(
                (f"{name}={element[name]}" for name in _KEYS if name in element), f"#{number}"
            )
            inner = {name: field for name, field in element.items() if f"{name}={field}" != key}
            leaves += _leaves(inner, (*at, key)) if inner else [((*at, key), None)]
        return leaves
    return [(at, content)]


Code = Annotated[str, Field(pattern="^[a-z]+(-[a-z]+)*$")]


class Due(Frozen):
    """The difference that a row has to have: its code, and what of its parts tells the defect.

    Attributes:
        code: Of the difference; several where the moment of the look decides which it is.
        what: The part that differs, to the letter; None for any. So are the others.
    """

    code: tuple[Code, ...] = Field(min_length=1)
    what: str | None = None
    expected: str | None = None
    observed: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, entry: object) -> object:
        """A code alone, or a list of them, is short for an entry of its own."""
        fields = entry if isinstance(entry, dict) else {"code": entry}
        code = fields.get("code")
        return {**fields, "code": [code] if isinstance(code, str) else code}

    def is_met(self, difference: Difference) -> bool:
        """True for a difference with this code and these parts."""
        parts = {name: getattr(self, name) for name in ("what", "expected", "observed")}
        return difference.code in self.code and all(
            due in {None, getattr(difference, name)} for name, due in parts.items()
        )


class Defect(Frozen):
    """One defect, or one equivalent: a change that must turn nothing red.

    Attributes:
        kind: `wrong` value, `absent` thing, `lying` (declared right, behaves wrong), or
            `equivalent`.
        reds: Row id to the difference that it has to have.
        touches: Rows that may be red or inconclusive with it; `*` matches any text.
        steps: All changes of a group are made first, then everything is waited for.
        then: Steps after that.
        alone: Shares no group with another defect.
        after_s: Wait so long after the restoring: what it broke is remembered for a while.
    """

    id: str
    kind: Literal["wrong", "absent", "lying", "equivalent"]
    title: str
    reds: dict[str, Due] = Field(default_factory=dict)
    touches: tuple[str, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    then: tuple[Step, ...] = ()
    alone: bool = False
    after_s: float = Field(default=0.0, ge=0, le=120)

    def model_post_init(self, _context: object, /) -> None:
        """Refuse a defect that turns nothing red, and an equivalent that does."""
        if (self.kind == "equivalent") == bool(self.reds):
            raise ValueError("expected `reds` for a defect, and none for an equivalent")

    def may_touch(self, row_id: str) -> bool:
        """True when the row may be something else than green with this defect."""
        return row_id in self.reds or any(fnmatch(row_id, pattern) for pattern in self.touches)

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Those of both phases."""
        return (*self.steps, *self.then)
