"""A NetworkPolicy as it is written: whom it selects, whom it names, what it allows."""

from typing import Any

import pytest

from clusterproof.checks.policy import PolicyRow
from clusterproof.checks.policy import look as look_at_policy
from clusterproof.errors import ObservationError
from clusterproof.spec.row import Area
from tests.judging import at_cluster, differences, doubt, site_of
from tests.observe.cluster_objects import cluster_of, deployment, namespace, pod, policy
from tests.observe.loopback import Reply

read_policies = at_cluster(look_at_policy)

Json = dict[str, Any]
ROUTER = {"app": "model-router"}
POSTHOG_RULE = {"to": [{"namespaceSelector": {"matchLabels": {"name": "posthog"}}}]}
DNS_RULE = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"port": 53, "protocol": "UDP"}],
}
DATABASE_RULE = {
    "to": [{"podSelector": {"matchLabels": {"app": "postgres"}}}],
    "ports": [{"port": 5432}],
}
LLM_RULE = {
    "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}],
    "ports": [{"port": 443}],
}
NEEDS = {
    "DNS": "kube-system/k8s-app=kube-dns:53/UDP",
    "PostgreSQL": "shop/app=postgres:5432/TCP",
    "PostHog": "posthog/app=posthog-web:8000/TCP",
    "LLM APIs": "203.0.113.10/32:443/TCP",
}


def row(aspect: str) -> PolicyRow:
    return PolicyRow.model_validate(
        {
            "id": "a-row",
            "area": Area.NETWORK_POLICY,
            "claim": "What the policy must do",
            "source": "the contract",
            "check": "policy",
            "of": "NetworkPolicy/shop/model-router-netpol",
            "workload": "Deployment/shop/model-router",
            "aspect": aspect,
            "needs": NEEDS if aspect == "allows" else {},
        }
    )


def world(*egress: Json, posthog: dict[str, str] | None = None, **spec: Any) -> list[Json]:  # noqa: ANN401 - raw JSON
    """A router with this egress; its peers, and the namespaces that they are in."""
    labels = {"name": "posthog"} if posthog is None else posthog
    return [
        deployment("model-router", "shop", ROUTER),
        pod("model-router-1", "shop", {**ROUTER, "pod-template-hash": "x"}),
        pod("postgres-0", "shop", {"app": "postgres"}, ip="10.244.1.2"),
        pod("coredns-1", "kube-system", {"k8s-app": "kube-dns"}, ip="10.244.1.3"),
        pod("posthog-web-1", "posthog", {"app": "posthog-web"}, ip="10.244.1.4"),
        namespace("shop"),
        namespace("kube-system"),
        namespace("posthog", **labels),
        policy(
            "model-router-netpol",
            "shop",
            **{
                "podSelector": {"matchLabels": ROUTER},
                "policyTypes": ["Egress"],
                "egress": list(egress),
                **spec,
            },
        ),
    ]


def found(aspect: str, objects: list[Json]) -> list[str]:
    rule = row(aspect)
    with cluster_of(*objects) as cluster:
        return [str(one) for one in differences(rule, read_policies(cluster, rule).value)]


INTENT = (POSTHOG_RULE, DNS_RULE, DATABASE_RULE, LLM_RULE)


@pytest.mark.parametrize("aspect", ["selects", "peers", "allows"])
def test_policy_of_the_intent_is_as_expected(aspect: str) -> None:
    assert found(aspect, world(*INTENT)) == []


@pytest.mark.parametrize("aspect", ["selects", "peers", "allows"])
def test_absent_policy_is_named_with_what_is_there(aspect: str) -> None:
    objects = [one for one in world() if one["kind"] != "NetworkPolicy"]
    objects.append(policy("other", "shop"))
    (only,) = found(aspect, objects)
    assert "expected a NetworkPolicy, observed absent (there: other)" in only


def test_literal_policy_denies_the_router_all_but_posthog() -> None:
    dns, database, llm = found("allows", world(POSTHOG_RULE))
    assert dns.startswith("DNS: expected kube-system/k8s-app=kube-dns on 53/UDP allowed")
    assert "the README's literal policy" in dns
    assert "add to spec.egress: - {to: [{namespaceSelector:" in dns
    assert database.startswith("PostgreSQL: ")
    assert llm.startswith("LLM APIs: ")
    assert "ipBlock: {cidr: 203.0.113.10/32}" in llm


