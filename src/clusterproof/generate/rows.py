"""Rows from objects: what a deployment declares, said as what must stay so; pure.

A row is made only of what the source declares, so that a cluster that is as declared is green.
What a controller changes by itself (replicas under an autoscaler) is said as its bounds.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from clusterproof.checks import rows as spec_rows
from clusterproof.compare import contains
from clusterproof.generate.autoscalers import autoscalers_of
from clusterproof.generate.consumption import Consumption, consumption_of
from clusterproof.generate.coverage import NO_FIELDS, Place, is_read, unread
from clusterproof.generate.doubt import holds_a_secret, is_holder, may_be_secret
from clusterproof.generate.pods import parts_of
from clusterproof.generate.quantities import with_quantities
from clusterproof.generate.remarks import Remarks
from clusterproof.generate.routes import Sent, gateways_of, sent_by
from clusterproof.generate.settings import (
    GRACE_PERIOD,
    HANDLERS,
    OF_CONTAINER,
    OF_KIND,
    OF_TEMPLATE,
    PROBES,
    TEMPLATES,
    as_stored,
    declared,
    expectation,
    is_default,
    without_nulls,
)
from clusterproof.generate.sources import WEBHOOKS, Source, is_of_gateway_api, namespace_of
from clusterproof.kube.containers import (
    ContainerKind,
    containers_of,
    is_pinned,
)
from clusterproof.kube.ingress import (
    IngressPath,
    addresses_of,
    hosts_of,
    is_canary,
    paths_for,
    rivals_of,
)
from clusterproof.kube.kinds import CLUSTER_WIDE, group_version
from clusterproof.kube.objects import Json, labels_of, status_of
from clusterproof.kube.paths import Missing, filters_of, look_up, look_up_each, positions
from clusterproof.kube.rollout import is_paused
from clusterproof.kube.routes import parent_conditions
from clusterproof.kube.selectors import service_selects
from clusterproof.kube.services import (
    external_name,
    is_headless,
    port_named,
    ports_of,
    spec_of,
    target_port,
)
from clusterproof.kube.workloads import pod_spec_of, template_of

Row = dict[str, Any]

RESTARTS_AT_MOST: Final = 3
RESTARTS_WITHIN_S: Final = 600
LONGEST_VALUE: Final = 200
"""Of a ConfigMap's key: longer ones are files, and their change is no drift of one setting."""
FILES_ONE_BY_ONE: Final = 4
"""Keys of a ConfigMap that are said with their length each; more of them are one line."""
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet")
_TASKS: Final = ("CronJob", "Job")
_NODES_AT_MOST: Final = 5000
"""Of a cluster, as Kubernetes is tested (kubernetes.io, Considerations for large clusters)."""
_REFS: Final = frozenset({"backends", "gateway", "of", "workload"})
"""Fields in which `${...}` is an alias; in all others it is the text itself."""
_OURS: Final = frozenset(
    {*_REFS, "as", "check", "claim", "container", "handler", "id", "keys", "probe", "source"}
)
"""Fields that hold names of objects and of keys, and our own words."""
_TEXTS: Final = frozenset({"host", "mountPath", "path"})
"""Keys by which a path finds an element, and whose value is no name."""
_AREAS: Final = {
    "ConfigMap": "configuration",
    "Gateway": "networking",
    "GatewayClass": "networking",
    "HTTPRoute": "networking",
    "Ingress": "networking",
    "PersistentVolumeClaim": "storage",
    "ReferenceGrant": "networking",
    "ResourceQuota": "resources",
    "Service": "networking",
}
"""Kind to the area of the rows about its plain fields; workloads for the others."""
LONGEST_SETTING: Final = 1500
_BY_SETTINGS: Final = (
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "Gateway",
    "GatewayClass",
    "IngressClass",
    "Node",
    "PriorityClass",
    "ReferenceGrant",
    "Role",
    "RoleBinding",
    "ServiceAccount",
)
"""Kinds of which all rows are about plain fields."""
_OF_A_ROLLOUT: Final = "rollouts-pod-template-hash"
"""Argo Rollouts writes it into the selectors of Services, anew at each rollout (its docs,
"BlueGreen Deployment Strategy")."""
_ALL: Final = ()
"""The place of a whole object."""
_OF_QUANTITIES: Final = frozenset({*TEMPLATES, "HorizontalPodAutoscaler"})


