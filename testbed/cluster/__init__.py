"""A real Kubernetes cluster of five nodes on one Linux machine, without a container engine."""
