"""A TLS proxy on loopback, in front of a real API server, that answers wrongly on purpose."""