class Rows:
    """The rows of a source, by area.

    Attributes:
        areas: Area to its rows, in the order in which a report shows them.
        left_out: What no row could be made of, and why.
        remarks: The fields that no row compares, beside those.
    """

    def __init__(self, source: Source, aliases: dict[str, str]) -> None:
        """Make them all.

        Args:
            source: The objects.
            aliases: Namespace to its alias.
        """
        self.areas: dict[str, list[Row]] = {}
        self.left_out: list[str] = list(source.passed_over)
        self.remarks = Remarks()
        self._source = source = _as_stored(source)
        self._aliases = aliases
        self._ids: set[str] = set()
        self._about: dict[str, list[Row]] = {}
        self._named: dict[str, list[str | Place]] = {}
        self._autoscalers = autoscalers_of(source)
        makers: tuple[tuple[tuple[str, ...], Callable[[str, Json], None]], ...] = (
            (_WORKLOADS, self._workload),
            (_TASKS, self._task),
            (("PodDisruptionBudget",), self._budget),
            (("HorizontalPodAutoscaler",), self._autoscaler),
            (("PersistentVolumeClaim",), self._claim),
            (("ConfigMap",), self._config_map),
            (("Service",), self._service),
            (("Ingress",), self._ingress),
            (("HTTPRoute",), self._http_route),
            (("NetworkPolicy",), self._policy),
            (("ResourceQuota",), self._quota),
            (("LimitRange",), self._limit_range),
            (WEBHOOKS, self._webhooks),
            (("CustomResourceDefinition",), self._definition),
            (_BY_SETTINGS, self._settings),
        )
        for kinds, make in makers:
            for kind, item in source.of(*kinds):
                self._make(make, kind, item)
        made = {kind for kinds, _ in makers for kind in kinds}
        for kind, item in source.objects:
            if kind not in made and group_version(kind):
                self._make(self._custom, kind, item)
            elif kind not in made:
                self.left_out.append(f"{self._ref(kind, item)}: there is no kind of row for it yet")

    def _make(self, make: Callable[[str, Json], None], kind: str, item: Json) -> None:
        """The rows of one object; of one that the API server would not take, it is said."""
        try:
            make(kind, item)
            if make != self._settings:
                self._settings(kind, item)
            self._pass_over(kind, item)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            why = f"no {error}" if isinstance(error, KeyError) else str(error)
            self.left_out.append(f"{self._ref(kind, item)}: it is no whole {kind} ({why})")

    def _settings(self, kind: str, item: Json) -> None:
        """The fields that are said by a plain row."""
        area = _AREAS.get(kind, "workloads")
        for path in OF_KIND.get(kind, ()):
            if path == "rules" and item.get("aggregationRule"):
                words = "its rules, which are those of the roles that it aggregates"
                self._leave_out(self._ref(kind, item), words, path)
                continue
            self._setting(area, kind, item, path)

    def _setting(
        self,
        area: str,
        kind: str,
        item: Json,
        path: str,
        row_id: str | None = None,
        *,
        defaults: bool = True,
    ) -> None:
        """A field as it is; not one with the default of Kubernetes' own kinds, where it is one."""
        field, name = look_up(item, path), item["metadata"]["name"]
        parent, key = _parted(path)
        if isinstance(field, Missing) or field is None or (defaults and is_default(key, field)):
            return
        if isinstance(field, dict) and path.endswith((".annotations", ".labels")):
            field = self._without_secrets(self._ref(kind, item), path, field)
        whole = not defaults or is_of_gateway_api(kind)
        field = without_nulls(field) if whole else as_stored(field, key)
        if path == "subjects":
            field = [_subject(each) for each in field]
        expect = expectation(path, field, own=not defaults)
        if expect == {"contains": {}}:
            if defaults or not parent:
                return
            path, expect = parent, {"contains": {key: {}}}  # it is there
        if len(str(field)) > LONGEST_SETTING:
            for inner in _parts(path, field):
                self._setting(area, kind, item, inner, row_id, defaults=defaults)
            return
        words = row_id or f"{name}-{parent.rpartition('.')[2]}-{key}"
        self._field(area, words, (self._ref(kind, item), name), path, **expect)

    def _without_secrets(self, ref: str, path: str, named: Json) -> Json:
        """Labels or annotations that are no secrets; of the others it is said."""
        doubted = {key for key, text in declared(named).items() if may_be_secret(text, key)}
        for key in sorted(doubted):
            place = f"{path}['{key}']"
            self._leave_out(ref, f"{place}, which looks like a secret", place)
        return {key: text for key, text in named.items() if key not in doubted}

    def _pass_over(self, kind: str, item: Json) -> None:
        """Say what of an object no row compares."""
        ref = self._ref(kind, item)
        about, named = self._about.get(ref, []), self._named.get(ref, [])
        if _ALL in named:
            return
        rest = unread(kind, item, about, named)
        if not about and not named and not rest.declared:
            more = " and defaults" if rest.by_default else ""
            self.left_out.append(f"{ref}: it declares nothing but its name{more}")
        self.remarks.add(kind, ref, item, rest)

    def _leave_out(self, ref: str, words: str, *places: str | Place) -> None:
        """Say why there is no row for some fields, which then need no remark.

        Args:
            ref: The object.
            words: What is said.
            places: The fields: paths, or places; _ALL for the whole object.
        """
        self.left_out.append(f"{ref}: {words}")
        self._named.setdefault(ref, []).extend(places)

    def _add(self, area: str, row_id: str, claim: str, check: str, **fields: Any) -> None:  # noqa: ANN401 - a row's own
        row: Row = {"id": self._unique(row_id), "claim": claim, "source": self._source.words}
        row = {**row, "check": check, **fields}
        why = _why_no_row(area, row)
        if why:
            self._ids.discard(row["id"])
            words = _without_texts(fields["path"]) if check == "field" else row_id
            places = (fields["path"],) if check == "field" else ()
            self._leave_out(_about(check, fields), f"{words}, {why}", *places)
            return
        self._about.setdefault(_about(check, fields), []).append(row)
        written = {key: field if key in _REFS else _as_text(field) for key, field in row.items()}
        self.areas.setdefault(area, []).append(written)

    def _field(
        self, area: str, row_id: str, item: tuple[str, str], path: str, **expect: object
    ) -> None:
        ref, name = item
        value = next(iter(expect.values()))
        words = f"{name} has {path} {value}"
        claim = words if len(words) <= 120 else f"{name} has its {path}"  # noqa: PLR2004 - one line
        self._add(area, row_id, claim, "field", of=ref, path=path, expect=expect)

    def _unique(self, text: str) -> str:
        base = _slug(text)
        unique, number = base, 2
        while unique in self._ids:
            unique, number = f"{base}-{number}", number + 1
        self._ids.add(unique)
        return unique

    def _ref(self, kind: str, item: Json) -> str:
        namespace = namespace_of(item, kind)
        place = "" if namespace == CLUSTER_WIDE else f"${{{self._aliases[namespace]}}}"
        return f"{kind}/{place}/{item['metadata']['name']}"

    def _workload(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), item["spec"]
        template = pod_spec_of(item)
        if (
            not all("name" in container.spec for container in containers_of(template))
            or not template
        ):
            raise ValueError("no containers with names: a patch, maybe")
        self._replicas(kind, item, ref)
        self._images(kind, name, ref, template)
        without = self._why_no_pods(kind, item)
        if without:
            self.left_out.append(f"{ref}: whether its containers start, as it {without}")
        else:
            claim = f"The containers of {name} start and stay up"
            limits = {"restarts_at_most": RESTARTS_AT_MOST, "within_s": RESTARTS_WITHIN_S}
            self._add("workloads", f"{name}-starts", claim, "starts", workload=ref, **limits)
        self._setting("workloads", kind, item, "spec.selector", f"{name}-selector")
        rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
        for key in ("maxSurge", "maxUnavailable"):
            if key in rolling:
                path = f"spec.strategy.rollingUpdate.{key}"
                self._field("workloads", f"{name}-{key}", (ref, name), path, equals=rolling[key])
        for claim_template in spec.get("volumeClaimTemplates") or []:
            self._claim_template((ref, name), claim_template)
        self._template(kind, item, ref)

    def _task(self, kind: str, item: Json) -> None:
        """A CronJob, or a Job that stays."""
        name, ref, template = item["metadata"]["name"], self._ref(kind, item), pod_spec_of(item)
        if "ttlSecondsAfterFinished" in item["spec"]:
            self._leave_out(ref, "it is deleted once it has finished", _ALL)
            return
        if not all("name" in each.spec for each in containers_of(template)) or not template:
            raise ValueError("no containers with names: a patch, maybe")
        self._images(kind, name, ref, template)
        if kind == "CronJob":  # false where nobody says it, and nothing runs where it is true
            suspend = item["spec"].get("suspend", False)
            path = "spec.suspend"
            self._field("workloads", f"{name}-suspend", (ref, name), path, equals=suspend)
        self._template(kind, item, ref)

    def _template(self, kind: str, item: Json, ref: str) -> None:
        """What the Pods of a workload are made from."""
        name, at, template = item["metadata"]["name"], TEMPLATES[kind], pod_spec_of(item)
        account = template.get("serviceAccountName")
        if account:
            path = f"{at}.spec.serviceAccountName"
            self._field("workloads", f"{name}-account", (ref, name), path, equals=account)
        for path in OF_TEMPLATE:
            row_id = f"{name}-pod-{path.rpartition('.')[2]}"
            self._setting("workloads", kind, item, f"{at}.{path}", row_id)
        for bound in ("requests", "limits"):
            for resource, quantity in ((template.get("resources") or {}).get(bound) or {}).items():
                path = f"{at}.spec.resources.{bound}['{resource}']"
                row_id = f"{name}-pod-{resource}-{bound}"
                self._field("resources", row_id, (ref, name), path, quantity=str(quantity))
        for container in containers_of(template):
            place = "containers" if container.kind is ContainerKind.MAIN else "initContainers"
            path = f"{at}.spec.{place}[name={container.name}]"
            self._container(kind, item, container.spec, path)
            self._own_settings(kind, item, container.spec, path)
        for volume in template.get("volumes") or []:
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if claim:
                path = f"{at}.spec.volumes[name={volume['name']}].persistentVolumeClaim.claimName"
                row_id = f"{name}-{volume['name']}-claim"
                self._field("storage", row_id, (ref, name), path, equals=claim)
        self._consumed(name, ref, consumption_of(template, self._source, namespace_of(item)))
        for part in parts_of(template, f"{at}.spec"):
            values = look_up_each(item, part.path)  # several of one name may differ
            is_so = all(contains(part.expected, value) for value in values)
            if is_so and not is_read(kind, item, part.path, self._about.get(ref, [])):
                row_id = f"{name}-{part.row_id}"
                self._field(part.area, row_id, (ref, name), part.path, contains=part.expected)

    def _own_settings(self, kind: str, item: Json, container: Json, at: str) -> None:
        """What a container is started with, and where it keeps its data."""
        name, ref, own = item["metadata"]["name"], self._ref(kind, item), container["name"]
        for setting in OF_CONTAINER:
            if may_be_secret(container.get(setting)):
                path = f"{at}.{setting}"
                self._leave_out(ref, f"{path}, which looks like a secret", path)
            else:
                row_id, defaults = f"{name}-{own}-{setting}", setting != "restartPolicy"
                path = f"{at}.{setting}"
                self._setting("workloads", kind, item, path, row_id, defaults=defaults)
        for variable in dict.fromkeys(entry["name"] for entry in container.get("env") or []):
            place = f"{at}.env[name={variable}]"
            given, *others = look_up_each(item, f"{place}.value")
            if not given or isinstance(given, Missing) or len(given) > LONGEST_VALUE:
                continue
            if may_be_secret(given, variable):
                words = f"{variable}, which looks like a secret in plain text"
                self._leave_out(ref, words, place)
                continue
            if set(others) - {given}:
                self._leave_out(ref, f"{variable}, which {own} has with several values", place)
                continue
            path, row_id = f"{place}.value", f"{name}-{own}-{variable}"
            self._field("configuration", row_id, (ref, name), path, equals=given)

    def _webhooks(self, kind: str, item: Json) -> None:
        """Whom the API server asks, about what, and what it does without an answer."""
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        for webhook in item.get("webhooks") or []:
            at, row_id = f"webhooks[name={webhook['name']}]", f"{name}-{webhook['name']}"
            service = (webhook.get("clientConfig") or {}).get("service")
            if service:
                path = f"{at}.clientConfig.service"
                self._field(
                    "workloads", f"{row_id}-service", (ref, name), path, contains=as_stored(service)
                )
            for key in ("rules", "failurePolicy", "sideEffects", "timeoutSeconds", "matchPolicy"):
                if webhook.get(key) is not None:
                    path = f"{at}.{key}"
                    body = webhook[key]
                    if key == "rules":  # the API server's default, which a manifest may leave out
                        body = [{"scope": "*", **as_stored(rule)} for rule in body]
                    self._field("workloads", f"{row_id}-{key}", (ref, name), path, equals=body)
            for key in ("namespaceSelector", "objectSelector", "admissionReviewVersions"):
                if webhook.get(key):
                    path = f"{at}.{key}"
                    body = as_stored(webhook[key])
                    self._field("workloads", f"{row_id}-{key}", (ref, name), path, contains=body)

    def _definition(self, kind: str, item: Json) -> None:
        """Which versions of a kind are served, and which is stored; not its schema."""
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        for version in item["spec"].get("versions") or []:
            path, row_id = f"spec.versions[name={version['name']}]", f"{name}-{version['name']}"
            expected = {key: version[key] for key in ("name", "served", "storage")}
            expected |= {key: version[key] for key in ("subresources",) if version.get(key)}
            self._field("workloads", row_id, (ref, name), path, contains=expected)

    def _custom(self, kind: str, item: Json) -> None:
        """An object of somebody's own kind: each part of what it declares."""
        for part, body in item.items():
            if part in NO_FIELDS:
                continue
            keys = body if isinstance(body, dict) and not is_holder(part) else {}
            for path in [_below(part, key) for key in keys if _can_be_found(key)] or [part]:
                self._own_setting(kind, item, path)

    def _own_setting(self, kind: str, item: Json, path: str) -> None:
        """A field of somebody's own kind: its names alone say whether it is a secret."""
        ref, key = self._ref(kind, item), _parted(path)[1]
        scaled = (namespace_of(item), kind.partition(".")[0], item["metadata"]["name"])
        if path == "spec.replicas" and scaled in self._autoscalers.replicas:
            low, high = self._autoscalers.replicas[scaled]
            words = f"{path}, which its autoscaler keeps between {low} and {high}"
            self._leave_out(ref, words, path)
            return
        if holds_a_secret(look_up(item, path), key):
            self._leave_out(ref, f"{path}, which looks like a secret", path)
            return
        self._setting("workloads", kind, item, path, defaults=False)

    def _replicas(self, kind: str, item: Json, ref: str) -> None:
        name = item["metadata"]["name"]
        if kind == "DaemonSet":
            claim = f"{name} runs a ready Pod on each node that should have one"
            some = {"min": 0 if self._why_no_pods(kind, item) else 1, "max": _NODES_AT_MOST}
            row_id = f"{name}-replicas"
            self._add("workloads", row_id, claim, "replicas", workload=ref, replicas=some)
            return
        if is_paused(item):
            self._leave_out(ref, "its replicas, as its rollout is paused", "spec.replicas")
            return
        low, high = self._replicas_of(kind, item)
        count = f"{low}" if low == high else f"between {low} and {high}"
        claim = f"{name} runs {count} ready replicas, all of its current revision"
        replicas = {"min": low, "max": high}
        self._add(
            "workloads", f"{name}-replicas", claim, "replicas", workload=ref, replicas=replicas
        )

    def _replicas_of(self, kind: str, item: Json) -> tuple[int, int]:
        """The fewest and the most that a workload runs, by its own word or its autoscaler's.

        One that is scaled to none stays so: its HPA does nothing then (ScalingDisabled).
        """
        own = 1 if item["spec"].get("replicas") is None else item["spec"]["replicas"]
        place = namespace_of(item), kind, item["metadata"]["name"]
        low, high = self._autoscalers.replicas.get(place, (own, own))
        if high is None:
            raise ValueError("its autoscaler has no maxReplicas")
        return low if own else 0, high

    def _why_no_pods(self, kind: str, item: Json) -> str:
        """Why a healthy workload may have no Pods to look at; "" where it always has some."""
        if kind == "DaemonSet":
            nodes = status_of(item).get("desiredNumberScheduled")
            return "is wanted on no node" if nodes == 0 else ""
        low, high = self._replicas_of(kind, item)
        if low:
            return ""
        return "may be scaled to none" if high else "has no replicas"

    def _claim_template(self, item: tuple[str, str], template: Json) -> None:
        name = template["metadata"]["name"]
        requests = (spec_of(template).get("resources") or {}).get("requests") or {}
        if "storage" in requests:
            path = f"spec.volumeClaimTemplates[metadata.name={name}]"
            path += ".spec.resources.requests.storage"
            row_id = f"{item[1]}-{name}-size"
            self._field("storage", row_id, item, path, quantity=str(requests["storage"]))
        for key in ("accessModes", "storageClassName"):
            if spec_of(template).get(key):
                path = f"spec.volumeClaimTemplates[metadata.name={name}].spec.{key}"
                row_id = f"{item[1]}-{name}-{key}"
                self._field("storage", row_id, item, path, equals=template["spec"][key])

    def _images(self, kind: str, name: str, ref: str, template: Json) -> None:
        without = [container.name for container in containers_of(template) if not container.image]
        if without:
            raise ValueError(f"no image in {', '.join(without)}: a patch, maybe")
        loose = [
            container.image
            for container in containers_of(template)
            if not is_pinned(container.image)
        ]
        if loose:
            self.left_out.append(f"{ref}: images, as {', '.join(loose)} is not pinned")
            return
        claim = f"{name} runs pinned images, in every Pod"
        fields = {"workload": ref, "placeholders": []}
        self._add("workloads", f"{name}-images", claim, "images", **fields)
        for each in containers_of(template):
            place = "containers" if each.kind is ContainerKind.MAIN else "initContainers"
            path = f"{TEMPLATES[kind]}.spec.{place}[name={each.name}].image"
            row_id = f"{name}-{each.name}-image"
            self._field("workloads", row_id, (ref, name), path, equals=each.image)

    def _container(self, kind: str, item: Json, container: Json, at: str) -> None:
        workload, ref = item["metadata"]["name"], self._ref(kind, item)
        place = namespace_of(item), kind, workload
        name = (
            container["name"]
            if container["name"] == workload
            else f"{workload}-{container['name']}"
        )
        for bound in ("requests", "limits"):
            declared = (container.get("resources") or {}).get(bound) or {}
            for resource, quantity in declared.items():
                if resource not in {"cpu", "memory"} or self._autoscalers.sets(
                    place, container["name"], bound, resource
                ):  # the template alone
                    path = f"{at}.resources.{bound}['{resource}']"
                    row_id = f"{name}-{resource}-{bound}"
                    self._field("resources", row_id, (ref, name), path, quantity=str(quantity))
                    continue
                claim = f"Container {container['name']} of {workload} {bound} {resource} {quantity}"
                fields = {"workload": ref, "container": container["name"], "bound": bound}
                fields |= {"resource": resource, "quantity": str(quantity)}
                row_id = f"{name}-{resource}-{bound}"
                self._add("resources", row_id, claim, "quantity", **fields)
        for probe in PROBES:
            if self._probe(name, ref, container, probe):
                self._timing(
                    (ref, workload), f"{name}-{probe}-timing", container[probe], f"{at}.{probe}"
                )

    def _timing(self, item: tuple[str, str], row_id: str, probe: Json, at: str) -> None:
        timing = {
            key: number
            for key, number in probe.items()
            if key not in HANDLERS and number is not None
            if key == GRACE_PERIOD or not is_default(key, number)
        }
        if timing:
            self._field("health", row_id, item, at, contains=timing)

    def _probe(self, name: str, ref: str, container: Json, probe: str) -> bool:
        """False where there is none."""
        declared = container.get(probe) or {}
        handler = next((key for key in HANDLERS if key in declared), None)
        if handler is None:
            return False
        action = declared[handler] or {}
        fields: Row = {"workload": ref, "container": container["name"]}
        fields |= {"probe": probe, "handler": handler}
        if action.get("path"):
            fields["path"] = action["path"]
        named = {port.get("name"): port["containerPort"] for port in container.get("ports") or []}
        port = named.get(action.get("port"), action.get("port"))
        if isinstance(port, int):
            fields["port"] = port
        claim = f"Container {container['name']} has its {probe} by {handler}"
        self._add("health", f"{name}-{probe}", claim, "probe", **fields)
        return True

    def _consumed(self, name: str, ref: str, consumption: Consumption) -> None:
        """Which keys the containers get of a ConfigMap; of a Secret, that the key has a value."""
        alias = ref.split("/")[1]
        self.left_out += [f"{ref}: {sentence}" for sentence in consumption.left_out]
        gets = ((place, names) for place, each in consumption.config_maps.items() for names in each)
        for (container, of), names in gets:
            claim = f"Container {container} gets its keys of ConfigMap {of}"
            fields: Row = {"workload": ref, "container": container, "of": f"ConfigMap/{alias}/{of}"}
            fields["keys"] = sorted(names)
            renamed = {key: place for key, place in sorted(names.items()) if place != key}
            if renamed:
                fields["as"] = renamed
            base = name if container == name else f"{name}-{container}"
            self._add("configuration", f"{base}-gets-{of}", claim, "consumed", **fields)
        for of, key in consumption.secret_keys:
            row_id = f"secret-{of}-{key}"
            if _slug(row_id) in self._ids:
                continue
            claim = f"Secret {of} has a value for {key}"
            fields = {"of": f"Secret/{alias}/{of}", "key": key, "min_length": 1, "trimmed": False}
            self._add("secrets", row_id, claim, "secret-shape", **fields)

    def _budget(self, kind: str, item: Json) -> None:
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        for key in ("minAvailable", "maxUnavailable"):
            if key in item["spec"]:
                value = item["spec"][key]
                self._field("workloads", f"{name}-{key}", (ref, name), f"spec.{key}", equals=value)

    def _autoscaler(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), item["spec"]
        add = self._field
        add(
            "autoscaling",
            f"{name}-min",
            (ref, name),
            "spec.minReplicas",
            equals=spec.get("minReplicas", 1),
        )
        add(
            "autoscaling",
            f"{name}-max",
            (ref, name),
            "spec.maxReplicas",
            equals=spec["maxReplicas"],
        )
        target = {key: spec["scaleTargetRef"][key] for key in ("kind", "name")}
        if not all(isinstance(text, str) for text in target.values()):
            raise TypeError("no kind and name of what it scales")
        add("autoscaling", f"{name}-target-is", (ref, name), "spec.scaleTargetRef", contains=target)
        self._metrics((ref, name), spec)
        for direction, rules in (spec.get("behavior") or {}).items():
            for key, word in _BEHAVIOR.items():
                if rules and rules.get(key) is not None:
                    path = f"spec.behavior.{direction}.{key}"
                    row_id = f"{name}-{direction}-{word}"
                    add("autoscaling", row_id, (ref, name), path, equals=rules[key])
        aspects = {
            "target": "scales an object that exists",
            "conditions": "is able to scale, and active",
        }
        resources = _by_utilization(spec)
        if resources:
            aspects["requests"] = "averages over containers that all have requests"
        for aspect, words in aspects.items():
            fields: Row = {"of": ref, "aspect": aspect}
            if aspect == "requests" and set(resources) != {"cpu", "memory"}:
                fields["resources"] = resources
            claim = f"{name} {words}"
            self._add("autoscaling", f"{name}-{aspect}", claim, "hpa-state", **fields)

    def _metrics(self, item: tuple[str, str], spec: Json) -> None:
        """A row for each metric; one that has no name to find it by is said to have none."""
        name, metrics = item[1], list(spec.get("metrics") or [])
        if spec.get("targetCPUUtilizationPercentage") is not None:  # autoscaling/v1
            target = {
                "type": "Utilization",
                "averageUtilization": spec["targetCPUUtilizationPercentage"],
            }
            metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
        known = [_metric_name(metric) for metric in metrics]
        for metric, place in zip(metrics, known, strict=True):
            kind, resource = metric.get("type"), metric.get("resource")
            if known.count(place) > 1:
                sentence = f"a metric of type {kind}, of which it has several of one name"
                self.left_out.append(f"{item[0]}: {sentence}")
            elif resource:
                path = f"spec.metrics[{place[0]}={place[1]}].resource.target"
                row_id = f"{name}-{resource['name']}"
                self._field(
                    "autoscaling", row_id, item, path, contains=as_stored(resource["target"])
                )
            else:
                path = f"spec.metrics[{place[0]}={place[1]}]"
                row_id = f"{name}-{place[1]}"
                self._field("autoscaling", row_id, item, path, contains=as_stored(metric))
        if metrics:
            path, types = "spec.metrics[*].type", [metric.get("type") for metric in metrics]
            self._add(
                "autoscaling",
                f"{name}-metrics",
                f"{name} scales by these metrics and by no other",
                "field",
                of=item[0],
                path=path,
                expect={"equals": types},
            )

    def _claim(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), item["spec"]
        phase = (item.get("status") or {}).get("phase", "Bound")
        if phase == "Bound":
            self._field("storage", f"{name}-bound", (ref, name), "status.phase", equals="Bound")
        else:
            self.left_out.append(f"{ref}: its phase, which is {phase}")
        size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
        if size is not None:
            path = "spec.resources.requests.storage"
            self._field("storage", f"{name}-size", (ref, name), path, quantity=str(size))
        if spec.get("storageClassName"):
            value = spec["storageClassName"]
            self._field(
                "storage", f"{name}-class", (ref, name), "spec.storageClassName", equals=value
            )

    def _config_map(self, kind: str, item: Json) -> None:
        ref = self._ref(kind, item)
        for key, given in sorted((item.get("data") or {}).items()):
            value = "" if given is None else given  # as the API server has it
            if isinstance(value, str):
                self._key(ref, item, ("data", key), value, value)
            else:
                words = f"{key}, which is no text ({type(value).__name__}): quote it"
                self._leave_out(ref, words, ("data", key))
        for key, given in sorted((item.get("binaryData") or {}).items()):
            self._key(ref, item, ("binaryData", key), given, _decoded(given))
        self._long_keys(ref, item)

    def _key(self, ref: str, item: Json, place: tuple[str, str], value: str, text: str) -> None:
        """A key of a ConfigMap; `text` is what its value stands for."""
        (part, key), name = place, item["metadata"]["name"]
        if len(value) > LONGEST_VALUE or not _can_be_found(key):
            return  # see _long_keys
        if may_be_secret(text, key):
            self._leave_out(ref, f"{key}, which looks like a secret in a ConfigMap", place)
        else:
            path = f"{part}['{key}']"
            self._field("configuration", f"{name}-{key}", (ref, name), path, equals=value)

    def _long_keys(self, ref: str, item: Json) -> None:
        """Say which keys of a ConfigMap are files: one by one where they are few."""
        places = [
            (part, key)
            for part in ("data", "binaryData")
            for key, text in sorted((item.get(part) or {}).items())
            if isinstance(text, str) and (len(text) > LONGEST_VALUE or not _can_be_found(key))
        ]
        if len(places) > FILES_ONE_BY_ONE:
            keys = ", ".join(key for _, key in places)
            self._leave_out(ref, f"{keys}, of more than {LONGEST_VALUE} characters", *places)
            return
        for part, key in places:
            self._leave_out(ref, f"{key}, of {len(item[part][key])} characters", (part, key))

    def _service(self, kind: str, item: Json) -> None:
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        if is_headless(item):
            self._field(
                "networking", f"{name}-headless", (ref, name), "spec.clusterIP", equals="None"
            )
        if external_name(item):
            self.left_out.append(f"{ref}: it stands for {external_name(item)}, and has no Pods")
            return
        owners = self._owners(item)
        if len(owners) != 1:
            why = "several workloads" if owners else "no workload of this source"
            self.left_out.append(f"{ref}: who is behind it, as it selects {why}")
            self._as_declared((ref, name), item)
            return
        owner_kind, owner = owners[0]
        if without := self._why_no_pods(owner_kind, owner):
            self.left_out.append(f"{ref}: its workload {without}")
            self._as_declared((ref, name), item)
            return
        if len(ports_of(item)) < len(item["spec"].get("ports") or [{}]):
            self.left_out.append(f"{ref}: a port without a number, or no ports at all")
        for port in ports_of(item):
            target = target_port(pod_spec_of(owner), port)
            if target is None:
                self.left_out.append(f"{ref}: port {port.port}, its target port has no number")
                continue
            claim = f"Service {name} leads port {port.port} to every ready Pod of its workload"
            fields: Row = {"of": ref, "port": port.port}
            if port.protocol != "TCP":
                fields["protocol"] = port.protocol
            fields["workload"] = self._ref(owner_kind, owner)
            row_id = f"{name}-service-{port.port}"
            self._add("networking", row_id, claim, "service", **fields, target_port=target)
        self._ports((ref, name), item)

    def _ports(self, item: tuple[str, str], service: Json) -> None:
        """The names by which others know the ports of a Service, and what is spoken on them."""
        for port in spec_of(service).get("ports") or []:
            expected = {key: port[key] for key in ("port", "appProtocol") if key in port}
            if port.get("name"):
                path, row_id = f"spec.ports[name={port['name']}]", f"{item[1]}-port-{port['name']}"
                self._field("networking", row_id, item, path, contains=expected)
            elif "appProtocol" in port:
                path, row_id = f"spec.ports[port={port['port']}]", f"{item[1]}-port-{port['port']}"
                self._field("networking", row_id, item, path, contains=expected)

    def _as_declared(self, item: tuple[str, str], service: Json) -> None:
        """Whom a Service selects and where its ports lead, as its fields say it."""
        if spec_of(service).get("selector"):
            selector = spec_of(service)["selector"]
            own = {key: text for key, text in selector.items() if key != _OF_A_ROLLOUT}
            operator = "equals" if own == selector else "contains"
            path, row_id = "spec.selector", f"{item[1]}-selects"
            self._field("networking", row_id, item, path, **{operator: own})
        for number, port in enumerate(spec_of(service).get("ports") or []):
            declared = as_stored({key: port[key] for key in _OF_PORT if key in port})
            row_id = f"{item[1]}-port-{port.get('port')}"
            path = f"spec.ports[{number}]"
            self._field("networking", row_id, item, path, contains=declared)

    def _owners(self, service: Json) -> list[tuple[str, Json]]:
        return [
            (kind, item)
            for kind, item in self._source.of(*_WORKLOADS)
            if namespace_of(item) == namespace_of(service)
            and service_selects(service, labels_of(template_of(item) or {}))
        ]

    def _ingress(self, kind: str, item: Json) -> None:
        ref = self._ref(kind, item)
        if "status" in item and not addresses_of(item):
            self.left_out.append(
                f"{ref}: it has no address: no controller serves it, or it writes none"
            )
            return
        if is_canary(item):
            self.left_out.append(
                f"{ref}: it is a canary, and takes a share of another Ingress alone"
            )
            return
        written: set[tuple[str, str]] = set()
        for host in dict.fromkeys([*hosts_of(item), ""]):
            for path in paths_for(item, host):
                if path.host == host and (host, path.path) not in written:
                    written.add((host, path.path))
                    self._route(item, ref, path)

    def _route(self, item: Json, ref: str, path: IngressPath) -> None:
        name, host = item["metadata"]["name"], path.host
        port = self._port_number(namespace_of(item), path)
        where = f"{host or 'every host'}{path.path}"
        if port is None:
            backend = path.resource or f"a port of no Service here ({path.service or 'none'})"
            self.left_out.append(f"{ref}: {where}, which leads to {backend}")
            return
        if other := self._instead(item, path):
            self.left_out.append(f"{ref}: {where}, which Ingress {other} may take")
            return
        claim = f"{where} is sent to port {port} of Service {path.service}"
        fields: Row = {"of": ref, "host": host, "path": path.path}
        fields |= {"service": path.service, "port": port}
        self._add("networking", f"{name}-ingress", claim, "ingress", **fields)
        for place in positions(item, "spec.rules[*]"):
            self._path_type((ref, name), item, place, (host, path.path))

    def _instead(self, item: Json, path: IngressPath) -> str:
        """The Ingress that may take what is sent to a path of this one; or ""."""
        others = [other for _, other in self._source.of("Ingress")]
        rivals = rivals_of(item, path, others, path.host, path.path)
        return next((rival.ingress for rival in rivals), "")

    def _path_type(
        self, item: tuple[str, str], ingress: Json, place: Place, where: tuple[str, str]
    ) -> None:
        """How the path of an Ingress is compared with that of a request."""
        rule, (host, where_to) = ingress["spec"]["rules"][place[-1]], where
        for path in (rule.get("http") or {}).get("paths") or []:
            given = ((rule.get("host") or ""), path.get("path") or "/")
            of_type = path.get("pathType")
            if given != where or not of_type or "]" in where_to:
                continue
            at = f"spec.rules[{f'host={host}' if host else place[-1]}]"
            at += f".http.paths[path={where_to}].pathType"
            if set(look_up_each(ingress, at)) == {of_type}:  # several may be of one host and path
                self._field("networking", f"{item[1]}-pathtype", item, at, equals=of_type)

    def _port_number(self, namespace: str, path: IngressPath) -> int | None:
        """The port of an Ingress' backend, where its Service is of this source and has it."""
        for _, item in self._source.of("Service"):
            if (namespace_of(item), item["metadata"]["name"]) == (namespace, path.service):
                number = port_named(item, path.port)
                return number if number in {entry.port for entry in ports_of(item)} else None
        return None

    def _http_route(self, kind: str, item: Json) -> None:
        """A row for each match of each rule, by each hostname, beside the source's other routes."""
        ref = self._ref(kind, item)
        for number, rule in enumerate(spec_of(item).get("rules") or []):
            for part in rule:
                if part not in {"backendRefs", "matches", "name"}:
                    name = f"{item['metadata']['name']}-rule-{number}-{part}"
                    path = f"spec.rules[{number}].{part}"
                    self._setting("networking", kind, item, path, name, defaults=False)
        gateways = gateways_of(item, self._source)
        if not gateways:
            self.left_out.append(f"{ref}: its parentRefs, of which none is a Gateway")
        for gateway in gateways:
            if "status" in item and not parent_conditions(item, gateway):
                self.left_out.append(f"{ref}: no controller says anything of it")
                continue
            for sent in sent_by(item, gateway, self._source):
                if sent.why:
                    self.left_out.append(f"{ref}: {sent.words}, {sent.why}")
                else:
                    self._sent(item, ref, gateway, sent)

    def _sent(self, item: Json, ref: str, gateway: Json, sent: Sent) -> None:
        """What is sent to Services, as one row."""
        request = sent.request
        fields: Row = {"of": ref, "gateway": self._place("Gateway", gateway["metadata"])}
        fields |= {"host": request.host, "path": request.path}
        fields |= {"method": request.method} if request.method != "GET" else {}
        fields |= {"headers": dict(request.headers)} if request.headers else {}
        fields |= {"query": dict(request.query)} if request.query else {}
        backends = []
        for backend in sent.backends:
            place = {"namespace": backend.namespace, "name": backend.name}
            entry: Row = {"service": self._place("Service", place), "port": backend.port}
            backends.append(entry | ({"weight": backend.weight} if len(sent.backends) > 1 else {}))
        named = [f"port {each.port} of Service {each.name}" for each in sent.backends]
        claim = f"{sent.words} is sent to {' and '.join(named)}"
        name = f"{item['metadata']['name']}-route"
        self._add("networking", name, claim, "route", **fields, backends=backends)

    def _place(self, kind: str, metadata: Json) -> str:
        """As `_ref`, of an object that may be in a namespace of no alias."""
        namespace = metadata["namespace"]
        alias = self._aliases.get(namespace)
        return f"{kind}/{f'${{{alias}}}' if alias else namespace}/{metadata['name']}"

    def _quota(self, kind: str, item: Json) -> None:
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        for resource, quantity in (item["spec"].get("hard") or {}).items():
            path = f"spec.hard['{resource}']"
            self._field(
                "resources", f"{name}-{resource}", (ref, name), path, quantity=str(quantity)
            )

    def _limit_range(self, kind: str, item: Json) -> None:
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        limits = item["spec"].get("limits") or []
        for number, limit in enumerate(limits):
            place = f"type={limit['type']}"
            if [each["type"] for each in limits].count(limit["type"]) > 1:
                place = str(number)
            for bound, quantities in limit.items():
                if bound == "type":
                    continue
                for resource, quantity in quantities.items():
                    path = f"spec.limits[{place}].{bound}['{resource}']"
                    row_id = f"{name}-{limit['type']}-{bound}-{resource}"
                    self._field("resources", row_id, (ref, name), path, quantity=str(quantity))

    def _policy(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), as_stored(item["spec"])
        selector = spec.get("podSelector") or {}
        labels = selector.get("matchLabels")
        if labels and not selector.get("matchExpressions"):
            path = "spec.podSelector.matchLabels"
            self._field("network-policy", f"{name}-selects", (ref, name), path, equals=labels)
        else:
            path = "spec.podSelector"
            self._field("network-policy", f"{name}-selects", (ref, name), path, equals=selector)
        if spec.get("policyTypes"):
            value = spec["policyTypes"]
            self._field(
                "network-policy", f"{name}-types", (ref, name), "spec.policyTypes", equals=value
            )
        for direction in ("ingress", "egress"):
            rules = spec.get(direction) or []
            for number, rule in enumerate(rules):
                self._rule((ref, name), (direction, number), rule or {})
            if direction.title() in _directions(spec):
                path, row_id = f"spec.{direction}[{len(rules)}]", f"{name}-{direction}-no-more"
                claim = f"{name} has no more {direction} rules than these {len(rules)}"
                expect = {"absent": True}
                self._add(
                    "network-policy", row_id, claim, "field", of=ref, path=path, expect=expect
                )

    def _rule(self, item: tuple[str, str], place: tuple[str, int], rule: Json) -> None:
        direction, number = place
        peers = "to" if direction == "egress" else "from"
        for part in (peers, "ports"):
            if not rule.get(part):  # then it allows every peer, or every port
                path = f"spec.{direction}[{number}].{part}[0]"
                row_id = f"{item[1]}-{direction}-{number}-any-{part}"
                self._field("network-policy", row_id, item, path, absent=True)
        if rule.get(peers):
            path = f"spec.{direction}[{number}].{peers}"
            row_id = f"{item[1]}-{direction}-{number}-{peers}"
            self._field("network-policy", row_id, item, path, equals=rule[peers])
        if rule.get("ports"):
            path = f"spec.{direction}[{number}].ports"
            row_id = f"{item[1]}-{direction}-{number}-ports"
            ports = [{"protocol": "TCP", **port} for port in rule["ports"]]
            self._field("network-policy", row_id, item, path, equals=ports)


