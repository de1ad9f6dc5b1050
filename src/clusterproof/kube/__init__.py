"""Kubernetes as it is: the kubeconfig, the API server and its streams. Imports only `errors`."""
