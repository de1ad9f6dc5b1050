"""The metrics page of every Pod of a workload, read through the API server's pod proxy.

Source: Prometheus exposition formats (text 0.0.4 and OpenMetrics 1.0), parsed by the official
client's own parsers, which are imported where a page is read. A counter's family is named without
`_total`, its samples with it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.pods import mesh_of, pod_containers
from clusterproof.observe.proxy import METRICS_PAGE, Answer, ask_pod, ask_pods

if TYPE_CHECKING:
    from prometheus_client import Metric

_OK = 200
_SUFFIX = {"counter": "_total", "histogram": "_count", "summary": "_count"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a page."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one metric."""

    name: str
    type: str
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One Pod's metrics page.

    Attributes:
        pod: Its name.
        incarnation: Its uid and restarts: another one counts from zero again.
        families: By name; a counter's without `_total`.
        reason: Why there is no page, or "".
    """

    pod: str
    incarnation: str = ""
    families: Mapping[str, Family] = field(default_factory=dict)
    reason: str = ""


def read_pages(api: KubeApi, pods: Iterable[Json], port: int, path: str) -> tuple[Page, ...]:
    """The page of each of these Pods, read at once.

    Raises:
        ObservationError: The API server does not let us ask, or every Pod is gone.
    """

    def ask(pod: Json) -> Page | None:
        namespace, name = str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"])
        answer = ask_pod(api, namespace, name, port, path, accept=METRICS_PAGE, mesh=mesh_of(pod))
        return None if answer is None else page_of(answer, incarnation(pod))

    return ask_pods(ask, pods)


def incarnation(pod: Json) -> str:
    """What changes whenever the processes of a Pod start anew, a native sidecar's too."""
    restarts = sum(each.restarts for each in pod_containers(pod) if each.stays_up)
    return f"{pod['metadata'].get('uid', '')}/{restarts}"


def page_of(answer: Answer, incarnation: str = "") -> Page:
    """A Pod's answer as a page; with a reason instead when it is none."""
    from prometheus_client import parser as text  # noqa: PLC0415 - a plan starts sooner
    from prometheus_client.openmetrics import parser as open_metrics  # noqa: PLC0415

    if answer.status != _OK:
        reason = answer.reason or f"its metrics page answers {answer.status}"
        return Page(answer.pod, incarnation, reason=reason)
    parser = open_metrics if "openmetrics" in answer.content_type else text
    try:
        page = answer.text if parser is text else _samples_together(answer.text)
        parsed = parser.text_string_to_metric_families(page)
        families = _grouped(_family(metric) for metric in parsed)
    except (ValueError, TypeError) as error:
        reason = f"its metrics page is not in Prometheus' format: {error}"
        return Page(answer.pod, incarnation, reason=reason)
    return Page(answer.pod, incarnation, families)


def _samples_together(page: str) -> str:
    """The same page, where the samples of each label set of a family follow one another.

    OpenMetrics asks for that and its Python parser insists; Prometheus does not mind
    (model/textparse/openmetricsparse.go), so a page that it takes must not be refused here.
    """
    lines: list[str] = []
    family: list[str] = []
    name = ""
    for line in page.splitlines():
        if name and line.startswith(name):
            family.append(line)
            continue
        # What no comment announces is a family by each name, in the order in which it stands.
        lines += [*_by_labels(family), line]
        family = []
        comment = _COMMENT.match(line)
        name = comment[1] if comment else "" if line.startswith("#") else name
    return "\n".join([*lines, *_by_labels(family), ""])


