"""For each subject: cases drawn from a seed, our answer, and the real program's, in one form."""

# ruff: noqa: PLR2004 - shares of what is drawn

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from random import Random
from typing import Any

from clusterproof.kube.env import expand
from clusterproof.kube.paths import Missing, look_up
from clusterproof.kube.selectors import selects
from clusterproof.kube.services import ServicePort, target_port
from clusterproof.observe.metrics import page_of
from clusterproof.observe.proxy import Answer
from testbed.oracles.program import Json, Program
from testbed.oracles.reading.certificates import (
    draw_certificate,
    draw_chain,
    our_belief,
    our_certificate,
    their_belief,
    their_certificate,
)

KEYS = ("app", "tier", "a.b/c", "track")
VALUES = ("web", "db", "", "canary")


@dataclass(frozen=True)
class Subject:
    """What is compared.

    Attributes:
        draw: A case, and the features that it has.
        ours: Our answer, as text.
        theirs: The real program's, in the same form.
    """

    name: str
    draw: Callable[[Random], tuple[Json, frozenset[str]]]
    ours: Callable[[Json], str]
    theirs: Callable[[Program, Json], str]


# --- Selectors


def _draw_selector(random: Random) -> tuple[Json, frozenset[str]]:
    labels = {key: random.choice(VALUES) for key in KEYS if random.random() < 0.5}
    exact = {key: random.choice(VALUES) for key in KEYS if random.random() < 0.2}
    features, terms = set(), []
    for _ in range(random.randrange(3)):
        operator = random.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        term: Json = {"key": random.choice(KEYS), "operator": operator}
        if operator in {"In", "NotIn"}:
            term["values"] = random.sample(VALUES, random.randrange(1, 4))
        terms.append(term)
        features |= {operator, "key there" if term["key"] in labels else "key absent"}
    selector = None if random.random() < 0.03 else {"matchLabels": exact, "matchExpressions": terms}
    features.add("no selector" if selector is None else "matchLabels" if exact else "no labels")
    return {"selector": selector, "labels": labels}, frozenset(features)


def _their_selection(reader: Program, case: Json) -> str:
    return str(reader.ask("selects", **case)["selects"])


# --- References $(NAME)

_PIECES = (
    *("$", "$$", "(", ")", "$(A)", "$(B)", "$(GONE)", "$("),
    *("x", "$$(A)", "$()", "é", "$é", " "),
)


def _draw_reference(random: Random) -> tuple[Json, frozenset[str]]:
    pieces = [random.choice(_PIECES) for _ in range(random.randrange(1, 7))]
    labels = {"A": random.choice(("1", "$(B)", "$$")), "B": random.choice(("", "two"))}
    return {"text": "".join(pieces), "labels": labels}, frozenset(pieces)


def _our_expansion(case: Json) -> str:
    held: Mapping[str, str] = case["labels"]
    return expand(case["text"], lambda name: held.get(name, f"$({name})"))


# --- Ports


def _draw_port(random: Random) -> tuple[Json, frozenset[str]]:
    features = set()

    def container(name: str) -> Json:
        ports = []
        for number in random.sample(range(80, 90), random.randrange(3)):
            port = {"containerPort": number, "protocol": random.choice(("TCP", "UDP"))}
            if random.random() < 0.7:
                port["name"] = random.choice(("http", "dns"))
            ports.append(port)
        return {"name": name, "ports": ports}

    spec: Json = {"containers": [container("main"), container("second")], "initContainers": []}
    for name in ("init", "side"):
        declared = container(name)
        if random.random() < 0.5:
            declared["restartPolicy"] = "Always"
            features.add("native sidecar")
        spec["initContainers"].append(declared)
    target = random.choice((8080, "http", "dns", "gone"))
    protocol = random.choice(("TCP", "UDP"))
    features |= {protocol, "by number" if target == 8080 else "by name"}
    service = {"port": 80, "protocol": protocol, "targetPort": target}
    return {"pod": {"spec": spec}, "port": service}, frozenset(features)


