"""Records of every kind that a report must survive."""

from clusterproof.causes.cause import Cause
from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord

AREAS = (
    "workloads",
    "resources",
    "autoscaling",
    "storage",
    "configuration",
    "secrets",
    "networking",
    "network-policy",
    "health",
    "metrics",
    "ingestion",
    "system-status",
)
HOSTILE = (
    "<script>document.title='owned'</script>",
    "</style><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "]]> & \"quotes\" 'single' \\ `ticks` | pipes | *stars* ```fences```",
    "https://evil.example/x.png javascript:alert(1)",
    "nul \x00 bell \x07 bidi \u202egnp.exe\u202c",
    "密码, ключ, كلمة, 🔑🏳️‍🌈",
    "lone \ud800 surrogate",
)


CAUSE = Cause(
    subject="Service/ns/db",
    what="Service/ns/db does not exist " + HOSTILE[0],
    evidence=HOSTILE[1:4],
    remedy="make Service/ns/db " + HOSTILE[3],
    show="kubectl -n ns get service",
    rows=("first",),
    symptoms=("second",),
    fit="as 'A Service is gone' did: 2 of its 2 rows, and no other",
)
"""One that explains two of three rows, in words that are markup elsewhere."""

BARE: dict[str, object] = {
    "area": "health",
    "title": "It is up",
    "expected": "3",
    "observed": "2",
    "where": "",
    "evidence": (),
    "source": "README",
    "next": "",
    "how": "",
}
"""A row of few words, whose text can be written out."""


def record(*rows: RowResult, **changes: object) -> RunRecord:
    """A record of these rows; facts as a run on the local cluster has them."""
    facts: dict[str, object] = {
        "run_id": "2026-11-23t0200z-5f3a",
        "started_at": 1_795_399_207.5,
        "finished_at": 1_795_399_251.75,
        "cluster": ClusterFacts(
            context="testbed", server_version="v1.35.4", nodes=5, uid="c0ffee-1"
        ),
        "profile": "self-hosted",
        "spec_path": "spec",
        "tool_version": "0.1.0",
        "options": {"kubeconfig": ".testbed/kubeconfig", "profile": "self-hosted"},
        "api_calls": 212,
        "api_bytes": 1_843_200,
        "rights": ("get, list pods in voicehelper-prod, posthog", "create pods/exec"),
    }
    return RunRecord(rows=rows, **(facts | changes))  # type: ignore[arg-type]


def row(number: int, outcome: Outcome = Outcome.PASSED, **changes: object) -> RowResult:
    """One believable row of the given outcome."""
    fields: dict[str, object] = {
        "id": f"row-{number:03d}-replicas",
        "area": AREAS[number * len(AREAS) // 150 % len(AREAS)],
        "title": "The Deployment has as many ready replicas as it wants.",
        "outcome": outcome,
        "expected": "3 ready replicas",
        "observed": "3 ready replicas" if outcome is Outcome.PASSED else "2 ready replicas",
        "where": "voicehelper-prod/Deployment/model-router",
        "evidence": ("status.readyReplicas 3 of spec.replicas 3, generation 4 observed",),
        "source": "spec/workloads.yaml: README, Topology",
        "next": "kubectl -n voicehelper-prod get deployment model-router -o wide",
        "started_at": 1_795_399_208.0 + number,
        "duration_s": 0.012 * (number % 7),
        "how": "API read (list deployments)",
        "cause": "" if outcome in {Outcome.PASSED, Outcome.FAILED} else "403: may not list pods",
    }
    return RowResult(**(fields | changes))  # type: ignore[arg-type]


def _mixed(number: int) -> RowResult:
    if number in {17, 90, 91, 95}:
        return row(
            number,
            Outcome.FAILED,
            id=f"egress-{number}",
            title="The router reaches cluster DNS.",
            expected="allowed",
            observed="refused",
            where="voicehelper-prod/model-router-7d9c-x2x -> kube-dns.kube-system.svc:53/UDP",
            evidence=(
                "no answer in 3 s, 3 of 3 attempts",
                "control peer answered in 4 ms",
                "NetworkPolicy model-router-netpol: no egress rule matches kube-system",
            ),
            differences=("cluster DNS over UDP: refused", "cluster DNS over TCP: refused"),
            source="spec/network-policy.yaml: README, NetworkPolicy model-router-netpol",
            next="kubectl -n voicehelper-prod describe networkpolicy model-router-netpol",
            how="dialler pod with the router's labels (create pods in voicehelper-prod)",
        )
    if number in {60, 128}:
        return row(number, Outcome.INCONCLUSIVE)
    if number in {140, 141}:
        return row(number, Outcome.NOT_RUN, cause="the deadline of 60 s came first")
    return row(number, attempts=2 if number == 30 else 1)


def records() -> dict[str, RunRecord]:
    """Records by name: from nothing at all to everything at once."""
    long = "evidence " * 4000
    return {
        "empty": record(),
        "all-passed": record(*(row(number) for number in range(150))),
        "one-failed": record(_mixed(17)),
        "mixed": record(*(_mixed(number) for number in range(150))),
        "blind": record(row(1), row(2, Outcome.INCONCLUSIVE)),
        "partial": record(
            row(1),
            *(row(number, Outcome.NOT_RUN) for number in range(2, 9)),
            notes=("Stopped at the deadline of 60 s; 7 rows did not run.",),
        ),
        "caused": record(
            row(1, Outcome.FAILED, id="first"),
            row(2, Outcome.INCONCLUSIVE, id="second"),
            row(3, Outcome.FAILED, id="third"),
            causes=(CAUSE,),
        ),
        "long": record(
            row(1, Outcome.FAILED, observed=long, expected="x" * 9000, evidence=(long, long)),
            row(2, title="word" * 900, observed=long),
        ),
        "hostile": record(
            *(
                row(
                    number,
                    outcome,
                    id=text,
                    area=text,
                    title=text,
                    expected=text,
                    observed=text,
                    where=text,
                    evidence=(text, text),
                    differences=(text, text),
                    source=text,
                    next=text,
                    how=text,
                    cause=text,
                )
                for outcome in Outcome
                for number, text in enumerate(HOSTILE)
            ),
            notes=HOSTILE,
            profile=HOSTILE[0],
            options={HOSTILE[0]: HOSTILE[1]},
        ),
    }