def test_second_policy_allows_what_the_literal_one_denies() -> None:
    more = policy("more", "shop", policyTypes=["Egress"], egress=[DNS_RULE, DATABASE_RULE])
    (only,) = found("allows", [*world(POSTHOG_RULE), more])
    assert only.startswith("LLM APIs: ")


def test_literal_policy_without_the_label_denies_even_posthog() -> None:
    assert len(found("allows", world(POSTHOG_RULE, posthog={}))) == 4


def test_need_whose_pods_are_not_there_is_read_by_its_labels() -> None:
    objects = [one for one in world(*INTENT) if one["metadata"]["name"] != "postgres-0"]
    assert found("allows", objects) == []


def test_pod_that_does_not_serve_the_port_is_not_what_is_needed() -> None:
    """A Job's Pod under the label of the database; the rule names the port, not its number."""
    by_name = {**DATABASE_RULE, "ports": [{"port": "sql"}]}
    objects = [
        one
        for one in world(POSTHOG_RULE, DNS_RULE, by_name, LLM_RULE)
        if one["metadata"]["name"] != "postgres-0"
    ]
    objects += [
        pod("postgres-0", "shop", {"app": "postgres"}, ip="10.244.1.2", ports={"sql": 5432}),
        pod("dump-1", "shop", {"app": "postgres"}, ip="10.244.1.5"),
    ]
    assert found("allows", objects) == []
    (only,) = found("allows", [one for one in objects if one["metadata"]["name"] != "postgres-0"])
    assert only.startswith("PostgreSQL: ")


def test_namespace_without_the_label_is_named_with_both_remedies() -> None:
    (only,) = found("peers", world(*INTENT, posthog={}))
    assert only.startswith("egress[0].to[0].namespaceSelector {name=posthog}: expected a namespace")
    assert "kubectl label namespace posthog name=posthog, or" in only
    assert "select kubernetes.io/metadata.name: posthog" in only


def test_namespace_with_another_value_is_to_be_overwritten() -> None:
    (only,) = found("peers", world(*INTENT, posthog={"name": "analytics"}))
    assert "has name=analytics" in only
    assert "name=posthog --overwrite" in only


def test_ingress_peers_are_looked_at_too() -> None:
    rule = {"from": [{"namespaceSelector": {"matchLabels": {"name": "nowhere"}}}]}
    (only,) = found("peers", world(*INTENT, ingress=[rule]))
    assert only.startswith("ingress[0].from[0].namespaceSelector {name=nowhere}")
    assert "no namespace of that name either" in only


def test_policy_that_selects_other_pods_is_named() -> None:
    (only,) = found("selects", world(*INTENT, podSelector={"matchLabels": {"app": "router"}}))
    assert "expected to select Pod model-router-1, observed {app=router} does not" in only


def test_policy_without_egress_among_its_types_is_named() -> None:
    (only,) = found("selects", world(*INTENT, policyTypes=["Ingress"]))
    assert "spec.policyTypes: expected Egress among them, observed Ingress" in only


@pytest.mark.parametrize("aspect", ["selects", "allows"])
def test_policy_without_anybody_to_select_is_named(aspect: str) -> None:
    objects = [one for one in world(*INTENT) if one["metadata"]["name"] != "model-router-1"]
    objects = [one for one in objects if one["kind"] != "Deployment"]
    (only,) = found(aspect, objects)
    assert only == "Deployment/shop/model-router: expected a workload with Pods, observed none"


def test_evidence_says_which_rule_decides_each_need() -> None:
    rule = row("allows")
    with cluster_of(*world(POSTHOG_RULE)) as cluster:
        evidence = read_policies(cluster, rule).evidence
    assert "model-router-netpol egress[0]: to namespaces {name=posthog}" in evidence
    assert "DNS: NetworkPolicy model-router-netpol: none of 1 egress rules" in evidence
    assert any(
        one.startswith("PostHog: NetworkPolicy model-router-netpol egress[0]") for one in evidence
    )


def test_policies_that_may_not_be_listed_are_no_verdict() -> None:
    with (
        cluster_of(*world(), forbidden=("NetworkPolicy",)) as cluster,
        pytest.raises(ObservationError, match="forbidden") as refusal,
    ):
        read_policies(cluster, row("selects"))
    assert refusal.value.status == 403


