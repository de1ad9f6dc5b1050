"""Findings as judges make them, for tests."""

from clusterproof.causes.finding import Finding
from clusterproof.judgement import Difference
from clusterproof.spec.row import Row
from tests.judge.rows import row

WEB = "Deployment/ns/web"
DB = "Deployment/ns/db"
SERVICE = "Service/ns/db"


def failed(of: Row, code: str, what: str = "", expected: str = "", observed: str = "") -> Finding:
    """A row that failed by one difference."""
    return Finding(of, (Difference(what, expected, observed, code=code),))


STARTS = row("starts", id="web-starts", workload=WEB, restarts_at_most=0, within_s=600)
REPLICAS = row("replicas", id="web-replicas", workload=WEB, replicas={"min": 1, "max": 1})
HEALTH = row("http", id="web-health", workload=WEB, port=80, path="/health")
LEADS = row("service", id="db-service", of=SERVICE, port=5432, workload=DB, target_port=5432)
DB_REPLICAS = row("replicas", id="db-replicas", workload=DB, replicas={"min": 1, "max": 1})
ANSWERS = row("answer", id="db-answers", service=SERVICE, port=5432, protocol="tcp")
CONFIG = row("reference", id="config-db", of="ConfigMap/ns/web", host_key="DB", service=SERVICE)
CONSUMED = row(
    "consumed",
    id="web-config",
    workload=WEB,
    container="web",
    of="ConfigMap/ns/web",
    keys=["DB"],
)
EGRESS = row("egress", id="to-db", workload=WEB, host="db.ns.svc", port=5432, expected="allowed")
NAMES = row("dns", id="web-names", workload=WEB, name="db.ns.svc", service=SERVICE)
GRACE = row("field", id="web-grace", of=WEB, path="spec.template.spec.x", expect={"equals": 30})
