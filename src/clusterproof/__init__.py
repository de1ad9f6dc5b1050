"""Verifies a Kubernetes deployment against its spec, with evidence."""