def test_former_name_of_the_aspect_is_accepted() -> None:
    former = row("allows").model_dump() | {"aspect": "starves"}
    assert PolicyRow.model_validate(former) == row("allows")


RANGES = {
    "all of PostHog": "posthog/*:*/*",
    "the web": "0.0.0.0/0:443/TCP",
}


@pytest.mark.parametrize(
    ("egress", "needs", "denied"),
    [
        (INTENT, NEEDS, []),
        ((), NEEDS, list(NEEDS)),
        (INTENT[1:], NEEDS, ["PostHog"]),
        (INTENT, RANGES, []),
        ((POSTHOG_RULE,), RANGES, ["the web"]),
        ((LLM_RULE,), RANGES, ["all of PostHog"]),
        (({**LLM_RULE, "ports": [{"port": 80}]},), RANGES, list(RANGES)),
        (({**POSTHOG_RULE, "ports": [{"port": "http"}]},), RANGES, ["the web"]),
        (({"to": [{"podSelector": {}}]},), RANGES, list(RANGES)),
        (({"to": [{"ipBlock": {"cidr": "::/0"}}]},), RANGES, list(RANGES)),
        (({"ports": [{"port": 440, "endPort": 450}]},), RANGES, []),
    ],
)
def test_nothing_but_the_needs_is_not_met_by_nothing(
    egress: tuple[Json, ...], needs: dict[str, str], denied: list[str]
) -> None:
    fields = row("allows").model_dump() | {"aspect": "only", "needs": needs}
    claim = PolicyRow.model_validate(fields)
    with cluster_of(*world(*egress)) as cluster:
        fact = read_policies(cluster, claim).value
    differing = [each for each in differences(claim, fact) if each.code == "need-denied"]
    assert [difference.what for difference in differing] == denied


def test_policy_that_names_no_namespace_has_no_peer_to_look_for() -> None:
    with cluster_of(*world(DATABASE_RULE)) as cluster:
        fact = read_policies(cluster, row("peers")).value
    assert "names no namespace" in doubt(row("peers"), fact)


@pytest.mark.parametrize(
    ("aspect", "objects", "code"),
    [
        ("selects", world(policyTypes=["Ingress"]), "policy-not-for-egress"),
        ("peers", world(*INTENT, posthog={}), "namespace-missing"),
        ("allows", world(*INTENT[:3]), "need-denied"),
        ("selects", world()[6:8], "policy-missing"),
    ],
)
def test_each_aspect_has_its_code(aspect: str, objects: list[Json], code: str) -> None:
    with cluster_of(*objects) as cluster:
        fact = read_policies(cluster, row(aspect)).value
    assert [difference.code for difference in differences(row(aspect), fact)] == [code]


# --- Policies of other kinds

SELECTOR = {"matchLabels": ROUTER}
ALL_NAMESPACES: Json = {}
SUBJECT = {"pods": {"namespaceSelector": ALL_NAMESPACES, "podSelector": SELECTOR}}
ADMIN = ("policy.networking.k8s.io", "v1alpha1", "AdminNetworkPolicy", "adminnetworkpolicies", "")
CILIUM = ("cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies", "shop")
CLUSTERWIDE = (
    *CILIUM[:2],
    "CiliumClusterwideNetworkPolicy",
    "ciliumclusterwidenetworkpolicies",
    "",
)
CALICO = ("crd.projectcalico.org", "v1", "NetworkPolicy", "networkpolicies", "shop")
GLOBAL = (*CALICO[:2], "GlobalNetworkPolicy", "globalnetworkpolicies", "")
SERVED = ("projectcalico.org", "v3", *CALICO[2:])
FIREWALL = ("k8s.ovn.org", "v1", "EgressFirewall", "egressfirewalls", "shop")
OF_NAMES = ("networking.gke.io", "v1alpha1", "FQDNNetworkPolicy", "fqdnnetworkpolicies", "shop")
OF_DB = {"matchLabels": {"app": "db"}}

Served = tuple[str, str, str, str, str]


