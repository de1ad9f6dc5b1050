"""Kubernetes as it is: the kubeconfig, the API server and its streams, and the rules over raw JSON.

Each rule stands once, beside the upstream function that it restates; nothing here knows a row of a
spec. Imports only `errors`.
"""
