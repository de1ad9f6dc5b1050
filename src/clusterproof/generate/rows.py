"""Rows from objects: what a deployment declares, said as what must stay so; pure.

A row is made only of what the source declares, so that a cluster that is as declared is green.
What a controller changes by itself (replicas under an autoscaler) is said as its bounds.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from clusterproof.generate.sources import Json, Source, namespace_of
from clusterproof.kube.containers import (
    ContainerKind,
    containers_of,
    is_pinned,
    lasting_containers,
)
from clusterproof.kube.selectors import selects
from clusterproof.kube.workloads import pod_spec_of
from clusterproof.redact import Redactor

Row = dict[str, Any]

RESTARTS_AT_MOST: Final = 3
RESTARTS_WITHIN_S: Final = 600
LONGEST_VALUE: Final = 200
"""Of a ConfigMap's key: longer ones are files, and their change is no drift of one setting."""
_REDACTOR: Final = Redactor()
_WORKLOADS: Final = ("Deployment", "StatefulSet")
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
        self.left_out: list[str] = []
        self._source = source
        self._aliases = aliases
        self._ids: set[str] = set()
        self._autoscaled = {
            (namespace_of(item), ref.get("kind"), ref.get("name")): item["spec"]
            for _, item in source.of("HorizontalPodAutoscaler")
            for ref in [item["spec"].get("scaleTargetRef") or {}]
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
        )
        for kinds, make in makers:
            for kind, item in source.of(*kinds):
                make(kind, item)

    def _add(self, area: str, row_id: str, claim: str, check: str, **fields: Any) -> None:  # noqa: ANN401 - a row's own
        if _holds_a_secret(fields):
            place = next((str(fields[key]) for key in ("of", "workload") if key in fields), "")
            self.left_out.append(f"{place}: {row_id}, which looks like a secret")
            return
        row: Row = {"id": self._unique(row_id), "claim": claim, "source": self._source.words}
        self.areas.setdefault(area, []).append({**row, "check": check, **fields})

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
        low = high = spec.get("replicas", 1)
        bounds = self._autoscaled.get((namespace_of(item), kind, name))
        if bounds:
            low, high = bounds.get("minReplicas", 1), bounds["maxReplicas"]
        count = f"{low}" if low == high else f"between {low} and {high}"
        claim = f"{name} runs {count} ready replicas, all of its current revision"
        replicas = {"min": low, "max": high}
        self._add(
            "workloads", f"{name}-replicas", claim, "replicas", workload=ref, replicas=replicas
        )
        self._images(name, ref, pod_spec_of(item))
        claim = f"The containers of {name} start and stay up"
        limits = {"restarts_at_most": RESTARTS_AT_MOST, "within_s": RESTARTS_WITHIN_S}
        self._add("workloads", f"{name}-starts", claim, "starts", workload=ref, **limits)
        rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
        for key in ("maxSurge", "maxUnavailable"):
            if key in rolling:
                path = f"spec.strategy.rollingUpdate.{key}"
                self._field("workloads", f"{name}-{key}", (ref, name), path, equals=rolling[key])
        account = pod_spec_of(item).get("serviceAccountName")
        if account:
            path = "spec.template.spec.serviceAccountName"
            self._field("workloads", f"{name}-account", (ref, name), path, equals=account)
        for one in lasting_containers(pod_spec_of(item)):
            self._container(name, ref, one.spec)

    def _images(self, name: str, ref: str, template: Json) -> None:
        loose = [each.image for each in containers_of(template) if not is_pinned(each.image)]
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
        self._consumed(name, ref, one)

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

    def _consumed(self, name: str, ref: str, one: Json) -> None:
        """Which keys a container gets of a ConfigMap; of a Secret, that the key has a value."""
        alias = ref.split("/")[1]
        keys: dict[tuple[str, str], list[str]] = {}
        for entry in one.get("env") or []:
            source = entry.get("valueFrom") or {}
            for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
                chosen = source.get(field)
                if chosen and not chosen.get("optional"):
                    keys.setdefault((kind, chosen["name"]), []).append(chosen["key"])
        for entry in one.get("envFrom") or []:
            of = str((entry.get("configMapRef") or {}).get("name", ""))
            held = self._keys_of(self._namespace(alias), of)
            if held:
                keys.setdefault(("ConfigMap", of), []).extend(held)
        for (kind, of), found in keys.items():
            target = f"{kind}/{alias}/{of}"
            if kind == "ConfigMap":
                claim = f"Container {one['name']} gets its keys of ConfigMap {of}"
                fields = {"workload": ref, "container": one["name"], "of": target}
                row_id, unique = f"{name}-gets-{of}", sorted(set(found))
                self._add("configuration", row_id, claim, "consumed", **fields, keys=unique)
                continue
            for key in sorted(set(found)):
                row_id = f"secret-{of}-{key}"
                if _slug(row_id) in self._ids:
                    continue
                claim = f"Secret {of} has a value for {key}"
                fields = {"of": target, "key": key, "min_length": 1}
                self._add("secrets", row_id, claim, "secret-shape", **fields)

    def _namespace(self, alias: str) -> str:
        return next(one for one, its in self._aliases.items() if alias == f"${{{its}}}")

    def _keys_of(self, namespace: str, name: str) -> list[str]:
        """Of a ConfigMap of this source; none where it is not of it."""
        return [
            key
            for _, item in self._source.of("ConfigMap")
            if (namespace_of(item), item["metadata"]["name"]) == (namespace, name)
            for key in item.get("data") or {}
        ]

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
        for metric in spec.get("metrics") or []:
            resource = metric.get("resource")
            if resource:
                path = f"spec.metrics[resource.name={resource['name']}].resource.target"
                row_id = f"{name}-{resource['name']}"
                add("autoscaling", row_id, (ref, name), path, contains=resource["target"])
        for direction, rules in (spec.get("behavior") or {}).items():
            window = rules.get("stabilizationWindowSeconds")
            if window is not None:
                path = f"spec.behavior.{direction}.stabilizationWindowSeconds"
                add("autoscaling", f"{name}-{direction}-window", (ref, name), path, equals=window)
        for aspect, words in (
            ("target", "scales an object that exists"),
            ("conditions", "is able to scale, and active"),
            ("requests", "averages over containers that all have requests"),
        ):
            self._add(
                "autoscaling",
                f"{name}-{aspect}",
                f"{name} {words}",
                "hpa-state",
                of=ref,
                aspect=aspect,
            )

    def _claim(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), item["spec"]
        self._field("storage", f"{name}-bound", (ref, name), "status.phase", equals="Bound")
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
        for key, value in sorted((item.get("data") or {}).items()):
            if len(value) > LONGEST_VALUE or "'" in key:
                self.left_out.append(f"{ref}: {key}, of {len(value)} characters")
            elif _holds_a_secret({key: value}):
                self.left_out.append(f"{ref}: {key}, which looks like a secret in a ConfigMap")
            else:
                path = f"data['{key}']"
                row_id = f"{name}-{key}"
                self._field("configuration", row_id, (ref, name), path, equals=value)

    def _service(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), item["spec"]
        owners = self._owners(item)
        if len(owners) != 1:
            why = "several workloads" if owners else "no workload of this source"
            self.left_out.append(f"{ref}: it selects {why}")
            return
        owner_kind, owner = owners[0]
        for port in spec.get("ports") or []:
            target = _target_port(port, pod_spec_of(owner))
            if target is None:
                self.left_out.append(f"{ref}: port {port['port']}, its target port has no number")
                continue
            claim = f"Service {name} leads port {port['port']} to every ready Pod of its workload"
            fields = {"of": ref, "port": port["port"], "workload": self._ref(owner_kind, owner)}
            row_id = f"{name}-service-{port['port']}"
            self._add("networking", row_id, claim, "service", **fields, target_port=target)

    def _owners(self, service: Json) -> list[tuple[str, Json]]:
        selector = service["spec"].get("selector")
        if not selector:
            return []
        return [
            (kind, item)
            for kind, item in self._source.of(*_WORKLOADS)
            if namespace_of(item) == namespace_of(service)
            and selects(
                {"matchLabels": selector},
                item["spec"]["template"].get("metadata", {}).get("labels") or {},
            )
        ]

    def _ingress(self, kind: str, item: Json) -> None:
        name, ref = item["metadata"]["name"], self._ref(kind, item)
        for rule in item["spec"].get("rules") or []:
            for path in (rule.get("http") or {}).get("paths") or []:
                service = (path.get("backend") or {}).get("service") or {}
                port = self._port_number(namespace_of(item), service)
                host = rule.get("host")
                if not (host and port):
                    self.left_out.append(
                        f"{ref}: a rule without a host, or a port of no Service here"
                    )
                    continue
                claim = f"{host} is sent to port {port} of Service {service['name']}"
                fields = {"of": ref, "host": host, "service": service["name"], "port": port}
                self._add("networking", f"{name}-ingress", claim, "ingress", **fields)

    def _port_number(self, namespace: str, service: Json) -> int | None:
        """The port of an Ingress' backend; one by its name is looked up in its Service."""
        port = service.get("port") or {}
        if "number" in port:
            return int(port["number"])
        return next(
            (
                int(entry["port"])
                for _, item in self._source.of("Service")
                if namespace_of(item) == namespace
                and item["metadata"]["name"] == service.get("name")
                for entry in item["spec"].get("ports") or []
                if entry.get("name") == port.get("name")
            ),
            None,
        )

    def _policy(self, kind: str, item: Json) -> None:
        name, ref, spec = item["metadata"]["name"], self._ref(kind, item), item["spec"]
        labels = (spec.get("podSelector") or {}).get("matchLabels")
        if labels:
            path = "spec.podSelector.matchLabels"
            self._field("network-policy", f"{name}-selects", (ref, name), path, equals=labels)
        if spec.get("policyTypes"):
            value = spec["policyTypes"]
            self._field(
                "network-policy", f"{name}-types", (ref, name), "spec.policyTypes", equals=value
            )
        for direction in ("ingress", "egress"):
            for number, rule in enumerate(spec.get(direction) or []):
                self._ports((ref, name), f"{direction}[{number}]", rule.get("ports") or [])

    def _ports(self, item: tuple[str, str], rule: str, ports: Iterable[Json]) -> None:
        for place, port in enumerate(ports):
            if "port" in port:
                path = f"spec.{rule}.ports[{place}].port"
                row_id = f"{item[1]}-{rule}-port-{place}"
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


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:74].strip("-")


def _target_port(port: Json, template: Json) -> int | None:
    target = port.get("targetPort", port["port"])
    named = {
        one.get("name"): one["containerPort"]
        for container in lasting_containers(template)
        for one in container.spec.get("ports") or []
    }
    found = named.get(target, target)
    return found if isinstance(found, int) else None


def aliases_of(namespaces: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each namespace with the alias by which the rows name it."""
    for namespace in namespaces:
        alias = re.sub(r"[^a-z0-9-]", "-", namespace)
        yield namespace, alias if alias[:1].isalpha() else f"ns-{alias}"