def served(kind: Served, listed: Json | Reply) -> dict[str, Json | Reply]:
    """What an API server answers that has this kind."""
    group, version, name, plural, place = kind
    of_group = {"name": group, "versions": [{"groupVersion": "", "version": version}]}
    resource = {"kind": name, "name": plural, "namespaced": bool(place)}
    namespaced = f"/namespaces/{place}" if place else ""
    return {
        "/apis": {"kind": "APIGroupList", "groups": [of_group]},
        f"/apis/{group}/{version}": {"kind": "APIResourceList", "resources": [resource]},
        f"/apis/{group}/{version}{namespaced}/{plural}": listed,
    }


def other(kind: Served, name: str = "other", **body: Any) -> Json:  # noqa: ANN401 - raw JSON
    return {"kind": f"{kind[2]}List", "items": [{"metadata": {"name": name}, **body}]}


def only(needs: dict[str, str]) -> PolicyRow:
    return PolicyRow.model_validate(row("allows").model_dump() | {"aspect": "only", "needs": needs})


RULE = [{"action": "Deny", "to": []}]
ACCOUNT = "k8s:io.cilium.k8s.policy.serviceaccount"
OF_TEAM = "k8s:io.cilium.k8s.namespace.labels.team"
"""A label that the namespace of the Pods has not."""


def of_calico(selector: str) -> Json:
    return {"selector": selector, "egress": RULE}


def of_cilium(key: str, **labels: str) -> Json:
    expression = {"key": key, "operator": "In", "values": ["web"]}
    selector = {"matchLabels": labels, "matchExpressions": [expression]}
    return {"endpointSelector": selector, "egress": [{}]}


@pytest.mark.parametrize(
    ("kind", "listed", "decides"),
    [
        (ADMIN, other(ADMIN, spec={"subject": SUBJECT, "egress": RULE}), True),
        (ADMIN, other(ADMIN, spec={"subject": {"namespaces": {}}, "egress": RULE}), True),
        (ADMIN, other(ADMIN, spec={"subject": {"namespaces": {}}, "ingress": RULE}), False),
        (
            ADMIN,
            other(
                ADMIN,
                spec={
                    "subject": {"namespaces": {"matchLabels": {"a": "b"}}},
                    "egress": RULE,
                },
            ),
            False,
        ),
        (CILIUM, other(CILIUM, spec={"endpointSelector": SELECTOR, "egress": [{}]}), True),
        (CILIUM, other(CILIUM, specs=[{"endpointSelector": {}, "egressDeny": [{}]}]), True),
        (
            CILIUM,
            other(
                CILIUM,
                spec={"endpointSelector": {"matchLabels": {"k8s:app": "db"}}, "egress": [{}]},
            ),
            False,
        ),
        (
            CLUSTERWIDE,
            other(
                CLUSTERWIDE,
                spec={
                    "endpointSelector": {
                        "matchLabels": {
                            "k8s:io.kubernetes.pod.namespace": "shop",
                            "io.cilium.k8s.policy.serviceaccount": "web",
                        }
                    },
                    "egress": [{}],
                },
            ),
            True,
        ),
        (
            CLUSTERWIDE,
            other(CLUSTERWIDE, spec={"nodeSelector": {}, "egress": [{}]}),
            False,
        ),
        (CLUSTERWIDE, other(CLUSTERWIDE, spec=of_cilium(ACCOUNT)), True),
        (CLUSTERWIDE, other(CLUSTERWIDE, spec=of_cilium(ACCOUNT, app="db")), False),
        (CLUSTERWIDE, other(CLUSTERWIDE, spec=of_cilium(OF_TEAM)), False),
        (CALICO, other(CALICO, spec={"selector": "app == 'model-router'", "egress": []}), True),
        (CALICO, other(CALICO, spec={"selector": "has(app)", "types": ["Egress"]}), True),
        (CALICO, other(CALICO, spec={"selector": "app == 'db'", "egress": []}), False),
        (CALICO, other(CALICO, spec={"selector": "all()", "types": ["Ingress"]}), False),
        (GLOBAL, other(GLOBAL, spec={"types": ["Egress"]}), True),
        (GLOBAL, other(GLOBAL, spec=of_calico("projectcalico.org/namespace == 'shop'")), True),
        (GLOBAL, other(GLOBAL, spec=of_calico("projectcalico.org/namespace == 'bank'")), False),
        (GLOBAL, other(GLOBAL, spec=of_calico("projectcalico.org/orchestrator == 'k8s'")), True),
        (GLOBAL, other(GLOBAL, spec=of_calico("pcns.team == 'a' && app == 'db'")), False),
        (SERVED, other(SERVED, "knp.default.web", spec={"egress": []}), False),
        (SERVED, other(SERVED, spec={"egress": []}), True),
        (FIREWALL, other(FIREWALL, "default", spec={"egress": RULE}), True),
        (OF_NAMES, other(OF_NAMES, spec={"podSelector": SELECTOR, "egress": RULE}), True),
        (OF_NAMES, other(OF_NAMES, spec={"podSelector": OF_DB, "egress": RULE}), False),
        (CILIUM, Reply(403, {"kind": "Status"}), True),
        (CILIUM, {"kind": "CiliumNetworkPolicyList", "items": []}, False),
    ],
)
def test_a_policy_of_another_kind_that_may_decide_is_a_doubt_that_names_it(
    kind: Served, listed: Json | Reply, *, decides: bool
) -> None:
    """Whether the NetworkPolicies alone are as the row says or not."""
    for rule, egress in ((row("allows"), INTENT), (only(NEEDS), ()), (row("selects"), INTENT)):
        with cluster_of(*world(*egress), answers=served(kind, listed)) as cluster:
            fact = read_policies(cluster, rule).value
        doubtful = decides and rule.aspect != "selects"
        assert (kind[2] in doubt(rule, fact)) is doubtful
        if not doubtful:
            assert [each.code for each in differences(rule, fact)] == ["need-denied"] * (
                0 if egress else len(NEEDS)
            )


