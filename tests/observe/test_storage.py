"""The use of a volume, from a kubelet that does not tell every figure of it."""

from typing import Any

import pytest

from clusterproof.checks.volume_use import VolumeUse
from clusterproof.checks.volume_use import look as look_at_volume_use
from clusterproof.errors import ObservationError
from tests.judge.rows import row
from tests.judging import at_cluster
from tests.observe.cluster_objects import cluster_of
from tests.observe.test_workloads import running

read_volume_use = at_cluster(look_at_volume_use)

RULE = row("volume-use", of="PersistentVolumeClaim/ns/data", at_most=0.8)


def read(*volumes: dict[str, Any]) -> VolumeUse:
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    user = running(uid="u1", spec={"nodeName": "n1", "volumes": [claim]})
    own = [{"name": "data", "pvcRef": {"name": "data", "namespace": "ns"}, **v} for v in volumes]
    summary = {"pods": [{"podRef": {"uid": "u1"}, "volume": [{"name": "token"}, *own]}]}
    path = "/api/v1/nodes/n1/proxy/stats/summary"
    with cluster_of(user, answers={path: summary}) as cluster:
        return read_volume_use(cluster, RULE).value


@pytest.mark.parametrize(
    ("volumes", "words"),
    [
        ([], "no figures for it"),
        ([{}], "usedBytes absent and capacityBytes absent"),
        ([{"capacityBytes": 100}], "usedBytes absent and capacityBytes 100"),
        ([{"usedBytes": 1}], "usedBytes 1 and capacityBytes absent"),
        ([{"usedBytes": 0, "capacityBytes": 0}], "usedBytes 0 and capacityBytes 0"),
    ],
)
def test_a_volume_without_its_figures_is_no_verdict(
    volumes: list[dict[str, Any]], words: str
) -> None:
    expected = "used and capacity bytes of PersistentVolumeClaim/ns/data from the kubelet of n1"
    with pytest.raises(ObservationError, match=f"{expected}; got {words}"):
        read(*volumes)


def test_an_empty_volume_is_used_by_nothing() -> None:
    assert read({"usedBytes": 0, "capacityBytes": 100}) == VolumeUse(0, 100)


def test_a_volume_that_goes_with_its_pod_has_a_claim_of_both_names() -> None:
    rule = row("volume-use", of="PersistentVolumeClaim/ns/web-1-scratch", at_most=0.8)
    scratch = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}
    user = running(uid="u1", spec={"nodeName": "n1", "volumes": [scratch]})
    used = {"pvcRef": {"name": "web-1-scratch"}, "usedBytes": 1, "capacityBytes": 100}
    summary = {"pods": [{"podRef": {"uid": "u1"}, "volume": [used]}]}
    path = "/api/v1/nodes/n1/proxy/stats/summary"
    with cluster_of(user, answers={path: summary}) as cluster:
        assert read_volume_use(cluster, rule).value == VolumeUse(1, 100)