def _why_no_row(area: str, row: Row) -> str:
    """Why a row may not be written; "" where it may."""
    given = {key: each for key, each in row.items() if key not in _OURS}
    texts = [text for _, key, text in filters_of(row.get("path", "")) if key in _TEXTS]
    if may_be_secret(given.get("expect", given)) or may_be_secret(texts):
        return "which looks like a secret"
    try:  # a manifest may hold what the API server would not take
        spec_rows().adapter.validate_python({**row, "area": area, "source": "a manifest"})
    except ValidationError:
        return "of which a spec can have no row"
    return ""


def _without_texts(path: str) -> str:
    """A path without the texts by which it finds an element, but for names."""
    for _, key, text in filters_of(path):
        path = path.replace(f"[{key}={text}]", f"[{key}=…]") if key in _TEXTS else path
    return path


def _about(check: str, fields: Json) -> str:
    """The object whose fields a row compares."""
    first, other = ("workload", "of") if check == "consumed" else ("of", "workload")
    return str(fields.get(first, fields.get(other, "")))


def _directions(policy: Json) -> list[str]:
    """The directions that a policy is about, by default too (SetDefaults_NetworkPolicy)."""
    named: list[str] = policy.get("policyTypes") or []
    return named or ["Ingress", *(["Egress"] if policy.get("egress") else [])]