BASELINE = (*ADMIN[:2], "BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies", "")
CLUSTER = (ADMIN[0], "v1alpha2", "ClusterNetworkPolicy", "clusternetworkpolicies", "")
ANTREA = ("crd.antrea.io", "v1beta1", *CLUSTER[2:])
OF_BASELINE: Json = {"subject": {"namespaces": {}}, "egress": RULE}


@pytest.mark.parametrize(
    ("kind", "spec", "is_baseline"),
    [
        (BASELINE, OF_BASELINE, True),
        (CLUSTER, {**OF_BASELINE, "tier": "Baseline"}, True),
        (CLUSTER, {**OF_BASELINE, "tier": "Admin"}, False),
        (ANTREA, {"appliedTo": [{"podSelector": {}}], "egress": RULE, "tier": "baseline"}, True),
        (ANTREA, {"appliedTo": [{"podSelector": {}}], "egress": RULE}, False),
    ],
)
def test_a_baseline_decides_only_about_pods_that_no_network_policy_restricts(
    kind: Served, spec: Json, *, is_baseline: bool
) -> None:
    with cluster_of(*world(*INTENT), answers=served(kind, other(kind, spec=spec))) as cluster:
        restricted = read_policies(cluster, row("allows")).value
    assert bool(restricted.others) is not is_baseline
    objects = [each for each in world(*INTENT) if each["kind"] != "NetworkPolicy"]
    with cluster_of(*objects, answers=served(kind, other(kind, spec=spec))) as cluster:
        assert read_policies(cluster, row("allows")).value.others


def test_a_kind_that_may_not_be_listed_is_a_doubt_that_names_the_right() -> None:
    with cluster_of(*world(*INTENT), answers=served(CILIUM, Reply(403, {}))) as cluster:
        fact = read_policies(cluster, row("allows")).value
    right = "kubectl auth can-i list ciliumnetworkpolicy.v2.cilium.io -n shop"
    assert f"CiliumNetworkPolicy.v2.cilium.io (may not be listed: 403; {right})" in fact.others


def test_what_no_policy_changes_differs_beside_one_of_another_kind() -> None:
    listed = other(GLOBAL, spec={"types": ["Egress"]})
    objects = world(*INTENT)
    objects[1]["spec"]["hostNetwork"] = True
    with cluster_of(*objects, answers=served(GLOBAL, listed)) as cluster:
        fact = read_policies(cluster, row("allows")).value
    assert "pod-in-host-network" in {each.code for each in differences(row("allows"), fact)}


def test_the_groups_of_the_api_server_are_asked_for_once_in_a_run() -> None:
    rules = [row("allows"), only(NEEDS), row("selects")]
    with cluster_of(*world(*INTENT)) as cluster:
        site = site_of(cluster, *rules)
        for rule in rules:
            look_at_policy(rule, site)
        assert [path for _, path in cluster.api.calls].count("/apis") == 1
