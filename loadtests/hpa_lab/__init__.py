"""The HPA model against the real controller, on usage curves that we play to it.

A control plane of its own on loopback: etcd, kube-apiserver, kube-controller-manager with the
deployment, replicaset and HPA controllers. kwok plays the Pods and simulates their usage, and the
real metrics-server reads it from kwok as from a kubelet. What metrics-server answers is passed on
and kept: what the controller under test was told, and when, is known exactly.
"""