def _by_labels(family: Iterable[str]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for line in family:
        labels = _LABELS.match(line)
        pairs = _LABEL.findall(labels[1] or "") if labels else []
        key = ",".join(pair for pair in pairs if not pair.startswith(("le=", "quantile=")))
        groups.setdefault(key, []).append(line)
    return [line for group in groups.values() for line in group]


_COMMENT = re.compile(r"# (?:TYPE|HELP|UNIT) (\S+)")
_LABEL = re.compile(r'[^{},\s]+="(?:[^"\\]|\\.)*"')
_LABELS = re.compile(r'[^{\s]+(?:\{((?:[^}"]|"(?:[^"\\]|\\.)*")*)\})?\s')


def _family(metric: "Metric") -> Family:
    return Family(metric.name, metric.type, tuple(_samples(metric)))


def _samples(metric: "Metric") -> Iterator[Sample]:
    """The samples of a metric; a native histogram as the `_count` and `_sum` that it has.

    One that is written as a classic one too has them already.
    """
    classic = [
        sample.labels or {} for sample in metric.samples if sample.name == f"{metric.name}_count"
    ]
    for sample in metric.samples:
        native = getattr(sample, "native_histogram", None)
        if native is None:
            yield Sample(sample.name, dict(sample.labels or {}), float(sample.value))
        elif (sample.labels or {}) not in classic:
            yield Sample(
                f"{sample.name}_count", dict(sample.labels or {}), float(native.count_value)
            )
            yield Sample(f"{sample.name}_sum", dict(sample.labels or {}), float(native.sum_value))


def _grouped(parsed: Iterable[Family]) -> dict[str, Family]:
    """The families by name, each with all of its samples, wherever on the page they stand.

    The format asks for one group; Prometheus goes by the name of each sample, and so does this:
    what stands apart from its TYPE belongs to it all the same.
    """
    pieces = list(parsed)
    families: dict[str, Family] = {}
    for piece in sorted(pieces, key=lambda family: family.type in _UNTYPED):
        name = piece.name
        if piece.type in _UNTYPED and name not in families:
            name = _typed_as(families, piece) or name
        known = families.get(name, Family(name, piece.type))
        families[name] = Family(name, known.type, (*known.samples, *_named(known, piece)))
    return families


def _named(family: Family, piece: Family) -> tuple[Sample, ...]:
    """The samples of a piece as their family names them: a counter's have `_total` here."""
    if family.type != "counter":
        return piece.samples
    return tuple(
        replace(sample, name=f"{sample.name}_total") if sample.name == family.name else sample
        for sample in piece.samples
    )


def _typed_as(families: Mapping[str, Family], piece: Family) -> str:
    """The family that samples without a type belong to by their name, or ""."""
    for sample in piece.samples:
        for suffix in _SUFFIXES:
            base = sample.name.removesuffix(suffix)
            known = families.get(base)
            if known is not None and suffix in _OF_TYPE.get(known.type, ()):
                return base
    return ""


_UNTYPED = frozenset({"unknown", "untyped"})
_OF_TYPE = {
    "counter": ("_total", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "summary": ("_count", "_sum", "_created"),
}
_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created")


def family_named(page: Page, name: str) -> Family | None:
    """The family that a user calls `name`, a counter with or without its `_total`."""
    family = page.families.get(name)
    if family is not None:
        return family
    counter = page.families.get(name.removesuffix("_total"))
    return counter if counter is not None and counter.type == "counter" else None


def total(page: Page, name: str, labels: Mapping[str, str]) -> float | None:
    """How often a metric counted on this page, over all samples that have these labels.

    A histogram or summary by its `_count`. None when the page does not have the metric.
    """
    family = family_named(page, name)
    if family is None:
        return None
    suffix = _SUFFIX.get(family.type, "")
    counted = family.name if family.name.endswith(suffix) else f"{family.name}{suffix}"
    return _added(family, counted, labels)


def sum_of(page: Page, name: str, labels: Mapping[str, str]) -> float | None:
    """What a histogram or summary observed, summed; None when the page does not have it."""
    family = family_named(page, name)
    return None if family is None else _added(family, f"{family.name}_sum", labels)


def has_sum(page: Page, name: str) -> bool:
    """True where a metric of the page is a histogram or summary with a sum."""
    family = family_named(page, name)
    return family is not None and any(
        sample.name == f"{family.name}_sum" for sample in family.samples
    )


def _added(family: Family, name: str, labels: Mapping[str, str]) -> float:
    return sum(
        sample.value
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