def _our_port(case: Json) -> str:
    port = case["port"]
    port_of_service = ServicePort(port["port"], "", port["protocol"], port["targetPort"])
    return str(target_port(case["pod"]["spec"], port_of_service))


# --- Paths


def _draw_path(random: Random) -> tuple[Json, frozenset[str]]:
    leaves = ("text", 5, True, False, 0, "")
    listed: list[Json] = [
        {"name": random.choice(("a", "b", "c"))}
        | ({"value": random.choice(leaves)} if random.random() < 0.8 else {})
        for _ in range(3)
    ]
    item = {"spec": {"list": listed, "one": {"two": random.choice(leaves)}, "d.e/f": "quoted"}}
    ours, theirs = random.choice(
        (
            ("spec.one.two", "{.spec.one.two}"),
            ("spec.one.gone", "{.spec.one.gone}"),
            ("spec['d.e/f']", r"{.spec['d\.e/f']}"),
            ("spec.list[1].value", "{.spec.list[1].value}"),
            ("spec.list[*].value", "{.spec.list[*].value}"),
            ("spec.list[*].name", "{.spec.list[*].name}"),
            ("spec.list[name=b]", '{.spec.list[?(@.name=="b")]}'),
            ("spec.list[name=z]", '{.spec.list[?(@.name=="z")]}'),
            ("spec.gone[*].x", "{.spec.gone[*].x}"),
            ("spec.gone.deeper", "{.spec.gone.deeper}"),
            ("spec.list[3].value", "{.spec.list[3].value}"),
            ("spec.list[9].value", "{.spec.list[9].value}"),
        )
    )
    return {"object": item, "ours": ours, "text": theirs}, frozenset({ours})


def _our_path(case: Json) -> str:
    read = look_up(case["object"], case["ours"])
    values = read if isinstance(read, list) else [read]
    return str([value for value in values if not isinstance(value, Missing)])


def _their_path(reader: Program, case: Json) -> str:
    answer = reader.ask("path", object=case["object"], text=case["text"])
    values = answer.get("values", [])
    # Ours is the first element that matches; kubectl shows all of them.
    return str(values[:1] if "[name=" in case["ours"] else values)


# --- Metrics pages

_TEXT, _OPEN = "text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0"
_COUNTS = ("0", "1", "12.5", "1e3", "+7", ".5", "+Inf")
_MORE_LABELS = ("", ',m="a\\"b\\\\c\\nd"', ',m="é"', ",")
_NUMBERS = ("0", "1", "12.5", "1e3", "-3", "NaN", "+Inf", "-Inf", "0x1p4", "+7", ".5")


def _draw_page(random: Random) -> tuple[Json, frozenset[str]]:
    is_open = random.random() < 0.4
    features = {"OpenMetrics" if is_open else "text"}
    lines: list[str] = []
    for name in random.sample(("requests", "queue_total", "lag_seconds", "up", "a:b"), 2):
        lines += _draw_family(random, name, features, is_open=is_open)
    if not is_open and random.random() < 0.3:
        samples = [line for line in lines if not line.startswith("#")]
        random.shuffle(samples)
        lines = [line for line in lines if line.startswith("#")] + samples
        features.add("apart")
    if not is_open and random.random() < 0.2:
        lines = [f"{line} 1700000000000" if line[0] != "#" else line for line in lines]
        features.add("time stamp")
    if is_open and random.random() < 0.95:
        lines.append("# EOF")
    text = "\n".join([*lines, ""])
    return {"type": _OPEN if is_open else _TEXT, "text": text}, frozenset(features)


