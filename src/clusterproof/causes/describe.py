"""The words of a cause: what is wrong, the smallest remedy, and the command that shows it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from clusterproof.causes.cause import Cause
from clusterproof.causes.graph import Group
from clusterproof.causes.place import Part
from clusterproof.causes.rules import (
    CUSTOM_METRICS_API,
    EXTERNAL_METRICS_API,
    METRICS_API,
    NODES,
    REASON,
    RIGHT,
)
from clusterproof.judgement import Difference
from clusterproof.spec.row import ObjectRef

_QUOTED: Final = 3
_LONGEST: Final = 200
"""Of a quotation, in characters. Our choice."""

_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "claim-not-bound": "make the claim, or a volume that it can bind to",
        "configuration-missing": "make the ConfigMap or Secret, or the key, that the Pod names",
        "cpu-short": "lower the CPU requests, or add nodes",
        "image-not-pulled": "correct the image, or its pull secret and policy",
        "memory-short": "raise the memory limit, or lower what the container uses",
        "need-denied": "add the rule that is named to the policy",
        "pod-not-selected": "make the selector of {name} match the labels of the Pods",
        "pods-absent": "scale {name} up",
        "policy-selects-otherwise": "make spec.podSelector of {name} match the labels of the Pods",
        "pod-stale": "kubectl rollout restart of what reads {name}",
        "port-missing": "add the port to {name}",
        "target-port-differs": "set targetPort of {name} to the port of the containers",
        "too-many-restarts": "read the log of the container that ended, and correct what ends it",
    }
)
_SUBJECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        NODES: "the nodes",
        METRICS_API: "the metrics API",
        CUSTOM_METRICS_API: "the custom metrics API",
        EXTERNAL_METRICS_API: "the external metrics API",
    }
)
_BY_PART: Final[Mapping[Part, str]] = MappingProxyType(
    {
        Part.EXISTS: "make {ref}, or correct what names it",
        Part.LABELS: "label {name} as the policy expects",
        Part.DATA: "correct the data of {name}",
        Part.SELECTOR: "correct the selector of {name}",
        Part.SPEC: "correct {name} as the rows say",
        Part.RESOURCES: "correct requests and limits of {name} as the rows say",
        Part.TEMPLATE: "correct the Pod template of {name} as the rows say",
        Part.REPLICAS: "set the replicas of {name} as the row says",
        Part.PODS: "look at what its Pods wait for, and put that right",
        Part.ENDPOINTS: "see which Pods the Service selects, and whether they are ready",
        Part.NETWORK: "see that the network plugin enforces NetworkPolicies, and that one selects"
        " the Pods",
        Part.PROGRAM: "read the logs of its Pods: they run, and do not answer as expected",
        Part.STATUS: "see why its controller says so",
        Part.DNS: "allow DNS (53/UDP and 53/TCP) to the Pods, and see that the resolver answers",
    }
)


_OF_PODS: Final[Mapping[Part, str]] = MappingProxyType(
    {
        Part.PODS: "the Pods of {subject} do not run: {observed}",
        Part.NETWORK: "no NetworkPolicy is enforced for the Pods of {subject}",
        Part.DNS: "the Pods of {subject} resolve no names",
    }
)


def cause_of(group: Group, fit: str = "") -> Cause:
    """The cause in words, with its rows."""
    place = group.place
    if place.ref.startswith(RIGHT):
        return _refused(group, fit)
    ref = _object(place.ref)
    first = group.own[0] if group.own else group.symptoms[0]
    name = f"{ref.kind} {ref.name}".strip() if ref else place.ref
    codes = [difference.code for finding in group.own for difference in finding.differences]
    remedy = _BY_PART[place.part]
    if place.ref.startswith(REASON):
        remedy = "put right what keeps the run from looking, and run it again"
        if "--read-only was given" in place.ref:
            remedy = "run it again without --read-only, where it may start Pods of its own"
    if place.part is not Part.EXISTS:
        remedy = next((_REMEDIES[code] for code in codes if code in _REMEDIES), remedy)
    return Cause(
        subject=", ".join(subject_of(ref) for ref in group.refs),
        what=_what(group) + _alike(group),
        evidence=_evidence(group),
        remedy=remedy.format(name=name, ref=place.ref),
        show=_show(place.ref, place.part) or first.show,
        rows=tuple(finding.row.id for finding in group.own),
        symptoms=tuple(finding.row.id for finding in group.symptoms),
        fit=fit,
    )


def _refused(group: Group, fit: str) -> Cause:
    """A right that the run was not given."""
    _, namespace, right = group.place.ref.split("/", 2)
    scope = f" in namespace {namespace}" if namespace else ""
    option = f" -n {namespace}" if namespace else " --all-namespaces"
    return Cause(
        subject=f"the right to {right}{scope}",
        what=f"this run may not {right}{scope}",
        evidence=_evidence(group),
        remedy="grant the right, or leave out the rows that need it",
        show=f"kubectl auth can-i {right}{option}",
        rows=tuple(finding.row.id for finding in group.own),
        symptoms=tuple(finding.row.id for finding in group.symptoms),
        fit=fit,
    )


def subject_of(ref: str) -> str:
    """How a report names the place of a cause."""
    if ref.startswith(REASON):
        return ref.removeprefix(REASON)
    return _SUBJECTS.get(ref, ref)


def _object(ref: str) -> ObjectRef | None:
    parts = [] if ref.startswith(REASON) else ref.split("/")
    if len(parts) != 3 or not parts[2]:  # noqa: PLR2004 - Kind, namespace, name
        return None
    return ObjectRef(kind=parts[0], namespace=parts[1], name=parts[2])


def _show(ref: str, part: Part) -> str:
    """A read-only command about the object; "" where it is not there, or is no object."""
    named = _object(ref)
    if named is None:
        return "kubectl describe nodes" if ref == NODES else ""
    if part is Part.EXISTS:
        place = f"-n {named.namespace} " if named.namespace else ""
        return f"kubectl {place}get {named.kind.lower()}"
    if named.kind == "Secret":
        return f"kubectl describe {named.kubectl}"
    describes = {Part.PODS, Part.STATUS, Part.NETWORK, Part.PROGRAM, Part.ENDPOINTS}
    return f"kubectl {'describe' if part in describes else 'get -o yaml'} {named.kubectl}"


def _what(group: Group) -> str:
    place, subject = group.place, subject_of(group.place.ref)
    if place.part is Part.EXISTS:
        return f"{subject} does not exist"
    differences = [each for finding in group.own for each in finding.differences]
    if place.ref.startswith(REASON):
        return f"{len(group.own)} rows could not be looked at: {_cut(subject)}"
    if not differences:
        return f"{subject} is named as the reason"
    first = differences[0]
    if place.part in _OF_PODS:
        return _OF_PODS[place.part].format(subject=subject, observed=_cut(_observed(first)))
    others = len(group.own) - 1
    more = f" (and {others} more {'row' if others == 1 else 'rows'} about it)" if others else ""
    expected = f"expected {_cut(first.expected)}, " if first.expected else ""
    return f'{subject}: {_cut(first.what)}: {expected}observed "{_cut(_observed(first))}"{more}'


def _alike(group: Group) -> str:
    """The further objects that differ in the same way."""
    if not group.alike:
        return ""
    return f"; {len(group.alike)} more alike: {', '.join(map(subject_of, group.alike))}"


def _observed(difference: Difference) -> str:
    return difference.observed or difference.what


def _evidence(group: Group) -> tuple[str, ...]:
    """What the rows said of it, each row once, its own rows first."""
    lines = []
    for finding in (*group.own, *group.symptoms):
        if finding.differences:
            lines.append(f'{finding.row.id}: "{_cut(str(finding.differences[0]))}"')
        elif finding.doubt:
            lines.append(f'{finding.row.id}: "{_cut(finding.doubt)}"')
        lines += [line for line in finding.evidence if line.startswith("log of ")][:1]
    return tuple(lines[:_QUOTED])


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
