"""The HPA model against the real controller, on usage curves that we play to it.

A control plane of its own on loopback (etcd, kube-apiserver, kube-controller-manager with the
deployment, replicaset and HPA controllers), no kubelet: simulated Pods are played as kwok plays
them, and metrics.k8s.io is served from the curves. The controller under test is the real one; only
its inputs are simulated.
"""
