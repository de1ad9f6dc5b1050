"""Rows from objects: what a deployment declares, said as what must stay so; pure.

A row is made only of what the source declares, so that a cluster that is as declared is green.
What a controller changes by itself (replicas under an autoscaler) is said as its bounds.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from clusterproof.generate.consumption import Consumption, consumption_of
from clusterproof.generate.sources import Source, namespace_of
from clusterproof.kube.containers import (
    ContainerKind,
    containers_of,
    is_pinned,
    lasting_containers,
)
from clusterproof.kube.ingress import IngressPath, addresses_of, hosts_of, paths_for
from clusterproof.kube.objects import Json, labels_of
from clusterproof.kube.selectors import service_selects
from clusterproof.kube.services import external_name, port_named, ports_of, spec_of, target_port
from clusterproof.kube.workloads import pod_spec_of, template_of
from clusterproof.redact import Redactor

Row = dict[str, Any]

RESTARTS_AT_MOST: Final = 3
RESTARTS_WITHIN_S: Final = 600
LONGEST_VALUE: Final = 200
"""Of a ConfigMap's key: longer ones are files, and their change is no drift of one setting."""
_REDACTOR: Final = Redactor()
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet")
_REFS: Final = frozenset({"of", "workload"})
"""Fields in which `${...}` is an alias; in all others it is the text itself."""
_HANDLERS: Final = ("httpGet", "tcpSocket", "exec", "grpc")


