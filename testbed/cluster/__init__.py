"""A real Kubernetes cluster of five nodes on one plain Linux machine, without a container engine."""
