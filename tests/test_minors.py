"""The module files of a Kubernetes minor, from what its own go.mod says."""

from typing import Any

import pytest

from testbed import minors
from testbed.cluster.errors import TestbedError

OWN: dict[str, Any] = {
    "Module": {"Path": "k8s.io/kubernetes"},
    "Go": "1.26.0",
    "GoDebug": [{"Key": "default", "Value": "go1.26"}],
    "Require": [
        {"Path": "github.com/spf13/cobra", "Version": "v1.10.2"},
        {"Path": "k8s.io/kubectl", "Version": "v0.0.0"},
        {"Path": "k8s.io/api", "Version": "v0.0.0"},
        {"Path": "k8s.io/cri-streaming", "Version": "v0.0.0", "Indirect": True},
        {"Path": "k8s.io/utils", "Version": "v0.0.0-20260210185600-b8788abfbbc2"},
        {"Path": "k8s.io/klog/v2", "Version": "v2.140.0"},
    ],
}
"""The parts that decide, as `go mod edit -json` prints them."""

COMMENT = (
    "// k8s.io/kubernetes resolves its staging modules by folder;"
    " outside its tree they are the published ones."
)
MODULE = f"""\
module clusterproof.dev/testbed/kubernetes

go 1.26.0

godebug default=go1.26

require k8s.io/kubernetes v1.37.2

{COMMENT}
replace (
	k8s.io/api => k8s.io/api v0.37.2
	k8s.io/cri-streaming => k8s.io/cri-streaming v0.37.2
	k8s.io/kubectl => k8s.io/kubectl v0.37.2
)
"""


def test_each_staging_module_and_no_other_is_replaced() -> None:
    assert minors.module(OWN, "v1.37.2") == MODULE


def test_a_module_without_settings_has_none() -> None:
    assert "godebug" not in minors.module({**OWN, "GoDebug": None}, "v1.37.2")


SERVED = ("v1.36.9", "v1.36.10", "v1.37.1", "v1.37.2", "v1.38.0-beta.0")


@pytest.mark.parametrize(("name", "version"), [("1.36", "v1.36.10"), ("1.37", "v1.37.2")])
def test_the_newest_release_of_a_minor(name: str, version: str) -> None:
    assert minors.newest(name, SERVED) == version


@pytest.mark.parametrize("name", ["1.38", "1.3"])
def test_a_minor_without_a_release_is_refused(name: str) -> None:
    with pytest.raises(TestbedError, match=f"expected a release of {name}"):
        minors.newest(name, SERVED)