class Rows:
    """The rows of a source, by area.

    Attributes:
        areas: Area to its rows, in the order in which a report shows them.
        left_out: What no row could be made of, and why.
    """

    def __init__(self, source: Source, aliases: dict[str, str]) -> None:
        """Make them all.

        Args:
            source: The objects.
            aliases: Namespace to its alias.
        """
        self.areas: dict[str, list[Row]] = {}
        self.left_out: list[str] = list(source.passed_over)
        self._source = source
        self._aliases = aliases
        self._ids: set[str] = set()
        self._autoscaled = {
            (namespace_of(item), ref.get("kind"), ref.get("name")): spec_of(item)
            for _, item in source.of("HorizontalPodAutoscaler")
            for ref in [spec_of(item).get("scaleTargetRef") or {}]
        }
        makers: tuple[tuple[tuple[str, ...], Callable[[str, Json], None]], ...] = (
            (_WORKLOADS, self._workload),
            (("PodDisruptionBudget",), self._budget),
            (("HorizontalPodAutoscaler",), self._autoscaler),
            (("PersistentVolumeClaim",), self._claim),
            (("ConfigMap",), self._config_map),
            (("Service",), self._service),
            (("Ingress",), self._ingress),
            (("NetworkPolicy",), self._policy),
            (("ResourceQuota",), self._quota),
        )
        for kinds, make in makers:
            for kind, item in source.of(*kinds):
                self._make(make, kind, item)
        made = {kind for kinds, _ in makers for kind in kinds}
        for kind, item in source.objects:
            if kind not in made:
                self.left_out.append(f"{self._ref(kind, item)}: there is no kind of row for it yet")

    def _make(self, make: Callable[[str, Json], None], kind: str, item: Json) -> None:
        """The rows of one object; of one that the API server would not take, it is said."""
        try:
            make(kind, item)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            why = f"no {error}" if isinstance(error, KeyError) else str(error)
            self.left_out.append(f"{self._ref(kind, item)}: it is no whole {kind} ({why})")

    def _add(self, area: str, row_id: str, claim: str, check: str, **fields: Any) -> None:  # noqa: ANN401 - a row's own
        if _holds_a_secret(fields):
            place = next((str(fields[key]) for key in ("of", "workload") if key in fields), "")
            self.left_out.append(f"{place}: {row_id}, which looks like a secret")
            return
        row: Row = {"id": self._unique(row_id), "claim": claim, "source": self._source.words}
        row = {**row, "check": check, **fields}
        written = {key: one if key in _REFS else _as_text(one) for key, one in row.items()}
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
        found, number = base, 2
        while found in self._ids:
            found, number = f"{base}-{number}", number + 1
        self._ids.add(found)
        return found

    def _ref(self, kind: str, item: Json) -> str:
        return f"{kind}/${{{self._aliases[namespace_of(item)]}}}/{item['metadata']['name']}"

    def _workload(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), item["spec"]
        template = pod_spec_of(item)
        if not all("name" in one.spec for one in containers_of(template)) or not template:
            raise ValueError("no containers with names: a patch, maybe")
        self._replicas(kind, item, ref)
        self._images(name, ref, template)
        claim = f"The containers of {name} start and stay up"
        limits = {"restarts_at_most": RESTARTS_AT_MOST, "within_s": RESTARTS_WITHIN_S}
        self._add("workloads", f"{name}-starts", claim, "starts", workload=ref, **limits)
        rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
        for key in ("maxSurge", "maxUnavailable"):
            if key in rolling:
                path = f"spec.strategy.rollingUpdate.{key}"
                self._field("workloads", f"{name}-{key}", (ref, name), path, equals=rolling[key])
        account = template.get("serviceAccountName")
        if account:
            path = "spec.template.spec.serviceAccountName"
            self._field("workloads", f"{name}-account", (ref, name), path, equals=account)
        for claim_template in spec.get("volumeClaimTemplates") or []:
            self._claim_template((ref, name), claim_template)
        for container in lasting_containers(template):
            self._container(name, ref, container.spec)
        self._consumed(name, ref, consumption_of(template, self._source, namespace_of(item)))

    def _replicas(self, kind: str, item: Json, ref: str) -> None:
        if kind == "DaemonSet":
            self.left_out.append(f"{ref}: its replicas, which follow the nodes")
            return
        name = item["metadata"]["name"]
        low = high = item["spec"].get("replicas", 1)
        bounds = self._autoscaled.get((namespace_of(item), kind, name))
        if bounds:
            low, high = bounds.get("minReplicas", 1), bounds["maxReplicas"]
        count = f"{low}" if low == high else f"between {low} and {high}"
        claim = f"{name} runs {count} ready replicas, all of its current revision"
        replicas = {"min": low, "max": high}
        self._add(
            "workloads", f"{name}-replicas", claim, "replicas", workload=ref, replicas=replicas
        )

    def _claim_template(self, item: tuple[str, str], template: Json) -> None:
        name = template["metadata"]["name"]
        requests = (spec_of(template).get("resources") or {}).get("requests") or {}
        if "storage" in requests:
            path = f"spec.volumeClaimTemplates[metadata.name={name}]"
            path += ".spec.resources.requests.storage"
            row_id = f"{item[1]}-{name}-size"
            self._field("storage", row_id, item, path, quantity=str(requests["storage"]))

    def _images(self, name: str, ref: str, template: Json) -> None:
        without = [one.name for one in containers_of(template) if not one.image]
        if without:
            raise ValueError(f"no image in {', '.join(without)}: a patch, maybe")
        loose = [one.image for one in containers_of(template) if not is_pinned(one.image)]
        if loose:
            self.left_out.append(f"{ref}: images, as {', '.join(loose)} is not pinned")
            return
        claim = f"{name} runs pinned images, in every Pod"
        fields = {"workload": ref, "placeholders": []}
        self._add("workloads", f"{name}-images", claim, "images", **fields)
        for each in containers_of(template):
            place = "containers" if each.kind is ContainerKind.MAIN else "initContainers"
            path = f"spec.template.spec.{place}[name={each.name}].image"
            row_id = f"{name}-{each.name}-image"
            self._field("workloads", row_id, (ref, name), path, equals=each.image)

    def _container(self, workload: str, ref: str, one: Json) -> None:
        name = one["name"] if one["name"] == workload else f"{workload}-{one['name']}"
        for bound in ("requests", "limits"):
            for resource in ("cpu", "memory"):
                quantity = ((one.get("resources") or {}).get(bound) or {}).get(resource)
                if quantity is None:
                    continue
                claim = f"Container {one['name']} of {workload} {bound} {resource} {quantity}"
                fields = {"workload": ref, "container": one["name"], "bound": bound}
                fields |= {"resource": resource, "quantity": str(quantity)}
                row_id = f"{name}-{resource}-{bound}"
                self._add("resources", row_id, claim, "quantity", **fields)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self._probe(name, ref, one, probe)

    def _probe(self, name: str, ref: str, one: Json, probe: str) -> None:
        found = one.get(probe) or {}
        handler = next((key for key in _HANDLERS if key in found), None)
        if handler is None:
            return
        action = found[handler] or {}
        fields: Row = {"workload": ref, "container": one["name"]}
        fields |= {"probe": probe, "handler": handler}
        if "path" in action:
            fields["path"] = action["path"]
        named = {port.get("name"): port["containerPort"] for port in one.get("ports") or []}
        port = named.get(action.get("port"), action.get("port"))
        if isinstance(port, int):
            fields["port"] = port
        claim = f"Container {one['name']} has its {probe} by {handler}"
        self._add("health", f"{name}-{probe}", claim, "probe", **fields)

    def _consumed(self, name: str, ref: str, consumption: Consumption) -> None:
        """Which keys the containers get of a ConfigMap; of a Secret, that the key has a value."""
        alias = ref.split("/")[1]
        self.left_out += [f"{ref}: {one}" for one in consumption.left_out]
        for (container, of), names in consumption.config_maps.items():
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
        of_type = [metric.get("type") for metric in metrics]
        for metric in metrics:
            kind, resource = metric.get("type"), metric.get("resource")
            if resource:
                path = f"spec.metrics[resource.name={resource['name']}].resource.target"
                row_id = f"{name}-{resource['name']}"
                self._field("autoscaling", row_id, item, path, contains=resource["target"])
            elif kind and of_type.count(kind) == 1:
                path = f"spec.metrics[type={kind}]"
                self._field("autoscaling", f"{name}-{kind}", item, path, contains=metric)
            else:
                self.left_out.append(f"{item[0]}: a metric of type {kind}, of which it has several")

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
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        for key, given in sorted((item.get("data") or {}).items()):
            value = "" if given is None else given  # as the API server has it
            if not isinstance(value, str):
                self.left_out.append(f"{ref}: {key}, as {value!r} is no text: quote it")
            elif len(value) > LONGEST_VALUE or "'" in key:
                self.left_out.append(f"{ref}: {key}, of {len(value)} characters")
            elif _holds_a_secret({key: value}):
                self.left_out.append(f"{ref}: {key}, which looks like a secret in a ConfigMap")
            else:
                path = f"data['{key}']"
                row_id = f"{name}-{key}"
                self._field("configuration", row_id, (ref, name), path, equals=value)

    def _service(self, kind: str, item: Json) -> None:
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        if external_name(item):
            self.left_out.append(f"{ref}: it stands for {external_name(item)}, and has no Pods")
            return
        owners = self._owners(item)
        if len(owners) != 1:
            why = "several workloads" if owners else "no workload of this source"
            self.left_out.append(f"{ref}: it selects {why}")
            return
        owner_kind, owner = owners[0]
        if owner["spec"].get("replicas") == 0:
            self.left_out.append(f"{ref}: its workload has no replicas")
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
            self.left_out.append(f"{ref}: it has no address, as no controller serves it")
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
        claim = f"{where} is sent to port {port} of Service {path.service}"
        fields: Row = {"of": ref, "host": host, "path": path.path}
        fields |= {"service": path.service, "port": port}
        self._add("networking", f"{name}-ingress", claim, "ingress", **fields)

    def _port_number(self, namespace: str, path: IngressPath) -> int | None:
        """The port of an Ingress' backend, where its Service is of this source and has it."""
        for _, item in self._source.of("Service"):
            if (namespace_of(item), item["metadata"]["name"]) == (namespace, path.service):
                number = port_named(item, path.port)
                return number if number in {entry.port for entry in ports_of(item)} else None
        return None

    def _quota(self, kind: str, item: Json) -> None:
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        for resource, quantity in (item["spec"].get("hard") or {}).items():
            path = f"spec.hard['{resource}']"
            self._field(
                "resources", f"{name}-{resource}", (ref, name), path, quantity=str(quantity)
            )

    def _policy(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), item["spec"]
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
            for number, rule in enumerate(spec.get(direction) or []):
                self._rule((ref, name), (direction, number), rule or {})

    def _rule(self, item: tuple[str, str], place: tuple[str, int], rule: Json) -> None:
        direction, number = place
        peers = "to" if direction == "egress" else "from"
        if rule.get(peers):
            path = f"spec.{direction}[{number}].{peers}"
            row_id = f"{item[1]}-{direction}-{number}-{peers}"
            self._field("network-policy", row_id, item, path, equals=rule[peers])
        for index, port in enumerate(rule.get("ports") or []):
            if "port" in port:
                path = f"spec.{direction}[{number}].ports[{index}].port"
                row_id = f"{item[1]}-{direction}[{number}]-port-{index}"
                self._field("network-policy", row_id, item, path, equals=port["port"])


def _holds_a_secret(node: object, name: str = "") -> bool:
    """True where a text in it, by its name or by itself, looks like one: it stays out of a file."""
    if isinstance(node, Mapping):
        return any(_holds_a_secret(inner, str(key)) for key, inner in node.items())
    if isinstance(node, (list, tuple)):
        return any(_holds_a_secret(inner, name) for inner in node)
    if not isinstance(node, str):
        return False
    told = f"{name}={node}"
    return _REDACTOR.data({name: node}) != {name: node} or _REDACTOR.text(told) != told


_BEHAVIOR: Final = {
    "stabilizationWindowSeconds": "window",
    "selectPolicy": "select",
    "policies": "policies",
    "tolerance": "tolerance",
}


def _by_utilization(spec: Json) -> list[str]:
    """The resources that an autoscaler takes as a share of what all containers request."""
    resources = [metric.get("resource") or {} for metric in spec.get("metrics") or []]
    found = [
        str(one["name"]) for one in resources if (one.get("target") or {}).get("averageUtilization")
    ]
    return found or (["cpu"] if spec.get("targetCPUUtilizationPercentage") is not None else [])


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