def _draw_family(random: Random, name: str, features: set[str], *, is_open: bool) -> list[str]:
    """What a page has of one name; adds to the features."""
    lines: list[str] = []
    bare = "unknown" if is_open else "untyped"
    kind = random.choice(("counter", "gauge", "histogram", "summary", bare, ""))
    if kind:
        lines.append(f"# TYPE {name} {kind}")
        features.add(kind)
    if random.random() < 0.3:
        lines.append(f"# HELP {name} Of \\\\ and \\n in it")
        features.add("HELP")
    groups: list[list[str]] = []
    for number in random.sample(range(5), random.randrange(1, 4)):
        label = f'n="{number}"{random.choice(_MORE_LABELS)}'
        if is_open:
            label = label.rstrip(",")
        if kind in {"histogram", "summary"}:
            groups.append(_distribution(random, name, kind, label))
            continue
        # OpenMetrics has no counter under zero; Prometheus reads it all the same, we say so.
        is_counter = is_open and kind == "counter"
        text = random.choice(_COUNTS if is_counter else _NUMBERS)
        features.add("not finite" if text.strip("+-") in {"NaN", "Inf"} else "finite")
        sample = f"{name}_total" if is_counter else name
        if is_counter and random.random() < 0.3:
            text += ' # {trace_id="7"} 0.5'
            features.add("exemplar")
        groups.append([f"{sample}{{{label}}} {text}"])
    if random.random() < 0.3:
        features.add("label sets in turn")
        return lines + [line for row in zip_longest(*groups) for line in row if line]
    return lines + [line for group in groups for line in group]


def _distribution(random: Random, name: str, kind: str, label: str) -> list[str]:
    """The samples of a histogram or a summary with this label."""
    label = label.rstrip(",")
    count = random.randrange(5)
    parts: list[tuple[str, str, float]]
    if kind == "histogram":
        parts = [("_bucket", 'le="0.5"', random.randint(0, count)), ("_bucket", 'le="+Inf"', count)]
    else:
        parts = [("", f'quantile="{each}"', random.random()) for each in ("0.5", "0.99")]
    lines = [f"{name}{suffix}{{{label},{more}}} {figure}" for suffix, more, figure in parts]
    return [*lines, f"{name}_count{{{label}}} {count}", f"{name}_sum{{{label}}} {count * 0.25}"]


def _form(samples: list[tuple[str, Mapping[str, str], float]]) -> str:
    return str(
        sorted((name, sorted(labels.items()), _number(value)) for name, labels, value in samples)
    )


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else repr(value)


def _our_page(case: Json) -> str:
    page = page_of(Answer("pod", 200, case["type"], case["text"]))
    if page.reason:
        return "refused"
    return _form(
        [
            (sample.name, sample.labels, sample.value)
            for family in page.families.values()
            for sample in family.samples
        ]
    )


def _their_page(reader: Program, case: Json) -> str:
    answer = reader.ask("page", **case)
    if "refused" in answer:
        return "refused"
    types = answer["types"]

    def with_total(name: str) -> str:
        """A counter's sample has `_total` with us, however the page writes it."""
        bare = types.get(name) == "counter" and not name.endswith("_total")
        return f"{name}_total" if bare else name

    return _form(
        [(with_total(name), labels, float(value)) for name, labels, value in answer["samples"]]
    )


def _their_port(reader: Program, case: Json) -> str:
    return str(reader.ask("port", **case)["port"])


def _their_expansion(reader: Program, case: Json) -> str:
    text: Any = reader.ask("expand", **case)["text"]
    return str(text)


SUBJECTS = (
    Subject(
        "selectors",
        _draw_selector,
        lambda case: str(selects(case["selector"], case["labels"])),
        _their_selection,
    ),
    Subject("references", _draw_reference, _our_expansion, _their_expansion),
    Subject("ports", _draw_port, _our_port, _their_port),
    Subject("paths", _draw_path, _our_path, _their_path),
    Subject("pages", _draw_page, _our_page, _their_page),
    Subject("certificates", draw_certificate, our_certificate, their_certificate),
    Subject("authorities", draw_chain, our_belief, their_belief),
)
