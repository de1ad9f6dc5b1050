"""Builds the container images of the local cluster without a container engine."""
