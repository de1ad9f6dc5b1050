"""Where Pods fit: each node by itself, and what they ask of the Pods around them.

Restates the scheduler's filters InterPodAffinity and PodTopologySpread on top of `nodes`, and its
preemption. Volumes, devices, and labels that only an admitted Pod has are not modelled:
`unmodelled` names them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from clusterproof.kube.nodes import NodeRoom, is_selected, untolerated
from clusterproof.kube.objects import Json, is_terminating, labels_of
from clusterproof.kube.pods import is_bound, is_finished, priority_of
from clusterproof.kube.selectors import selects

DEFAULT_SCHEDULER = "default-scheduler"
"""Of a Pod that names none (v1.DefaultSchedulerName)."""
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def unmodelled(spec: Json) -> list[str]:
    """What decides about the place of a Pod and is not looked at here."""
    names = []
    if spec.get("schedulerName", DEFAULT_SCHEDULER) != DEFAULT_SCHEDULER:
        names.append(f"schedulerName {spec['schedulerName']}")
    if spec.get("schedulingGates"):
        names.append("schedulingGates")
    if spec.get("resourceClaims"):
        names.append("resourceClaims")
    names += [
        f"volume {volume['name']}"
        for volume in spec.get("volumes") or []
        if volume.get("persistentVolumeClaim") or volume.get("ephemeral")
    ]
    for term in [*_terms(spec, "podAffinity"), *_terms(spec, "podAntiAffinity")]:
        names += [key for key in ("matchLabelKeys", "mismatchLabelKeys") if term.get(key)]
    return names


@dataclass(slots=True)
class Places:
    """The nodes of a cluster with the Pods on them.

    Attributes:
        rooms: One for each node.
        namespaces: Name to labels: what a namespaceSelector selects from.
        repelling: The Pods on them that want others away, each with its node.
        preempted: The Pods that went for those that were placed.
    """

    rooms: list[NodeRoom]
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    repelling: list[tuple[Json, Json]] = field(default_factory=list)
    preempted: list[Json] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        nodes: Iterable[Json],
        pods: Iterable[Json],
        namespaces: Mapping[str, Mapping[str, str]] | None = None,
    ) -> "Places":
        """The nodes with those Pods that are bound to them and have not finished."""
        rooms = {node["metadata"]["name"]: NodeRoom(node) for node in nodes}
        places = cls(list(rooms.values()), namespaces or {})
        for pod in pods:
            if is_bound(pod) and not is_finished(pod) and pod["spec"]["nodeName"] in rooms:
                places._bind(pod, rooms[pod["spec"]["nodeName"]])
        return places

    def _bind(self, pod: Json, room: NodeRoom) -> None:
        room.add(pod)
        if _terms(pod["spec"], "podAntiAffinity"):
            self.repelling.append((room.node, pod))

    def refusals(self, pod: Json) -> dict[str, list[str]]:
        """By node, why the Pod cannot go there; an empty list where it can."""
        return self._refusals(pod, _Spread(self, pod))

    def _refusals(self, pod: Json, spread: "_Spread") -> dict[str, list[str]]:
        affinity = _Affinity(self, pod)
        return {
            room.name: [
                *room.refusals(pod),
                *affinity.refusals(room.node),
                *spread.refusals(room.node),
            ]
            for room in self.rooms
        }

    def place(self, pod: Json) -> str | None:
        """Bind the Pod to the node that suits it best; None where none takes it.

        Of several, the one in the emptiest domains: so most of its like find a place. Where all
        are full, one that is free without its Pods of lower priority.
        """
        spread = _Spread(self, pod)
        refusals = self._refusals(pod, spread)
        free = [room for room in self.rooms if not refusals[room.name]]
        if not free:
            return self._preempt(pod)
        best = min(free, key=lambda room: (spread.crowd(room.node), len(room.pods)))
        self._bind_to(best, pod)
        return best.name

    def _bind_to(self, room: NodeRoom, pod: Json) -> None:
        self._bind({**pod, "spec": {**pod["spec"], "nodeName": room.name}}, room)

    def _preempt(self, pod: Json) -> str | None:
        """Bind the Pod to a node in the place of Pods of lower priority; None where none takes it.

        Restates DefaultPreemption (PodEligibleToPreemptOthers, SelectVictimsOnNode), which goes by
        priority alone: no budget keeps a victim. Of those that are lower as many stay as there is
        room for, the highest first.
        """
        if pod["spec"].get("preemptionPolicy") == "Never":
            return None
        for index, room in enumerate(self.rooms):
            lower = [other for other in room.pods if priority_of(other) < priority_of(pod)]
            staying = [other for other in room.pods if priority_of(other) >= priority_of(pod)]
            if not lower:
                continue
            left = self._with_only(staying, index)
            if left.refuses(pod, index):
                continue
            victims = []
            for other in sorted(lower, key=priority_of, reverse=True):
                spared = self._with_only([*staying, other], index)
                if spared.refuses(pod, index):
                    victims.append(other)
                else:
                    staying, left = [*staying, other], spared
            self.rooms, self.repelling = left.rooms, left.repelling
            self.preempted += victims
            self._bind_to(self.rooms[index], pod)
            return room.name
        return None

    def _with_only(self, pods: list[Json], index: int) -> "Places":
        """The same, with only these Pods on one of the nodes."""
        room = self.rooms[index]
        without = NodeRoom(room.node)
        for pod in pods:
            without.add(pod)
        gone = {id(pod) for pod in room.pods} - {id(pod) for pod in pods}
        return Places(
            [*self.rooms[:index], without, *self.rooms[index + 1 :]],
            self.namespaces,
            [pair for pair in self.repelling if id(pair[1]) not in gone],
        )

    def refuses(self, pod: Json, index: int) -> bool:
        """Whether the Pod cannot go to the node that is there in `rooms`.

        What the Pods of all nodes decide is counted only where the node itself would take it.
        """
        room = self.rooms[index]
        return any(room.refusals(pod)) or any(
            (*_Affinity(self, pod).refusals(room.node), *_Spread(self, pod).refusals(room.node))
        )


def _terms(spec: Json, kind: str) -> list[Json]:
    terms: list[Json] = ((spec.get("affinity") or {}).get(kind) or {}).get(_REQUIRED) or []
    return terms


class _Affinity:
    """Required pod affinity and anti-affinity, and the anti-affinity of the Pods that are there."""

    def __init__(self, places: Places, pod: Json) -> None:
        self._places, self._pod = places, pod
        self._attracting = _terms(pod["spec"], "podAffinity")
        self._repelling = _terms(pod["spec"], "podAntiAffinity")
        self._near: Counter[tuple[str, str]] = Counter()
        self._repelled: set[tuple[str, str]] = set()
        for node, other in self._counted():
            self._count(node, other)

    def _counted(self) -> Iterable[tuple[Json, Json]]:
        """The Pods that have a say, with their nodes: all of them only where this one asks."""
        if not self._attracting and not self._repelling:
            return self._places.repelling
        return ((room.node, other) for room in self._places.rooms for other in room.pods)

    def _count(self, node: Json, other: Json) -> None:
        labels = labels_of(node)
        if self._attracting and all(self._matches(t, self._pod, other) for t in self._attracting):
            self._near.update(self._pairs(self._attracting, labels))
        apart = [t for t in self._repelling if self._matches(t, self._pod, other)]
        apart += [
            term
            for term in _terms(other["spec"], "podAntiAffinity")
            if self._matches(term, other, self._pod)
        ]
        self._repelled.update(self._pairs(apart, labels))

    @staticmethod
    def _pairs(terms: Iterable[Json], labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for term in terms:
            if term["topologyKey"] in labels:
                yield term["topologyKey"], labels[term["topologyKey"]]

    def _matches(self, term: Json, owner: Json, other: Json) -> bool:
        """Whether `other` is one that a term of `owner` is about (AffinityTerm.Matches)."""
        namespace = other["metadata"].get("namespace", "")
        named, selector = term.get("namespaces") or [], term.get("namespaceSelector")
        if not named and selector is None:
            named = [owner["metadata"].get("namespace", "")]
        labels = self._places.namespaces.get(namespace, {})
        if namespace not in named and not selects(selector, labels):
            return False
        return selects(term.get("labelSelector"), labels_of(other))

    def refusals(self, node: Json) -> Iterator[str]:
        labels = labels_of(node)
        if not self._is_near(labels):
            yield "pod affinity"
        if self._repelled & set(labels.items()):
            yield "pod anti-affinity"

    def _is_near(self, labels: Mapping[str, str]) -> bool:
        if any(term["topologyKey"] not in labels for term in self._attracting):
            return False
        if all(self._near[pair] for pair in self._pairs(self._attracting, labels)):
            return True
        # The first of a series that wants to be near its like may go anywhere.
        return not self._near and all(
            self._matches(term, self._pod, self._pod) for term in self._attracting
        )


class _Spread:
    """Topology spread constraints that a Pod must meet."""

    def __init__(self, places: Places, pod: Json) -> None:
        self._pod = pod
        self._constraints = [
            each
            for each in pod["spec"].get("topologySpreadConstraints") or []
            if each["whenUnsatisfiable"] == "DoNotSchedule"
        ]
        self._counts: list[Counter[str]] = [Counter() for _ in self._constraints]
        keys = {each["topologyKey"] for each in self._constraints}
        for room in places.rooms:
            labels = labels_of(room.node)
            if not keys <= labels.keys():
                continue
            for constraint, counts in zip(self._constraints, self._counts, strict=True):
                if self._includes(constraint, room.node):
                    counts[labels[constraint["topologyKey"]]] += self._alike(constraint, room.pods)

    def _includes(self, constraint: Json, node: Json) -> bool:
        """Restates matchNodeInclusionPolicies."""
        spec = self._pod["spec"]
        honors_affinity = (constraint.get("nodeAffinityPolicy") or "Honor") == "Honor"
        if honors_affinity and not is_selected(spec, node):
            return False
        if (constraint.get("nodeTaintsPolicy") or "Ignore") == "Honor":
            taints = (node.get("spec") or {}).get("taints") or []
            return untolerated(taints, spec.get("tolerations") or []) is None
        return True

    def _same_keys(self, constraint: Json) -> list[str]:
        """The matchLabelKeys that the Pod has: its like have the same values."""
        own = labels_of(self._pod)
        return [key for key in constraint.get("matchLabelKeys") or [] if key in own]

    def _is_alike(self, constraint: Json, labels: Mapping[str, str]) -> bool:
        own = labels_of(self._pod)
        return selects(constraint.get("labelSelector"), labels) and all(
            labels.get(key) == own[key] for key in self._same_keys(constraint)
        )

    def _alike(self, constraint: Json, pods: Iterable[Json]) -> int:
        """Restates countPodsMatchSelector: a selector of everything counts nothing."""
        selector = constraint.get("labelSelector") or {}
        terms = selector.get("matchLabels") or selector.get("matchExpressions")
        if not terms and not self._same_keys(constraint):
            return 0
        namespace = self._pod["metadata"].get("namespace", "")
        return sum(
            1
            for pod in pods
            if not is_terminating(pod)
            and pod["metadata"].get("namespace", "") == namespace
            and self._is_alike(constraint, labels_of(pod))
        )

    def refusals(self, node: Json) -> Iterator[str]:
        labels = labels_of(node)
        for constraint, counts in zip(self._constraints, self._counts, strict=True):
            domain = labels.get(constraint["topologyKey"])
            if domain is None:
                yield f"topology spread: no label {constraint['topologyKey']}"
                continue
            least = min(counts.values(), default=_NO_DOMAIN)
            if len(counts) < (constraint.get("minDomains") or 1):
                least = 0
            itself = self._is_alike(constraint, labels_of(self._pod))
            if counts[domain] + itself - least > constraint["maxSkew"]:
                yield f"topology spread over {constraint['topologyKey']}"

    def crowd(self, node: Json) -> int:
        """How many of its like share a domain with the node."""
        labels = labels_of(node)
        return sum(
            counts[labels.get(constraint["topologyKey"], "")]
            for constraint, counts in zip(self._constraints, self._counts, strict=True)
        )


_NO_DOMAIN = 2**31 - 1
"""math.MaxInt32: the least of no domain at all (newCriticalPaths)."""
