"""Brings the deployment onto the local cluster, and takes it away again."""