_OF_PORT: Final = ("name", "port", "targetPort", "protocol", "appProtocol")
_METRICS: Final = {
    "ContainerResource": "containerResource.name",
    "External": "external.metric.name",
    "Object": "object.metric.name",
    "Pods": "pods.metric.name",
    "Resource": "resource.name",
}


def _metric_name(metric: Json) -> tuple[str, str]:
    """The path to a metric's name, and the name; its type where it has none."""
    path = _METRICS.get(str(metric.get("type")), "type")
    name = look_up(metric, path)
    return ("type", str(metric.get("type"))) if isinstance(name, Missing) else (path, str(name))


def _can_be_found(key: object) -> bool:
    """Whether a path can find something by this key."""
    return isinstance(key, str) and key.isprintable() and key != "" and "'" not in key


def _below(path: str, key: str) -> str:
    """The path to a key of what is at a path."""
    return f"{path}.{key}" if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f"{path}['{key}']"


def _parted(path: str) -> tuple[str, str]:
    """The path to what a field is in, and its key there."""
    if path.endswith("']"):
        parent, _, key = path.removesuffix("']").rpartition("['")
    else:
        parent, _, key = path.rpartition(".")
    return parent, key


def _parts(path: str, field: object) -> list[str]:
    """The paths to what is in a field."""
    if isinstance(field, dict):
        return [_below(path, key) for key in field if _can_be_found(key)]
    return [f"{path}[{index}]" for index in range(len(field))] if isinstance(field, list) else []


