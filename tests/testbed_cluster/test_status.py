"""What `make cluster-status` says of a node."""

from testbed.cluster.status import node_line

NODE = {
    "metadata": {"name": "node-1"},
    "status": {
        "nodeInfo": {"kubeletVersion": "v1.35.4", "containerRuntimeVersion": "containerd://v2.4.2"}
    },
}


def test_a_node_is_shown_with_its_programs() -> None:
    ready, not_ready = node_line(NODE, is_ready=True), node_line(NODE, is_ready=False)
    assert ready.split() == ["node-1", "Ready", "kubelet", "v1.35.4,", "containerd://v2.4.2"]
    assert not_ready.split()[1] == "NotReady"