def _decoded(given: str) -> str:
    """The text that `binaryData` stands for; the base64 itself where it is none."""
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return given


def _as_stored(source: Source) -> Source:
    """The same with the quantities that a row compares as texts as the API server has them."""
    objects = tuple(
        (kind, with_quantities(item) if kind in _OF_QUANTITIES else item)
        for kind, item in source.objects
    )
    return replace(source, objects=objects)


_BEHAVIOR: Final = {
    "stabilizationWindowSeconds": "window",
    "selectPolicy": "select",
    "policies": "policies",
    "tolerance": "tolerance",
}


def _by_utilization(spec: Json) -> list[str]:
    """The resources that an autoscaler takes as a share of what all containers request."""
    resources = [metric.get("resource") or {} for metric in spec.get("metrics") or []]
    names = [
        str(resource["name"])
        for resource in resources
        if (resource.get("target") or {}).get("averageUtilization")
    ]
    return names or (["cpu"] if spec.get("targetCPUUtilizationPercentage") is not None else [])


def _as_text(value: Any) -> Any:  # noqa: ANN401 - a part of a row
    """The same, where `${...}` is the text itself and no alias."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, dict):
        return {key: _as_text(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(inner) for inner in value]
    return value


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:74].strip("-")


def aliases_of(namespaces: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each namespace with the alias by which the rows name it."""
    for namespace in namespaces:
        alias = re.sub(r"[^a-z0-9-]", "-", namespace)
        yield namespace, alias if alias[:1].isalpha() else f"ns-{alias}"


def _subject(subject: Json) -> Json:
    """Who is bound, with the group that the API server adds where a manifest leaves it out.

    Source: k8s.io/kubernetes v1.35, pkg/apis/rbac/v1/defaults.go (SetDefaults_Subject).
    """
    if subject.get("kind") in {"User", "Group"}:
        return {"apiGroup": "rbac.authorization.k8s.io", **subject}
    return subject
